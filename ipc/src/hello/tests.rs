//! Golden bytes of the hello, and what strangers send.

use super::*;

#[test]
fn the_layout_is_what_every_version_can_read() {
    let bytes = |hello: Hello| Hello { words: 0x0403_0201, ..hello }.encode();
    assert_eq!(&bytes(Hello::CLIENT), b"POISE\0\x01\x00\x01\x00\x01\x02\x03\x04\0\0");
    assert_eq!(&bytes(Hello::admit(Role::Admin)), b"POISE\0\x01\x00\x01\x03\x01\x02\x03\x04\0\0");
    assert_eq!(&bytes(Hello::REFUSE), b"POISE\0\x01\x00\x00\x00\x01\x02\x03\x04\0\0");
    assert_ne!(WORDS, 0);
}

#[test]
fn what_was_written_is_read_again() {
    for hello in [Hello::CLIENT, Hello::REFUSE, Hello::admit(Role::View), Hello::admit(Role::Operate)] {
        assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
    }
}

#[test]
fn a_newer_version_with_words_unknown_here_is_still_a_hello() {
    let newer = b"POISE\0\x09\x01\x07\x09\x01\x02\x03\x04\x05\x06";
    assert_eq!(Hello::decode(newer), Ok(Hello { version: 0x109, frames: false, role: None, words: 0x0403_0201 }));
}

#[test]
fn other_bytes_are_no_hello() {
    assert_eq!(Hello::decode(b"GET / HTTP/1.1\r\n"), Err(NotPoise));
    assert!(Hello::begins_with(b'P'));
    assert!(!Hello::begins_with(JSON_FIRST));
}

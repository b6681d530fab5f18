//! Headers: what is written reads back, however it arrives; what is not exactly one is refused.

use proptest::prelude::*;

use super::crc32c::crc32c;
use super::*;

const STREAM: Transport = Transport::Stream;

fn read(bytes: &[u8]) -> Result<Decoded, Invalid> {
    decode(bytes, STREAM)
}

fn addresses(source: &str, destination: &str) -> Addresses {
    let read = |text: &str| text.parse().expect("an address with a port");
    Addresses { source: read(source), destination: read(destination) }
}

#[test]
fn the_lines_of_the_specification_are_read() {
    let line = b"PROXY TCP4 255.255.255.255 192.0.2.1 65535 0\r\nGET";
    let found = Header { len: line.len() - 3, addresses: Some(addresses("255.255.255.255:65535", "192.0.2.1:0")) };
    assert_eq!(read(line), Ok(Decoded::Header(found)));
    let line = b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n";
    let found = Header { len: line.len(), addresses: Some(addresses("[2001:db8::1]:1", "[::1]:2")) };
    assert_eq!(read(line), Ok(Decoded::Header(found)));
    for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ffff::ffff ffff::ffff 65535 65535\r\n"] {
        assert_eq!(read(line), Ok(Decoded::Header(Header { len: line.len(), addresses: None })));
    }
}

#[test]
fn lines_that_are_nearly_headers_are_refused() {
    for (line, why) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", Invalid::Line),
        ("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", Invalid::Address),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", Invalid::Line),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", Invalid::Line),
        ("PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n", Invalid::Line),
        ("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", Invalid::Address),
        ("PROXY TCP4 192.0.2.1 192.0.2 1 2\r\n", Invalid::Address),
        ("PROXY TCP4 ::1 ::2 1 2\r\n", Invalid::Address),
        ("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", Invalid::Address),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", Invalid::Address),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", Invalid::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", Invalid::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", Invalid::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n", Invalid::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Invalid::Line),
        ("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", Invalid::Line),
        ("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", Invalid::Line),
        ("PROXY \r\n", Invalid::Line),
    ] {
        assert_eq!(read(line.as_bytes()), Err(why), "{line:?}");
    }
    let endless = [&b"PROXY UNKNOWN "[..], &[b'a'; V1_LEN_MAX]].concat();
    assert_eq!(read(&endless), Err(Invalid::TooLong));
    assert_eq!(read(&endless[..V1_LEN_MAX - 1]), Ok(Decoded::Partial));
}

/// A header of version 2 by its parts.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a short body").to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &len, body].concat()
}

#[test]
fn binary_headers_that_are_not_exactly_one_are_refused() {
    let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2];
    let with = |extension: &[u8]| v2(0x21, 0x11, &[&v4[..], extension].concat());
    for (header, why) in [
        (v2(0x11, 0x11, &v4), Invalid::Kind),
        (v2(0x22, 0x11, &v4), Invalid::Kind),
        (v2(0x21, 0x12, &v4), Invalid::Kind),
        (v2(0x21, 0x01, &v4), Invalid::Kind),
        (v2(0x21, 0x41, &v4), Invalid::Kind),
        (v2(0x21, 0x11, &v4[..11]), Invalid::Length),
        (v2(0x21, 0x21, &v4), Invalid::Length),
        (v2(0x21, 0x31, &v4), Invalid::Length),
        (with(&[0x04, 0]), Invalid::Length),
        (with(&[0x04, 0, 2, 1]), Invalid::Length),
        (with(&[0x03, 0, 3, 1, 2, 3]), Invalid::Length),
        (with(&[0x03, 0, 4, 0, 0, 0, 0]), Invalid::Checksum),
        (v2(0x21, 0x11, &[0; V2_LEN_MAX]), Invalid::TooLong),
    ] {
        assert_eq!(read(&header), Err(why), "{header:02x?}");
    }
}

#[test]
fn extensions_are_skipped_and_a_right_checksum_passes() {
    let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2];
    let mut header = v2(0x21, 0x11, &[&v4[..], &[0x04, 0, 1, 9], &[0x03, 0, 4, 0, 0, 0, 0], &[0xe0, 0, 0]].concat());
    let at = header.len() - 7;
    let sum = crc32c([&header]).to_be_bytes();
    header[at..at + 4].copy_from_slice(&sum);
    let found = Header { len: header.len(), addresses: Some(addresses("192.0.2.1:1", "192.0.2.2:2")) };
    assert_eq!(read(&header), Ok(Decoded::Header(found)));
    assert_eq!(crc32c([b"123456789"]), 0xe306_9283, "the check value of CRC-32C");
}

#[test]
fn what_a_proxy_says_of_its_own_connection_names_nobody() {
    for header in [v2(0x20, 0x00, &[]), v2(0x20, 0x11, &[1; 12]), v2(0x20, 0xff, &[1; 5]), v2(0x21, 0x00, &[])] {
        assert_eq!(read(&header), Ok(Decoded::Header(Header { len: header.len(), addresses: None })));
    }
    let unix = v2(0x21, 0x31, &[7; 216]);
    assert_eq!(read(&unix), Ok(Decoded::Header(Header { len: unix.len(), addresses: None })));
}

#[test]
fn other_first_bytes_are_no_header() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"PROXYING", b"\r\n\r\nhello", b"\x16\x03\x01", b"proxy TCP4"] {
        assert_eq!(read(bytes), Ok(Decoded::Absent), "{bytes:?}");
    }
    for bytes in [&b""[..], b"P", b"PROXY", b"\r\n", b"\r\n\r\n\0\r\nQUIT"] {
        assert_eq!(read(bytes), Ok(Decoded::Partial), "{bytes:?}");
    }
}

fn an_address() -> impl Strategy<Value = SocketAddr> {
    let v4 = any::<[u8; 4]>().prop_map(std::net::IpAddr::from);
    let v6 = any::<[u8; 16]>().prop_map(std::net::IpAddr::from);
    (prop_oneof![v4, v6], any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn some_addresses() -> impl Strategy<Value = Addresses> {
    (an_address(), an_address()).prop_map(|(source, destination)| Addresses::new(source, destination))
}

proptest! {
    #[test]
    fn what_is_written_reads_back_whatever_follows(addresses in proptest::option::of(some_addresses()), rest: Vec<u8>) {
        for transport in [Transport::Stream, Transport::Datagram] {
            let header = encode_v2(addresses, transport);
            let found = decode(&[&header[..], &rest].concat(), transport);
            prop_assert_eq!(found, Ok(Decoded::Header(Header { len: header.len(), addresses })));
        }
        let header = encode_v1(addresses);
        prop_assert!(header.len() <= V1_LEN_MAX);
        let found = decode(&[&header[..], &rest].concat(), STREAM);
        prop_assert_eq!(found, Ok(Decoded::Header(Header { len: header.len(), addresses })));
    }

    #[test]
    fn nothing_is_said_before_it_is_certain(addresses in proptest::option::of(some_addresses()), first: bool) {
        let header = if first { encode_v1(addresses) } else { encode_v2(addresses, STREAM) };
        for end in 0..header.len() {
            prop_assert_eq!(read(&header[..end]), Ok(Decoded::Partial), "{}", end);
        }
    }

    #[test]
    fn any_bytes_have_one_answer_however_they_arrive(
        line: bool,
        body in proptest::collection::vec(any::<u8>(), 0..200),
        text in "PROXY (TCP4|TCP6|UNKNOWN)[ -~\r\n]{0,100}",
    ) {
        let bytes = if line { text.into_bytes() } else { [&b"\r\n\r\n\0\r\nQUIT\n"[..], &body].concat() };
        let whole = read(&bytes);
        for end in 0..bytes.len() {
            let part = read(&bytes[..end]);
            prop_assert!(part == Ok(Decoded::Partial) || part == whole, "{:?} of {:?} at {}", part, whole, end);
        }
    }
}

//! What is typed is what is asked for.

use super::Url;

#[test]
fn a_url_is_read_and_shown_as_it_was_typed() {
    for (typed, shown) in [
        ("http://h", "http://h/"),
        ("h:8080", "http://h:8080/"),
        ("127.0.0.1/a?b#c", "http://127.0.0.1/a?b"),
        ("https://h:443?q", "https://h/?q"),
        ("https://[::1]:8443/", "https://[::1]:8443/"),
    ] {
        assert_eq!(typed.parse::<Url>().expect("a good URL").to_string(), shown);
    }
    for wrong in ["", "ftp://h/", "http://", "http://h:x/", "http://h/ä", "http://:80/"] {
        wrong.parse::<Url>().expect_err(wrong);
    }
}

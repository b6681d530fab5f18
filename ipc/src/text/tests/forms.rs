//! Forms of single values: status codes, addresses, texts, words that were meant.

use crate::fault::Fault;
use crate::model::Address;
use crate::model::CodeRange;
use crate::text::nearest;
use crate::text::texts::Alphabet;
use crate::text::value::{Kind, Value};
use crate::text::value_of;

fn read<V: Value>(text: &str, kind: &Kind) -> Result<V, Fault> {
    V::read(value_of(text).expect("a value").get_ref(), kind)
}

fn codes(text: &str) -> Result<Vec<(u16, u16)>, Fault> {
    let ranges: Vec<CodeRange> = read(text, &Kind::Codes)?;
    Ok(ranges.into_iter().map(|r| (r.low, r.high)).collect())
}

#[test]
fn status_codes_come_in_every_form_and_merge() {
    assert_eq!(codes("[\"2xx\", \"3xx\"]"), Ok(vec![(200, 399)]));
    assert_eq!(codes("http_2xx"), Ok(vec![(200, 299)]));
    assert_eq!(codes("204"), Ok(vec![(204, 204)]));
    assert_eq!(codes("[301, \"200-204\", \"205\"]"), Ok(vec![(200, 205), (301, 301)]));
    assert_eq!(codes("200-204,301"), Ok(vec![(200, 204), (301, 301)]));
}

#[test]
fn other_status_codes_are_faults() {
    for text in ["[]", "6xx", "0xx", "600", "99", "204-200", "2x", "\"\"", "[[200]]", "true", "\"+200\"", "２xx"] {
        assert!(codes(text).is_err(), "{text}");
    }
}

#[test]
fn whole_classes_print_as_words() {
    let range = |low, high| CodeRange { low, high };
    let text = vec![range(100, 299), range(301, 301), range(404, 499)].show();
    assert_eq!(text.as_deref(), Some("[\"1xx\", \"2xx\", \"301\", \"404-499\"]"));
}

#[test]
fn addresses_say_what_they_lack() {
    let hint = |text: &str| {
        let fault = read::<Address>(text, &Kind::Address).expect_err("a fault");
        fault.hint.or(fault.allowed).unwrap_or_default()
    };
    assert_eq!(hint("10.0.0.1"), "write \"10.0.0.1:8080\"");
    assert_eq!(hint("::1"), "write \"[::1]:8080\"");
    assert_eq!(hint("::1:80"), "write \"[::1:80]:8080\"");
    assert_eq!(hint(":80"), "write \"0.0.0.0:80\" for every address of this machine");
    assert_eq!(hint("/run/app.sock"), "write \"unix:/run/app.sock\" for a Unix socket");
    assert_eq!(hint("10.0.0.1:70000"), "port 1 to 65535");
    assert_eq!(hint("10.0.0.1:0"), "port 1 to 65535");
    assert_eq!(hint("8080"), "write \"127.0.0.1:8080\"");
}

#[test]
fn texts_keep_to_their_alphabet() {
    let fits = |text: &str, alphabet| read::<String>(&format!("{text:?}"), &Kind::Text(alphabet)).is_ok();
    assert!(fits("/a-b_c/d.html%20?x=1&y=2#z", Alphabet::Path));
    assert!(fits("/~user/(a)", Alphabet::Path));
    for text in ["", "a", "/a b", "/ü", "/\r\nX: y", &format!("/{}", "a".repeat(2_048))] {
        assert!(!fits(text, Alphabet::Path), "{text}");
    }
    assert!(fits("www.example-1.com", Alphabet::Host));
    for text in ["", "a_b", "a:80", "-a", ".a", "a b"] {
        assert!(!fits(text, Alphabet::Host), "{text}");
    }
    assert!(fits("SERVERID", Alphabet::Cookie));
    for text in ["", "$a", "a.b", "a,b", "a b", "a=b", "a;b", "a\"b", &"a".repeat(65)] {
        assert!(!fits(text, Alphabet::Cookie), "{text}");
    }
}

#[test]
fn a_number_where_a_text_is_due_is_offered_in_quotes() {
    let fault = read::<String>("12", &Kind::Text(Alphabet::Host)).expect_err("a number");
    assert_eq!(fault.hint.as_deref(), Some("write \"12\""));
    let fault = read::<crate::Name>("50", &Kind::Name).expect_err("a number");
    assert_eq!(fault.hint.as_deref(), Some("write \"50\""));
}

#[test]
fn the_word_that_was_meant_is_found() {
    let known = ["weight", "address", "state"];
    assert_eq!(nearest("wieght", known), Some("weight"));
    assert_eq!(nearest("addr", known), Some("address"));
    assert_eq!(nearest("Weight", known), Some("weight"));
    assert_eq!(nearest("zzz", known), None);
    assert_eq!(nearest("", known), None);
}

#[test]
fn a_version_may_stand_as_it_is_spoken_of() {
    let text = "[certificates.a]\nchain = \"/a\"\nkey = \"/b\"\n[listeners.a]\nbind = \"127.0.0.1:1\"\n\
                protocol = \"https\"\ngroup = \"a\"\ntls = { certificates = [\"a\"], min_version = 1.3 }\n\
                [groups.a.backends]\n";
    let config = crate::text::parse(text).expect("valid");
    assert!(crate::text::print(&config).contains("min_version = \"1.3\""), "{}", crate::text::print(&config));
    let refused = crate::text::parse(&text.replace("1.3", "1.4")).expect_err("there is no such version");
    assert!(refused[0].to_string().contains("allowed: 1.2, 1.3"), "{}", refused[0]);
}

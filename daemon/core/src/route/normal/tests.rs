//! Normal forms: what is the same to a server is the same to a rule.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn path(sent: &str) -> String {
    String::from_utf8_lossy(&normal_path(sent.as_bytes())).into_owned()
}

fn host(sent: &str) -> Option<String> {
    Host::of(sent.as_bytes()).map(|host| String::from_utf8(host.as_bytes().to_vec()).expect("text"))
}

#[test]
fn spellings_of_a_path_are_one_path() {
    let admin =
        ["/admin", "/%61dmin", "//admin", "/./admin", "/a/../admin", "/a/%2e%2E/admin", "/../admin", "/admin?x=/a"];
    for spelling in admin {
        assert_eq!(path(spelling), "/admin", "{spelling}");
    }
    for (sent, normal) in
        [("/", "/"), ("/a/", "/a/"), ("/a/.", "/a/"), ("/a/b/..", "/a/"), ("/..", "/"), ("/a//", "/a/")]
    {
        assert_eq!(path(sent), normal, "{sent}");
    }
}

#[test]
fn encoded_slashes_and_percent_signs_stay_apart_from_all_else() {
    for (sent, normal) in [
        ("/a%2Fb", "/a%2Fb"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%2fb/../c", "/c"),
        ("/a%252Fb", "/a%252Fb"),
        ("/a%25252Fb", "/a%25252Fb"),
        ("/%252e%252e/a", "/%252e%252e/a"),
        // Half an encoding stands for itself, as the encoded sign before it does.
        ("/a%", "/a%25"),
        ("/a%25", "/a%25"),
        ("/a%zz%4", "/a%25zz%254"),
        ("/a;b=%3B", "/a;b=;"),
        ("*", "*"),
    ] {
        assert_eq!(path(sent), normal, "{sent}");
    }
}

#[test]
fn spellings_of_a_host_are_one_host() {
    for (sent, normal) in [
        ("Shop.Example.com:8080", "shop.example.com"),
        ("shop.example.com.", "shop.example.com"),
        ("shop.example.com.:443", "shop.example.com"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("[2001:0db8:0:0:0:0:0:1]", "2001:db8::1"),
        ("[2001:db8:0::0:1]", "2001:db8::1"),
        ("[0:0:0:0:0:0:0:1]:80", "::1"),
        ("[::FFFF:10.0.0.1]", "::ffff:10.0.0.1"),
        ("[::ffff:a00:1]", "::ffff:10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
    ] {
        assert_eq!(host(sent).as_deref(), Some(normal), "{sent}");
    }
    for sent in ["", ":80", ".", ".:80", "[", "[]", "[::1", "[fe80::1%25eth0]", "[::1::]", &"a".repeat(256)] {
        assert_eq!(host(sent), None, "{sent}");
    }
}

#[test]
fn other_readings_are_those_that_servers_are_known_for() {
    let others = |sent: &str| {
        let mut read: Vec<_> =
            Readings::of(sent.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned()).collect();
        read.sort();
        read.dedup();
        read.retain(|read| *read != path(sent));
        read
    };
    for plain in ["/", "/a/b", "/a/../b", "/%61/./b?x=//;%2F", "*", "/a%2561", "/a%zz"] {
        assert_eq!(Readings::of(plain.as_bytes()).count(), 0, "{plain}");
    }
    for (sent, read) in [
        ("/x%2F..%2Fadmin", &["/admin"][..]),
        ("/x/..;/admin", &["/admin"]),
        ("/admin;v=1/x", &["/admin/x"]),
        ("/x\\..\\admin", &["/admin"]),
        ("/x%5c..%5Cadmin", &["/admin"]),
        ("/admin//../x", &["/admin/x"]),
        ("/a//b", &[]),
        ("/a%2Fb\\c", &["/a%2Fb/c", "/a/b/c", "/a/b\\c"]),
    ] {
        assert_eq!(others(sent), read, "{sent}");
    }
}

proptest! {
    /// Nothing of the dots or doubled slashes is left, and what is normal stays so.
    #[test]
    fn a_normal_path_climbs_nowhere_and_is_its_own_normal_form(sent in "/([a-z./]|%2e|%2F|%61|%25|%){0,24}") {
        let normal = path(&sent);
        prop_assert!(normal.starts_with('/'));
        prop_assert!(normal.split('/').skip(1).all(|segment| segment != "." && segment != ".."));
        prop_assert!(!normal.contains("//"));
        prop_assert_eq!(path(&normal), normal);
    }

    /// Two paths share a normal form only if they decode alike, segment by segment.
    #[test]
    fn different_paths_have_different_normal_forms(
        a in vec("(%|2F|/|a|25|[;.]){1,3}", 1..3),
        b in vec("(%|2F|/|a|25|[;.]){1,3}", 1..3),
    ) {
        let spelled = |segments: &[String]| {
            let encoded = segments.iter().map(|segment| {
                let codes: Vec<_> = segment.bytes().map(|byte| format!("%{byte:02x}")).collect();
                format!("/{}", codes.concat())
            });
            encoded.collect::<Vec<_>>().concat()
        };
        let is_dots = |segment: &String| segment == "." || segment == "..";
        prop_assume!(!a.iter().chain(&b).any(is_dots));
        prop_assert_eq!(path(&spelled(&a)) == path(&spelled(&b)), a == b);
    }

    /// Every spelling that RFC 4291 section 2.2 knows of an address is one host.
    #[test]
    fn an_address_is_one_host_however_it_is_spelled(bits: [u16; 8], upper: bool, zeros: bool) {
        let groups = bits.map(|group| if zeros { format!("{group:04x}") } else { format!("{group:x}") });
        let long = format!("[{}]", groups.join(":"));
        let long = if upper { long.to_uppercase() } else { long };
        let short = format!("[{}]:8443", Ipv6Addr::from(bits));
        prop_assert!(host(&long).is_some());
        prop_assert_eq!(host(&long), host(&short));
    }
}

//! No spelling passes a rule by: whatever a server makes of a path, the route is that of what it reads,
//! or the request is refused.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// How a server reads a path: written as the servers do it, apart from the table.
#[derive(Clone, Copy, Debug)]
enum Server {
    /// Merges slashes, then decodes, slashes too.
    Nginx,
    /// The same, and backslashes are slashes.
    Iis,
    /// Drops parameters, decodes, then takes dots away.
    Servlet,
    /// Takes dots away as RFC 3986 section 5.2.4 says, with empty segments as segments.
    Rfc,
    /// Decodes segments, never slashes; merges.
    Go,
}

const SERVERS: [Server; 5] = [Server::Nginx, Server::Iis, Server::Servlet, Server::Rfc, Server::Go];

fn decode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(code.map_or('%', char::from));
        rest = &rest[at + if code.is_some() { 3 } else { 1 }..];
    }
    out + rest
}

/// The segments that are left of these, and whether the path ends with a slash.
fn climbed(segments: impl Iterator<Item = String>, merges: bool) -> (Vec<String>, bool) {
    let (mut left, mut is_open) = (Vec::new(), false);
    for segment in segments {
        is_open = ["", ".", ".."].contains(&segment.as_str());
        match segment.as_str() {
            "." => {}
            "" if merges => {}
            ".." => drop(left.pop()),
            _ => left.push(segment),
        }
    }
    (left, is_open)
}

impl Server {
    /// What it reads, as a target that is plain to everybody.
    fn read(self, path: &str) -> String {
        let inner = &path[1..];
        let (left, is_open) = match self {
            Self::Nginx => climbed(decode(inner).split('/').map(str::to_owned), true),
            Self::Iis => climbed(decode(inner).replace('\\', "/").split('/').map(str::to_owned), true),
            Self::Servlet => {
                let bare: Vec<_> = inner.split('/').map(|segment| segment.split(';').next().expect("one")).collect();
                climbed(decode(&bare.join("/")).split('/').map(str::to_owned), true)
            }
            Self::Rfc => climbed(inner.split('/').map(decode), false),
            Self::Go => climbed(inner.split('/').map(decode), true),
        };
        let spelled = |segment: &String| {
            let codes: Vec<_> = segment.bytes().map(|byte| format!("%{byte:02X}")).collect();
            codes.concat()
        };
        let left: Vec<_> = left.iter().filter(|segment| !segment.is_empty()).map(spelled).collect();
        format!("/{}{}", left.join("/"), if is_open && !left.is_empty() { "/" } else { "" })
    }
}

/// A path, and one of its spellings by RFC 3986 section 6.2.2.
fn a_spelled_path() -> impl Strategy<Value = (String, String)> {
    let segment = ("[ab]{1,2}", select(&["", "./", "%2e/", "x/../", "x/%2E./"][..]), 0..3_u8);
    (vec(segment, 1..4), any::<bool>()).prop_map(|(segments, is_open)| {
        let (mut plain, mut spelled) = (String::new(), String::new());
        for (segment, before, encoding) in segments {
            plain.extend(["/", &segment]);
            spelled.extend(["/", before]);
            spelled.extend(segment.bytes().map(|byte| match encoding {
                0 => char::from(byte).to_string(),
                1 => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            }));
        }
        let end = if is_open { "/" } else { "" };
        (plain + end, spelled + end)
    })
}

fn a_rule() -> impl Strategy<Value = Route> {
    let path = "/([ab]{1,2}(/[ab]{1,2}){0,2})?";
    prop_oneof![
        path.prop_map(|path| Route { path: Some(path), ..Route::default() }),
        path.prop_map(|path| Route { path_prefix: Some(path), ..Route::default() }),
        select(&["/a.*", "/[ab]/?", ".*/b", "/a/.*"][..])
            .prop_map(|regex| Route { path_regex: Some(regex.to_owned()), ..Route::default() }),
    ]
}

proptest! {
    #[test]
    fn every_spelling_of_a_path_takes_the_same_route(
        rules in btree_map("[a-z]{1,3}", a_rule(), 0..8),
        (plain, spelled) in a_spelled_path(),
    ) {
        let routes = table(rules.iter().map(|(name, route)| (name.as_str(), route.clone())));
        prop_assert_eq!(routes.find(&get("h", &spelled)), routes.find(&get("h", &plain)));
        prop_assert!(routes.find(&get("h", &plain)).is_ok());
    }

    #[test]
    fn what_a_server_reads_otherwise_is_refused_where_it_matters(
        rules in btree_map("[a-z]{1,3}", a_rule(), 0..8),
        odd in "/([ab]|/|\\.\\.|\\.|;|\\\\|%2[fF]|%5[cC]|%2e|%61|%25|%){0,10}",
    ) {
        let routes = table(rules.iter().map(|(name, route)| (name.as_str(), route.clone())));
        let Ok(taken) = routes.find(&get("h", &odd)) else { return Ok(()) };
        for server in SERVERS {
            let read = server.read(&odd);
            let path = normal_path(read.as_bytes());
            let by_server = routes.index.as_ref().map_or(taken, |index| {
                routes.taker(index, (None, &path), &get("h", &read))
            });
            prop_assert_eq!(by_server, taken, "{:?} reads {} in {}", server, read, odd);
        }
    }
}

#[test]
fn what_leads_to_the_same_route_either_way_is_served() {
    let routes = table([
        ("admin", Route { path_prefix: Some("/admin".into()), ..Route::default() }),
        ("api", Route { path_prefix: Some("/api".into()), ..Route::default() }),
        ("login", Route { path_regex: Some("/login(;.*)?".into()), ..Route::default() }),
    ]);
    for (target, wanted) in [
        ("/api/projects/a%2Fb", "api"),
        ("/api//x\\y;v=1", "api"),
        ("/shop;v=1/a%2Fb", "-"),
        ("/login;id=1", "login"),
        ("/x?y=/..;/admin", "-"),
    ] {
        assert_eq!(taken(&routes, &get("h", target)), wanted, "{target}");
    }
    for target in ["/admin%2Fx", "/x%2f..%2fadmin", "/x/..;/admin", "/admin;x", "/x\\..\\admin", "/api//../x"] {
        assert_eq!(routes.find(&get("h", target)), Err(Ambiguous), "{target}");
    }
}

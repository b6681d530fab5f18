//! The table against the plain reading, rule by rule, and the order of precedence.

mod spellings;

use poise_ipc::model::{HeaderMatch, MethodName};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::persistence::PersistencePlan;

/// A made request.
#[derive(Clone, Debug)]
struct Made {
    method: &'static str,
    host: Option<String>,
    target: String,
    field: Option<(&'static str, &'static str)>,
}

impl Asking for Made {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn host(&self) -> Option<&[u8]> {
        self.host.as_ref().map(String::as_bytes)
    }

    fn target(&self) -> &[u8] {
        self.target.as_bytes()
    }

    fn has(&self, field: &HeaderMatch) -> bool {
        self.field.is_some_and(|(name, value)| field.fits(name.as_bytes(), value.as_bytes()))
    }
}

fn get(host: &str, target: &str) -> Made {
    Made { method: "GET", host: Some(host.to_owned()), target: target.to_owned(), field: None }
}

fn plan(name: Option<&str>, settings: Route) -> Arc<RoutePlan> {
    let name = name.map(|name| Name::new(name).expect("a test's name"));
    Arc::new(RoutePlan::new((name, settings), Box::default(), PersistencePlan::Off, (None, None)))
}

fn table<'r>(routes: impl IntoIterator<Item = (&'r str, Route)>) -> Routes {
    let routes = routes.into_iter().map(|(name, route)| plan(Some(name), route));
    Routes::new(routes.collect(), plan(None, Route::default()))
}

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| name.parse().expect("a test's host")).collect()
}

fn taken<'r>(routes: &'r Routes, request: &Made) -> &'r str {
    routes.at(routes.find(request).expect("a plain path")).word()
}

#[test]
fn what_no_route_takes_is_the_listeners_own() {
    let routes = table([]);
    assert_eq!(taken(&routes, &get("a.b", "/")), "-");
    let routes = table([("a", Route { hosts: hosts(&["a.b"]), ..Route::default() })]);
    assert_eq!(taken(&routes, &get("a.c", "/")), "-");
    assert_eq!(taken(&routes, &Made { host: None, ..get("", "/") }), "-");
}

#[test]
fn hosts_come_before_paths_and_the_narrower_before_the_wider() {
    let routes = table([
        ("any-admin", Route { path: Some("/admin".into()), ..Route::default() }),
        ("any-prefix", Route { path_prefix: Some("/a".into()), ..Route::default() }),
        ("wild", Route { hosts: hosts(&["*.b"]), ..Route::default() }),
        ("wilder", Route { hosts: hosts(&["*.a.b"]), ..Route::default() }),
        ("exact", Route { hosts: hosts(&["x.a.b", "*.z"]), ..Route::default() }),
        ("narrow-z", Route { hosts: hosts(&["*.y.z"]), ..Route::default() }),
    ]);
    for (host, target, wanted) in [
        ("x.a.b", "/admin", "exact"),
        ("X.A.B:80", "/", "exact"),
        ("y.a.b", "/admin", "wilder"),
        ("c.b", "/admin", "wild"),
        ("b", "/admin", "any-admin"),
        ("b", "/a/b", "any-prefix"),
        ("b", "/ab", "-"),
        // One route, two hosts, each with its own place.
        ("q.y.z", "/", "narrow-z"),
        ("q.z", "/", "exact"),
    ] {
        assert_eq!(taken(&routes, &get(host, target)), wanted, "{host}{target}");
    }
}

#[test]
fn paths_go_exact_regex_longer_prefix_and_priority_beats_all() {
    let routes = table([
        ("exact", Route { path: Some("/shop/cart".into()), ..Route::default() }),
        ("regex", Route { path_regex: Some("/shop/c.*".into()), ..Route::default() }),
        ("long", Route { path_prefix: Some("/shop/c".into()), ..Route::default() }),
        ("short", Route { path_prefix: Some("/".into()), ..Route::default() }),
        ("first", Route { path_prefix: Some("/first".into()), priority: 1, ..Route::default() }),
        ("first-exact", Route { path: Some("/first".into()), ..Route::default() }),
    ]);
    for (target, wanted) in [
        ("/shop/cart", "exact"),
        ("/shop/%63art?x", "exact"),
        ("/shop/carts", "regex"),
        ("/x/shop/carts", "short"),
        // The dot of an expression takes an encoded line end too: none passes a rule by.
        ("/shop/c%0Aart", "regex"),
        ("/shop/c", "regex"),
        ("/first", "first"),
    ] {
        assert_eq!(taken(&routes, &get("a", target)), wanted, "{target}");
    }
}

#[test]
fn methods_and_fields_narrow_a_route() {
    let method = |name: &str| vec![MethodName(name.to_owned())];
    let header = |text: &str| vec![text.parse().expect("a test's field")];
    let routes = table([
        ("all", Route::default()),
        ("post", Route { methods: method("POST"), ..Route::default() }),
        ("canary", Route { headers: header("X-Canary: yes"), ..Route::default() }),
        ("debug", Route { headers: header("x-debug"), priority: 1, ..Route::default() }),
    ]);
    let with = |field| Made { field: Some(field), ..get("a", "/") };
    assert_eq!(taken(&routes, &get("a", "/")), "all");
    assert_eq!(taken(&routes, &Made { method: "POST", ..get("a", "/") }), "post");
    assert_eq!(taken(&routes, &Made { method: "post", ..get("a", "/") }), "all");
    assert_eq!(taken(&routes, &with(("x-canary", "yes"))), "canary");
    assert_eq!(taken(&routes, &with(("x-canary", "no, yes"))), "canary");
    assert_eq!(taken(&routes, &with(("x-canary", "no"))), "all");
    assert_eq!(taken(&routes, &with(("X-Debug", ""))), "debug");
}

fn a_route() -> impl Strategy<Value = Route> {
    let host = select(&["a", "b", "a.b", "*.b", "*.a.b", "x.a.b"][..]);
    let path = select(&["/", "/a", "/a/", "/a/b", "/ab", "/a%2fb"][..]).prop_map(str::to_owned);
    let paths = prop_oneof![
        Just((None, None, None)),
        path.clone().prop_map(|path| (Some(path), None, None)),
        path.prop_map(|path| (None, Some(path), None)),
        select(&["/a.*", "/.", "/a/?", "/(a|ab)"][..]).prop_map(|regex| (None, None, Some(regex.to_owned()))),
    ];
    let methods = vec(select(&["GET", "POST"][..]).prop_map(|method| MethodName(method.to_owned())), 0..2);
    let headers = vec(select(&["x-a", "x-a: 1"][..]).prop_map(|text| text.parse().expect("a field")), 0..2);
    (vec(host, 0..3), paths, methods, headers, 0..3_u16).prop_map(
        |(mut names, (path, path_prefix, path_regex), methods, headers, priority)| {
            names.sort_unstable();
            names.dedup();
            let hosts = hosts(&names);
            Route { hosts, path, path_prefix, path_regex, methods, headers, priority, ..Route::default() }
        },
    )
}

fn a_request() -> impl Strategy<Value = Made> {
    let host = select(&["a", "b", "A.b:80", "q.b", "x.a.b", "y.x.a.b.", "[::1]"][..]).prop_map(str::to_owned);
    let target = select(&["/", "/a", "/a/", "/a/b?c", "/ab", "//a", "/a/./b", "/%61", "/a%2Fb", "*"][..]);
    let field = option::of(select(&[("X-A", "1"), ("x-a", "2"), ("x-b", "1")][..]));
    (select(&["GET", "POST", "PUT"][..]), option::of(host), target, field)
        .prop_map(|(method, host, target, field)| Made { method, host, target: target.to_owned(), field })
}

proptest! {
    #[test]
    fn the_index_finds_what_reading_rule_by_rule_finds(
        routes in btree_map("[a-z]{1,3}", a_route(), 0..12),
        requests in vec(a_request(), 1..12),
    ) {
        let routes = table(routes.iter().map(|(name, route)| (name.as_str(), route.clone())));
        for request in &requests {
            if routes.find(request).is_err() {
                continue;
            }
            let judged = routes.judge(request);
            let last = judged.last().expect("the listener's own takes all");
            prop_assert_eq!(last.fails, None);
            prop_assert_eq!(taken(&routes, request), last.route.word());
        }
    }

    #[test]
    fn a_route_that_is_found_to_be_shadowed_takes_nothing(
        routes in btree_map("[a-z]{1,3}", a_route(), 0..8),
        requests in vec(a_request(), 1..24),
    ) {
        let name = |name: &str| Name::new(name).expect("a test's name");
        let text = "groups.g = {}\nlisteners.l = { bind = \"127.0.0.1:80\", protocol = \"http\", group = \"g\" }";
        let mut config = poise_ipc::text::parse(text).expect("a valid text");
        let listener = config.listeners.get_mut(&name("l")).expect("it is written above");
        listener.routes = routes.iter().map(|(key, route)| (name(key), route.clone())).collect();
        let found = poise_ipc::advice::findings(&config);
        let found: Vec<_> = found.iter().filter(|finding| finding.code == "route-shadowed").collect();
        let routes = table(routes.iter().map(|(name, route)| (name.as_str(), route.clone())));
        for request in requests.iter().filter(|request| routes.find(*request).is_ok()) {
            let subject = format!("listeners.l.routes.{}", taken(&routes, request));
            prop_assert!(found.iter().all(|finding| finding.subject != subject), "{subject}: {request:?}");
        }
    }
}

//! Routes: which requests of a listener go where (C1, S-09, S-46), while traffic flows.

use std::sync::atomic::{AtomicBool, Ordering};

use poise_ipc::cause::Cause;
use poise_ipc::model::{
    Backend, Config, Group, Persistence, Protocol, Redirect, RedirectStatus, RedirectTo, Route, Share,
};
use poise_ipc::status::RouteCounters;

use crate::backends::until;
use crate::browser::{App, Browser, Page};
use crate::rig::{Rig, front, name};
use crate::script::{field, read_message, send};

/// One listener `front` without a group, and a group of one backend for each app, called `a`, `b`, ...
fn rig(apps: &[App], routes: &[(&str, Route)]) -> Rig {
    let mut config = front(Protocol::Http, &[]);
    for (app, group) in apps.iter().zip(["a", "b", "c"]) {
        let backends = [(name("b0"), Backend::new(app.address))].into();
        config.groups.insert(name(group), Group { backends, ..Group::default() });
    }
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.group = None;
    listener.routes = routes.iter().map(|(key, route)| (name(key), route.clone())).collect();
    Rig::with_workers(config, 2)
}

fn to(group: &str) -> Route {
    Route { group: Some(name(group)), ..Route::default() }
}

fn host(host: &str, route: Route) -> Route {
    let hosts = [host.parse().expect("a test's host")];
    Route { hosts: hosts.into_iter().chain(route.hosts).collect(), ..route }
}

fn routes(config: &mut Config) -> &mut std::collections::BTreeMap<poise_ipc::Name, Route> {
    &mut config.listeners.get_mut(&name("front")).expect("it was made").routes
}

fn ask(rig: &Rig, host: &str, target: &str) -> Page {
    Browser::of(rig.address_of("front"), host).get(target)
}

fn counted(rig: &Rig, route: &str) -> RouteCounters {
    let plan = rig.plans.published().load_full();
    let listener = plan.listeners.values().next().expect("the listener");
    let route = listener.routes.named(&name(route)).expect("a route");
    route.live.as_ref().expect("routes are counted").totals()
}

#[test]
fn c_1_a_request_that_no_route_takes_gets_404_with_its_cause() {
    let apps = [App::new("one"), App::new("two")];
    let rig = rig(&apps, &[("shop", host("shop.example.com", to("a"))), ("all", host("*.example.com", to("b")))]);
    assert_eq!(ask(&rig, "shop.example.com", "/").body, "one");
    assert_eq!(ask(&rig, "SHOP.example.com:80", "/").body, "one");
    assert_eq!(ask(&rig, "img.example.com", "/").body, "two");
    let page = ask(&rig, "example.com", "/");
    assert_eq!((page.status, field(&page.head, "x-poise-cause")), (404, Some("no-route")));
    assert_eq!(rig.count_of(Cause::NoRoute), 1);
    assert_eq!((counted(&rig, "shop").requests_total, counted(&rig, "all").requests_total), (2, 1));
}

#[test]
fn what_is_refused_before_it_has_a_route_is_not_counted_on_the_route_before() {
    let apps = [App::new("one")];
    let rig = rig(&apps, &[("shop", to("a"))]);
    let mut client = rig.connect();
    send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(read_message(&mut client).expect("a response").1, "one");
    until("the response is counted", || counted(&rig, "shop").bytes_out_total > 0);
    let before = counted(&rig, "shop");
    send(&mut client, "GET / HTTP/1.1\r\nHost h\r\n\r\n");
    assert!(read_message(&mut client).expect("a reply").0.starts_with("HTTP/1.1 400 "));
    until("the reply is counted", || rig.counters().bytes_out_total > before.bytes_out_total);
    assert_eq!((rig.count_of(Cause::BadRequest), counted(&rig, "shop")), (1, before));
}

#[test]
fn no_spelling_of_a_path_passes_a_rule_by_and_the_backend_gets_what_was_sent() {
    let apps = [App::new("public"), App::new("admin")];
    let admin = Route { path_prefix: Some("/admin".into()), ..to("b") };
    let rig = rig(&apps, &[("admin", admin), ("rest", to("a"))]);
    for target in ["/admin", "/admin/x?y", "/%61dmin/", "//admin", "/x/../admin", "/x/%2e%2e/admin"] {
        assert_eq!(ask(&rig, "h", target).body, "admin", "{target}");
    }
    for target in ["/administrator", "/", "/x?/admin"] {
        assert_eq!(ask(&rig, "h", target).body, "public", "{target}");
    }
    assert!(apps[1].requests()[4].starts_with("GET /x/../admin HTTP/1.1\r\n"));
}

#[test]
fn a_path_that_servers_read_as_another_routes_is_refused() {
    let apps = [App::new("public"), App::new("admin")];
    let admin = Route { path_prefix: Some("/admin".into()), ..to("b") };
    let rig = rig(&apps, &[("admin", admin), ("rest", to("a"))]);
    for target in ["/x/..;/admin", "/admin%2Fx", "/x%5C..%5cadmin", "/admin//../x"] {
        let page = ask(&rig, "h", target);
        assert_eq!((page.status, field(&page.head, "x-poise-cause")), (400, Some("bad-request")), "{target}");
    }
    assert_eq!(ask(&rig, "h", "/a%2Fb;c").body, "public", "nobody reads another route in it");
    assert_eq!((rig.count_of(Cause::BadRequest), counted(&rig, "rest").requests_total), (4, 1));
    assert_eq!(apps.map(|app| app.requests().len()), [1, 0]);
}

#[test]
fn no_spelling_of_a_host_passes_a_rule_by() {
    let apps = [App::new("public"), App::new("inner")];
    let rig = rig(&apps, &[("inner", host("[2001:db8:0::1]", host("inner.example", to("b")))), ("rest", to("a"))]);
    for spelled in ["[2001:db8::1]", "[2001:0DB8:0:0::0:1]:8080", "INNER.example.", "inner.Example:80"] {
        assert_eq!(ask(&rig, spelled, "/").body, "inner", "{spelled}");
    }
    assert_eq!(ask(&rig, "[2001:db8::2]", "/").body, "public");
    assert_eq!(ask(&rig, "inner%2Eexample", "/").status, 400);
}

#[test]
fn a_split_gives_each_group_exactly_its_part_and_keeps_those_who_are_bound() {
    let apps = [App::new("blue"), App::new("green")];
    let share = |group: &str, weight| Share { group: name(group), weight };
    let split = Route { split: vec![share("a", 3), share("b", 1)], ..Route::default() };
    let mut rig = rig(&apps, &[("canary", split)]);
    let bodies: Vec<_> = (0..40).map(|_| ask(&rig, "h", "/").body).collect();
    assert_eq!(bodies.iter().filter(|body| *body == "green").count(), 10, "{bodies:?}");

    rig.edit(|config| {
        let route = routes(config).get_mut(&name("canary")).expect("it was made");
        route.persistence = Persistence::cookie_insert("SIDE", 60_000);
    });
    for _ in 0..8 {
        let mut browser = Browser::of(rig.address_of("front"), "h");
        let side = browser.get("/").body;
        assert!((0..5).all(|_| browser.get("/").body == side));
    }
}

#[test]
fn clients_are_sent_to_https_with_the_method_kept_where_it_was_asked_for() {
    let apps = [App::new("one")];
    let https = Redirect { to: RedirectTo::Https, ..Redirect::default() };
    let moved = Redirect { status: RedirectStatus(308), path: Some("/new".into()), ..https.clone() };
    let moved = Route { path_prefix: Some("/old".into()), redirect: moved, ..Route::default() };
    let mut rig = rig(&apps, &[("moved", moved)]);
    rig.edit(|config| config.listeners.get_mut(&name("front")).expect("it was made").redirect = https);
    let page = ask(&rig, "shop.example.com:8080", "/a?b=c");
    assert_eq!((page.status, field(&page.head, "location")), (301, Some("https://shop.example.com/a?b=c")));
    let page = ask(&rig, "shop.example.com", "/old/x?y");
    assert_eq!((page.status, field(&page.head, "location")), (308, Some("https://shop.example.com/new?y")));
    assert_eq!(apps[0].requests().len(), 0);
    assert_eq!(rig.counters().requests_total, 2);
}

#[test]
fn s_46_each_domain_keeps_its_clients_by_a_cookie_of_its_own() {
    let apps = [App::new("one"), App::new("two")];
    let mut shop = host("vip.a.com", to("a"));
    shop.persistence = Persistence::cookie_insert("VIP", 60_000);
    let rig = rig(&apps, &[("vip", shop), ("img", host("img.a.com", to("b")))]);
    let vip = ask(&rig, "vip.a.com", "/");
    assert!(vip.sets()[0].starts_with("VIP="), "{}", vip.head);
    assert_eq!(ask(&rig, "img.a.com", "/").sets().len(), 0);
}

#[test]
fn routes_change_under_traffic_without_a_failed_request() {
    let apps = [App::new("one"), App::new("two")];
    let mut rig = rig(&apps, &[("all", to("a"))]);
    let (address, done) = (rig.address_of("front"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(Browser::of(address, "h").get("/").status, 200);
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        for round in 0..50_u16 {
            rig.edit(|config| {
                let other = Route { priority: round, ..to(if round % 2 == 0 { "b" } else { "a" }) };
                routes(config).insert(name("other"), other);
            });
        }
        done.store(true, Ordering::Relaxed);
        let served: u64 = clients.into_iter().map(|client| client.join().expect("no request failed")).sum();
        let counted = counted(&rig, "all").requests_total + counted(&rig, "other").requests_total;
        assert_eq!(counted, served);
    });
}

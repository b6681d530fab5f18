//! Persistence by route: a policy for each domain and path, and splits (S-09, S-46).

use std::collections::BTreeSet;

use poise_ipc::model::{Backend, Group, Persistence, PersistenceKind, Protocol, Route, Share};
use poise_ipc::status::Health;

use super::insert;
use crate::backends::until;
use crate::browser::{App, Browser};
use crate::rig::{Rig, front, name};

/// One listener `front` that inserts a cookie before the group `app`, a group `other` of the same
/// apps, and these routes.
fn rig(apps: &[App], routes: Vec<(&str, Route)>) -> Rig {
    let addresses: Vec<_> = apps.iter().map(|app| app.address).collect();
    let mut config = front(Protocol::Http, &addresses);
    let backends = addresses.iter().zip(["o0", "o1", "o2"]);
    let backends = backends.map(|(&address, of)| (name(of), Backend::new(address))).collect();
    config.groups.insert(name("other"), Group { backends, ..Group::default() });
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.persistence = insert();
    listener.routes = routes.into_iter().map(|(key, route)| (name(key), route)).collect();
    Rig::with_workers(config, 2)
}

fn of_host(host: &str, persistence: Persistence) -> Route {
    let hosts = vec![host.parse().expect("a test's host")];
    Route { hosts, group: Some(name("other")), persistence, ..Route::default() }
}

fn kind(kind: PersistenceKind, cookie: &str) -> Persistence {
    Persistence { kind, cookie: cookie.to_owned(), ..Persistence::default() }
}

fn names_set(browser: &mut Browser, target: &str) -> Vec<String> {
    let page = browser.get(target);
    let name = |set: &&str| set.split('=').next().unwrap_or_default().to_owned();
    page.sets().iter().map(name).collect()
}

fn bodies(browser: &mut Browser, count: usize) -> BTreeSet<String> {
    (0..count).map(|_| browser.get("/").body).collect()
}

#[test]
fn s_46_each_domain_has_a_cookie_and_a_policy_of_its_own() {
    let apps = App::three();
    let vip = of_host("vip.a.com", kind(PersistenceKind::CookieInsert, "VIP"));
    let images = of_host("img.a.com", kind(PersistenceKind::Off, "SERVERID"));
    let session = of_host("app.a.com", kind(PersistenceKind::CookieRewrite, "SID"));
    let same = of_host("same.a.com", kind(PersistenceKind::Inherit, "SERVERID"));
    let rig = rig(&apps, vec![("vip", vip), ("images", images), ("session", session), ("same", same)]);
    let at = |host: &str| Browser::of(rig.address_of("front"), host);
    for (host, target, cookies) in [
        ("vip.a.com", "/", &["VIP"][..]),
        ("img.a.com", "/", &[]),
        ("app.a.com", "/", &[]),
        ("same.a.com", "/", &["SERVERID"]),
        ("www.a.com", "/", &["SERVERID"]),
    ] {
        assert_eq!(names_set(&mut at(host), target), cookies, "{host}");
    }
    for (host, first, count) in [
        ("vip.a.com", "/", 1),
        ("img.a.com", "/", 3),
        ("app.a.com", "/", 3),
        ("app.a.com", "/set/abc", 1),
        ("same.a.com", "/", 1),
        ("www.a.com", "/", 1),
    ] {
        let mut browser = at(host);
        browser.get(first);
        assert_eq!(bodies(&mut browser, 6).len(), count, "{host} from {first}");
    }
}

#[test]
fn s_09_a_route_to_another_group_takes_no_cookie_of_the_listener_for_its_own() {
    let apps = App::three();
    let shop = Route {
        path_prefix: Some("/shop".into()),
        group: Some(name("other")),
        persistence: Persistence { path: "/shop/".to_owned(), ..insert() },
        ..Route::default()
    };
    let rig = rig(&apps, vec![("shop", shop)]);
    let mut browser = Browser::new(rig.address_of("front"));
    let (home, shop) = (browser.get("/").body, browser.get("/shop/").body);
    for _ in 0..4 {
        // Below /shop both cookies are sent: the first that can be used wins.
        let (page, of_shop) = (browser.get("/"), browser.get("/shop/"));
        assert_eq!((&page.body, page.sets().len()), (&home, 0));
        assert_eq!((&of_shop.body, of_shop.sets().len()), (&shop, 0));
    }
}

#[test]
fn what_persistence_says_is_counted_for_the_route_and_for_the_listener() {
    let apps = App::three();
    let vip = of_host("vip.a.com", kind(PersistenceKind::CookieInsert, "VIP"));
    let images = of_host("img.a.com", kind(PersistenceKind::Off, "SERVERID"));
    let rig = rig(&apps, vec![("vip", vip), ("images", images)]);
    let mut browser = Browser::of(rig.address_of("front"), "vip.a.com");
    bodies(&mut browser, 3);
    bodies(&mut Browser::of(rig.address_of("front"), "img.a.com"), 2);
    bodies(&mut Browser::of(rig.address_of("front"), "www.a.com"), 3);
    let of_route = |route: Option<&str>| {
        let plan = rig.plans.published().load_full();
        let routes = &plan.listeners.values().next().expect("the listener").routes;
        let route = route.map_or(routes.own(), |route| routes.named(&name(route)).expect("the route"));
        let counted = route.live.as_ref().expect("routes are counted").totals().persistence;
        (counted.new_total, counted.kept_total, counted.set_total)
    };
    until("all are counted", || rig.counters().persistence.kept_total == 4);
    assert_eq!(of_route(Some("vip")), (1, 2, 1));
    assert_eq!(of_route(Some("images")), (0, 0, 0));
    assert_eq!(of_route(None), (1, 2, 1), "what no route takes");
}

#[test]
fn a_client_of_a_split_stays_in_its_group_whatever_the_shares_become() {
    let apps = App::three();
    let share = |group: &str, weight| Share { group: name(group), weight };
    let split = |a, b| Route { split: vec![share("app", a), share("other", b)], ..Route::default() };
    let mut rig = rig(&apps, vec![("all", split(100, 0))]);
    let mut first = Browser::new(rig.address_of("front"));
    let home = first.get("/").body;
    rig.edit(|config| {
        let listener = config.listeners.get_mut(&name("front")).expect("it was made");
        listener.routes.insert(name("all"), split(0, 100));
    });
    let mut second = Browser::new(rig.address_of("front"));
    let other_home = second.get("/").body;
    assert_eq!(bodies(&mut first, 4), [home.clone()].into());
    assert_eq!(bodies(&mut second, 4), [other_home].into());
    let before = rig.counters_of(&home).picks_total;
    rig.set_health(&home, Health::Down);
    let moved = first.get("/").body;
    assert_ne!(moved, home);
    assert_eq!((rig.counters_of(&home).picks_total, rig.counters_of(&moved).pinned_total), (before, 0));
    assert!(rig.counters_of(&moved).picks_total > 0, "it moves within its group");
    assert_eq!(bodies(&mut first, 4), [moved].into());
}

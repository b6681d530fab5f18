//! Persistence by a cookie of the backend's that poise rewrites (S-44, S-46).

use poise_ipc::model::{Persistence, PersistenceKind};
use poise_ipc::status::Health;

use super::{browser, counted, rig};
use crate::browser::{App, Browser};

fn rewrite() -> Persistence {
    Persistence { kind: PersistenceKind::CookieRewrite, cookie: "SID".to_owned(), ..Persistence::default() }
}

#[test]
fn s_44_the_backends_cookie_carries_the_binding_and_comes_back_as_it_was() {
    let apps = App::three();
    let rig = rig(&apps, rewrite());
    for _ in 0..4 {
        let mut browser = browser(&rig);
        let login = browser.get("/set/abc~1");
        let sets = login.sets();
        assert_eq!(sets.len(), 3, "{}", login.head);
        let own = sets.iter().find(|set| set.starts_with("SID=") && set.contains("Path=/;")).expect("the session");
        let (value, attributes) = own["SID=".len()..].split_once(';').expect("attributes");
        assert!(value.ends_with("~abc~1") && value.len() == 33 + "abc~1".len(), "{value}");
        assert_eq!(attributes, " Path=/; Max-Age=77", "its life is the backend's to say");
        assert!(sets.contains(&"THEME=dark") && sets.iter().any(|set| set.ends_with("~abc~12; Path=/a/")), "{sets:?}");
        for target in ["/", "/hops/2", "/status/404", "/status/500", "/a/b"] {
            let pages = browser.visit(target);
            assert!(pages.iter().all(|page| page.body == login.body && page.sets().is_empty()), "{pages:?}");
        }
        let app = apps.iter().zip(["b0", "b1", "b2"]).find(|(_, name)| login.body == *name).expect("a name").0;
        let cookies = app.values("cookie");
        let last = cookies.last().expect("a request").as_deref();
        assert_eq!(last, Some("SID=abc~12; SID=abc~1; THEME=dark"), "as the backend wrote it");
    }
    assert_eq!(counted(&rig).set_total, 8, "two at each login");
}

#[test]
fn s_44_a_cookie_that_the_backend_does_not_set_is_never_set() {
    let apps = App::three();
    let rig = rig(&apps, rewrite());
    let mut browser = browser(&rig);
    let bodies: std::collections::BTreeSet<_> = (0..3)
        .map(|_| {
            let page = browser.get("/");
            assert!(page.sets().is_empty(), "{}", page.head);
            page.body
        })
        .collect();
    assert_eq!(bodies.len(), 3, "nobody is bound");
    assert_eq!(counted(&rig).set_total, 0);
}

#[test]
fn s_44_a_client_from_before_the_rewriting_is_bound_when_its_cookie_is_set_again() {
    let apps = App::three();
    let rig = rig(&apps, rewrite());
    let mut browser = browser(&rig);
    browser.put("SID", "abc");
    assert!(browser.get("/").sets().is_empty());
    let home = browser.get("/set/abd").body;
    assert!((0..4).all(|_| browser.get("/").body == home));
    assert_eq!(counted(&rig).forged_total, 0);
}

#[test]
fn s_44_a_client_whose_backend_is_down_moves_with_its_own_value() {
    let apps = App::three();
    let mut rig = rig(&apps, rewrite());
    let mut browser = browser(&rig);
    let home = browser.get("/set/abc").body;
    rig.set_health(&home, Health::Down);
    let moved = browser.get("/set/abc").body;
    assert_ne!(moved, home);
    let app = apps.iter().zip(["b0", "b1", "b2"]).find(|(_, name)| moved == *name).expect("a name").0;
    assert!(app.requests()[0].contains("SID=abc;"), "{:?}", app.requests());
    assert!((0..4).all(|_| browser.get("/").body == moved), "it is bound to its new backend");
    assert_eq!(counted(&rig).redispatched_total, 1);
}

#[test]
fn s_44_a_cookie_that_browsers_would_drop_is_left_as_it_is() {
    let apps = App::three();
    let rig = rig(&apps, rewrite());
    let long = "v".repeat(4_096 - "SID=".len() - 10);
    let page = browser(&rig).get(&format!("/set/{long}"));
    assert!(page.sets()[0].starts_with(&format!("SID={long};")), "{:.80}", page.head);
    assert!(!page.head.contains("Cache-Control"), "nobody is bound");
    assert_eq!(counted(&rig).too_long_total, 2);
}

#[test]
fn s_46_only_hosts_whose_backends_set_the_cookie_are_bound() {
    let apps = App::three();
    let rig = rig(&apps, rewrite());
    let mut vip = Browser::of(rig.address_of("front"), "vip.a.com");
    let mut images = Browser::of(rig.address_of("front"), "img.a.com");
    let home = vip.get("/set/abc").body;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..6 {
        assert_eq!(vip.get("/").body, home);
        seen.insert(images.get("/").body);
    }
    assert_eq!(seen.len(), 3, "images are shared out");
}

//! Persistence by the cookie that poise inserts: who is kept, for how long, and who moves (S-42,
//! S-43, S-45 to S-51, L-02, L-03, L-14).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use poise_core::live::Leaving;
use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Persistence, Protocol, Redispatch};
use poise_ipc::persistence::PersistenceCounters;
use poise_ipc::status::Health;

use crate::backends::{Refusing, until};
use crate::browser::{App, Browser};
use crate::rig::{Rig, front, name};

mod program;
mod rewritten;
mod routed;

const LIFE_MS: u32 = 86_400_000;

fn insert() -> Persistence {
    Persistence::cookie_insert("SERVERID", LIFE_MS)
}

fn rig(apps: &[App], persistence: Persistence) -> Rig {
    let addresses: Vec<SocketAddr> = apps.iter().map(|app| app.address).collect();
    let mut config = front(Protocol::Http, &addresses);
    config.listeners.get_mut(&name("front")).expect("it was made").persistence = persistence;
    Rig::with_workers(config, 2)
}

fn browser(rig: &Rig) -> Browser {
    Browser::new(rig.address_of("front"))
}

fn counted(rig: &Rig) -> PersistenceCounters {
    rig.counters().persistence
}

#[test]
fn s_43_the_first_answer_binds_and_later_requests_come_to_the_same_backend() {
    let apps = App::three();
    let rig = rig(&apps, insert());
    // Not a multiple of three, so that turns alone would not bring anybody back.
    let mut homes = Vec::new();
    for _ in 0..10 {
        let mut browser = browser(&rig);
        let first = browser.get("/");
        assert_eq!(first.sets().len(), 1);
        assert!(first.sets()[0].starts_with("SERVERID="), "{}", first.head);
        for _ in 0..4 {
            let page = browser.get("/");
            assert_eq!((&page.body, page.sets().len()), (&first.body, 0));
        }
        homes.push(first.body);
    }
    assert_eq!(homes[..3].iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{homes:?}");
    let PersistenceCounters { new_total, kept_total, set_total, .. } = counted(&rig);
    assert_eq!((new_total, kept_total, set_total), (10, 40, 10));
}

#[test]
fn s_43_the_cookie_tells_no_address_and_no_name() {
    let apps = App::three();
    let rig = rig(&apps, Persistence { idle_ms: Some(LIFE_MS), ..insert() });
    let mut values = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut browser = browser(&rig);
        browser.get("/");
        let value = browser.cookie("SERVERID").expect("it was set").to_owned();
        assert!(value.len() <= 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{value}");
        values.insert(value[..32].to_owned());
    }
    assert_eq!(values.len(), 3, "each backend has its own");
}

#[test]
fn s_51_without_a_jar_requests_are_shared_out_and_that_is_no_fault() {
    let apps = App::three();
    let rig = rig(&apps, insert());
    for _ in 0..9 {
        assert_eq!(browser(&rig).get("/").sets().len(), 1);
    }
    assert_eq!(apps.each_ref().map(|app| app.requests().len()), [3, 3, 3]);
    assert_eq!(counted(&rig).kept_total, 0);
}

#[test]
fn l_02_every_status_of_a_backend_sets_the_cookie_and_replies_of_poise_never_do() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    for status in [200, 201, 204, 301, 302, 304, 307, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504] {
        let mut browser = browser(&rig);
        let page = browser.get(&format!("/status/{status}"));
        assert_eq!((page.status, page.sets().len()), (status, 1), "{}", page.head);
        let bound = browser.get("/").body;
        let page = browser.get(&format!("/status/{status}"));
        assert_eq!((page.sets().len(), browser.get("/").body), (0, bound), "{status}");
    }
    let early = browser(&rig).get("/early");
    assert_eq!(early.sets().len(), 1, "the final head alone: {}", early.head);
    for backend in ["b0", "b1", "b2"] {
        rig.edit_backend(backend, |backend| backend.state = AdminState::Disabled);
    }
    let none = browser(&rig).get("/");
    assert_eq!((none.status, none.sets().len()), (503, 0), "no backend was chosen");
}

#[test]
fn l_02_an_interim_answer_sets_no_cookie() {
    let apps = App::three();
    let rig = rig(&apps, insert());
    let mut client = rig.connect();
    crate::script::send(&mut client, "GET /early HTTP/1.1\r\nHost: h\r\n\r\n");
    let early = crate::script::read_head(&mut client).expect("an interim head");
    assert!(early.starts_with("HTTP/1.1 103") && !early.contains("Set-Cookie"), "{early}");
    let head = crate::script::read_head(&mut client).expect("the final head");
    assert!(head.contains("Set-Cookie: SERVERID="), "{head}");
}

#[test]
fn l_03_a_chain_of_five_redirects_on_the_first_visit_stays_at_one_backend() {
    let apps = App::three();
    let rig = rig(&apps, insert());
    for _ in 0..4 {
        let mut browser = browser(&rig);
        let pages = browser.visit("/hops/5");
        assert_eq!(pages.iter().map(|page| page.status).collect::<Vec<_>>(), [302, 302, 302, 302, 302, 200]);
        assert!(pages.iter().all(|page| page.body == pages[0].body), "{pages:?}");
        let sets: Vec<_> = pages.iter().map(|page| page.sets().len()).collect();
        assert_eq!(sets, [1, 0, 0, 0, 0, 0], "S-48: no redirect changes it");
    }
}

#[test]
fn l_03_a_redirect_to_another_host_keeps_the_client_when_the_cookie_is_for_the_domain() {
    let apps = App::three();
    let rig = rig(&apps, Persistence { domain: Some("example.com".to_owned()), path: "/".to_owned(), ..insert() });
    let mut shop = Browser::of(rig.address_of("front"), "shop.example.com");
    let page = shop.get("/hops/1");
    assert!(page.sets()[0].contains("; Domain=example.com"), "{}", page.head);
    let mut pay = Browser::of(rig.address_of("front"), "pay.example.com");
    pay.put("SERVERID", shop.cookie("SERVERID").expect("it was set"));
    let paid = pay.get("/hops/0");
    assert_eq!((&paid.body, paid.sets().len()), (&page.body, 0));
}

#[test]
fn l_03_of_several_cookies_of_the_name_the_first_that_can_be_used_wins() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    let mut browser = browser(&rig);
    let home = browser.get("/").body;
    let value = browser.cookie("SERVERID").expect("it was set").to_owned();
    let ask = |cookies: &str| {
        let mut client = rig.connect();
        crate::script::send(&mut client, &format!("GET / HTTP/1.1\r\nHost: h\r\n{cookies}\r\n"));
        crate::script::read_message(&mut client).expect("a response")
    };
    for cookies in [
        format!("Cookie: SERVERID=old; SERVERID={value}\r\n"),
        format!("Cookie: SERVERID=old\r\nCookie: a=b; SERVERID={value}\r\n"),
        format!("Cookie: SERVERID={}; SERVERID=\"{value}\"\r\n", "0".repeat(32)),
    ] {
        for _ in 0..2 {
            let (head, body) = ask(&cookies);
            assert_eq!((&body, head.contains("Set-Cookie")), (&home, false), "{cookies}");
        }
    }
    rig.set_health(&home, Health::Down);
    let (head, body) = ask_again(&rig, &value);
    assert!(body != home && head.contains("Set-Cookie"), "{head}");
}

fn ask_again(rig: &Rig, value: &str) -> (String, String) {
    let mut client = rig.connect();
    crate::script::send(&mut client, &format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: SERVERID={value}\r\n\r\n"));
    crate::script::read_message(&mut client).expect("a response")
}

#[test]
fn l_03_a_client_whose_backend_goes_down_moves_once_and_is_told() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    let mut browser = browser(&rig);
    let home = browser.get("/").body;
    rig.set_health(&home, Health::Down);
    let moved = browser.get("/");
    assert_ne!(moved.body, home);
    assert_eq!(moved.sets().len(), 1, "the cookie of its new backend");
    rig.set_health(&home, Health::Up);
    for _ in 0..4 {
        let page = browser.get("/");
        assert_eq!((&page.body, page.sets().len()), (&moved.body, 0), "it stays where it is now");
    }
    let PersistenceCounters { redispatched_total, set_total, .. } = counted(&rig);
    assert_eq!((redispatched_total, set_total), (1, 2));
}

#[test]
fn l_03_a_client_whose_backend_is_removed_moves() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    let mut browser = browser(&rig);
    let home = browser.get("/").body;
    rig.edit(|config| {
        config.groups.get_mut(&name("app")).expect("the group").backends.remove(&name(&home));
    });
    let moved = browser.get("/");
    assert!(moved.body != home && moved.sets().len() == 1, "{moved:?}");
    assert_eq!(browser.get("/").body, moved.body);
    assert_eq!(counted(&rig).unknown_total, 1);
}

#[test]
fn l_14_a_soft_drain_and_weight_0_honour_clients_and_a_hard_drain_and_maintenance_move_them() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    let mut browser = browser(&rig);
    let home = browser.get("/").body;
    rig.edit_backend(&home, |backend| backend.weight = 0);
    assert_eq!(browser.get("/").body, home);
    rig.edit_backend(&home, |backend| backend.state = AdminState::Draining);
    assert_eq!(browser.get("/").body, home, "a soft drain honours its clients");
    rig.leave(&home, Leaving::Close);
    let moved = browser.get("/");
    assert!(moved.body != home && moved.sets().len() == 1, "a hard drain moves them: {moved:?}");

    let other = moved.body;
    rig.edit_backend(&other, |backend| backend.state = AdminState::Disabled);
    let moved = browser.get("/");
    assert!(moved.body != other && moved.sets().len() == 1, "maintenance moves them: {moved:?}");
    assert_eq!(counted(&rig).redispatched_total, 2);
}

#[test]
fn a_client_that_may_not_move_is_refused_until_its_backend_is_back() {
    let apps = App::three();
    let mut rig = rig(&apps, Persistence { redispatch: Redispatch::Refuse, ..insert() });
    let mut bound = browser(&rig);
    let home = bound.get("/").body;
    rig.set_health(&home, Health::Down);
    let refused = bound.get("/");
    assert_eq!((refused.status, refused.sets().len()), (503, 0));
    assert_eq!(rig.count_of(Cause::Unusable), 1);
    assert_eq!(browser(&rig).get("/").status, 200, "others are served");
    rig.set_health(&home, Health::Up);
    assert_eq!(bound.get("/").body, home, "it was kept in mind");
    assert_eq!(counted(&rig).refused_total, 1);
}

#[test]
fn a_client_whose_backend_cannot_be_reached_moves_or_is_refused_as_configured() {
    for redispatch in [Redispatch::Move, Redispatch::Refuse] {
        let refusing = Refusing::new();
        let apps = App::three();
        let mut rig = rig(&apps, Persistence { redispatch, ..insert() });
        let mut browser = browser(&rig);
        let home = browser.get("/").body;
        rig.edit_backend(&home, |backend| backend.address = refusing.address.into());
        let page = browser.get("/");
        match redispatch {
            Redispatch::Move => {
                assert!(page.body != home && page.sets().len() == 1, "{page:?}");
                assert_eq!(browser.get("/").body, page.body, "it has a new home");
                assert_eq!(counted(&rig).redispatched_total, 1);
            }
            Redispatch::Refuse => {
                assert_eq!((page.status, page.sets().len()), (502, 0));
                until("the cause is counted", || rig.count_of(Cause::ConnectFailed) == 1);
                assert_eq!(counted(&rig).redispatched_total, 0);
            }
        }
    }
}

#[test]
fn s_49_a_client_that_was_away_for_longer_than_the_idle_time_is_forgotten() {
    let apps = App::three();
    let mut rig = rig(&apps, Persistence { idle_ms: Some(3_600_000), ..insert() });
    let mut browser = browser(&rig);
    let home = browser.get("/").body;
    assert_eq!(browser.get("/").body, home);
    rig.edit(|config| {
        config.listeners.get_mut(&name("front")).expect("it was made").persistence.idle_ms = Some(1_000);
    });
    // Times count in seconds: two and a bit are more than one of them.
    std::thread::sleep(Duration::from_millis(2_100));
    let page = browser.get("/");
    assert!(page.body != home && page.sets().len() == 1, "it is the next one's turn: {page:?}");
    assert_eq!(counted(&rig).idle_expired_total, 1);
}

#[test]
fn s_49_a_life_ends_although_the_client_keeps_coming() {
    let apps = App::three();
    let rig = rig(&apps, Persistence { life_ms: Some(2_000), ..insert() });
    let (mut browser, began) = (browser(&rig), Instant::now());
    let first = browser.get("/");
    assert!(first.sets()[0].contains("; Max-Age=2;"), "the client drops it then, too: {}", first.head);
    until("its life is over", || {
        assert_eq!(browser.get("/").status, 200);
        counted(&rig).life_expired_total == 1
    });
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn what_poise_never_wrote_binds_nobody_and_is_replaced() {
    let apps = App::three();
    let rig = rig(&apps, insert());
    for (value, of) in [("b1", "forged"), ("127.0.0.1:80", "forged"), (&*"0".repeat(32), "unknown")] {
        let mut browser = browser(&rig);
        browser.put("SERVERID", value);
        assert_eq!(browser.get("/").sets().len(), 1, "{value} is {of}");
        assert_eq!(browser.get("/").sets().len(), 0);
    }
    let PersistenceCounters { forged_total, unknown_total, .. } = counted(&rig);
    assert_eq!((forged_total, unknown_total), (2, 1));
}

#[test]
fn s_09_two_listeners_of_one_group_have_their_own_persistence_and_agree_on_the_token() {
    let apps = App::three();
    let mut rig = rig(&apps, insert());
    rig.edit(|config| {
        let mut other = config.listeners[&name("front")].clone();
        other.persistence.idle_ms = Some(60_000);
        config.listeners.insert(name("other"), other.clone());
        other.persistence = Persistence::default();
        config.listeners.insert(name("free"), other);
    });
    let mut at_front = browser(&rig);
    let home = at_front.get("/").body;
    let value = at_front.cookie("SERVERID").expect("it was set").to_owned();
    let mut at_other = Browser::new(rig.address_of("other"));
    at_other.put("SERVERID", &value);
    assert_eq!(at_other.get("/").body, home, "browsers share cookies between ports");
    at_front.put("SERVERID", at_other.cookie("SERVERID").expect("with times now"));
    let page = at_front.get("/");
    assert_eq!((&page.body, page.sets().len()), (&home, 0));
    let mut at_free = Browser::new(rig.address_of("free"));
    at_free.put("SERVERID", &value);
    let bodies: std::collections::BTreeSet<_> = (0..3).map(|_| at_free.get("/").body).collect();
    assert_eq!(bodies.len(), 3, "it does not look at cookies");
}

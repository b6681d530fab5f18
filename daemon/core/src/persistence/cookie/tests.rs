//! Whom cookies bind, for how long, and when they are set, under a clock of the test's.

use poise_ipc::model::{AdminState, CookieSecure, SameSite, Scheduler};
use poise_ipc::status::Health;
use proptest::prelude::*;

use super::PersistenceVerdict as Verdict;
use super::*;
use crate::persistence::PersistencePlan;
use crate::simulation::{World, name};

/// A listener `web` with this persistence before `b0`, `b1` and `b2`, and a clock.
struct Bench {
    world: World,
    now_s: u32,
}

const INSERT: fn() -> Persistence = || Persistence::cookie_insert("SRV", 1_000_000);

fn limited(idle_s: Option<u32>, life_s: Option<u32>) -> Persistence {
    let ms = |s: Option<u32>| s.map(|s| s * 1_000);
    Persistence { idle_ms: ms(idle_s), life_ms: ms(life_s), ..INSERT() }
}

fn rewrite() -> Persistence {
    Persistence { kind: PersistenceKind::CookieRewrite, cookie: "SID".to_owned(), ..Persistence::default() }
}

impl Bench {
    fn new(persistence: Persistence) -> Self {
        let mut bench = Self { world: World::new(Scheduler::Wrr, &[100; 3]), now_s: 1_000_000_000 };
        bench.settings(persistence);
        bench
    }

    fn settings(&mut self, persistence: Persistence) {
        self.world.config.listeners.get_mut(&name("web")).expect("it is there").persistence = persistence;
        self.world.compile();
    }

    fn rule(&self) -> Arc<CookieRule> {
        let web = &self.world.plan.listeners[&self.world.identities.listeners[&name("web")]];
        match &web.persistence {
            PersistencePlan::Cookie(rule) => Arc::clone(rule),
            other => panic!("{other:?}"),
        }
    }

    /// The backend that a request with these values goes to, and what is said of it.
    fn visit(&self, values: &[&str]) -> (Option<String>, Mark) {
        let groups = std::slice::from_ref(self.world.app());
        let visit = self.rule().visit(groups, values.iter().map(|value| value.as_bytes()), || self.now_s);
        match visit.recall {
            Recall::Backend(backend) => (Some(backend.name.to_string()), visit.mark),
            Recall::Anew | Recall::Unusable(_) => (None, visit.mark),
        }
    }

    fn verdict(&self, values: &[&str]) -> Verdict {
        self.visit(values).1.verdict
    }

    /// The field that the answer of a backend sets, if it sets one.
    fn set(&self, mark: Mark, backend: &str) -> Option<String> {
        let rule = self.rule();
        match rule.bind(mark, self.world.id(backend), || self.now_s) {
            Binding::Insert(_, Some(cookie)) => {
                let mut text = Vec::new();
                cookie.write(&mut text);
                Some(String::from_utf8(text).expect("text"))
            }
            Binding::Off | Binding::Insert(_, None) | Binding::Rewrite(..) => None,
        }
    }

    /// The value of the cookie that a client without one gets from a backend.
    fn given(&self, backend: &str) -> String {
        value(&self.set(Mark::default(), backend).expect("a cookie")).to_owned()
    }
}

/// The value in a field.
fn value(set: &str) -> &str {
    let pair = set.split(';').next().expect("a pair");
    pair.split_once('=').expect("a name and a value").1
}

fn max_age(set: &str) -> &str {
    set.split("; Max-Age=").nth(1).expect("an age").split(';').next().expect("a number")
}

#[test]
fn a_plain_cookie_is_the_token_and_never_replaced() {
    let bench = Bench::new(INSERT());
    let cookie = bench.given("b1");
    assert_eq!(cookie.len(), 32);
    let (backend, mark) = bench.visit(&[&cookie]);
    assert_eq!((backend.as_deref(), mark.verdict), (Some("b1"), Verdict::Kept));
    assert_eq!(bench.set(mark, "b1"), None);
}

#[test]
fn a_rule_without_times_never_reads_the_clock() {
    let bench = Bench::new(INSERT());
    let rule = bench.rule();
    let clock = || panic!("nobody asked for the time");
    let cookie = bench.given("b0");
    let groups = std::slice::from_ref(bench.world.app());
    let visit = rule.visit(groups, [cookie.as_bytes()].into_iter(), clock);
    assert!(matches!(rule.bind(visit.mark, bench.world.id("b0"), clock), Binding::Insert("SRV", None)));
    assert!(matches!(rule.bind(Mark::default(), bench.world.id("b0"), clock), Binding::Insert("SRV", Some(_))));
}

#[test]
fn a_client_that_is_away_for_longer_than_the_idle_time_is_forgotten() {
    let mut bench = Bench::new(limited(Some(600), None));
    let cookie = bench.given("b1");
    assert_eq!(cookie.len(), VALUE_LEN_MAX);
    for (after_s, verdict) in [(0, Verdict::Kept), (600, Verdict::Kept), (601, Verdict::IdleExpired)] {
        bench.now_s = 1_000_000_000 + after_s;
        assert_eq!(bench.verdict(&[&cookie]), verdict, "{after_s}");
    }
}

#[test]
fn a_client_that_keeps_coming_stays_and_gets_a_cookie_every_quarter_of_the_idle_time() {
    let mut bench = Bench::new(limited(Some(600), None));
    let mut cookie = bench.given("b1");
    let mut sets = Vec::new();
    for s in 0..3_000 {
        bench.now_s = 1_000_000_000 + s;
        let (backend, mark) = bench.visit(&[&cookie]);
        assert_eq!(backend.as_deref(), Some("b1"), "{s}");
        if let Some(set) = bench.set(mark, "b1") {
            assert_eq!(max_age(&set), "1000");
            cookie = value(&set).to_owned();
            sets.push(s);
        }
    }
    assert_eq!(sets, (1..20).map(|n| n * 150).collect::<Vec<_>>());
}

#[test]
fn a_life_ends_however_often_the_client_comes() {
    let mut bench = Bench::new(limited(Some(60), Some(500)));
    let mut cookie = bench.given("b1");
    let mut ages = Vec::new();
    for s in 0..=500 {
        bench.now_s = 1_000_000_000 + s;
        let (backend, mark) = bench.visit(&[&cookie]);
        assert_eq!(backend.as_deref(), Some("b1"), "{s}");
        if let Some(set) = bench.set(mark, "b1") {
            ages.push(max_age(&set).parse::<u32>().expect("a number") + s);
            cookie = value(&set).to_owned();
        }
    }
    assert!(ages.len() > 20 && ages.iter().all(|&end_s| end_s == 500), "clients drop it when its life ends: {ages:?}");
    bench.now_s += 1;
    assert_eq!(bench.verdict(&[&cookie]), Verdict::LifeExpired);
    assert_eq!(max_age(&bench.set(bench.visit(&[&cookie]).1, "b0").expect("a new one")), "500");
}

#[test]
fn values_from_before_times_counted_are_kept_and_get_times() {
    let mut bench = Bench::new(INSERT());
    let plain = bench.given("b2");
    bench.settings(limited(Some(600), Some(6_000)));
    let (backend, mark) = bench.visit(&[&plain]);
    assert_eq!(backend.as_deref(), Some("b2"));
    let sealed = value(&bench.set(mark, "b2").expect("one with times")).to_owned();
    assert_eq!(bench.rule().times(sealed.as_bytes()).map(|times| times.first_s), Some(bench.now_s));
    bench.settings(INSERT());
    bench.now_s += 100_000;
    let (backend, mark) = bench.visit(&[&sealed]);
    assert_eq!((backend.as_deref(), bench.set(mark, "b2")), (Some("b2"), None), "times do not count any more");
}

#[test]
fn times_of_a_clock_that_was_far_ahead_have_expired() {
    let mut bench = Bench::new(limited(Some(600), None));
    bench.now_s += AHEAD_S_MAX + 1;
    let cookie = bench.given("b1");
    bench.now_s -= AHEAD_S_MAX;
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Kept, "clocks of two machines differ a little");
    bench.now_s -= 1;
    assert_eq!(bench.verdict(&[&cookie]), Verdict::IdleExpired);
}

#[test]
fn what_poise_never_wrote_is_forged_and_what_it_no_longer_knows_is_unknown() {
    let mut bench = Bench::new(limited(Some(600), None));
    let cookie = bench.given("b1");
    assert_eq!(bench.verdict(&[]), Verdict::New);
    for at in 0..cookie.len() {
        let other = if cookie.as_bytes()[at] == b'0' { "1" } else { "0" };
        let changed = format!("{}{other}{}", &cookie[..at], &cookie[at + 1..]);
        let verdict = if at < 32 { Verdict::Unknown } else { Verdict::Forged };
        assert_eq!(bench.verdict(&[&changed]), verdict, "digit {at}");
    }
    for value in ["", "b1", "10.0.0.1:80", &cookie[..63], &cookie.to_uppercase(), &format!("{cookie}0")] {
        assert_eq!(bench.verdict(&[value]), Verdict::Forged, "{value}");
    }
    let mixed = format!("{}{}", &bench.given("b0")[..32], &cookie[32..]);
    assert_eq!(bench.verdict(&[&mixed]), Verdict::Forged, "times of another backend");
    bench.world.edit(|group| group.backends.retain(|backend, _| backend.as_str() != "b1"));
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Unknown);
}

#[test]
fn of_several_cookies_the_first_that_can_be_used_wins() {
    let mut bench = Bench::new(INSERT());
    let cookies = ["b0", "b1", "b2"].map(|backend| bench.given(backend));
    let [b0, b1, b2] = cookies.each_ref().map(String::as_str);
    let unknown = "0".repeat(32);
    assert_eq!(bench.visit(&["x", &unknown, b2, b0]).0.as_deref(), Some("b2"));
    bench.world.flip("b2", Health::Down);
    assert_eq!(bench.visit(&["x", b2, b0]).0.as_deref(), Some("b0"));
    assert_eq!(bench.verdict(&["x", b2, &unknown]), Verdict::Moved, "the gravest is told");
    let many: Vec<_> = std::iter::repeat_n("x", TRIES_MAX).chain([b1]).collect();
    assert_eq!(bench.visit(&many).0, None, "a request may try so many");
}

#[test]
fn a_drain_honours_its_clients_until_it_cuts_and_weight_0_does_not_matter() {
    let mut bench = Bench::new(INSERT());
    let cookie = bench.given("b1");
    bench.world.edit_backend("b1", |backend| backend.weight = 0);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Kept);
    bench.world.edit_backend("b1", |backend| backend.state = AdminState::Draining);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Kept);
    bench.world.plan.leave(bench.world.backend("b1"), crate::live::Leaving::Close);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Moved);
    bench.world.edit_backend("b1", |backend| backend.state = AdminState::Disabled);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Moved);
}

#[test]
fn a_client_that_may_not_move_is_refused_while_its_backend_may_come_back() {
    let mut bench = Bench::new(Persistence { redispatch: Redispatch::Refuse, ..INSERT() });
    let cookie = bench.given("b1");
    bench.world.flip("b1", Health::Down);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Refused);
    bench.world.flip("b1", Health::Up);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Kept);
    bench.world.edit(|group| group.backends.retain(|backend, _| backend.as_str() != "b1"));
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Unknown, "one that has gone does not come back");
}

#[test]
fn a_client_that_moved_gets_the_cookie_of_its_new_backend() {
    let mut bench = Bench::new(limited(Some(600), None));
    let cookie = bench.given("b1");
    bench.world.flip("b1", Health::Down);
    let (_, mark) = bench.visit(&[&cookie]);
    let set = bench.set(mark, "b2").expect("a new one");
    assert_eq!(bench.visit(&[value(&set)]).0.as_deref(), Some("b2"));
    bench.world.flip("b1", Health::Up);
    let (_, mut mark) = bench.visit(&[&cookie]);
    mark.moved();
    assert!(bench.set(mark, "b0").is_some(), "also when the backend turned out not to be reached");
}

#[test]
fn values_survive_reordering_and_a_new_process() {
    let bench = Bench::new(limited(Some(600), None));
    let cookie = bench.given("b1");
    let mut other = Bench::new(limited(Some(600), None));
    other.world.edit(|group| {
        let first = group.backends.remove(&name("b0")).expect("it was there");
        group.backends.insert(name("zz"), first);
        group.backends.get_mut(&name("b1")).expect("it is there").address = "10.9.9.9:1".parse().expect("an address");
    });
    assert_eq!(other.visit(&[&cookie]).0.as_deref(), Some("b1"));
}

#[test]
fn attributes_are_those_of_the_settings() {
    let set = |settings: Persistence, is_https| {
        let key = TokenKey::new([1; 16]);
        let rule = CookieRule::new(&settings, is_https, &key, [BackendId(1)].into_iter(), None);
        let Binding::Insert(_, Some(cookie)) = rule.bind(Mark::default(), BackendId(1), || 1) else { panic!("set") };
        let mut text = Vec::new();
        cookie.write(&mut text);
        let text = String::from_utf8(text).expect("text");
        text.split_once("; ").expect("attributes").1.to_owned()
    };
    assert_eq!(set(INSERT(), false), "Max-Age=1000; Path=/; HttpOnly");
    assert_eq!(set(INSERT(), true), "Max-Age=1000; Path=/; Secure; HttpOnly");
    let all = Persistence {
        path: "/shop".to_owned(),
        domain: Some("example.com".to_owned()),
        secure: CookieSecure::On,
        http_only: false,
        same_site: SameSite::None,
        timeout_ms: 1,
        ..INSERT()
    };
    assert_eq!(set(all.clone(), false), "Max-Age=1; Path=/shop; Domain=example.com; Secure; SameSite=None");
    let off = Persistence { secure: CookieSecure::Off, same_site: SameSite::Strict, domain: None, ..all };
    assert_eq!(set(off, true), "Max-Age=1; Path=/shop; SameSite=Strict");
}

#[test]
fn a_rewritten_cookie_binds_by_the_token_before_the_backends_value() {
    let mut bench = Bench::new(rewrite());
    let rule = bench.rule();
    assert_eq!(rule.restores(), Some("SID"));
    let Binding::Rewrite("SID", token, true) = rule.bind(Mark::default(), bench.world.id("b1"), || 1) else {
        panic!("its token goes before the value")
    };
    let cookie = format!("{token}~abc");
    assert_eq!(bench.visit(&[&cookie]).0.as_deref(), Some("b1"));
    assert_eq!(bench.verdict(&["abc"]), Verdict::New, "the backend's own");
    assert_eq!(bench.verdict(&[&token.to_string()]), Verdict::New);
    assert_eq!(bench.verdict(&[&format!("{}~abc", "0".repeat(32))]), Verdict::Unknown);
    bench.world.flip("b1", Health::Down);
    assert_eq!(bench.verdict(&[&cookie]), Verdict::Moved);
}

#[test]
fn a_backend_of_another_group_sets_nothing() {
    let bench = Bench::new(INSERT());
    assert!(matches!(bench.rule().bind(Mark::default(), BackendId(u64::MAX), || 1), Binding::Off));
}

proptest! {
    #[test]
    fn a_seal_opens_to_the_times_that_were_sealed(first_s: u32, last_s: u32, id: u64, key: [u8; 16]) {
        let (key, backend, times) = (TokenKey::new(key), BackendId(id), Times { first_s, last_s });
        let value = Value::sealed(key.token(backend), &key, backend, times);
        let Some(Form { token, seal: Some(seal) }) = Form::of(value.as_bytes()) else { panic!("its form") };
        let own = key.token(backend);
        prop_assert_eq!(token, own.as_bytes());
        prop_assert_eq!(value::open(seal, &key, backend), Some(times));
        prop_assert_eq!(value::open(seal, &key, BackendId(id.wrapping_add(1))), None);
    }

    #[test]
    fn no_bytes_are_too_odd_to_judge(bytes: Vec<u8>, marked: bool) {
        let bench = Bench::new(if marked { rewrite() } else { limited(Some(1), Some(1)) });
        let groups = std::slice::from_ref(bench.world.app());
        let visit = bench.rule().visit(groups, [&bytes[..]].into_iter(), || 1);
        prop_assert!(!visit.mark.is_kept());
    }
}

//! What is kept, what is lost and why, and what only looks like a fault.

use poise_ipc::Name;

use super::*;

fn row(backend: &str, verdict: PersistenceVerdict) -> CookieRow {
    let name = |text: &str| Name::new(text).expect("a plain name");
    CookieRow {
        listener: name("web"),
        route: None,
        kind: PersistenceKind::CookieInsert,
        verdict,
        group: Some(name("app")),
        backend: Some(name(backend)),
        first_ms: None,
        last_ms: None,
    }
}

fn kept(backend: &str) -> CookieRow {
    row(backend, PersistenceVerdict::Kept)
}

fn first(backend: &str) -> Round {
    Round { status: 302, set: Some(kept(backend)), ..Round::default() }
}

fn later(backend: &str) -> Round {
    Round { status: 200, carried: Some(kept(backend)), at_ms: 1_000, ..Round::default() }
}

fn site(kind: PersistenceKind) -> Site {
    let persistence = Persistence { kind, ..Persistence::default() };
    Site { listener: "web".to_owned(), persistence, has_routes: false }
}

#[test]
fn a_client_that_stays_is_kept_also_when_its_cookie_is_refreshed() {
    let refreshed = Round { set: Some(kept("b1")), ..later("b1") };
    let judged = judge(&[first("b1"), later("b1"), refreshed.clone(), later("b1")], None, true);
    assert_eq!(judged, Judgement { verdict: Verdict::Kept, reasons: Vec::new() });
    assert_eq!([first("b1").cookie(), later("b1").cookie(), refreshed.cookie()], ["set", "sent", "refreshed"]);
}

#[test]
fn a_client_that_moves_is_lost_and_told_why() {
    for (verdict, why) in [
        (PersistenceVerdict::IdleExpired, "persistence.idle"),
        (PersistenceVerdict::LifeExpired, "persistence.life"),
        (PersistenceVerdict::Unknown, "left the group"),
        (PersistenceVerdict::Moved, "drained hard"),
        (PersistenceVerdict::Kept, "could not be reached"),
        (PersistenceVerdict::Forged, "changed the cookie"),
    ] {
        let moved =
            Round { carried: Some(row("b1", verdict)), set: Some(kept("b2")), at_ms: 9_000, ..Round::default() };
        let judged = judge(&[first("b1"), moved, later("b2")], None, true);
        assert_eq!((judged.verdict, judged.reasons.len()), (Verdict::Lost, 1));
        assert!(judged.reasons[0].starts_with("request 2 went from app/b1 to app/b2: "), "{:?}", judged.reasons);
        assert!(judged.reasons[0].contains(why), "{:?}", judged.reasons);
    }
}

#[test]
fn a_cookie_whose_age_is_over_is_a_timeout_that_is_too_short() {
    let again = Round { dropped_s: Some(2), ..first("b1") };
    let judged = judge(&[first("b1"), again], None, true);
    assert_eq!(judged.verdict, Verdict::Lost);
    assert!(judged.reasons[0].contains("age of 2s was over"), "{:?}", judged.reasons);
}

#[test]
fn a_client_without_a_jar_proves_nothing() {
    let rounds = [first("b0"), first("b1"), first("b2"), first("b0")];
    let judged = judge(&rounds, None, false);
    assert_eq!(judged.verdict, Verdict::NotTried);
    assert!(judged.reasons[0].contains("3 backends in turn are no fault, and 4 of 4 answers"), "{:?}", judged.reasons);
}

#[test]
fn a_cookie_that_is_never_set_has_a_reason_in_the_settings() {
    let none = |status| vec![Round { status, ..Round::default() }; 3];
    for (site, status, why) in [
        (None, 200, "no http listener of this daemon"),
        (Some(site(PersistenceKind::Off)), 200, "does not persist by cookie"),
        (Some(site(PersistenceKind::CookieRewrite)), 200, "which no backend set"),
        (Some(site(PersistenceKind::CookieRewrite)), 404, "unless it says `always`"),
        (Some(site(PersistenceKind::CookieInsert)), 503, "no backend answered"),
    ] {
        for with_jar in [true, false] {
            let judged = judge(&none(status), site.as_ref(), with_jar);
            assert_eq!(judged.verdict, Verdict::NeverSet);
            assert!(judged.reasons[0].contains(why), "{:?}", judged.reasons);
        }
    }
}

#[test]
fn a_cookie_that_cannot_come_back_is_as_good_as_never_set() {
    let round = Round { stays_behind: Some("it is for paths below /shop only".to_owned()), ..first("b1") };
    let judged = judge(&[round.clone(), round], None, true);
    assert_eq!(judged.verdict, Verdict::NeverSet);
    assert!(judged.reasons[0].ends_with("it is for paths below /shop only"), "{:?}", judged.reasons);
}

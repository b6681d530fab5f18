//! What `poise route-test` prints.

use poise_ipc::cause::Cause;
use poise_ipc::routing::Condition;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a test's name")
}

fn answer(outcome: RouteOutcome) -> RouteAnswer {
    let rule = |route: &str, host: Option<&str>, fails| RuleVerdict {
        route: Some(name(route)),
        host: host.map(str::to_owned),
        fails,
    };
    RouteAnswer {
        listener: name("web"),
        path: "/cart".to_owned(),
        rules: vec![rule("admin", None, Some(Condition::Path)), rule("shop", Some("shop.example.com"), None)],
        route: Some(name("shop")),
        outcome,
    }
}

#[test]
fn the_outcome_stands_before_the_rules_that_lead_to_it() {
    let group = |text: &str, share_permille, refuses: Option<Cause>| RouteGroup {
        name: name(text),
        share_permille,
        backends: if refuses.is_none() { vec![(name("a-1"), 666), (name("a-2"), 333)] } else { Vec::new() },
        refuses,
    };
    let groups = vec![group("blue", 900, None), group("green", 100, Some(Cause::AllDown))];
    let told = report(Format::Table, &[answer(RouteOutcome::Groups { groups, pinned: Some("blue/a-2".to_owned()) })]);
    assert_eq!(
        told,
        "listener web, rule shop\n\
         \x20 its cookie leads to blue/a-2\n\
         \x20 group blue 90.0%: a-1 66.6%, a-2 33.3%\n\
         \x20 group green 10.0%: nobody takes it, all-down\n\
         \x20 path as rules read it: /cart\n\
         RULE   HOST              SAYS\n\
         admin  *                 path does not fit\n\
         shop   shop.example.com  takes it\n"
    );
}

#[test]
fn redirects_and_refusals_say_so_and_nothing_reaches_the_terminal_raw() {
    let location = "https://a/\u{1b}[2J".to_owned();
    let told = report(Format::Table, &[answer(RouteOutcome::Redirect { status: 308, location })]);
    assert!(told.contains("308 to https://a/") && !told.contains('\u{1b}'), "{told}");
    let told = report(Format::Table, &[answer(RouteOutcome::Refused { cause: Cause::NoRoute })]);
    assert!(told.contains("refused with 404: no-route"), "{told}");
    let told = report(Format::Json, &[answer(RouteOutcome::Refused { cause: Cause::NoRoute })]);
    assert!(told.contains("\"fails\": \"path\"") || told.contains("\"fails\":\"path\""), "{told}");
}

#[test]
fn fields_are_written_as_in_requests() {
    assert_eq!(field("X-A:  b: c "), Ok(("X-A".to_owned(), "b: c".to_owned())));
    assert!(field("X-A").is_err());
}

//! Two operators with a console each on one daemon: what one does the other sees, and nothing staged is lost.

use crate::daemon::Place;
use crate::live::{answer, commit};
use crate::pty::{Console, Setup};

/// Two consoles that see the daemon, each with a folder of its own for its draft.
fn both(place: &Place) -> [Console; 2] {
    ["ann", "bob"].map(|who| {
        let console =
            Setup { size: (100, 30), ..Setup::new(&place.socket(), &place.console_state().join(who)) }.start();
        console.sees("app-3");
        console.sees("live");
        console
    })
}

#[test]
fn a_stale_edit_is_refused_with_the_newer_state_then_put_onto_it_and_committed() {
    let place = Place::new();
    let _daemon = place.start();
    let [mut ann, mut bob] = both(&place);
    // Both stage on app-1; Ann stages on app-2 besides.
    ann.types("}j}");
    ann.sees("2 staged");
    bob.types("{");
    bob.sees("100>90*");
    bob.types("c");
    bob.sees("r reason");
    answer(&mut bob, "r", |screen| screen.contains("why: "));
    bob.types("INC-42\r");
    bob.sees("because: INC-42");
    answer(&mut bob, "y", |screen| screen.contains("rev 2 |"));
    // Ann is told at once, sees both values, and who and why.
    ann.sees("rev 2 |");
    ann.types("c");
    ann.sees("another commit changed what you staged");
    for text in ["BASE", "THEIRS", "MINE", "theirs wins", "rev 2: INC-42"] {
        ann.sees(text);
    }
    assert_eq!(place.weight("app-1"), "90", "nothing of hers is applied");
    answer(&mut ann, " ", |screen| screen.contains("mine wins"));
    answer(&mut ann, "r", |screen| screen.contains("y commit"));
    ann.sees("90>110");
    ann.sees("100>110");
    answer(&mut ann, "y", |screen| screen.contains("rev 3 |"));
    assert_eq!((place.weight("app-1"), place.weight("app-2")), ("110".to_owned(), "110".to_owned()));
    bob.sees("rev 3 |");
}

#[test]
fn a_commit_that_crosses_another_is_refused_and_kept() {
    let place = Place::new();
    let _daemon = place.start();
    let [mut ann, mut bob] = both(&place);
    ann.types("}");
    ann.sees("100>110*");
    ann.types("c");
    ann.sees("y commit");
    // While her dialog is open he is faster, with the same value in mind for another backend.
    bob.types("j}");
    bob.sees("100>110*");
    commit(&mut bob, 2);
    ann.sees("rev 2 |");
    // What she saw was another revision: the next answer shows it anew, the one after that commits.
    answer(&mut ann, "y", |screen| screen.contains("base rev 2"));
    assert_eq!(place.weight("app-1"), "100");
    answer(&mut ann, "y", |screen| screen.contains("rev 3 |"));
    assert_eq!((place.weight("app-1"), place.weight("app-2")), ("110".to_owned(), "110".to_owned()));
}

#[test]
fn a_window_that_one_opens_is_seen_and_ended_by_the_other() {
    let place = Place::new();
    let _daemon = place.start();
    let [mut ann, mut bob] = both(&place);
    for (key, end, left) in [("K", "is confirmed by", "110"), ("b", "took it back", "110")] {
        ann.types("}");
        ann.sees("1 staged");
        ann.types("c");
        ann.sees("y commit");
        // The time to confirm in is the last choice: it is asked for once.
        if !ann.screen().contains("within 300 s") {
            answer(&mut ann, "w", |screen| screen.contains("within 300 s"));
        }
        answer(&mut ann, "y", |screen| screen.contains("CONFIRM rev"));
        bob.sees("CONFIRM rev");
        bob.sees("else back to");
        bob.types(key);
        bob.sees("y yes");
        answer(&mut bob, "y", |screen| !screen.contains("CONFIRM rev"));
        ann.sees_no("CONFIRM rev");
        ann.sees(end);
        assert_eq!(place.weight("app-1"), left, "{key}");
    }
}

#[test]
fn a_lease_shows_in_both_with_what_is_configured_and_either_ends_it() {
    let place = Place::new();
    let _daemon = place.start();
    let [mut ann, mut bob] = both(&place);
    ann.types("L");
    ann.sees("hold app/app-1: 30m");
    ann.types("weight 20 INC-7\r");
    ann.sees("y begin");
    answer(&mut ann, "y", |screen| screen.contains("20~100"));
    bob.sees("20~100");
    assert_eq!(place.weight("app-1"), "100", "what is configured stays");
    bob.types("l");
    bob.sees("INC-7");
    bob.types("x");
    bob.sees("y yes");
    answer(&mut bob, "y", |screen| !screen.contains("20~100") && !screen.contains("y yes"));
    ann.sees_no("20~100");
}

#[test]
fn the_history_shows_what_the_other_did_and_brings_it_back() {
    let place = Place::new();
    let _daemon = place.start();
    let [mut ann, mut bob] = both(&place);
    ann.types("6");
    ann.sees("configuration file");
    bob.types("}j}");
    bob.sees("2 staged");
    commit(&mut bob, 2);
    ann.sees("groups.app.backends.app-1.weight");
    ann.types("\r");
    ann.sees("what rev 2 changed");
    // One of two values goes back alone, then the rest with the revision.
    ann.types("z");
    ann.sees("take back groups.app.backends.app-1.weight of 2");
    answer(&mut ann, "y", |screen| screen.contains("rev 3 |"));
    assert_eq!((place.weight("app-1"), place.weight("app-2")), ("100".to_owned(), "110".to_owned()));
    ann.types("G");
    ann.types("z");
    ann.sees("rollback to 1");
    answer(&mut ann, "y", |screen| screen.contains("rev 4 |"));
    assert_eq!((place.weight("app-1"), place.weight("app-2")), ("100".to_owned(), "100".to_owned()));
    bob.sees("rev 4 |");
}

//! Rows of failures: what ends them, and that nothing hides them.

use poise_ipc::status::PassiveCause::{ConnectErrors, ServerErrors, Timeouts};

use super::*;

#[test]
fn a_success_ends_the_row_of_its_kind_alone_and_does_not_hide_it() {
    let streaks = Streaks::default();
    for _ in 0..3 {
        streaks.failed(ConnectErrors);
        streaks.answered(true);
    }
    streaks.answered(false);
    streaks.answered(true);
    assert_eq!([ConnectErrors, ServerErrors, Timeouts].map(|cause| streaks.take(cause)), [3, 3, 0]);
    streaks.failed(ConnectErrors);
    streaks.answered(true);
    assert_eq!([ConnectErrors, ServerErrors].map(|cause| streaks.take(cause)), [4, 2]);
    assert_eq!(streaks.take(ServerErrors), 0, "nothing since");
}

#[test]
fn any_response_in_time_ends_a_row_of_timeouts() {
    let streaks = Streaks::default();
    streaks.failed(Timeouts);
    streaks.answered(true);
    streaks.failed(Timeouts);
    assert_eq!(streaks.take(Timeouts), 1);
}

#[test]
fn a_reset_forgets_what_goes_on() {
    let streaks = Streaks::default();
    streaks.failed(Timeouts);
    streaks.reset();
    streaks.failed(Timeouts);
    assert_eq!(streaks.take(Timeouts), 1);
}

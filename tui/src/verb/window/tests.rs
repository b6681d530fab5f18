//! A window says what is left of it and what comes back.

use poise_ipc::message::{Author, WindowStatus};

use super::super::fixture::AT_MS;
use super::text;

#[test]
fn a_window_says_what_is_left_what_comes_back_and_what_to_do() {
    let window = WindowStatus {
        revision: 14,
        back_to: 12,
        revisions: vec![13, 14],
        opened_ms: AT_MS,
        deadline_ms: AT_MS + 90_000,
        author: Author::new(1, "o\x1bps", 2),
        reason: Some("INC-42".to_owned()),
        trips: vec!["5xx>1%".parse().unwrap(), "app:up<2".parse().unwrap()],
        trouble: None,
    };
    assert_eq!(
        text(&window, AT_MS + 30_000),
        "\
revision 14 by o^[ps waits to be confirmed: 1m left, then 12 is back
  revisions: 13, 14
  taken back sooner if: 5xx>1%, app:up<2
  reason: INC-42
  poise confirm 14 keeps it, poise window back takes it back
"
    );
}

//! What is said of an upgrade.

use super::*;

#[test]
fn an_upgrade_is_told_with_both_processes_and_its_time() {
    let upgraded =
        Upgraded { pid: 12, version: "1.1.0".to_owned(), predecessor: 7, from: "1.0.0".to_owned(), until_ms: 0 };
    let told = |ended| upgrade_text(&UpgradeDocument { upgraded: &upgraded, took_ms: 40, ended });
    assert!(told(false).starts_with("process 12 (poised 1.1.0, before 1.0.0) serves after "), "{}", told(false));
    assert!(told(false).contains("process 7 drains until "));
    assert!(told(true).ends_with("process 7 has ended\n"));
}

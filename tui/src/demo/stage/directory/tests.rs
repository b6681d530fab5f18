//! Temporary directories are private, distinct, and gone afterwards.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Directory;

#[test]
fn only_this_user_may_enter_and_nothing_stays() {
    let root = tempfile::tempdir_in("/tmp").expect("/tmp is writable");
    let one = Directory::create_in(root.path()).expect("there is room");
    let two = Directory::create_in(root.path()).expect("there is room");
    assert_ne!(one.path(), two.path());
    let mode = one.path().metadata().expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    std::fs::write(one.path().join("file"), "x").expect("it is writable");
    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists());
    assert!(two.path().exists());
}

#[test]
fn a_root_too_deep_for_a_socket_is_passed_over() {
    assert!(Directory::create_in(Path::new(&format!("/tmp/{}", "d".repeat(90)))).is_err());
}

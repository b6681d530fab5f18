//! Sockets on a real file system: modes, stale files, living daemons, links, lengths.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("poise/poised.sock");
    (folder, path)
}

fn bind(path: &Path) -> Result<Listener, ListenError> {
    Listener::bind(path, Access::default())
}

#[test]
fn a_bound_socket_has_its_mode_and_its_directory_is_made() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (_keep, path) = folder();
    let listener = bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o660);
    let expected = if rustix::process::geteuid().is_root() { 0o755 } else { 0o700 };
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, expected);
    assert_eq!(listener.path(), path);
    drop(listener);
    assert!(!path.exists(), "the file goes with the listener");
}

#[test]
fn bytes_and_credentials_pass() {
    runtime().block_on(async {
        let (_keep, path) = folder();
        let listener = bind(&path).unwrap();
        let mut client = Stream::connect(&path).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
        let peer = server.peer().unwrap();
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
        assert!(!server.is_gone());
        drop(client);
        assert!(server.is_gone());
    });
}

#[test]
fn a_living_socket_is_never_taken() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (_keep, path) = folder();
    let living = bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(ListenError::Running { .. })));
    assert!(path.exists());
    drop(living);
    bind(&path).unwrap();
}

#[test]
fn a_socket_that_answers_without_our_lock_is_not_taken_either() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (keep, _) = folder();
    let path = keep.path().join("other.sock");
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(ListenError::Running { .. })));
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (keep, _) = folder();
    let path = keep.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the dead daemon has left its file");
    bind(&path).unwrap();
}

#[test]
fn links_and_files_are_neither_followed_nor_removed() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (keep, _) = folder();
    let (target, link) = (keep.path().join("target.sock"), keep.path().join("link.sock"));
    drop(std::os::unix::net::UnixListener::bind(&target).unwrap());
    symlink(&target, &link).unwrap();
    assert!(matches!(bind(&link), Err(ListenError::Occupied { .. })));
    assert!(target.exists() && fs::symlink_metadata(&link).is_ok());

    let file = keep.path().join("file");
    fs::write(&file, "kept").unwrap();
    assert!(matches!(bind(&file), Err(ListenError::Occupied { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");

    let locked = keep.path().join("locked.sock");
    symlink(&file, keep.path().join("locked.sock.lock")).unwrap();
    assert!(matches!(bind(&locked), Err(ListenError::Lock { .. })));
}

#[test]
fn a_directory_that_anybody_may_change_is_refused() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (keep, _) = folder();
    fs::set_permissions(keep.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(bind(&keep.path().join("p.sock")), Err(ListenError::SharedDirectory { .. })));
}

#[test]
fn a_path_that_the_kernel_does_not_take_is_named_with_its_length() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let path = PathBuf::from(format!("/tmp/{}", "x".repeat(SOCKET_PATH_LEN_MAX)));
    let error = bind(&path).unwrap_err().to_string();
    assert!(error.contains("at most 107 bytes, this one has 112"), "{error}");
    let error = runtime.block_on(Stream::connect(&path)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_successor_in_the_same_place_keeps_its_file() {
    let runtime = runtime();
    let _guard = runtime.enter();
    let (keep, _) = folder();
    let path = keep.path().join("p.sock");
    let first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _successor = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
}

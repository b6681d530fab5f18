//! Where the control socket lies when nobody says.
//!
//! Never in a shared temporary folder: the directory belongs to root or to the user. It creates
//! nothing. Called by both programs for their defaults.

use std::env;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Bytes of a socket's path: `sun_path` less its terminator (unix(7)).
pub const SOCKET_PATH_LEN_MAX: usize = 107;

const SYSTEM_SOCKET: &str = "/run/poise/poised.sock";

/// The path of a socket is longer than the kernel takes.
#[derive(Debug, thiserror::Error)]
#[error("the path of a socket has at most {SOCKET_PATH_LEN_MAX} bytes, this one has {len}: {}", path.display())]
pub struct PathTooLong {
    /// The path.
    path: PathBuf,
    /// Its bytes.
    len: usize,
}

/// Where a daemon of this user listens: `POISE_SOCKET`, for root `/run/poise/poised.sock`, for
/// others `poise/poised.sock` in the runtime directory or, without one, in the state directory.
pub fn default_socket() -> PathBuf {
    match env::var_os("POISE_SOCKET") {
        Some(path) if !path.is_empty() => path.into(),
        _ if geteuid().is_root() => SYSTEM_SOCKET.into(),
        _ => user_socket(),
    }
}

/// Where a client of this user looks: `POISE_SOCKET`, the user's own daemon if its socket exists,
/// else the system's, through the view-only socket for those who cannot open the main one.
pub fn client_socket() -> PathBuf {
    let own = default_socket();
    if env::var_os("POISE_SOCKET").is_some_and(|path| !path.is_empty()) || own.exists() {
        return own;
    }
    let system = PathBuf::from(SYSTEM_SOCKET);
    let view = view_socket(&system);
    match (may_connect(&system), may_connect(&view)) {
        (true, _) => system,
        (false, true) => view,
        (false, false) if system.exists() => system,
        (false, false) => own,
    }
}

/// The view-only socket beside a main one.
pub fn view_socket(main: &Path) -> PathBuf {
    main.with_file_name("view.sock")
}

/// Whether this process may write to the socket, which is what connecting needs.
fn may_connect(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

fn user_socket() -> PathBuf {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = || folder("HOME").map_or_else(|| "/".into(), |home| home.join(".local/state"));
    let base = folder("XDG_RUNTIME_DIR").or_else(|| folder("XDG_STATE_HOME")).unwrap_or_else(state);
    base.join("poise/poised.sock")
}

/// Whether the kernel takes a path of this length.
pub(super) fn check_length(path: &Path) -> Result<(), PathTooLong> {
    let len = path.as_os_str().as_bytes().len();
    if len > SOCKET_PATH_LEN_MAX {
        return Err(PathTooLong { path: path.to_owned(), len });
    }
    Ok(())
}

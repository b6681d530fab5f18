//! Drafts on disk: one file per daemon, whole or not there, durable before anything else is said
//! about it.
//!
//! Writing happens on a thread of its own, so that a slow disk delays no key; only the newest
//! draft of a daemon counts. The file is JSON that an operator can read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc as to_loop;

use super::msg::Msg;
use super::state::draft::SavedDraft;

/// A draft file larger than this is not one.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Reports of failed writes that may wait for the loop; the newest one says it all.
pub const REPORTS_MAX: usize = 4;

/// Where drafts and reports are kept: `$XDG_STATE_HOME/poise`, else `~/.local/state/poise`.
pub fn state_folder(env: impl Fn(&str) -> Option<String>) -> PathBuf {
    let set = |name: &str| env(name).filter(|value| Path::new(value).is_absolute());
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let home = || set("HOME").map(|home| Path::new(&home).join(".local/state"));
    state.or_else(home).unwrap_or_else(|| PathBuf::from("/var/lib")).join("poise")
}

/// The file of a daemon's draft.
fn draft_path(folder: &Path, daemon_id: &str) -> PathBuf {
    let safe: String = daemon_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    folder.join(format!("draft-{safe}.json"))
}

/// Reads the draft of a daemon; `None` when there is none or it cannot be understood.
pub fn load(folder: &Path, daemon_id: &str) -> Option<SavedDraft> {
    let path = draft_path(folder, daemon_id);
    let small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= FILE_BYTES_MAX);
    let text = small.then(|| fs::read_to_string(&path).ok()).flatten()?;
    serde_json::from_str(&text).ok().filter(|draft: &SavedDraft| draft.version == 1)
}

/// Writes the draft of a daemon durably; an empty one removes the file.
///
/// # Errors
/// Those of the file system.
pub fn store(folder: &Path, daemon_id: &str, draft: &SavedDraft) -> io::Result<()> {
    let path = draft_path(folder, daemon_id);
    if draft.staged.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    fs::create_dir_all(folder)?;
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(draft)?)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(folder)?.sync_all()
}

/// The thread that writes.
#[derive(Debug)]
pub struct Disk {
    drafts: Option<Sender<(String, SavedDraft)>>,
    thread: Option<JoinHandle<()>>,
}

impl Disk {
    /// Starts the thread; failed writes are told on `reports`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(folder: PathBuf, reports: to_loop::Sender<Msg>) -> io::Result<Self> {
        // Unbounded, but fed by keys of one operator and drained to the newest before each write.
        let (drafts, asked) = channel();
        let work = move || write_all(&folder, &asked, &reports);
        let thread = thread::Builder::new().name("drafts".to_owned()).spawn(work)?;
        Ok(Self { drafts: Some(drafts), thread: Some(thread) })
    }

    /// Keeps a draft, soon.
    pub fn save(&self, daemon_id: String, draft: SavedDraft) {
        if let Some(drafts) = &self.drafts {
            // The thread ends only with the console.
            let _ = drafts.send((daemon_id, draft));
        }
    }
}

impl Drop for Disk {
    /// Waits until the newest draft is on disk.
    fn drop(&mut self) {
        drop(self.drafts.take());
        if let Some(thread) = self.thread.take() {
            // It panics never; if it did, the panic has ended the process.
            let _ = thread.join();
        }
    }
}

fn write_all(folder: &Path, asked: &Receiver<(String, SavedDraft)>, reports: &to_loop::Sender<Msg>) {
    while let Ok(mut newest) = asked.recv() {
        while let Ok(newer) = asked.try_recv() {
            if newer.0 != newest.0 {
                tell(store(folder, &newest.0, &newest.1), reports);
            }
            newest = newer;
        }
        tell(store(folder, &newest.0, &newest.1), reports);
    }
}

fn tell(done: io::Result<()>, reports: &to_loop::Sender<Msg>) {
    if let Err(error) = done {
        // Full: an earlier failure is still to be shown.
        let _ = reports.try_send(Msg::DraftFailed(error.to_string()));
    }
}

#[cfg(test)]
mod tests;

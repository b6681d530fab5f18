//! Standard output: whole pieces, flushed, and quiet when the reader has gone.
//!
//! `| head -1` is no failure, so a reader that goes away ends the run with 0 and without a word,
//! also while a stream is silent. What is printed is made elsewhere.

use std::io::{self, ErrorKind, Write as _};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use rustix::stdio;
use tokio::sync::oneshot;

use super::failure::Failure;
use crate::exit::Exit;

/// Prints a piece of output at once.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::quiet(Exit::Ok),
        _ => Failure::new(Exit::Failed, format!("write to standard output: {error}")),
    })
}

/// Comes back when the reader of a pipe, or the terminal, on standard output is gone.
///
/// A thread waits for it without waking up in between; it ends with the program.
pub(super) async fn reader_gone() {
    let (tell, told) = oneshot::channel();
    let wait = move || {
        // No events asked for: errors and hang-ups are reported all the same.
        let out = stdio::stdout();
        if retry_on_intr(|| poll(&mut [PollFd::new(&out, PollFlags::empty())], None)).is_ok() {
            // The verb may have ended meanwhile.
            let _ = tell.send(());
        }
    };
    let waits = thread::Builder::new().name("reader-gone".to_owned()).spawn(wait).is_ok();
    if !waits || told.await.is_err() {
        std::future::pending::<()>().await;
    }
}

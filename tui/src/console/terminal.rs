//! The terminal: taken over at the start, given back whole whatever happens.
//!
//! Opens `/dev/tty` for itself, so that its non-blocking mode never leaks into the shell. Raw mode,
//! alternate screen, hidden cursor and bracketed paste are undone by one guard, from the end of
//! the loop, from a panic in any thread and from a lost terminal. It paints nothing of its own.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

/// Alternate screen, hidden cursor, bracketed paste.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h";
/// The reverse; scroll region and look first, since they would outlive the alternate screen.
const LEAVE: &[u8] = b"\x1b[r\x1b[m\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Bytes of frames that may wait for a slow terminal; above, painting waits too.
pub const PENDING_BYTES_MAX: usize = 64 << 10;
/// Time that a stuck terminal is given to take the bytes that restore it.
const LEAVE_WAIT_MS: i64 = 100;
/// Time that the loop is given to end by itself once the terminal is gone.
const HANGUP_GRACE: Duration = Duration::from_millis(30);
/// Exit code of a program whose terminal was lost, as for SIGHUP.
const HANGUP_EXIT: i32 = 129;

/// What restores the terminal, from any thread.
#[derive(Debug)]
struct Guard {
    tty: OwnedFd,
    before: Termios,
    active: AtomicBool,
}

impl Guard {
    fn enter(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        self.active.store(true, Ordering::SeqCst);
        tcsetattr(&self.tty, OptionalActions::Now, &raw)?;
        self.write_all(ENTER)
    }

    /// Gives the terminal back; does nothing when it is not taken.
    fn restore(&self) {
        if self.active.swap(false, Ordering::SeqCst) {
            // A terminal that is gone takes neither; there is nobody to tell.
            let _ = self.write_all(LEAVE);
            let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        }
    }

    /// Writes all of it, waiting for a slow terminal only so long.
    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.tty, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.wait_writable()?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait_writable(&self) -> io::Result<()> {
        let limit = Timespec { tv_sec: 0, tv_nsec: LEAVE_WAIT_MS * 1_000_000 };
        let mut ready = [PollFd::new(&self.tty, PollFlags::OUT)];
        match poll(&mut ready, Some(&limit)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.restore();
    }
}

/// The terminal while the console owns it.
#[derive(Debug)]
pub struct Terminal {
    guard: Arc<Guard>,
    /// Bytes that the terminal has not taken yet.
    pending: Vec<u8>,
}

impl Terminal {
    /// Takes the terminal over. A panic anywhere gives it back, writes a report into `reports` and
    /// ends the process with code 1; losing the terminal sends on `hangup` and, unless the process
    /// ends within 30 ms, ends it with code 129.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn take(reports: PathBuf, hangup: mpsc::Sender<()>) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let tty = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let before = tcgetattr(&tty)?;
        let guard = Arc::new(Guard { tty, before, active: AtomicBool::new(false) });
        hook_panics(Arc::clone(&guard), reports);
        watch_hangup(Arc::clone(&guard), hangup)?;
        guard.enter()?;
        Ok(Self { guard, pending: Vec::new() })
    }

    /// Columns and lines; 80x24 when the terminal does not know.
    pub fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.guard.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Writes a frame with one call; what the terminal does not take at once waits.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(frame);
            return Ok(());
        }
        let taken = self.try_write(frame)?;
        self.pending.extend_from_slice(&frame[taken..]);
        Ok(())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::write(&self.guard.tty, bytes) {
            Ok(count) => Ok(count),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it is ours: not between a stop and the continuation, when the shell writes on it.
    pub fn is_taken(&self) -> bool {
        self.guard.active.load(Ordering::SeqCst)
    }

    /// Bytes that the terminal has not taken yet.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Waits until the terminal takes more of what is pending.
    ///
    /// # Errors
    /// When the terminal is gone.
    ///
    /// # Cancel safety
    /// Cancel safe: what was taken is no longer pending.
    pub async fn drain(&mut self) -> io::Result<()> {
        // Registered only while something waits, so that a terminal that keeps up wakes nobody.
        #[expect(deprecated, reason = "its successor is unsafe; the guard keeps this descriptor open and unchanged")]
        let ready = AsyncFd::with_interest(self.guard.tty.as_fd(), Interest::WRITABLE)?;
        ready.writable().await?.clear_ready();
        drop(ready);
        let taken = self.try_write(&self.pending)?;
        self.pending.drain(..taken);
        Ok(())
    }

    /// Gives the terminal back and stops the whole job, as the shell's Ctrl-Z does; that works under
    /// `sudo` too. [`Terminal::resume`] is due at SIGCONT.
    pub fn suspend(&mut self) {
        self.guard.restore();
        self.pending.clear();
        // It fails only without a process group, which every process has.
        let _ = kill_current_process_group(Signal::STOP);
    }

    /// Takes the terminal over again after a stop.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        self.pending.clear();
        self.guard.enter()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.guard.restore();
    }
}

/// After a panic in any thread the terminal is whole before anything is printed, and the process ends:
/// a console that lost a part of itself must not go on painting.
fn hook_panics(guard: Arc<Guard>, reports: PathBuf) {
    std::panic::set_hook(Box::new(move |info| {
        guard.restore();
        let report = reports.join("panic.txt");
        let trace = std::backtrace::Backtrace::force_capture();
        let text = format!("poise {}\n{info}\n{trace}\n", env!("CARGO_PKG_VERSION"));
        let kept = std::fs::create_dir_all(&reports).and_then(|()| std::fs::write(&report, text)).is_ok();
        let place = if kept { format!("; report in {}", report.display()) } else { String::new() };
        let cause = crate::safe::owned(info.to_string().replace('\n', ": "));
        let _ = writeln!(io::stderr(), "poise: {cause}{place}");
        std::process::exit(1);
    }));
}

/// Ends the process when its terminal is gone. The thread sleeps in `poll` without a timeout until
/// then and ends with the process; nothing it does needs to be waited for.
fn watch_hangup(guard: Arc<Guard>, hangup: mpsc::Sender<()>) -> io::Result<()> {
    let watch = move || {
        loop {
            let mut lost = [PollFd::new(&guard.tty, PollFlags::empty())];
            match poll(&mut lost, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if lost[0].revents().is_empty() => {}
                _ => break,
            }
        }
        // Full means that the loop knows already.
        let _ = hangup.try_send(());
        thread::sleep(HANGUP_GRACE);
        guard.restore();
        std::process::exit(HANGUP_EXIT);
    };
    thread::Builder::new().name("hangup".to_owned()).spawn(watch).map(drop)
}

/// Whether standard input and output are a terminal at all.
pub fn is_present() -> bool {
    use std::io::IsTerminal as _;
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

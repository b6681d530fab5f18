//! A terminal for tests: runs `poise` in a pty and keeps what its screen shows and every byte that
//! came.
//!
//! Waits for what the screen shows, never for time to pass; every wait has a deadline.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, SlavePty, native_pty_system};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// No wait of a test is longer.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What the terminal has received.
struct Received {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

type Shared = Arc<(Mutex<Received>, Condvar)>;

/// A running `poise` and its terminal.
pub struct Console {
    received: Shared,
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    master: Box<dyn MasterPty + Send>,
    // Kept open: the last slave to close would take the terminal's settings with it.
    _slave: Box<dyn SlavePty + Send>,
    settings: String,
}

/// How to start it.
pub struct Setup<'a> {
    pub size: (u16, u16),
    pub socket: &'a Path,
    pub state: &'a Path,
    pub args: &'a [&'a str],
    pub env: &'a [(&'a str, &'a str)],
}

impl<'a> Setup<'a> {
    pub fn new(socket: &'a Path, state: &'a Path) -> Self {
        Self { size: (80, 24), socket, state, args: &[], env: &[] }
    }

    /// Starts it.
    pub fn start(&self) -> Console {
        let (cols, rows) = self.size;
        let (pty, child, settings) = self.spawn();
        let size = |n: u16| NonZeroU16::new(n).expect("a size");
        let parser = vt100::Parser::new(size(rows), size(cols), 0);
        let received: Shared = Arc::new((Mutex::new(Received { parser, bytes: Vec::new() }), Condvar::new()));
        let reader = pty.master.try_clone_reader().expect("a reader");
        let shared = Arc::clone(&received);
        std::thread::spawn(move || read_all(reader, &shared));
        let writer = pty.master.take_writer().expect("a writer");
        Console { received, child, writer, master: pty.master, _slave: pty.slave, settings }
    }

    /// Starts it, takes its terminal away once it has painted, and waits for its end; gives the exit
    /// code and how long the end took.
    pub fn start_and_pull_out(&self) -> (u32, Duration) {
        let (pty, mut child, _) = self.spawn();
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let mut painted = Vec::new();
        while !painted.windows(7).any(|text| text == b"Balance") {
            let mut chunk = [0; 4096];
            let count = reader.read(&mut chunk).expect("it paints");
            painted.extend_from_slice(&chunk[..count]);
        }
        let began = Instant::now();
        drop((reader, pty));
        (child.wait().expect("it is ours").exit_code(), began.elapsed())
    }

    fn spawn(&self) -> (PtyPair, Box<dyn Child + Send + Sync>, String) {
        let (cols, rows) = self.size;
        let pty = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("a pty");
        let settings = settings(&*pty.master);
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_poise"));
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("XDG_STATE_HOME", self.state);
        for (name, value) in self.env {
            command.env(name, value);
        }
        command.arg("--socket");
        command.arg(self.socket);
        command.args(self.args);
        let child = pty.slave.spawn_command(command).expect("poise starts");
        (pty, child, settings)
    }
}

fn read_all(mut reader: Box<dyn std::io::Read + Send>, shared: &Shared) {
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut chunk) {
        let mut received = shared.0.lock().expect("no test panics inside");
        received.parser.process(&chunk[..count]);
        received.bytes.extend_from_slice(&chunk[..count]);
        shared.1.notify_all();
    }
}

fn settings(master: &(dyn MasterPty + Send)) -> String {
    format!("{:?}", master.get_termios())
}

impl Console {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.0.lock().expect("no test panics inside")
    }

    /// Waits until the terminal is as wanted.
    pub fn wait(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut received = self.received();
        while !wanted(received.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} is not seen:\n{}", received.parser.screen().contents());
            received = self.received.1.wait_timeout(received, left).expect("no test panics inside").0;
        }
    }

    /// Waits until the screen holds a text.
    pub fn sees(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the screen no longer holds a text.
    pub fn sees_no(&self, text: &str) {
        self.wait(&format!("the end of {text}"), |screen| !screen.contents().contains(text));
    }

    /// Whether what the screen holds comes to be as wanted within a time.
    pub fn shows_within(&self, time: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + time;
        let mut received = self.received();
        while !wanted(&received.parser.screen().contents()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            received = self.received.1.wait_timeout(received, left).expect("no test panics inside").0;
        }
        true
    }

    /// Waits for something outside the terminal.
    pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what} does not come");
            std::thread::yield_now();
        }
    }

    /// Waits until the console has painted, and is ready for keys.
    pub fn is_up(&self) {
        self.wait("the console", |screen| screen.alternate_screen() && screen.contents().contains("Balance"));
    }

    /// Types.
    pub fn types(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// What the screen shows.
    pub fn screen(&self) -> String {
        self.received().parser.screen().contents()
    }

    /// Every byte so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.received().bytes.clone()
    }

    pub fn resize(&mut self, (cols, rows): (u16, u16)) {
        let size = |n: u16| NonZeroU16::new(n).expect("a size");
        self.received().parser.screen_mut().set_size(size(rows), size(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).expect("resized");
    }

    fn pid(&self) -> Pid {
        let pid = self.child.process_id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.expect("a process that was started has a number")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it lives");
    }

    /// Waits until the process has stopped as for Ctrl-Z.
    pub fn is_stopped(&self) {
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).expect("a child").expect("waited for");
        assert!(status.stopped(), "it ended instead");
    }

    /// Waits for the end; gives the exit code.
    pub fn ends(&mut self) -> u32 {
        self.child.wait().expect("it is ours").exit_code()
    }

    /// Fails unless the terminal is as it was before.
    pub fn is_whole(&self) {
        self.wait("the end of the alternate screen", |screen| !screen.alternate_screen());
        self.wait("the cursor", |screen| !screen.hide_cursor());
        self.wait("the end of bracketed paste", |screen| !screen.bracketed_paste());
        assert_eq!(settings(&*self.master), self.settings);
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It has ended already in nearly every test.
        let _ = self.child.kill();
    }
}

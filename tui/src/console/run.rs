//! The loop: joins state, screen, keyboard, daemon and disk on one thread.
//!
//! Sleeps until a signal, a key, a message or the one timer that is due. Keys are painted at once,
//! data once a second, nothing when nothing changed. It decides nothing: `update` does.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::builder::FalseyValueParser;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustix::process::Signal;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::mpsc;

use super::caps::{Caps, ColorChoice};
use super::disk::{self, Disk};
use super::emit::Emitter;
use super::input::{Heard, Input};
use super::key::Key;
use super::link::Link;
use super::msg::{Effect, Msg};
use super::state::{Paint, State};
use super::terminal::{PENDING_BYTES_MAX, Terminal, is_present};
use super::update::update;
use super::view::view;

/// Time between two frames of data.
const DATA_FRAME_MS: u64 = 1_000;
/// Data that comes this much early is painted now rather than by a timer of its own.
const DATA_EARLY_MS: u64 = 150;
/// Time between two frames that no key asked for.
const NEWS_FRAME_MS: u64 = 33;
/// Time for a burst of size changes to end.
const RESIZE_REST_MS: u64 = 50;

/// The options of the console.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Colours of the console: auto, never, 16, 256 or true
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: ColorChoice,
    /// Draw the console with ASCII alone
    #[arg(long)]
    pub ascii: bool,
    /// Let the console change nothing
    #[arg(long, env = "POISE_READ_ONLY", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub read_only: bool,
}

/// How the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus(u8);

impl ExitStatus {
    /// The operator quit.
    pub const QUIT: Self = Self(0);

    /// A signal ended it.
    fn signal(signal: Signal) -> Self {
        Self(u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX))
    }

    /// The exit code: 0, or 128 and the number of the signal.
    pub fn code(self) -> u8 {
        self.0
    }
}

/// Why the console could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    /// Standard input or output is no terminal.
    #[error("the console needs a terminal; script verbs work without one")]
    NoTerminal,
    /// The terminal cannot be used.
    #[error("use the terminal")]
    Terminal(#[source] io::Error),
    /// The runtime, its signals or its threads cannot be started.
    #[error("start the console")]
    Start(#[source] io::Error),
}

/// Runs the console until the operator or a signal ends it.
///
/// # Errors
/// [`ConsoleError`].
pub fn run(socket: &Path, args: &Args) -> Result<ExitStatus, ConsoleError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ConsoleError::Start)?;
    runtime.block_on(show(socket, args))
}

/// The same within a runtime of one thread.
///
/// # Errors
/// [`ConsoleError`].
///
/// # Cancel safety
/// Cancel safe: a dropped console gives the terminal back and keeps its draft.
pub async fn show(socket: &Path, args: &Args) -> Result<ExitStatus, ConsoleError> {
    if !is_present() {
        return Err(ConsoleError::NoTerminal);
    }
    App::start(socket, args)?.run().await
}

/// Signals that end, stop or continue the console.
struct SignalSet {
    ends: Vec<(Signal, Signals)>,
    stop: Signals,
    go_on: Signals,
}

/// What a signal asks for.
enum Called {
    End(ExitStatus),
    Stop,
    Continue,
}

impl SignalSet {
    fn new() -> io::Result<Self> {
        let listen = |kind: Signal| signal(SignalKind::from_raw(kind.as_raw()));
        let ends = [Signal::HUP, Signal::TERM, Signal::INT, Signal::QUIT];
        let ends = ends.into_iter().map(|kind| Ok((kind, listen(kind)?))).collect::<io::Result<_>>()?;
        Ok(Self { ends, stop: listen(Signal::TSTP)?, go_on: listen(Signal::CONT)? })
    }

    /// The next signal. Cancel safe.
    async fn next(&mut self) -> Called {
        let Self { ends, stop, go_on } = self;
        let ended = std::future::poll_fn(|context| {
            let hit =
                ends.iter_mut().find_map(|(kind, signals)| signals.poll_recv(context).is_ready().then_some(*kind));
            hit.map_or(std::task::Poll::Pending, |kind| std::task::Poll::Ready(ExitStatus::signal(kind)))
        });
        tokio::select! {
            biased;
            status = ended => Called::End(status),
            _ = stop.recv() => Called::Stop,
            _ = go_on.recv() => Called::Continue,
        }
    }
}

/// Everything the loop holds.
struct App {
    state: State,
    caps: Caps,
    emitter: Emitter,
    terminal: Terminal,
    input: Input,
    link: Link,
    disk: Disk,
    folder: PathBuf,
    signals: SignalSet,
    hangup: mpsc::Receiver<()>,
    reports: mpsc::Receiver<Msg>,
    began: Instant,
    /// When a frame was last painted, and one with data.
    frame_ms: u64,
    data_ms: u64,
    /// Whether a key waits for its picture.
    pressed: bool,
    /// When the terminal's new size is asked for.
    resize_due_ms: Option<u64>,
    ended: Option<ExitStatus>,
}

impl App {
    fn start(socket: &Path, args: &Args) -> Result<Self, ConsoleError> {
        let env = |name: &str| std::env::var(name).ok();
        let folder = disk::state_folder(env);
        let (lost, hangup) = mpsc::channel(1);
        let (told, reports) = mpsc::channel(disk::REPORTS_MAX);
        let signals = SignalSet::new().map_err(ConsoleError::Start)?;
        let caps = Caps::detect(args.color, args.ascii, env);
        let terminal = Terminal::take(folder.clone(), lost).map_err(ConsoleError::Terminal)?;
        let mut app = Self {
            state: State::new(terminal.size(), args.read_only, TimeZone::UTC),
            caps,
            emitter: Emitter::new(caps),
            terminal,
            input: Input::new(),
            link: Link::start(socket.to_owned()),
            disk: Disk::start(folder.clone(), told).map_err(ConsoleError::Start)?,
            folder,
            signals,
            hangup,
            reports,
            began: Instant::now(),
            frame_ms: 0,
            data_ms: 0,
            pressed: true,
            resize_due_ms: None,
            ended: None,
        };
        // The first frame shows no time yet; reading the time zone from disk must not delay it.
        app.paint().map_err(ConsoleError::Terminal)?;
        app.state.zone = TimeZone::system();
        Ok(app)
    }

    async fn run(mut self) -> Result<ExitStatus, ConsoleError> {
        loop {
            if let Some(status) = self.ended {
                return Ok(status);
            }
            if self.turn().await.is_err() {
                // The terminal is gone: nobody sees an error.
                return Ok(ExitStatus::signal(Signal::HUP));
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for one thing, takes it in, paints what is due.
    async fn turn(&mut self) -> io::Result<()> {
        let due_ms = self.due_ms();
        let wake = due_ms.map(|due_ms| self.began + Duration::from_millis(due_ms));
        let blocked = self.terminal.pending_bytes() > 0;
        tokio::select! {
            biased;
            called = self.signals.next() => self.called(&called)?,
            _ = self.hangup.recv() => self.ended = Some(ExitStatus::signal(Signal::HUP)),
            event = self.input.next() => match event {
                Some(event) => self.heard(event?),
                None => self.ended = Some(ExitStatus::signal(Signal::HUP)),
            },
            done = self.terminal.drain(), if blocked => done?,
            Some(msg) = self.link.next() => self.take(msg),
            Some(msg) = self.reports.recv() => self.take(msg),
            () = sleep_until(wake), if wake.is_some() => self.woke(),
        }
        self.paint_if_due()
    }

    fn called(&mut self, called: &Called) -> io::Result<()> {
        match called {
            Called::End(status) => self.ended = Some(*status),
            Called::Stop => self.terminal.suspend(),
            Called::Continue => {
                self.terminal.resume()?;
                self.emitter.invalidate();
                let (width, height) = self.terminal.size();
                self.pressed = true;
                self.take(Msg::Resize(width, height));
            }
        }
        Ok(())
    }

    fn heard(&mut self, event: super::input::Event) {
        let now_ms = self.now_ms();
        match self.input.hear(event, now_ms) {
            Heard::Keys(keys) => keys.into_iter().for_each(|key| self.press(key)),
            Heard::Paste(text) => {
                self.pressed = true;
                self.take(Msg::Paste(text));
            }
            Heard::Resized => self.resize_due_ms = Some(now_ms + RESIZE_REST_MS),
            Heard::Nothing => {}
        }
    }

    fn press(&mut self, key: Key) {
        #[cfg(debug_assertions)]
        panic_on_demand(key);
        self.pressed = true;
        self.take(Msg::Key(key));
    }

    /// Some timer is due.
    fn woke(&mut self) {
        let now_ms = self.now_ms();
        if let Some(key) = self.input.expire(now_ms) {
            self.press(key);
        }
        if self.resize_due_ms.is_some_and(|due_ms| due_ms <= now_ms) {
            self.resize_due_ms = None;
            let (width, height) = self.terminal.size();
            self.pressed = true;
            self.take(Msg::Resize(width, height));
        }
        if self.state.next_age_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            self.take(Msg::Aged);
        }
    }

    /// Takes a message in and does what follows from it.
    fn take(&mut self, msg: Msg) {
        let now_ms = self.now_ms();
        let effects = update(&mut self.state, now_ms, msg);
        for effect in effects {
            match effect {
                Effect::Send(request) => self.link.send(request),
                Effect::SaveDraft { daemon_id, draft } => self.disk.save(daemon_id, draft),
                Effect::LoadDraft { daemon_id } => {
                    let draft = disk::load(&self.folder, &daemon_id);
                    self.take(Msg::DraftLoaded(draft));
                }
                Effect::Repaint => self.emitter.invalidate(),
                Effect::Suspend => self.terminal.suspend(),
                Effect::Quit => self.ended = Some(ExitStatus::QUIT),
            }
        }
    }

    /// When the loop must wake although nothing is heard; `None` when never.
    fn due_ms(&self) -> Option<u64> {
        let paint = self.paint_due_ms();
        [self.input.due_ms(), self.resize_due_ms, self.state.next_age_ms(), paint].into_iter().flatten().min()
    }

    fn paint_due_ms(&self) -> Option<u64> {
        match self.state.paint {
            Paint::None => None,
            _ if !self.terminal.is_taken() => None,
            // Until the terminal has taken the last frame no further one is made, unless for a key.
            _ if self.terminal.pending_bytes() > if self.pressed { PENDING_BYTES_MAX } else { 0 } => None,
            Paint::Data if self.state.paused => None,
            Paint::Data => Some(self.data_ms + DATA_FRAME_MS - DATA_EARLY_MS),
            Paint::Now if self.pressed => Some(0),
            Paint::Now => Some(self.frame_ms + NEWS_FRAME_MS),
        }
    }

    fn paint_if_due(&mut self) -> io::Result<()> {
        if self.paint_due_ms().is_some_and(|due_ms| due_ms <= self.now_ms()) {
            self.paint()?;
        }
        if self.terminal.pending_bytes() == 0
            && self.state.paint == Paint::None
            && self.state.unseen_question().is_some()
        {
            self.take(Msg::Painted);
        }
        Ok(())
    }

    fn paint(&mut self) -> io::Result<()> {
        let now_ms = self.now_ms();
        self.frame_ms = now_ms;
        if self.state.paint == Paint::Data {
            self.data_ms = now_ms;
        }
        self.state.paint = Paint::None;
        self.pressed = false;
        let (width, height) = self.state.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let log = view(&self.state, self.caps, &mut buffer);
        let frame = self.emitter.frame(buffer, log);
        if frame.is_empty() { Ok(()) } else { self.terminal.write(frame) }
    }
}

async fn sleep_until(wake: Option<Instant>) {
    if let Some(wake) = wake {
        tokio::time::sleep_until(wake.into()).await;
    }
}

/// Lets a test see what a panic leaves behind: F12 panics when the environment asks for it.
#[cfg(debug_assertions)]
fn panic_on_demand(key: Key) {
    if key != Key::F(12) {
        return;
    }
    match std::env::var("POISE_TEST_PANIC").as_deref() {
        Ok("loop") => panic!("asked for by a test"),
        Ok("thread") => drop(std::thread::spawn(|| panic!("asked for by a test")).join()),
        _ => {}
    }
}

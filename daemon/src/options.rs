//! The command line of `poised`, in two stages: as typed, and as needed.
//!
//! Every option has a default: system paths for root, XDG paths for others. It reads no file and
//! opens nothing; `main_from` calls it.

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use poise_ipc::transport::default_socket;

use crate::control::hook::Hook;
use crate::control::ipc::Groups;
use crate::recorder::Limits;
use crate::store::HISTORY_MAX_DEFAULT;

/// Longest drain: a restart that takes longer than an hour is a stop.
const DRAIN_MAX: Duration = Duration::from_hours(1);
/// How long the health log may be kept: an hour is of use to somebody who looks at once.
const RETENTION_RANGE: RangeInclusive<Duration> = Duration::from_hours(1)..=Duration::from_hours(366 * 24);
/// How large the health log may be: in less than 16 MiB there is no room to make room in.
const SIZE_RANGE: RangeInclusive<u64> = 16 << 20..=1 << 40;
/// How long a row of it may be: a file covers a day.
const FOLD_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
/// How long a run of the hook may take: less is nothing for a program, more is a queue that stands.
const HOOK_TIMEOUT_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
/// How long each step of an upgrade may take: a configuration of thousands of backends takes a second.
const UPGRADE_TIMEOUT_RANGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(5);
/// Workers at the most; more threads than this share cores on any machine poise runs on.
pub const WORKERS_MAX: u16 = 256;

/// The options as typed.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "poised",
    version,
    about = "The poise daemon: balances TCP and HTTP over backends",
    max_term_width = 100
)]
pub struct Options {
    /// The operator's file; taken at the first start and whenever it has changed
    /// [default: /etc/poise/poise.toml for root, else poise/poise.toml in the XDG configuration
    /// directory, if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the running configuration, its history and the health are kept
    /// [default: /var/lib/poise for root, else poise in the XDG state directory]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The control socket [default: `POISE_SOCKET`, else /run/poise/poised.sock for root, else
    /// poise/poised.sock in the XDG runtime directory]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Worker threads that carry traffic, 1 to 256 [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    pub workers: Option<u16>,
    /// Check a configuration file, print every fault with its line, and end: 0 valid, 7 invalid
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
    /// How log lines are written to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// How long open connections may go on after SIGTERM, at most 1h; a second signal ends at once
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = drain_time)]
    pub drain_time: Duration,
    /// How long the program that takes over at an upgrade may take to start, and then to serve, 1s to 5m
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = upgrade_time)]
    pub upgrade_timeout: Duration,
    /// How long the health log is kept, in whole days of UTC after they have ended, 1h to 366d
    #[arg(long, value_name = "TIME", default_value = "72h", value_parser = log_retention)]
    pub health_log_retention: Duration,
    /// Bytes that the health log may take on disk, 16MiB to 1024GiB; the oldest rows make room
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = log_size)]
    pub health_log_size: u64,
    /// Longest time that a row of the health log covers while a backend repeats a verdict, 1s to 1d:
    /// longer is smaller, shorter tells latencies more finely
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = log_fold)]
    pub health_log_fold: Duration,
    /// Commits that the history keeps, 10 to 100000
    #[arg(long, value_name = "N", default_value_t = HISTORY_MAX_DEFAULT,
        value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub history_max: u32,
    /// Change nothing, whoever asks: the configuration stays as it is stored, or as the file says at the
    /// first start
    #[arg(long)]
    pub read_only: bool,
    /// Group whose members may change the configuration
    #[arg(long, value_name = "GROUP", default_value = "poise")]
    pub operate_group: String,
    /// Group whose members may look, through view.sock
    #[arg(long, value_name = "GROUP", default_value = "poise-view")]
    pub view_group: String,
    /// Group whose members may do everything, as root and poised's own user may [default: none]
    #[arg(long, value_name = "GROUP")]
    pub admin_group: Option<String>,
    /// Program to run, without a shell and as the daemon's user, for every transition of health, flapping,
    /// ejection, fail-open, drain that ends and certificate that expires: an absolute path. It is told in
    /// `POISE_TEXT` and other variables, and in a line of JSON on standard input
    #[arg(long, value_name = "PROGRAM", value_parser = hook_program)]
    pub hook: Option<PathBuf>,
    /// An argument for the hook; may be given again
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, requires = "hook")]
    pub hook_arg: Vec<String>,
    /// How long one run of the hook may take before it is killed, 1s to 5m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = hook_timeout, requires = "hook")]
    pub hook_timeout: Duration,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The options as needed: every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The operator's file, if one is in use.
    pub config: Option<PathBuf>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// Worker threads.
    pub workers: NonZero<u16>,
    /// How long open connections may go on after a stop.
    pub drain: Duration,
    /// How long each step of an upgrade may take.
    pub upgrade_timeout: Duration,
    /// How much of the health log is kept.
    pub health_log: Limits,
    /// Longest time that a row of it covers, in milliseconds.
    pub health_log_fold_ms: u64,
    /// The command that is run for news of health.
    pub hook: Option<Hook>,
    /// Commits that the history keeps.
    pub history_max: u32,
    /// Whether nothing may be changed.
    pub read_only: bool,
    /// Who may what.
    pub groups: Groups,
}

/// What the defaults depend on.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Whether the user is root.
    pub root: bool,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub xdg_state: Option<PathBuf>,
    /// Cores that this process may use.
    pub cores: u16,
}

/// An option is missing and has no default here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("without HOME and XDG_STATE_HOME there is no default for --state-dir; name a directory")]
pub struct NoStateDir;

impl Surroundings {
    /// Those of this process.
    pub fn here() -> Self {
        // Relative paths in these variables are to be ignored (XDG base directory specification).
        let dir = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            root: rustix::process::geteuid().is_root(),
            home: dir("HOME"),
            xdg_config: dir("XDG_CONFIG_HOME"),
            xdg_state: dir("XDG_STATE_HOME"),
            cores: std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(u16::MAX)),
        }
    }

    fn config_default(&self) -> Option<PathBuf> {
        if self.root {
            return Some(PathBuf::from("/etc/poise/poise.toml"));
        }
        let base = self.xdg_config.clone().or_else(|| Some(self.home.as_ref()?.join(".config")))?;
        Some(base.join("poise/poise.toml"))
    }

    fn state_default(&self) -> Option<PathBuf> {
        if self.root {
            return Some(PathBuf::from("/var/lib/poise"));
        }
        let base = self.xdg_state.clone().or_else(|| Some(self.home.as_ref()?.join(".local/state")))?;
        Some(base.join("poise"))
    }
}

impl Options {
    /// Fills in the defaults. `exists` says whether a default file is there; a named file is used
    /// whether it is there or not, so that a misspelt one is noticed.
    ///
    /// # Errors
    /// [`NoStateDir`] when neither an option nor the surroundings name one.
    pub fn settle(&self, around: &Surroundings, exists: impl Fn(&PathBuf) -> bool) -> Result<Settings, NoStateDir> {
        let config = self.config.clone().or_else(|| around.config_default().filter(exists));
        let workers = self.workers.unwrap_or(around.cores).min(WORKERS_MAX);
        Ok(Settings {
            config: config.map(|file| std::path::absolute(&file).unwrap_or(file)),
            state_dir: self.state_dir.clone().or_else(|| around.state_default()).ok_or(NoStateDir)?,
            socket: self.socket.clone().unwrap_or_else(default_socket),
            workers: NonZero::new(workers).unwrap_or(NonZero::<u16>::MIN),
            drain: self.drain_time,
            upgrade_timeout: self.upgrade_timeout,
            health_log: Limits { retention_ms: millis(self.health_log_retention), bytes_max: self.health_log_size },
            health_log_fold_ms: millis(self.health_log_fold),
            hook: self.hook.clone().map(|program| Hook {
                program,
                args: self.hook_arg.clone(),
                timeout: self.hook_timeout,
            }),
            history_max: self.history_max,
            read_only: self.read_only,
            groups: Groups {
                operate: self.operate_group.clone(),
                view: self.view_group.clone(),
                admin: self.admin_group.clone(),
            },
        })
    }
}

fn log_retention(text: &str) -> Result<Duration, String> {
    within(text, RETENTION_RANGE, "1h to 366d")
}

fn log_fold(text: &str) -> Result<Duration, String> {
    within(text, FOLD_RANGE, "1s to 1d")
}

fn hook_timeout(text: &str) -> Result<Duration, String> {
    within(text, HOOK_TIMEOUT_RANGE, "1s to 5m")
}

fn upgrade_time(text: &str) -> Result<Duration, String> {
    within(text, UPGRADE_TIMEOUT_RANGE, "1s to 5m")
}

fn hook_program(text: &str) -> Result<PathBuf, String> {
    let program = PathBuf::from(text);
    // Which program runs must not depend on where poised was started, or on its PATH.
    if program.is_absolute() { Ok(program) } else { Err("an absolute path, as in /usr/local/bin/page".to_owned()) }
}

fn within(text: &str, range: RangeInclusive<Duration>, words: &str) -> Result<Duration, String> {
    match poise_ipc::text::duration(text) {
        Ok(time) if range.contains(&time) => Ok(time),
        Ok(_) => Err(words.to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn log_size(text: &str) -> Result<u64, String> {
    match poise_ipc::text::size(text) {
        Ok(bytes) if SIZE_RANGE.contains(&bytes) => Ok(bytes),
        Ok(_) => Err("16MiB to 1024GiB".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn drain_time(text: &str) -> Result<Duration, String> {
    match poise_ipc::text::duration(text) {
        Ok(time) if time <= DRAIN_MAX => Ok(time),
        Ok(_) => Err("at most 1h".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

#[cfg(test)]
mod tests;

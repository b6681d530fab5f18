//! Child processes: started in their place (core, open files, scheduling), ended with their parent.
//!
//! A child is first this program in the role "pinned", which sets what a process can only set for
//! itself and then becomes the program that is wanted; so no thread of it ever runs elsewhere. The
//! kernel ends it when the conductor ends, however that happens. Used by `round`.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Resource, Signal, WaitOptions, getpid, getrlimit, kill_process, set_child_subreaper,
    set_parent_process_death_signal, setrlimit, waitpid,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::measure;

/// The first word of this role.
pub(crate) const ROLE_PINNED: &str = "role:pinned";
/// The word that stands for no core.
const ANYWHERE: &str = "-";
/// Lines of complaint that are shown.
const COMPLAINTS_MAX: usize = 3;
/// The longest line that a child may print, in bytes: a thousand ports fit.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// What to start, and where.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The core it may run on; any when `None`.
    pub(crate) core: Option<usize>,
    /// Whether to start it by `chrt -f 1`.
    pub(crate) realtime: bool,
    /// Where its words on stderr go; to ours when `None`.
    pub(crate) complaints: Option<PathBuf>,
}

/// Becomes the program named by the words `CORE REALTIME PROGRAM [ARGUMENTS]`.
///
/// # Errors
/// Why it could not; it does not return otherwise.
pub(crate) fn become_pinned(words: &[String]) -> Result<(), String> {
    let [core, realtime, program, arguments @ ..] = words else {
        return Err("a child is started with too few words".into());
    };
    if core != ANYWHERE {
        let core = core.parse().map_err(|_| format!("{core} is no core"))?;
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(None, &cores).map_err(|fault| format!("run on core {core}: {fault}"))?;
    }
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).map_err(|fault| format!("raise the limit of open files: {fault}"))?;
    // TERM and not KILL: a master process then ends its workers.
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|fault| format!("end with the parent: {fault}"))?;
    let mut command = Command::new(if realtime == "true" { "chrt" } else { program });
    if realtime == "true" {
        command.args(["-f", "1", program]);
    }
    Err(format!("start {program}: {}", command.args(arguments).exec()))
}

/// A running child; it and its descendants are killed when dropped.
pub(crate) struct Child {
    process: Process,
    lines: Option<ChildStdout>,
}

impl Child {
    /// Starts a program.
    ///
    /// # Errors
    /// Why it could not be started.
    pub(crate) fn start(start: &Start) -> Result<Self, String> {
        let fault = |fault| format!("start {}: {fault}", start.program.display());
        let own = env::current_exe().map_err(fault)?;
        let complaints = match &start.complaints {
            Some(path) => File::create(path).map_err(fault)?.into(),
            None => Stdio::inherit(),
        };
        let core = start.core.map_or_else(|| ANYWHERE.into(), |core| core.to_string());
        let mut process = Command::new(own)
            .args([ROLE_PINNED, &core, &start.realtime.to_string()])
            .arg(&start.program)
            .args(&start.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .map_err(fault)?;
        let lines = process.stdout.take();
        Ok(Self { process, lines })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// The next line that it prints, without its end.
    ///
    /// # Errors
    /// When none comes within `wait`, or it is too long.
    pub(crate) fn line(&mut self, wait: Duration) -> Result<String, String> {
        let stdout = self.lines.as_mut().ok_or("the output of the child was taken")?;
        let end = Instant::now() + wait;
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
            let ready = poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&timeout));
            if ready.is_ok_and(|count| count == 0) {
                return Err(format!("the child said nothing for {} s", wait.as_secs()));
            }
            let mut chunk = [0; 4096];
            match stdout.read(&mut chunk) {
                Ok(0) => return Err("the child ended without its last line".into()),
                Ok(count) => line.extend_from_slice(&chunk[..count]),
                Err(fault) => return Err(format!("read what the child says: {fault}")),
            }
            if line.len() > LINE_BYTES_MAX {
                return Err("the child says too much".into());
            }
        }
        String::from_utf8(line).map(|line| line.trim_end().to_owned()).map_err(|_| "the child speaks no text".into())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Parents first, or a master would start new workers. What has ended meanwhile cannot be
        // killed, and need not be.
        let pids = measure::tree(self.process.id()).into_iter().filter_map(|id| Pid::from_raw(id.cast_signed()));
        let pids: Vec<_> = pids.collect();
        for pid in &pids {
            let _ = kill_process(*pid, Signal::KILL);
        }
        drop(self.process.wait());
        for pid in &pids[1..] {
            // Orphans come to this process, which asked for them; others are reaped already.
            let _ = waitpid(Some(*pid), WaitOptions::empty());
        }
    }
}

/// Asks for the orphans of children, so that no worker of a killed proxy outlives it.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn adopt_orphans() -> Result<(), String> {
    set_child_subreaper(Some(getpid())).map_err(|fault| format!("adopt the children of children: {fault}"))
}

/// The last lines that a child wrote into its file of complaints, as one.
pub(crate) fn complaints(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(COMPLAINTS_MAX)..].join(" | ")
}

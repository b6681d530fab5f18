//! The proxies: where their programs are, how to get what is missing, how each one is started.
//!
//! Installs and builds nothing. Their configurations are written by `config`. Used by `main` and
//! `round`.

mod config;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::certificate::Certificate;
use crate::options::Options;
use crate::workload::Service;

/// Where cargo puts poised, seen from the root of the repository.
const POISED_BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/poised");

/// A proxy that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// None: the load goes to a backend.
    Direct,
    /// Ours.
    Poised,
    /// `HAProxy` as it comes.
    Haproxy,
    /// `HAProxy` that splices both directions.
    HaproxySplice,
    /// nginx, with its stream module for TCP and UDP.
    Nginx,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    poised: PathBuf,
    haproxy: Option<PathBuf>,
    nginx: Option<Nginx>,
    /// Versions, and what is missing.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug, Clone)]
struct Nginx {
    program: PathBuf,
    /// The stream module, when it is a file of its own.
    module: Option<PathBuf>,
}

/// What a proxy is to do.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// A folder of its own.
    pub(crate) folder: PathBuf,
    /// What it listens for.
    pub(crate) service: Service,
    /// Where it listens.
    pub(crate) port: u16,
    /// Its backends.
    pub(crate) backends: Vec<SocketAddrV4>,
    /// poised's scheduler; peers take theirs in turn.
    pub(crate) scheduler: &'static str,
    /// Whether it binds clients by a cookie; nginx cannot.
    pub(crate) cookies: bool,
    /// What it shows to clients of TLS.
    pub(crate) certificate: Certificate,
    /// Open files that it may have.
    pub(crate) files_max: u64,
}

impl Proxy {
    /// All but ours.
    pub(crate) const PEERS: [Self; 3] = [Self::Haproxy, Self::HaproxySplice, Self::Nginx];

    /// Its name on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Poised => "poised",
            Self::Haproxy => "haproxy",
            Self::HaproxySplice => "haproxy-splice",
            Self::Nginx => "nginx",
        }
    }

    /// Whether it is measured whatever peers are asked for.
    pub(crate) fn is_always_there(self) -> bool {
        matches!(self, Self::Direct | Self::Poised)
    }

    /// Whether it does this at all, and differently from the others.
    pub(crate) fn takes(self, service: Service) -> bool {
        match self {
            Self::Direct | Self::Poised | Self::Nginx => true,
            Self::Haproxy => service != Service::Udp,
            Self::HaproxySplice => service == Service::Tcp,
        }
    }
}

/// Looks for the programs.
///
/// # Errors
/// When poised is not there; with the command that builds it.
pub(crate) fn find(options: &Options) -> Result<Programs, String> {
    let poised = options.poised.clone().unwrap_or_else(|| POISED_BUILT.into());
    let poised = fs::canonicalize(&poised).map_err(|fault| {
        format!(
            "{}: {fault}; build it with `cargo build --release -p poised`, or name one by --poised",
            poised.display()
        )
    })?;
    let mut programs = Programs { poised, haproxy: None, nginx: None, notes: Vec::new() };
    programs.notes.push(format!("poised: {} ({})", version(&programs.poised, "--version"), programs.poised.display()));
    let wants = |proxies: &[Proxy]| options.peers.iter().any(|peer| proxies.contains(peer));
    if wants(&[Proxy::Haproxy, Proxy::HaproxySplice]) {
        programs.haproxy = on_path("haproxy");
        let haproxy = programs.haproxy.as_deref().map(|program| version(program, "-v"));
        let missing = "haproxy: not found; on Debian: apt install haproxy";
        programs.notes.push(haproxy.map_or(missing.into(), |version| format!("haproxy: {version}")));
    }
    if wants(&[Proxy::Nginx]) {
        let (nginx, note) = find_nginx();
        programs.nginx = nginx;
        programs.notes.push(note);
    }
    Ok(programs)
}

impl Programs {
    /// Whether the program of a proxy was found.
    pub(crate) fn has(&self, proxy: Proxy) -> bool {
        match proxy {
            Proxy::Direct | Proxy::Poised => true,
            Proxy::Haproxy | Proxy::HaproxySplice => self.haproxy.is_some(),
            Proxy::Nginx => self.nginx.is_some(),
        }
    }

    /// Writes the configuration of a proxy; gives its program and arguments.
    ///
    /// # Errors
    /// When the program is missing or the file cannot be written.
    pub(crate) fn prepare(&self, proxy: Proxy, setup: &Setup) -> Result<(PathBuf, Vec<OsString>), String> {
        let missing = || format!("{} was not found", proxy.name());
        let file = setup.folder.join("config");
        let (program, text, arguments) = match proxy {
            Proxy::Direct => return Err("there is nothing to start".into()),
            Proxy::Poised => (&self.poised, config::poised(setup), poised_arguments(setup, &file)),
            Proxy::Haproxy | Proxy::HaproxySplice => {
                let text = config::haproxy(setup, proxy == Proxy::HaproxySplice);
                let arguments = vec!["-db".into(), "-f".into(), file.clone().into()];
                (self.haproxy.as_ref().ok_or_else(missing)?, text, arguments)
            }
            Proxy::Nginx => {
                let nginx = self.nginx.as_ref().ok_or_else(missing)?;
                let text = config::nginx(setup, nginx.module.as_deref());
                let log = setup.folder.join("log");
                let words: [OsString; 6] =
                    ["-p".into(), (&setup.folder).into(), "-e".into(), log.into(), "-c".into(), file.clone().into()];
                (&nginx.program, text, words.into())
            }
        };
        fs::write(&file, text).map_err(|fault| format!("write {}: {fault}", file.display()))?;
        Ok((program.clone(), arguments))
    }
}

fn poised_arguments(setup: &Setup, file: &Path) -> Vec<OsString> {
    // Nothing is lost by ending at once.
    let words: [OsString; 10] = [
        "--config".into(),
        file.into(),
        "--state-dir".into(),
        setup.folder.join("state").into(),
        "--socket".into(),
        setup.folder.join("socket").into(),
        "--workers".into(),
        "1".into(),
        "--drain-time".into(),
        "0s".into(),
    ];
    words.into()
}

fn on_path(name: &str) -> Option<PathBuf> {
    // Where Debian puts daemons is not on everybody's path.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn find_nginx() -> (Option<Nginx>, String) {
    let Some(program) = on_path("nginx") else {
        return (None, "nginx: not found; on Debian: apt install nginx libnginx-mod-stream".into());
    };
    let built = said(&program, "-V");
    let version = built.lines().next().unwrap_or("version unknown").to_owned();
    let usable = match stream_module(&built) {
        Stream::BuiltIn => Some(Nginx { program, module: None }),
        Stream::File(path) if path.is_file() => Some(Nginx { program, module: Some(path) }),
        Stream::File(_) | Stream::Absent => None,
    };
    let lack = if usable.is_some() { "" } else { ": no stream module; on Debian: apt install libnginx-mod-stream" };
    (usable, format!("nginx: {version}{lack}"))
}

/// Where nginx has its stream module.
#[derive(Debug, PartialEq, Eq)]
enum Stream {
    BuiltIn,
    File(PathBuf),
    Absent,
}

/// From what `nginx -V` says.
fn stream_module(built: &str) -> Stream {
    let mut words = built.split_whitespace();
    if words.clone().any(|word| word == "--with-stream") {
        return Stream::BuiltIn;
    }
    let dynamic = words.clone().any(|word| word == "--with-stream=dynamic");
    match words.find_map(|word| word.strip_prefix("--modules-path=")) {
        Some(folder) if dynamic => Stream::File(Path::new(folder).join("ngx_stream_module.so")),
        _ => Stream::Absent,
    }
}

fn version(program: &Path, option: &str) -> String {
    said(program, option).lines().next().unwrap_or("version unknown").to_owned()
}

/// What a program says when asked, on whichever stream.
fn said(program: &Path, option: &str) -> String {
    let Ok(output) = Command::new(program).arg(option).output() else { return String::new() };
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[cfg(test)]
mod tests;

//! How backends are checked (behaviour.md §1.3, §1.7, §2): a daemon with its file and socket before real
//! backends that are ill in every way, and what an operator gets to see of it.
//!
//! What one probe finds and sends is tried more closely in `probe`; what a group does with verdicts in
//! `standing`.

mod advice;
mod asked;
mod cadence;
mod ills;
mod kinds;
mod networks;
mod unsteady;

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use poise_ipc::advice::Finding;
use poise_ipc::health::{BackendQuery, ProbeAnswer};
use poise_ipc::message::{ErrorReply, LogFilter, LogQuery, Reply, Verb};
use poise_ipc::status::{BackendStatus, CheckRow, Health, Phase, Reason, Verdict};

use crate::backends::{Scripted, patient, read_to_end};
use crate::process::{Daemon, set};
use crate::rig::name;
use crate::script::{field, ok, read_head, read_message, send};

const fn fail(phase: Phase, reason: Reason) -> Verdict {
    Verdict::Fail { phase, reason, code: None }
}

const fn fail_code(code: u16) -> Verdict {
    Verdict::Fail { phase: Phase::Response, reason: Reason::Code, code: Some(code) }
}

/// How a backend answers a check whose head it has read.
type Manner = fn(TcpStream, &str);

/// As it should.
fn well(mut stream: TcpStream, _: &str) {
    send(&mut stream, &ok(""));
}

/// A backend that answers requests with its name, and checks in a manner that can change. Checks are
/// what poised says of itself that they are (L-12).
struct Clinic {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    served: Arc<AtomicUsize>,
    /// The heads of checks.
    asked: Arc<Mutex<Vec<String>>>,
    _backend: Scripted,
}

impl Clinic {
    fn new(name: &'static str) -> Self {
        let manner: Arc<Mutex<Manner>> = Arc::new(Mutex::new(well));
        let (served, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (now, count, heads) = (Arc::clone(&manner), Arc::clone(&served), Arc::clone(&asked));
        let backend = Scripted::new(move |mut stream| {
            let Ok(head) = read_head(&mut stream) else { return };
            if field(&head, "x-poise-check").is_some() {
                heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
                let manner = *now.lock().unwrap_or_else(PoisonError::into_inner);
                manner(stream, &head);
            } else {
                count.fetch_add(1, Ordering::SeqCst);
                send(&mut stream, &ok(name));
            }
        });
        Self { address: backend.address, manner, served, asked, _backend: backend }
    }

    fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// The heads of the checks so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A listener and a group of one name, with this check and these backends.
fn group(name: &str, check: &str, backends: &[(&str, SocketAddr)]) -> String {
    let listed = backends.iter().map(|(backend, address)| format!("{backend} = {{ address = \"{address}\" }}\n"));
    format!(
        "[listeners.{name}]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"{name}\"\n\
         [groups.{name}]\nhealth_check = {check}\n[groups.{name}.backends]\n{}",
        listed.collect::<String>()
    )
}

fn backend(daemon: &Daemon, group: &str, backend: &str) -> BackendStatus {
    let groups = daemon.status().groups;
    let of = groups.into_iter().find(|status| status.name.as_str() == group).expect("the group");
    of.backends.into_iter().find(|status| status.name.as_str() == backend).expect("the backend")
}

fn health(daemon: &Daemon, group: &str, of: &str) -> Health {
    backend(daemon, group, of).health.health
}

/// What `poise health check` asks for.
fn probe(daemon: &Daemon, group: &str, backend: &str) -> Result<ProbeAnswer, ErrorReply> {
    match daemon.ask(Verb::Probe(BackendQuery { group: name(group), backend: name(backend) }))? {
        Reply::Probed(answer) => Ok(*answer),
        other => panic!("no probe: {other:?}"),
    }
}

/// What `poise logs` asks for: the newest rows on a backend, oldest first.
fn logs(daemon: &Daemon, group: &str, backend: &str) -> Vec<CheckRow> {
    let filter = LogFilter { group: Some(name(group)), backend: Some(name(backend)), ..LogFilter::default() };
    match daemon.ask(Verb::Logs(LogQuery { filter, before_seq: None, limit: 1_000 })) {
        Ok(Reply::Logs { rows, .. }) => rows,
        other => panic!("no rows: {other:?}"),
    }
}

/// The findings under a path.
fn findings(daemon: &Daemon, under: &str) -> Vec<Finding> {
    let all = daemon.status().findings.into_iter();
    all.filter(|finding| finding.subject.starts_with(under)).collect()
}

fn codes(daemon: &Daemon, under: &str) -> Vec<(String, String)> {
    findings(daemon, under).into_iter().map(|finding| (finding.code, finding.subject)).collect()
}

/// Changes a setting, which has to be valid.
fn change(daemon: &Daemon, path: &str, value: &str) {
    daemon.ask(set(path, value)).unwrap_or_else(|error| panic!("{path} = {value}: {error:?}"));
}

/// Where a listener accepts.
fn front(daemon: &Daemon, listener: &str) -> SocketAddr {
    let listeners = daemon.status().listeners;
    let of = listeners.into_iter().find(|status| status.name.as_str() == listener).expect("the listener");
    of.bind.ip().expect("an address and port")
}

/// Asks a listener once, over a connection of its own: the status, and who has answered.
fn ask(listener: SocketAddr) -> (u16, String) {
    let mut client = patient(TcpStream::connect(listener).expect("the listener accepts"));
    send(&mut client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (head, body) = read_message(&mut client).expect("a reply");
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body)
}

/// Takes whatever comes and says nothing, until the peer has gone.
fn hear_out(stream: &mut TcpStream) {
    let _ = read_to_end(stream);
}

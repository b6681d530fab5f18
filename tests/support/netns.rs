//! Network namespaces of a test's own: three machines in a row, joined by two cables.
//!
//! A test runs itself again inside a user and a network namespace (`unshare`), where it is root and
//! alone. There it lays out `client (10.1.0.2) - balancer (10.1.0.1, 10.2.0.1) - backend
//! (10.2.0.2)`, IPv6 likewise as fd00:1:: and fd00:2::, and plays the balancer itself. Needs
//! `unshare`, `nsenter` and `ip`.

use std::env;
use std::process::{Child, Command, Stdio};

/// Set in the environment of a test that runs inside.
const INSIDE: &str = "POISE_TEST_INSIDE_NETNS";
/// Set where a refused namespace is a failure and not a reason to pass a test over.
const REQUIRED: &str = "POISE_REQUIRE_NETNS";

/// The three machines; the ones aside end with it.
pub struct Row {
    client: Child,
    backend: Child,
}

/// Runs the test `name` again inside namespaces of its own. True when this is already inside and
/// the test is to do its work.
pub fn inside(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(reason) = possible() {
        assert!(env::var_os(REQUIRED).is_none(), "{name} needs a network namespace: {reason}");
        println!("{name} was passed over: {reason}");
        return false;
    }
    let own = env::current_exe().expect("a test knows its program");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--"])
        .arg(own)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare was there a moment ago");
    assert!(status.success(), "{name} failed inside its namespace: {status}");
    false
}

/// Whether this user may make namespaces and lay cables in them.
fn possible() -> Result<(), String> {
    for (tool, args) in [("ip", &["-V"][..]), ("nsenter", &["--version"]), ("unshare", &["--version"])] {
        run(tool, args).map_err(|_| format!("{tool} is missing (packages iproute2, util-linux)"))?;
    }
    run("unshare", &["--user", "--map-root-user", "--net", "--", "ip", "link", "set", "lo", "up"])
        .map_err(|error| format!("namespaces of users are refused: {error}"))
}

fn run(tool: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(tool).args(args).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Runs a tool here; its words are separated by blanks.
pub fn here(words: &str) {
    let words: Vec<_> = words.split(' ').collect();
    run(words[0], &words[1..]).unwrap_or_else(|error| panic!("{}: {error}", words.join(" ")));
}

impl Row {
    /// Lays out the three machines. Answers to clients' addresses find their way back to the
    /// balancer only after [`Row::route_back`].
    pub fn new() -> Self {
        let row = Self { client: machine(), backend: machine() };
        here("ip link set lo up");
        for (cable, other, net) in [("c", &row.client, 1), ("b", &row.backend, 2)] {
            let pid = other.id();
            let there = |words: &str| here(&format!("nsenter -t {pid} -n -U --preserve-credentials {words}"));
            here(&format!("ip link add {cable}0 type veth peer name {cable}1 netns {pid}"));
            here(&format!("ip addr add 10.{net}.0.1/24 dev {cable}0"));
            here(&format!("ip addr add fd00:{net}::1/64 dev {cable}0 nodad"));
            here(&format!("ip link set {cable}0 up"));
            there("ip link set lo up");
            there(&format!("ip addr add 10.{net}.0.2/24 dev {cable}1"));
            there(&format!("ip addr add fd00:{net}::2/64 dev {cable}1 nodad"));
            there(&format!("ip link set {cable}1 up"));
            there(&format!("ip route add default via 10.{net}.0.1"));
            there(&format!("ip -6 route add default via fd00:{net}::1"));
        }
        row
    }

    /// Brings what the backend answers to the client's address to the balancer's own sockets.
    pub fn route_back(&self) {
        for family in ["-4", "-6"] {
            here(&format!("ip {family} rule add iif b0 lookup 100"));
            here(&format!("ip {family} route add local default dev lo table 100"));
        }
    }

    /// A program on the client's machine.
    pub fn at_client(&self, program: &str) -> Command {
        entered(&self.client, program)
    }

    /// A program on the backend's machine.
    pub fn at_backend(&self, program: &str) -> Command {
        entered(&self.backend, program)
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        for machine in [&mut self.client, &mut self.backend] {
            let _ = machine.kill();
            let _ = machine.wait();
        }
    }
}

/// A network namespace, held by a process that does nothing else.
fn machine() -> Child {
    let mut held = Command::new("unshare")
        .args(["--net", "--", "sh", "-c", "echo up; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare was there a moment ago");
    let mut told = [0; 3];
    let mut out = held.stdout.take().expect("it was piped");
    std::io::Read::read_exact(&mut out, &mut told).expect("the namespace is made");
    held
}

fn entered(machine: &Child, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["-t", &machine.id().to_string(), "-n", "-U", "--preserve-credentials", "--", program]);
    command
}

//! Network namespaces of a test's own: three machines in a row, joined by two cables.
//!
//! A test runs itself again inside a user and a network namespace (`unshare`), where it is root and
//! alone. There it lays out `client (10.1.0.2) - balancer (10.1.0.1, 10.2.0.1) - backend
//! (10.2.0.2)`, IPv6 likewise as `fd00:1::` and `fd00:2::`, and plays the balancer itself. The other
//! two are threads in namespaces of their own. Needs `unshare` and `ip`.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustix::thread::{UnshareFlags, gettid};

/// Set in the environment of a test that runs inside.
const INSIDE: &str = "POISE_TEST_INSIDE_NETNS";
/// Set where a refused namespace is a failure and not a reason to pass a test over.
const REQUIRED: &str = "POISE_REQUIRE_NETNS";

/// Runs the test `name` again inside namespaces of its own. True when this is already inside and
/// the test is to do its work.
pub fn inside(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(reason) = possible() {
        pass_over(name, &reason);
        return false;
    }
    again(&["--user", "--map-root-user", "--net"], name);
    false
}

/// Runs the test `name` again where it may mount. True when this is already so.
pub fn mounting(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(reason) = possible() {
        pass_over(name, &reason);
        return false;
    }
    again(&["--user", "--map-root-user", "--mount"], name);
    false
}

/// Runs the test `name` again as a user without any capability. True when this is already so.
pub fn powerless(name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    if let Err(reason) = possible() {
        pass_over(name, &reason);
        return false;
    }
    // Nobody in particular: what runs has no capability left.
    again(&["--user"], name);
    false
}

/// Says that a test does nothing here, unless that is a failure.
#[expect(clippy::print_stdout, reason = "a test that does nothing says so by its name")]
pub fn pass_over(name: &str, reason: &str) {
    assert!(env::var_os(REQUIRED).is_none(), "{name} needs namespaces: {reason}");
    println!("{name} was passed over: {reason}");
}

fn again(namespaces: &[&str], name: &str) {
    let own = env::current_exe().expect("a test knows its program");
    let mut command = Command::new("unshare");
    command.args(namespaces).arg("--").arg(own).args(["--exact", name, "--nocapture", "--test-threads=1"]);
    let output = command.env(INSIDE, "1").output().expect("unshare was there a moment ago");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // A name that no test has would pass without a word.
    assert!(output.status.success() && said.contains("1 passed"), "{name}: {said}");
}

/// Whether this user may make namespaces and lay cables in them.
pub fn possible() -> Result<(), String> {
    run("ip", &["-V"]).map_err(|_| "ip is missing (package iproute2)".to_owned())?;
    run("unshare", &["--user", "--map-root-user", "--net", "--", "ip", "link", "set", "lo", "up"])
        .map_err(|error| format!("namespaces of users are refused: {error}"))
}

fn run(tool: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(tool).args(args).output().map_err(|error| format!("{tool}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Runs `ip` with words separated by blanks, in the namespace of this thread.
pub fn ip(words: &str) {
    let words: Vec<_> = words.split(' ').collect();
    run("ip", &words).unwrap_or_else(|error| panic!("ip {}: {error}", words.join(" ")));
}

/// Addresses of cables laid from here on are of use at once: without, the kernel first asks for a
/// second whether somebody else has them.
fn trust_addresses() {
    fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").expect("root may set what holds in the namespace");
}

#[expect(deprecated, reason = "its heir is unsafe for the sake of shared descriptors, which stay shared here")]
fn another_network() {
    rustix::thread::unshare(UnshareFlags::NEWNET).expect("root may have another network");
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
pub struct Machine {
    jobs: Sender<Job>,
    /// How `ip` names the namespace.
    id: i32,
}

impl Machine {
    fn new() -> Self {
        let (jobs, work) = channel::<Job>();
        let (born, told) = channel();
        thread::spawn(move || {
            another_network();
            born.send(gettid().as_raw_nonzero().get()).expect("the test waits");
            for job in work {
                job();
            }
        });
        Self { jobs, id: told.recv().expect("the namespace is made") }
    }

    /// Does something there; sockets that it makes stay there.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        self.jobs.send(Box::new(move || drop(done.send(work())))).expect("the thread waits for work");
        result.recv().expect("the work there did not panic")
    }
}

/// Three machines in a row; the test itself is the one in the middle.
pub struct Row {
    /// On the left: 10.1.0.2 and `fd00:1::2`.
    pub client: Machine,
    /// On the right: 10.2.0.2 and `fd00:2::2`.
    pub backend: Machine,
    /// The balancer's interface on the right.
    right: &'static str,
}

impl Row {
    /// Lays the cables. What the backend answers to the client's address finds its way to the
    /// balancer's own sockets only after [`Row::route_back`].
    pub fn new() -> Self {
        let row = Self { client: Machine::new(), backend: Machine::new(), right: "b0" };
        ip("link set lo up");
        trust_addresses();
        row.client.run(trust_addresses);
        row.backend.run(trust_addresses);
        for (cable, other, net) in [("c", &row.client, 1), ("b", &row.backend, 2)] {
            ip(&format!("link add {cable}0 type veth peer name {cable}1 netns {}", other.id));
            ip(&format!("addr add 10.{net}.0.1/24 dev {cable}0"));
            ip(&format!("addr add fd00:{net}::1/64 dev {cable}0 nodad"));
            ip(&format!("link set {cable}0 up"));
            other.run(move || {
                ip("link set lo up");
                ip(&format!("addr add 10.{net}.0.2/24 dev {cable}1"));
                ip(&format!("addr add fd00:{net}::2/64 dev {cable}1 nodad"));
                ip(&format!("link set {cable}1 up"));
                ip(&format!("-4 route add default via 10.{net}.0.1"));
                ip(&format!("-6 route add default via fd00:{net}::1"));
            });
        }
        row
    }

    /// Brings what the backend answers to the client's address to the balancer's own sockets.
    pub fn route_back(&self) {
        for family in ["-4", "-6"] {
            ip(&format!("{family} rule add iif {} lookup 100", self.right));
            ip(&format!("{family} route add local default dev lo table 100"));
        }
    }
}

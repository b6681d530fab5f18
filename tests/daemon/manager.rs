//! The service manager: it hears when poised serves, stops and hands over, and may bind the sockets.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use poise_ipc::message::{Reply, Upgrade, Verb};
use rustix::process::{Pid, Signal, kill_process};

use crate::backends::PATIENCE;
use crate::datagrams::{self, Echo};
use crate::process::Place;
use crate::script::Named;

fn config(bind: &str, named: &Named, echo: &Echo) -> String {
    format!(
        "[listeners.web]\nbind = \"{bind}\"\nprotocol = \"http\"\ngroup = \"app\"\n\
         [listeners.names]\nbind = \"{bind}\"\nprotocol = \"udp\"\ngroup = \"names\"\n\
         [groups.app]\nhealth_check = \"off\"\nbackends = {{ one = {{ address = \"{}\" }} }}\n\
         [groups.names]\nhealth_check = \"off\"\nbackends = {{ one = {{ address = \"{}\" }} }}\n",
        named.address, echo.address
    )
}

fn heard(socket: &UnixDatagram) -> String {
    let mut room = [0; 256];
    let count = socket.recv(&mut room).expect("a word in time");
    String::from_utf8_lossy(&room[..count]).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_manager_hears_of_readiness_of_a_takeover_and_of_the_end() {
    let (named, echo) = (Named::new("app"), Echo::new(1));
    let place = Place::new(&config("127.0.0.1:0", &named, &echo));
    let path = place.file().with_file_name("notify");
    let manager = UnixDatagram::bind(&path).expect("bound");
    manager.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");
    let daemon = place.start_by(place.command().env("NOTIFY_SOCKET", &path));
    assert_eq!(heard(&manager), "READY=1");
    let Ok(Reply::Upgraded(upgraded)) = daemon.ask(Verb::Upgrade(Upgrade { binary: None })) else { panic!("refused") };
    assert_eq!(heard(&manager), format!("MAINPID={}", upgraded.pid));
    // Only then, for the manager listens to the main process alone.
    assert_eq!(heard(&manager), "READY=1");
    let pid = i32::try_from(upgraded.pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::TERM).expect("it runs");
    assert_eq!(heard(&manager), "STOPPING=1");
}

#[test]
fn listeners_accept_on_the_sockets_of_the_manager() {
    let (named, echo) = (Named::new("app"), Echo::new(7));
    let stream = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = stream.local_addr().expect("bound");
    let datagrams = UdpSocket::bind(address).expect("the same port is free for UDP");
    // It waits there since before poised was started.
    let mut early = TcpStream::connect(address).expect("it listens");
    early.set_read_timeout(Some(PATIENCE)).expect("a deadline above zero");

    let place = Place::new(&config(&address.to_string(), &named, &echo));
    let program = place.command();
    let mut shell = Command::new("sh");
    // The manager's descriptors are 3 and 4; a shell can name them.
    shell.arg("-c").arg("exec 3<&0 4<&1 0</dev/null 1>&2; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" \"$@\"");
    shell.arg(program.get_program()).args(program.get_args());
    shell.stdin(OwnedFd::from(stream)).stdout(OwnedFd::from(datagrams));
    let daemon = place.start_with(&mut shell);
    drop(shell);
    let (status, body) = crate::secured::ask(&mut early, "app.example").expect("an answer");
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", "app"));
    assert_eq!(datagrams::who(&datagrams::asking(address)), 7);
    // They stay with the process that takes over.
    daemon.ask(Verb::Upgrade(Upgrade { binary: None })).expect("it takes over");
    let mut late = TcpStream::connect(address).expect("it listens");
    crate::secured::ask(&mut late, "app.example").expect("an answer");
    assert_eq!(datagrams::who(&datagrams::asking(address)), 7);
    let heir = daemon.status().daemon.pid;
    kill_process(i32::try_from(heir).ok().and_then(Pid::from_raw).expect("a process id"), Signal::KILL)
        .expect("it runs");
}

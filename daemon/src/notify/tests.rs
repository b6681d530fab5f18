//! What a service manager hears.

use super::*;

fn heard(socket: &UnixDatagram) -> String {
    let mut room = [0; 256];
    let count = socket.recv(&mut room).expect("a datagram");
    String::from_utf8(room[..count].to_vec()).expect("text")
}

fn manager(name: &OsStr) -> Manager {
    Manager { way: way(name), alive_every: None }
}

#[test]
fn a_manager_at_a_path_hears_every_word_as_a_datagram_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("bound");
    let manager = manager(path.as_os_str());
    manager.ready();
    manager.handed_to(42);
    manager.alive();
    manager.stopping();
    assert_eq!(heard(&socket), "READY=1\nSTATUS=serving");
    assert_eq!([heard(&socket), heard(&socket)], ["MAINPID=42", "WATCHDOG=1"]);
    assert!(heard(&socket).starts_with("STOPPING=1\n"));
    manager.reloading();
    assert!(heard(&socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
}

#[test]
fn a_manager_at_an_abstract_name_hears_too() {
    let name = format!("poised-notify-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name")).expect("bound");
    manager(OsStr::new(&format!("@{name}"))).ready();
    assert_eq!(heard(&socket), "READY=1\nSTATUS=serving");
}

#[test]
fn without_a_manager_nothing_happens() {
    manager(OsStr::new("relative")).ready();
    manager(OsStr::new("/nowhere/at/all")).ready();
}

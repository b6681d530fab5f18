//! A disk that is full, read-only or broken: what would change something is refused with the reason, traffic
//! goes on, and when the disk works again so does everything, without a restart.

use std::process::Command;

use poise_ipc::edit::Edit;
use poise_ipc::message::{Apply, ErrorCode, ErrorReply, LeaseQuery, Reply, Verb, WindowWish};

use crate::load::Load;
use crate::netns;
use crate::process::{Daemon, Place};
use crate::scene::Scene;
use crate::shim::{self, Disk};

const WEIGHT: &str = "groups.apps.backends.one.weight";

fn change(weight: u16, window: WindowWish) -> Verb {
    let edits = vec![Edit::set(WEIGHT, weight.to_string())];
    Verb::Apply(Apply { edits, if_revision: None, dry_run: false, reason: None, window })
}

fn windowed(weight: u16) -> Verb {
    change(weight, WindowWish { confirm_within_ms: Some(3_600_000), ..WindowWish::default() })
}

fn lease() -> Verb {
    let edits = vec![Edit::set("groups.apps.backends.two.weight", "3")];
    Verb::Lease(LeaseQuery { edits, for_ms: 3_600_000, reason: None, dry_run: false })
}

/// Revision, configuration, and what is in force above it.
fn stand(daemon: &Daemon) -> (u64, String, usize, bool) {
    let Ok(Reply::ConfigText { revision, text }) = daemon.ask(Verb::ConfigText) else { panic!("no text") };
    let status = daemon.status();
    (revision, text, status.layers.len(), status.window.is_some())
}

/// Clients of every kind.
fn load(daemon: &Daemon) -> Load {
    let status = daemon.status();
    let at = |name: &str| {
        let listener = status.listeners.iter().find(|one| one.name.as_str() == name).expect("it is configured");
        listener.bind.ip().expect("an address and port")
    };
    let mut load = Load::new();
    load.steady(at("web"));
    load.keep_alive(at("web"));
    load.anew(at("web"));
    load.stream(at("tcp"));
    load.flow(at("udp"));
    load.goes_on();
    load
}

/// Nothing can be changed, each refusal says why, and nothing is changed.
fn refuses_all(daemon: &Daemon, load: &Load, reason: &str) {
    let before = stand(daemon);
    for verb in [change(7, WindowWish::default()), windowed(8), lease()] {
        let error: ErrorReply = daemon.ask(verb.clone()).expect_err("the disk refuses");
        assert_eq!(error.code, ErrorCode::Storage, "{error:?}");
        assert!(error.message.contains(reason), "{verb:?}: {} does not say {reason}", error.message);
        load.goes_on();
    }
    assert_eq!(stand(daemon), before, "{reason}");
}

/// Everything can be changed again, and is there after a restart.
fn takes_all(place: &Place, daemon: Daemon, load: Load, weight: u16) -> Daemon {
    daemon.ask(change(weight, WindowWish::default())).expect("the disk works");
    daemon.ask(lease()).expect("the disk works");
    load.goes_on();
    let (failures, done) = load.end();
    assert!(failures.is_empty(), "{failures:#?}, of {done:?}");
    let as_told = stand(&daemon);
    daemon.kill();
    let again = place.start();
    assert_eq!(stand(&again), as_told);
    again
}

#[test]
fn a_disk_that_refuses_is_told_by_name_and_costs_no_client_anything() {
    let scene = Scene::new();
    for (error, reason) in
        [(shim::NO_SPACE, "full"), (shim::READ_ONLY, "Read-only file system"), (shim::IO, "Input/output error")]
    {
        let place = Place::new(&scene.config);
        let mut command = place.command();
        let disk = Disk::of(&mut command, &place.state(), place.file().with_file_name("errno"));
        let daemon = place.start_by(&mut command);
        let load = load(&daemon);
        for round in 0..2 {
            daemon.ask(change(20 + round, WindowWish::default())).expect("the disk works");
            disk.refuses(error);
            refuses_all(&daemon, &load, reason);
            disk.works();
        }
        takes_all(&place, daemon, load, 99);
    }
}

/// A file system of so many KiB at a folder.
fn mount(folder: &std::path::Path, kib: u32) {
    std::fs::create_dir_all(folder).expect("a folder of ours");
    let size = format!("size={kib}k,mode=0700");
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder).output().expect("mount");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn remount(folder: &std::path::Path, how: &str) {
    let options = format!("remount,{how}");
    let output = Command::new("mount").args(["-o", &options]).arg(folder).output().expect("mount");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_system_that_is_really_full_or_read_only_is_no_end() {
    if !netns::mounting("full_disk::a_file_system_that_is_really_full_or_read_only_is_no_end") {
        return;
    }
    let scene = Scene::new();
    let place = Place::new(&scene.config);
    mount(&place.state(), 4_096);
    let daemon = place.start();
    let load = load(&daemon);
    daemon.ask(change(5, WindowWish::default())).expect("there is room");
    // Until nothing more goes in.
    let filler = place.state().join("filler");
    let mut block = 1 << 20;
    while block > 0 {
        let mut bytes = std::fs::read(&filler).unwrap_or_default();
        bytes.resize(bytes.len() + block, 7);
        if std::fs::write(&filler, &bytes).is_err() {
            block /= 2;
        }
    }
    // What the database had laid out may take some more changes; then it is over, with the reason.
    let refusal = (0..2_000u16).find_map(|weight| daemon.ask(change(weight % 900 + 6, WindowWish::default())).err());
    let refusal = refusal.expect("the disk is full");
    assert_eq!(refusal.code, ErrorCode::Storage);
    assert!(refusal.message.contains("full"), "{}", refusal.message);
    load.goes_on();
    std::fs::remove_file(&filler).expect("it is ours");
    daemon.ask(change(950, WindowWish::default())).expect("there is room again");
    // A database that is open for writing keeps a file system from becoming read-only: that one is only told at
    // the next start.
    let (failures, done) = load.end();
    assert!(failures.is_empty(), "{failures:#?}, of {done:?}");
    let as_told = stand(&daemon);
    daemon.kill();
    remount(&place.state(), "ro");
    let said = place.start_unless_it_ends(&mut place.command()).err().expect("nothing can be promised there");
    assert!(said.contains("ead-only") || said.contains("readonly"), "{said}");
    remount(&place.state(), "rw");
    assert_eq!(stand(&place.start()), as_told);
}

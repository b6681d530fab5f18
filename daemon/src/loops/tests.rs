//! Who is known again, who goes round, and which targets lead back.

use std::path::Path;

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn target(text: &str) -> Target {
    Target::Ip(address(text))
}

fn passage(listeners: &[u64]) -> Passage {
    Passage { listeners: listeners.iter().map(|&id| ListenerId(id)).collect(), backend: BackendId(7) }
}

#[test]
fn a_connection_is_known_while_it_lives() {
    let dials = Arc::new(Dials::default());
    let caller = Caller::Ip(address("127.0.0.1:40000"));
    let passing = dials.enter(caller.clone(), passage(&[1]));
    assert_eq!(dials.passage(&caller).as_deref(), Some(&passage(&[1])));
    assert_eq!(dials.passage(&Caller::Ip(address("127.0.0.2:40000"))), None);
    drop(passing);
    assert_eq!(dials.passage(&caller), None);
    assert_eq!(dials.open_count.load(Ordering::SeqCst), 0);
}

#[test]
fn only_a_listener_that_was_passed_before_is_a_round() {
    let loops = Loops::new(Arc::default());
    let caller = Caller::Unix(b"\x00abcde".to_vec());
    let _passing = loops.dials().enter(caller.clone(), passage(&[1, 2]));
    for (listener, round) in [(1, true), (2, true), (3, false)] {
        assert_eq!(loops.goes_round(ListenerId(listener), &caller).is_some(), round, "listener {listener}");
    }
}

#[test]
fn a_target_leads_home_by_address_and_port_or_by_path() {
    let mut own = Own::default();
    own.add_ip(address("127.0.0.1:80"), false);
    own.add_ip(address("0.0.0.0:81"), false);
    own.add_ip(address("[::]:82"), false);
    own.add_ip(address("[::]:83"), true);
    own.add_unix("/run/front.sock");
    let loops = Loops::new(Arc::default());
    assert!(!loops.leads_home(&target("127.0.0.1:80"), 0), "nothing is listened on yet");
    loops.set_own(Arc::new(own));
    for home in ["127.0.0.1:80", "127.0.0.1:81", "127.9.9.9:81", "0.0.0.0:81", "[::1]:82", "[::1]:83", "127.0.0.1:83"] {
        assert!(loops.leads_home(&target(home), 0), "{home}");
    }
    for away in ["127.0.0.2:80", "127.0.0.1:84", "192.0.2.1:81", "127.0.0.1:82", "192.0.2.1:83"] {
        assert!(!loops.leads_home(&target(away), 0), "{away}");
    }
    assert!(loops.leads_home(&Target::Unix(Path::new("/run/front.sock").into()), 0));
    assert!(!loops.leads_home(&Target::Unix(Path::new("/run/back.sock").into()), 0));
    assert!(!loops.leads_home(&Target::Unresolved, 0));
}

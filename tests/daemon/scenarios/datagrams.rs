//! What is promised of UDP: it is served (S-01), flows end by silence (S-57), and what goes round is
//! refused (L-06).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::model::{Listener, Protocol};

use crate::backends::until;
use crate::datagrams::{Echo, ask, asking, who};
use crate::rig::{Rig, front, name};

fn with_listener(backends: &[SocketAddr], edit: impl FnOnce(&mut Listener)) -> Rig {
    let mut config = front(Protocol::Udp, backends);
    edit(config.listeners.get_mut(&name("front")).expect("it was made"));
    Rig::new(config)
}

#[test]
fn s_01_a_udp_listener_carries_datagrams_both_ways_and_answers_nobody_else() {
    let backend = Echo::new(7);
    let rig = with_listener(&[backend.address], |_| {});
    let (client, other) = (asking(rig.address_of("front")), asking(rig.address_of("front")));
    other.set_nonblocking(true).expect("an open socket");
    for len in [0, 1, 512, 1_472, 8_972, 65_506] {
        let question = vec![u8::try_from(len % 251).expect("a byte"); len];
        let answer = ask(&client, &question).expect("an answer in time");
        assert!(answer == [&[7], &question[..]].concat(), "{len} bytes went, {} came, or others", answer.len());
    }
    assert!(other.recv(&mut [0; 8]).is_err(), "who said nothing hears nothing");
    until("all are counted", || rig.counters().datagrams_out_total == 6);
    let counters = rig.counters();
    assert_eq!((counters.datagrams_in_total, counters.datagrams_out_total), (6, 6));
    assert_eq!((counters.connections_open, counters.datagrams_dropped_total), (1, 0));
    assert!(std::net::TcpStream::connect(rig.address_of("front")).is_err(), "the port of TCP is another");
}

#[test]
fn s_57_a_udp_flow_ends_after_its_idle_timeout_and_not_while_it_is_used() {
    let backend = Echo::new(0);
    let rig = with_listener(&[backend.address], |listener| listener.idle_timeout_ms = 1_000);
    let (talker, quiet) = (asking(rig.address_of("front")), asking(rig.address_of("front")));
    assert_eq!((who(&talker), who(&quiet)), (0, 0));
    let began = Instant::now();
    until("the silent flow is over", || {
        assert_eq!(who(&talker), 0);
        rig.counters().connections_open == 1
    });
    assert!(began.elapsed() >= Duration::from_millis(990), "over after {:?}", began.elapsed());
    assert_eq!(rig.counters_of("b0").connections_open, 1);
    assert_eq!(rig.counters().connections_total, 2, "who talks has had one flow all the time");
    assert_eq!(who(&quiet), 0);
    assert_eq!(rig.counters().connections_total, 3, "who comes back has another");
}

#[test]
fn s_57_an_idle_timeout_of_udp_is_edited_for_the_flows_that_are_open() {
    let backend = Echo::new(0);
    let mut rig = with_listener(&[backend.address], |listener| listener.idle_timeout_ms = 86_400_000);
    assert_eq!(who(&asking(rig.address_of("front"))), 0);
    rig.edit(|config| {
        config.listeners.get_mut(&name("front")).expect("the listener front").idle_timeout_ms = 1_000;
    });
    until("the flow is over", || rig.counters().connections_open == 0);
}

#[test]
fn l_06_datagrams_that_would_go_round_are_dropped_and_counted() {
    let mut rig = with_listener(&["127.0.0.1:9".parse().expect("an address")], |_| {});
    let own = rig.address_of("front");
    rig.edit_backend("b0", |backend| backend.address = own.into());
    asking(own).send(b"round").expect("an open socket");
    until("it is told", || rig.count_of(Cause::Loop) == 1);
    until("all is counted", || {
        let counters = rig.counters();
        (counters.datagrams_in_total, counters.connections_open) == (2, 1)
    });
}

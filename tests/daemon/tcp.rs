//! TCP connections through the relay: what arrives, how it ends, and who serves it.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Persistence, Protocol, Scheduler};
use poise_ipc::status::Health;

use crate::backends::{Deaf, PATIENCE, Refusing, Scripted, read_to_end, reset, until};
use crate::rig::{Rig, front, name};

/// Bytes that differ from place to place, so that loss, repetition and disorder all show.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

fn tcp(backends: &[std::net::SocketAddr]) -> Rig {
    Rig::new(front(Protocol::Tcp, backends))
}

/// Whether the stream ends by a reset.
fn ends_by_reset(stream: &mut std::net::TcpStream) -> bool {
    matches!(read_to_end(stream), Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn bytes_come_back_as_they_were_sent_in_any_amount() {
    let backend = Scripted::echo();
    let rig = tcp(&[backend.address]);
    for len in [0, 1, 100, 16 << 10, (16 << 10) + 1, 300_000, 16 << 20] {
        let (mut reader, sent) = (rig.connect(), pattern(len));
        let mut writer = reader.try_clone().expect("a descriptor");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.write_all(&sent).expect("the relay takes it");
                writer.shutdown(Shutdown::Write).expect("an open socket");
            });
            let came = read_to_end(&mut reader).expect("an orderly end");
            assert!(came == sent, "{len} bytes went, {} came, or others", came.len());
        });
    }
    until("all ends are counted", || rig.counters().connections_open == 0);
    let (front, behind) = (rig.counters(), rig.counters_of("b0"));
    assert_eq!(front.causes, []);
    assert_eq!((front.bytes_in_total, front.bytes_out_total), (behind.bytes_out_total, behind.bytes_in_total));
    assert_eq!((behind.connections_open, behind.inflight, behind.failures_total), (0, 0, 0));
    assert_eq!((front.connections_total, behind.connections_total, behind.picks_total), (7, 7, 7));
}

#[test]
fn a_backend_that_speaks_first_is_heard_by_a_silent_client() {
    let backend = Scripted::saying("220 ready\r\n");
    let rig = tcp(&[backend.address]);
    let mut client = rig.connect();
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"220 ready\r\n");
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    let backend = Scripted::new(|mut stream| {
        let heard = read_to_end(&mut stream).expect("an orderly end of the client");
        let _ = stream.write_all(format!("{} bytes", heard.len()).as_bytes());
    });
    let rig = tcp(&[backend.address]);
    let mut client = rig.connect();
    client.write_all(&pattern(70_000)).expect("the relay takes it");
    client.shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"70000 bytes");
}

#[test]
fn a_backend_that_has_said_all_still_hears_the_client() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        stream.write_all(b"go on").expect("the relay takes it");
        stream.shutdown(Shutdown::Write).expect("an open socket");
        tell.send(read_to_end(&mut stream).expect("an orderly end")).expect("the test waits");
    });
    let rig = tcp(&[backend.address]);
    let mut client = rig.connect();
    assert_eq!(read_to_end(&mut client).expect("an orderly end"), b"go on");
    client.write_all(&pattern(70_000)).expect("the relay takes it");
    drop(client);
    assert!(told.recv_timeout(PATIENCE).expect("the backend hears the end") == pattern(70_000));
}

#[test]
fn a_slow_reader_gets_every_byte_in_both_directions() {
    let backend = Scripted::echo();
    let rig = tcp(&[backend.address]);
    let (mut reader, sent) = (rig.connect_with_window(64 << 10), pattern(24 << 20));
    let mut writer = reader.try_clone().expect("a descriptor");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&sent).expect("the relay takes it once it is read");
            writer.shutdown(Shutdown::Write).expect("an open socket");
        });
        // Nobody reads until everything between the two ends is full.
        let mut before = u64::MAX;
        until("nothing moves any more", || {
            std::thread::sleep(Duration::from_millis(50));
            let now = rig.counters().bytes_out_total;
            now > 0 && std::mem::replace(&mut before, now) == now
        });
        assert!(rig.counters().bytes_out_total < sent.len() as u64, "the relay was refused bytes");
        assert!(read_to_end(&mut reader).expect("an orderly end") == sent, "other bytes came than went");
    });
}

#[test]
fn a_reset_of_the_backend_reaches_the_client_behind_what_was_said_before() {
    let backend = Scripted::new(|mut stream| {
        let mut heard = [0; 5];
        stream.write_all(b"some").expect("the relay takes it");
        stream.read_exact(&mut heard).expect("the client answers");
        reset(stream);
    });
    let mut rig = tcp(&[backend.address]);
    let mut client = rig.connect();
    client.read_exact(&mut [0; 4]).expect("what was said before");
    client.write_all(b"reset").expect("the relay takes it");
    assert!(ends_by_reset(&mut client), "a failure must not look like an orderly end");
    until("the cause is counted", || rig.count_of(Cause::BackendClosed) == 1);
    until("the failure is counted", || rig.counters_of("b0").failures_total == 1);
    let records = rig.records(1);
    assert_eq!(
        records.iter().map(|r| (r.backend, r.cause)).collect::<Vec<_>>(),
        [(Some(rig.backend_id("b0")), Cause::BackendClosed)]
    );
}

#[test]
fn a_reset_of_the_client_reaches_the_backend() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        stream.write_all(b"hello").expect("the relay takes it");
        tell.send(ends_by_reset(&mut stream)).expect("the test waits");
    });
    let rig = tcp(&[backend.address]);
    let mut client = rig.connect();
    client.read_exact(&mut [0; 5]).expect("the backend speaks first");
    reset(client);
    assert!(told.recv_timeout(PATIENCE).expect("the backend sees an end"), "it was a reset");
    until("the cause is counted", || rig.count_of(Cause::ClientClosed) == 1);
    assert_eq!(rig.counters_of("b0").failures_total, 0, "the backend is not to blame");
}

#[test]
fn what_a_backend_said_before_it_closed_arrives_although_the_client_goes_on_sending() {
    const SAID: usize = 40_000;
    let (close, closes) = std::sync::mpsc::channel();
    let closes = std::sync::Mutex::new(closes);
    let backend = Scripted::new(move |mut stream| {
        stream.read_exact(&mut [0; 1]).expect("the client speaks first");
        stream.write_all(&pattern(SAID)).expect("the relay takes it");
        stream.shutdown(Shutdown::Write).expect("an open socket");
        closes.lock().expect("no panic").recv_timeout(PATIENCE).expect("the test goes on");
    });
    let rig = tcp(&[backend.address]);
    // So narrow that most of the answer waits in the relay.
    let mut client = rig.connect_with_window(4_096);
    client.write_all(b"x").expect("the relay takes it");
    until("the relay has the whole answer", || rig.counters_of("b0").bytes_in_total == SAID as u64);
    client.write_all(&pattern(100_000)).expect("the relay takes it");
    close.send(()).expect("the backend waits");
    // The backend's kernel refuses what comes now.
    client.write_all(&pattern(1 << 20)).expect("the relay takes it");
    let came = read_to_end(&mut client).expect("an orderly end");
    assert!(came == pattern(SAID), "{} of {SAID} bytes came", came.len());
    assert_eq!(rig.counters().causes, [], "all went well");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_the_answer_frees_its_backend() {
    let (tell, told) = std::sync::mpsc::channel();
    let backend = Scripted::new(move |mut stream| {
        let endless = pattern(1 << 16);
        while stream.write_all(&endless).is_ok() {}
        tell.send(()).expect("the test waits");
    });
    let rig = tcp(&[backend.address]);
    for leave in [drop, reset] {
        let mut client = rig.connect();
        client.read_exact(&mut vec![0; 1 << 20]).expect("the answer begins");
        // Without unread bytes a closing socket sends an orderly end first.
        client.shutdown(Shutdown::Both).expect("an open socket");
        leave(client);
        told.recv_timeout(PATIENCE).expect("the backend is let go");
    }
    until("both are counted", || rig.count_of(Cause::ClientClosed) == 2);
    until("nothing is open", || rig.counters().connections_open == 0);
    assert_eq!(rig.counters_of("b0").failures_total, 0, "the backend is not to blame");
}

#[test]
fn backends_that_refuse_or_do_not_answer_are_passed_over_unnoticed() {
    let (refusing, deaf, living) = (Refusing::new(), Deaf::new(), Scripted::echo());
    let mut config = front(Protocol::Tcp, &[refusing.address, deaf.address, living.address]);
    config.listeners.get_mut(&name("front")).expect("it was made").connect_timeout_ms = 1_000;
    let rig = Rig::new(config);
    for _ in 0..6 {
        let mut client = rig.connect();
        client.write_all(b"x").expect("the relay takes it");
        client.read_exact(&mut [0]).expect("the living backend answers");
    }
    assert_eq!(living.connections(), 6);
    until("all ends are counted", || rig.counters().connections_open == 0);
    assert_eq!(rig.counters().causes, [], "no client has noticed");
    for dead in ["b0", "b1"] {
        let counters = rig.counters_of(dead);
        assert!(counters.connect_failures_total >= 2, "{dead}: {counters:?}");
        assert_eq!((counters.connections_total, counters.inflight), (0, 0), "{dead}");
    }
}

#[test]
fn a_client_whom_nobody_serves_is_reset_with_its_cause() {
    let (refusing, deaf) = (Refusing::new(), Deaf::new());
    let cases = [
        (vec![refusing.address], Cause::ConnectFailed),
        (vec![deaf.address], Cause::ConnectTimeout),
        (vec![], Cause::NoBackend),
    ];
    for (backends, cause) in cases {
        let mut config = front(Protocol::Tcp, &backends);
        config.listeners.get_mut(&name("front")).expect("it was made").connect_timeout_ms = 200;
        let mut rig = Rig::new(config);
        assert!(ends_by_reset(&mut rig.connect()), "{cause}");
        until("the cause is counted", || rig.count_of(cause) == 1);
        assert_eq!(rig.records(1).iter().map(|r| r.cause).collect::<Vec<_>>(), [cause]);
    }
}

#[test]
fn silence_for_the_idle_timeout_ends_a_connection_and_bytes_in_one_direction_keep_it() {
    // Far apart for the sake of busy machines: a pause of the backend must not pass for silence.
    const IDLE_MS: u32 = 3_000;
    const DOTS: u32 = 10;
    const PAUSE: Duration = Duration::from_millis(400);
    let backend = Scripted::new(|mut stream| {
        for _ in 0..DOTS {
            let _ = stream.write_all(b".");
            std::thread::sleep(PAUSE);
        }
        let _ = read_to_end(&mut stream);
    });
    let mut config = front(Protocol::Tcp, &[backend.address]);
    config.listeners.get_mut(&name("front")).expect("it was made").idle_timeout_ms = IDLE_MS;
    let rig = Rig::new(config);
    let (mut client, began) = (rig.connect(), Instant::now());
    let heard = read_to_end(&mut client).expect("an orderly end").len();
    assert_eq!(heard, DOTS as usize, "a one-way stream lives on");
    let shortest = PAUSE * (DOTS - 1) + Duration::from_millis(IDLE_MS.into());
    assert!(began.elapsed() >= shortest, "ended after {:?}", began.elapsed());
    assert_eq!(rig.count_of(Cause::IdleTimeout), 1);
}

#[test]
fn turns_are_exact_over_all_workers() {
    let backends = [Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")];
    let mut config = front(Protocol::Tcp, &backends.each_ref().map(|b| b.address));
    config.groups.get_mut(&name("app")).expect("it was made").scheduler = Scheduler::Rr;
    let rig = Rig::with_workers(config, 2);
    for _ in 0..300 {
        assert_eq!(read_to_end(&mut rig.connect()).expect("an orderly end").len(), 1);
    }
    assert_eq!(backends.each_ref().map(Scripted::connections), [100, 100, 100]);
}

#[test]
fn a_client_stays_with_its_backend_while_that_one_may_be_used() {
    let backends = [Scripted::saying("0"), Scripted::saying("1"), Scripted::saying("2")];
    let mut config = front(Protocol::Tcp, &backends.each_ref().map(|b| b.address));
    config.listeners.get_mut(&name("front")).expect("it was made").persistence = Persistence::source(60_000);
    let mut rig = Rig::with_workers(config, 2);
    let served =
        |rig: &Rig| String::from_utf8(read_to_end(&mut rig.connect()).expect("an orderly end")).expect("a digit");
    let home = served(&rig);
    assert!((0..10).all(|_| served(&rig) == home), "every connection of the address goes home");
    let own = format!("b{home}");
    assert_eq!(rig.counters_of(&own).pinned_total, 10);
    rig.edit_backend(&own, |backend| backend.weight = 0);
    assert_eq!(served(&rig), home, "weight 0 takes no new clients, but this one is known");
    rig.set_health(&own, Health::Down);
    let next = served(&rig);
    assert_ne!(next, home);
    rig.set_health(&own, Health::Up);
    assert!((0..5).all(|_| served(&rig) == next), "the client has moved");
}

#[test]
fn a_remembered_backend_that_refuses_is_replaced_in_the_memory() {
    let (gone, living) = (Refusing::new(), Scripted::saying("1"));
    let mut config = front(Protocol::Tcp, &[gone.address, living.address]);
    let listener = config.listeners.get_mut(&name("front")).expect("it was made");
    listener.persistence = Persistence::source(60_000);
    let rig = Rig::new(config);
    for _ in 0..6 {
        assert_eq!(read_to_end(&mut rig.connect()).expect("an orderly end"), b"1");
    }
    assert!(rig.counters_of("b0").connect_failures_total <= 1, "tried once at most, then remembered otherwise");
}

#[test]
fn open_connections_live_on_when_their_backend_takes_nothing_new() {
    let backends = [Scripted::echo(), Scripted::echo()];
    let edits: [fn(&mut poise_ipc::model::Backend); 3] = [
        |backend| backend.weight = 0,
        |backend| backend.state = AdminState::Draining,
        |backend| backend.state = AdminState::Disabled,
    ];
    for edit in edits {
        let mut rig = tcp(&backends.each_ref().map(|b| b.address));
        let mut open: Vec<_> = (0..4).map(|_| rig.connect()).collect();
        let speak = |client: &mut std::net::TcpStream| {
            client.write_all(b"still here").expect("the relay takes it");
            client.read_exact(&mut [0; 10]).expect("the backend answers");
        };
        open.iter_mut().for_each(speak);
        rig.edit_backend("b0", edit);
        let before = backends[0].connections();
        open.extend((0..4).map(|_| rig.connect()));
        open.iter_mut().for_each(speak);
        assert_eq!(backends[0].connections(), before, "nothing new went there");
        assert_eq!(rig.counters_of("b0").connections_open, 2);
    }
}

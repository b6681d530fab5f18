//! Connections that end: with their worker, their listener, by silence, or before they have begun.

use std::time::Duration;

use super::{config, h2};
use crate::backends::{Scripted, read_to_end, until};
use crate::multiplexed::{Answer, Client, Scene, run};
use crate::rig::{Rig, name};
use crate::script::{Named, ok, read_head, send};

/// A backend that answers `/held` when it is told to, and anything else at once.
fn held() -> (Scripted, std::sync::mpsc::Sender<()>) {
    let (go, gate) = std::sync::mpsc::channel();
    let gate = std::sync::Mutex::new(gate);
    let backend = Scripted::new(move |mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            if head.starts_with("GET /held ") {
                // Nobody to tell it: the test has failed already.
                let _ = gate.lock().expect("one at a time").recv();
            }
            send(&mut stream, &ok("late"));
        }
    });
    (backend, go)
}

/// A stream that the backend holds back, and its client.
async fn hold(rig: &Rig, backend: &Scripted) -> (Client, tokio::task::JoinHandle<Result<Answer, h2::Error>>) {
    let client = Client::connect(rig.address_of("front")).await;
    let busy = client.clone();
    let asked = tokio::task::spawn_local(async move { busy.get("/held").await });
    while backend.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (client, asked)
}

/// Waits until a connection takes no more streams.
async fn refused(client: &Client) {
    while client.get("/").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_worker_that_stops_says_goodbye_and_finishes_the_streams_that_are_open() {
    let (backend, go) = held();
    let mut rig = h2(&[backend.address]);
    let scene = Scene::new();
    let idle = scene.act(Client::connect(rig.address_of("front")));
    let (client, asked) = scene.act(hold(&rig, &backend));
    let stopping = rig.stop_aside(Duration::from_secs(20));
    scene.act(async {
        refused(&idle).await;
        refused(&client).await;
        go.send(()).expect("it waits");
        assert_eq!(asked.await.expect("no panic").expect("a response").body, b"late");
        tokio::task::spawn_blocking(|| stopping.join().expect("no panic")).await.expect("it stops without a cut");
    });
}

#[test]
fn a_connection_whose_listener_is_gone_serves_what_is_open_and_takes_no_more() {
    let (backend, go) = held();
    let mut rig = h2(&[backend.address]);
    let scene = Scene::new();
    let (client, asked) = scene.act(hold(&rig, &backend));
    rig.edit(|config| drop(config.listeners.remove(&name("front"))));
    scene.act(async {
        // One more may be on its way when the goodbye comes.
        refused(&client).await;
        go.send(()).expect("it waits");
        assert_eq!(asked.await.expect("no panic").expect("a response").body, b"late");
    });
}

#[test]
fn a_connection_at_rest_is_told_goodbye() {
    let backend = Named::new("a");
    let mut config = config(&[backend.address]);
    config.listeners.get_mut(&name("front")).expect("the listener").idle_timeout_ms = 1_000;
    let rig = Rig::new(config);
    run(async {
        let client = Client::connect(rig.address_of("front")).await;
        assert_eq!(client.get("/").await.expect("a response").status, 200);
        while rig.counters().connections_open > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        client.get("/").await.expect_err("the connection is gone");
    });
}

#[test]
fn one_that_begins_the_preface_and_stops_is_let_go() {
    let backend = Named::new("a");
    let mut config = config(&[backend.address]);
    config.listeners.get_mut(&name("front")).expect("the listener").head_timeout_ms = 1_000;
    let rig = Rig::new(config);
    let mut client = rig.connect();
    send(&mut client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let _ = read_to_end(&mut client);
    let mut client = rig.connect();
    send(&mut client, "PRI * HT");
    let said = read_to_end(&mut client).expect("an orderly end");
    assert!(said.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&said));
    until("both are gone", || rig.counters().connections_open == 0);
}

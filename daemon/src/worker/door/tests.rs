//! Doors and the bounds of their worker.

use std::collections::BTreeMap;

use poise_core::plan::{Identities, Plan};
use poise_ipc::Name;
use poise_ipc::model::{Backend, Config, Group, Listener};
use tokio::io::AsyncReadExt;

use super::*;
use crate::planned;
use crate::worker::{Budget, context_within};

/// A plan of one TCP listener in front of this backend.
fn plan(bind: SocketAddr, backend: SocketAddr) -> Plan {
    let name = |text: &str| Name::new(text).expect("a plain name");
    let group = Group { backends: BTreeMap::from([(name("b"), Backend::new(backend))]), ..Group::default() };
    let config = Config {
        listeners: BTreeMap::from([(name("front"), Listener::new(bind, Protocol::Tcp, name("app")))]),
        groups: BTreeMap::from([(name("app"), group)]),
        ..Config::default()
    };
    planned::after(&config, &mut Identities::default(), None)
}

fn listening() -> (std::net::TcpListener, SocketAddr) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("an open socket");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

#[tokio::test(flavor = "local")]
async fn a_connection_beyond_the_budget_is_refused_and_counted() {
    let (front, address) = listening();
    let (_backend, behind) = listening();
    let ctx = context_within(Budget { connections_max: 1, pipes_max: 0 });
    ctx.published.store(Arc::new(plan(address, behind)));
    let plan = ctx.published.load_full();
    let front_plan = plan.listeners.values().next().expect("one listener");
    let (listener, live) = (front_plan.id, Arc::clone(&front_plan.live));
    let purpose = Purpose { listener, bind: Bind::Ip(address), dual: false, protocol: Protocol::Tcp };
    let _door = Door::open(&ctx, purpose, Accepting::Tcp(front)).expect("a runtime");
    let _first = TcpStream::connect(address).await.expect("it listens");
    let mut second = TcpStream::connect(address).await.expect("it listens");
    assert!(matches!(second.read(&mut [0]).await, Ok(0) | Err(_)), "it is closed");
    let causes = live.totals().causes;
    assert_eq!(causes, [(Cause::ConnectionLimit, 1)]);
    assert_eq!(live.totals().connections_open, 1);
}

#[tokio::test(flavor = "local")]
async fn a_panic_ends_one_connection_and_is_counted() {
    let (_front, address) = listening();
    let ctx = context_within(Budget { connections_max: 1, pipes_max: 0 });
    let plan = plan(address, address);
    let listener = plan.listeners.values().next().expect("one listener");
    let open = Open::new(Rc::clone(&ctx), listener, address, None);
    let connection = spawn_local(async move {
        let _open = open;
        panic!("as a fault of the relay would");
    });
    assert!(connection.await.expect_err("it panics").is_panic());
    let counted = listener.live.totals();
    assert_eq!((counted.causes, counted.connections_open), (vec![(Cause::Internal, 1)], 0));
    assert_eq!(ctx.open.get(), 0);
}

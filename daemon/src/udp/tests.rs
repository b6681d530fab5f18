//! The relay on one worker without a thread around it: real sockets, backends that echo.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use poise_core::live::ListenerLive;
use poise_core::plan::{Identities, ListenerId, Plan};
use poise_ipc::Name;
use poise_ipc::cause::Cause;
use poise_ipc::model::{AdminState, Backend, Bind, Config, Group, HealthCheck, Listener, Protocol};
use tokio::net::UdpSocket as Peer;
use tokio::task::spawn_local;

use super::*;
use crate::planned;
use crate::worker::{Budget, context_within};

const PATIENCE: Duration = Duration::from_mins(1);

/// A relay of one worker, with its backends.
struct Relay {
    ctx: Rc<WorkerContext>,
    config: Config,
    identities: Identities,
    door: Door,
    address: SocketAddr,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain name")
}

impl Relay {
    fn new(bind: SocketAddr, backends: &[SocketAddr], edit: impl FnOnce(&mut Config)) -> Self {
        Self::within(Budget { connections_max: 1_000, pipes_max: 0 }, bind, backends, edit)
    }

    fn within(budget: Budget, bind: SocketAddr, backends: &[SocketAddr], edit: impl FnOnce(&mut Config)) -> Self {
        let ctx = context_within(budget);
        let socket = UdpSocket::bind(bind).expect("a free port");
        socket.set_nonblocking(true).expect("an open socket");
        let address = socket.local_addr().expect("it is bound");
        let named = backends.iter().enumerate().map(|(at, address)| (name(&format!("b{at}")), Backend::new(*address)));
        let mut group = Group { backends: named.collect(), ..Group::default() };
        group.health_check = HealthCheck { protocol: poise_ipc::model::CheckProtocol::Off, ..HealthCheck::default() };
        let config = Config {
            listeners: BTreeMap::from([(name("front"), Listener::new(address, Protocol::Udp, name("app")))]),
            groups: BTreeMap::from([(name("app"), group)]),
            ..Config::default()
        };
        let identities = Identities::default().follow(&config);
        let purpose = Purpose {
            listener: identities.listeners[&name("front")],
            bind: Bind::Ip(address),
            dual: false,
            protocol: Protocol::Udp,
        };
        let door = Door::open(&ctx, purpose, socket, Vec::new()).expect("a runtime");
        let mut relay = Self { ctx, config, identities, door, address };
        relay.edit(edit);
        relay
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Config)) {
        edit(&mut self.config);
        let before: Arc<Plan> = self.ctx.published.load_full();
        let after = planned::after(&self.config, &mut self.identities, Some(&before));
        self.ctx.published.store(Arc::new(after));
    }

    fn edit_listener(&mut self, edit: impl FnOnce(&mut Listener)) {
        self.edit(|config| edit(config.listeners.get_mut(&name("front")).expect("it was made")));
    }

    fn set_state(&mut self, backend: &str, state: AdminState) {
        self.edit(|config| {
            let group = config.groups.get_mut(&name("app")).expect("it was made");
            group.backends.get_mut(&name(backend)).expect("it was made").state = state;
        });
    }

    fn listener(&self) -> ListenerId {
        self.identities.listeners[&name("front")]
    }

    fn live(&self) -> Arc<ListenerLive> {
        Arc::clone(&self.ctx.published.load().listeners[&self.listener()].live)
    }

    fn count_of(&self, cause: Cause) -> u64 {
        let causes = self.live().totals().causes;
        causes.iter().find(|(counted, _)| *counted == cause).map_or(0, |(_, n)| *n)
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A backend that sends back what it gets, with its number in front.
async fn echo(number: u8) -> SocketAddr {
    let socket = Peer::bind(any_port()).await.expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    spawn_local(async move {
        let mut bytes = vec![0; 70_000];
        while let Ok((len, from)) = socket.recv_from(&mut bytes).await {
            let mut answer = vec![number];
            answer.extend_from_slice(&bytes[..len.min(65_506)]);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    address
}

async fn client(to: SocketAddr) -> Peer {
    let from = if to.is_ipv4() { any_port() } else { "[::1]:0".parse().expect("an address") };
    let socket = Peer::bind(from).await.expect("a free port");
    socket.connect(to).await.expect("connecting asks nobody");
    socket
}

async fn receive(client: &Peer) -> Vec<u8> {
    let mut bytes = vec![0; 70_000];
    let received = tokio::time::timeout(PATIENCE, client.recv(&mut bytes)).await;
    let len = received.expect("an answer in time").expect("an open socket");
    bytes.truncate(len);
    bytes
}

async fn ask(client: &Peer, question: &[u8]) -> Vec<u8> {
    client.send(question).await.expect("an open socket");
    receive(client).await
}

#[tokio::test(flavor = "local")]
async fn datagrams_of_any_length_come_back_whole() {
    let relay = Relay::new(any_port(), &[echo(7).await], |_| {});
    let client = client(relay.address).await;
    for len in [0, 1, 1_200, 1_473, 9_000, 65_506] {
        let question: Vec<u8> = (0..len).map(|at: usize| (at % 251).to_le_bytes()[0]).collect();
        let answer = ask(&client, &question).await;
        assert!(answer[0] == 7 && answer[1..] == question, "{len} bytes went, {} came, or others", answer.len());
    }
    let totals = relay.live().totals();
    assert_eq!((totals.datagrams_in_total, totals.datagrams_out_total, totals.datagrams_dropped_total), (6, 6, 0));
    assert_eq!((totals.connections_total, totals.connections_open), (1, 1));
    assert_eq!(totals.bytes_out_total, totals.bytes_in_total + 6);
}

#[tokio::test(flavor = "local")]
async fn the_largest_datagram_arrives_at_the_backend() {
    let (backend, largest) = (Peer::bind(any_port()).await.expect("a free port"), vec![9; 65_507]);
    let relay = Relay::new(any_port(), &[backend.local_addr().expect("it is bound")], |_| {});
    let client = client(relay.address).await;
    client.send(&largest).await.expect("an open socket");
    assert!(receive(&backend).await == largest);
}

#[tokio::test(flavor = "local")]
async fn flows_are_shared_out_and_each_client_gets_its_own_answers() {
    let backends = [echo(0).await, echo(1).await, echo(2).await, echo(3).await];
    let relay = Relay::new(any_port(), &backends, |_| {});
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(client(relay.address).await);
    }
    let mut shares = [0; 4];
    for (number, client) in (0_u8..).zip(&clients) {
        let first = ask(client, &[number, 1]).await;
        assert_eq!(first[1..], [number, 1]);
        assert_eq!(ask(client, &[number, 2]).await, [first[0], number, 2], "a flow stays where it is");
        shares[usize::from(first[0])] += 1;
    }
    assert_eq!(shares, [10; 4]);
}

#[tokio::test(flavor = "local")]
async fn a_burst_of_one_client_keeps_its_order() {
    let relay = Relay::new(any_port(), &[echo(0).await], |_| {});
    let client = client(relay.address).await;
    for number in 0..200_u16 {
        // Lengths that repeat, shrink and grow, so that some travel as one sending.
        let mut question = vec![1; 2 + usize::from(number / 20) * 10];
        question[..2].copy_from_slice(&number.to_le_bytes());
        client.send(&question).await.expect("an open socket");
    }
    for number in 0..200_u16 {
        let answer = receive(&client).await;
        assert_eq!((answer[1], answer[2]), (number.to_le_bytes()[0], number.to_le_bytes()[1]));
        assert_eq!(answer.len(), 3 + usize::from(number / 20) * 10);
    }
}

#[tokio::test(flavor = "local")]
async fn an_answer_comes_from_the_address_that_was_asked() {
    let relay = Relay::new((Ipv4Addr::UNSPECIFIED, 0).into(), &[echo(1).await], |_| {});
    for last in [1, 2, 77] {
        // A connected socket hears nobody else.
        let client = client((Ipv4Addr::new(127, 0, 0, last), relay.address.port()).into()).await;
        assert_eq!(ask(&client, b"who").await, b"\x01who");
    }
}

#[tokio::test(flavor = "local")]
async fn one_client_at_two_addresses_of_ours_has_two_flows() {
    let relay = Relay::new((Ipv4Addr::UNSPECIFIED, 0).into(), &[echo(1).await], |_| {});
    let client = Peer::bind(any_port()).await.expect("a free port");
    let mut bytes = [0; 8];
    for last in [1, 2] {
        let to = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), relay.address.port()));
        client.send_to(b"x", to).await.expect("an open socket");
        let answer = tokio::time::timeout(PATIENCE, client.recv_from(&mut bytes)).await;
        assert_eq!(answer.expect("in time").expect("an open socket").1, to);
    }
    assert_eq!(relay.live().totals().connections_open, 2);
}

#[tokio::test(flavor = "local")]
async fn ipv6_clients_are_served_from_the_address_that_they_asked() {
    let relay = Relay::new("[::]:0".parse().expect("an address"), &[echo(1).await], |_| {});
    let to = SocketAddr::new("::1".parse().expect("an address"), relay.address.port());
    assert_eq!(ask(&client(to).await, b"six").await, b"\x01six");
}

#[tokio::test(flavor = "local")]
async fn a_flow_leaves_a_disabled_backend_at_the_next_datagram_and_stays_with_a_draining_one() {
    let mut relay = Relay::new(any_port(), &[echo(0).await, echo(1).await], |_| {});
    let client = client(relay.address).await;
    let first = ask(&client, b"a").await[0];
    relay.set_state(&format!("b{first}"), AdminState::Draining);
    assert_eq!(ask(&client, b"b").await[0], first);
    relay.set_state(&format!("b{first}"), AdminState::Disabled);
    assert_eq!(ask(&client, b"c").await[0], 1 - first);
    assert_eq!(relay.live().totals().connections_open, 1);
}

#[tokio::test(flavor = "local")]
async fn a_flow_follows_its_backend_to_another_address() {
    let mut relay = Relay::new(any_port(), &[echo(0).await], |_| {});
    let client = client(relay.address).await;
    assert_eq!(ask(&client, b"a").await, b"\0a");
    let elsewhere = echo(5).await;
    relay.edit(|config| {
        let group = config.groups.get_mut(&name("app")).expect("it was made");
        group.backends.insert(name("b0"), Backend::new(elsewhere));
    });
    assert_eq!(ask(&client, b"b").await, b"\x05b");
}

#[tokio::test(flavor = "local")]
async fn when_nobody_listens_at_a_backend_its_flows_go_to_another() {
    // It listens to itself alone, and nobody else can have its port.
    let deaf = UdpSocket::bind(any_port()).expect("a free port");
    let gone = deaf.local_addr().expect("it is bound");
    deaf.connect(gone).expect("connecting asks nobody");
    let relay = Relay::new(any_port(), &[gone, echo(1).await], |_| {});
    let clients = [client(relay.address).await, client(relay.address).await];
    for client in &clients {
        // The first may be lost: that is how it is found out.
        let answered = async {
            let mut bytes = [0; 8];
            loop {
                client.send(b"?").await.expect("an open socket");
                let answer = tokio::time::timeout(Duration::from_millis(50), client.recv(&mut bytes)).await;
                if let Ok(Ok(_)) = answer {
                    return bytes[0];
                }
            }
        };
        assert_eq!(tokio::time::timeout(PATIENCE, answered).await, Ok(1));
    }
    let plan = relay.ctx.published.load_full();
    let lost = &plan.groups[0].backends[0].live.totals();
    assert!(lost.failures_total >= 1 && lost.connections_open == 0, "{lost:?}");
}

#[tokio::test(flavor = "local")]
async fn newcomers_beyond_the_budget_are_refused_and_those_there_are_served() {
    let budget = Budget { connections_max: 8, pipes_max: 0 };
    let relay = Relay::within(budget, any_port(), &[echo(0).await], |_| {});
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(client(relay.address).await);
        assert_eq!(ask(&clients[clients.len() - 1], b"in").await, b"\0in");
    }
    let late = client(relay.address).await;
    late.send(b"late").await.expect("an open socket");
    for client in &clients {
        assert_eq!(ask(client, b"still").await, b"\0still");
    }
    assert_eq!((relay.live().totals().connections_open, relay.count_of(Cause::FlowLimit)), (8, 1));
    assert_eq!(relay.live().totals().datagrams_dropped_total, 1);
}

#[tokio::test(flavor = "local")]
async fn a_flow_ends_with_the_last_reply_that_is_wanted() {
    let mut relay = Relay::new(any_port(), &[echo(0).await, echo(1).await], |_| {});
    relay.edit_listener(|listener| listener.replies_max = 1);
    let client = client(relay.address).await;
    let answers = [ask(&client, b"a").await[0], ask(&client, b"b").await[0]];
    assert!(answers == [0, 1] || answers == [1, 0], "each question is a flow: {answers:?}");
    assert_eq!((relay.live().totals().connections_total, relay.live().totals().connections_open), (2, 0));
    assert_eq!(relay.ctx.udp.flows(), 0);
}

#[tokio::test(flavor = "local")]
async fn closing_forwards_what_is_queued_and_waits_for_its_answers() {
    let relay = Relay::new(any_port(), &[echo(3).await], |_| {});
    let client = client(relay.address).await;
    client.send(b"last words").await.expect("an open socket");
    relay.door.close().await;
    assert_eq!(receive(&client).await, b"\x03last words");
    assert_eq!((relay.ctx.udp.flows(), relay.ctx.udp.doors.get()), (0, 0));
    assert!(relay.ctx.udp.batch.borrow().is_none(), "the room is given back");
    UdpSocket::bind(relay.address).expect("the address is free");
}

#[tokio::test(flavor = "local")]
async fn without_a_backend_datagrams_are_dropped_and_counted_by_cause() {
    let relay = Relay::new(any_port(), &[], |_| {});
    let client = client(relay.address).await;
    for _ in 0..3 {
        client.send(b"?").await.expect("an open socket");
    }
    let counted = async {
        while relay.count_of(Cause::NoBackend) == 0 || relay.live().totals().datagrams_dropped_total < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.expect("they are counted");
    assert_eq!(relay.live().totals().connections_open, 0);
}

#[expect(clippy::await_holding_refcell_ref, reason = "holding it is the fault that is provoked")]
#[tokio::test(flavor = "local")]
async fn a_panic_costs_the_flows_and_not_the_listener() {
    let relay = Relay::new(any_port(), &[echo(0).await], |_| {});
    let client = client(relay.address).await;
    assert_eq!(ask(&client, b"before").await, b"\0before");
    let taken = relay.ctx.udp.batch();
    client.send(b"meets a fault").await.expect("an open socket");
    while relay.live().totals().connections_open > 0 {
        tokio::task::yield_now().await;
    }
    drop(taken);
    assert_eq!(receive(&client).await, b"\0meets a fault");
    assert!(relay.count_of(Cause::Internal) > 0);
    assert_eq!((relay.ctx.udp.flows(), relay.live().totals().connections_open), (1, 1));
}

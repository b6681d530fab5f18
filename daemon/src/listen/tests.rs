//! What an edit of the listeners makes the workers do, seen through their command channels.

use std::net::{Ipv4Addr, TcpStream};

use poise_ipc::model::Protocol;

use super::*;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A binder and the commands of its two workers.
struct Bench {
    binder: Binder,
    commands: [mpsc::Receiver<WorkerCommand>; 2],
}

fn bench() -> Bench {
    let (first, second) = (mpsc::channel(64), mpsc::channel(64));
    Bench { binder: Binder::new(vec![first.0, second.0]), commands: [first.1, second.1] }
}

fn wanted<const N: usize>(listeners: [(u64, SocketAddr); N]) -> BTreeMap<ListenerId, Wanted> {
    let want = |(id, bind)| {
        let name = Name::new(&format!("listener-{id}")).expect("a plain name");
        (ListenerId(id), Wanted { settings: Listener::new(bind, Protocol::Tcp, name.clone()), name })
    };
    listeners.into_iter().map(want).collect()
}

impl Bench {
    /// Commits and returns the commands of the first worker; both get the same ones.
    async fn follow<const N: usize>(&mut self, listeners: [(u64, SocketAddr); N]) -> Vec<WorkerCommand> {
        let prepared = self.binder.prepare(&wanted(listeners)).expect("every address can be had");
        let (commit, mut told) = (self.binder.commit(prepared), [Vec::new(), Vec::new()]);
        let answer = async {
            let [first, second] = &mut self.commands;
            loop {
                let (at, command) = tokio::select! {
                    Some(command) = first.recv() => (0, command),
                    Some(command) = second.recv() => (1, command),
                };
                told[at].push(match command {
                    WorkerCommand::Close { door, closed } => {
                        closed.send(()).expect("the binder waits");
                        WorkerCommand::Close { door, closed: oneshot::channel().0 }
                    }
                    command => command,
                });
            }
        };
        tokio::select! {
            biased;
            never = answer => never,
            () = commit => {}
        }
        for (at, commands) in self.commands.iter_mut().enumerate() {
            told[at].extend(std::iter::from_fn(|| commands.try_recv().ok()));
        }
        let kinds = |commands: &[WorkerCommand]| commands.iter().map(std::mem::discriminant).collect::<Vec<_>>();
        assert_eq!(kinds(&told[0]), kinds(&told[1]), "the workers are told the same");
        told.into_iter().next().expect("two workers")
    }

    fn address(&self, id: u64) -> SocketAddr {
        self.binder.address(ListenerId(id)).expect("the listener is open")
    }
}

#[tokio::test]
async fn an_address_in_use_is_refused_by_listener_and_address_and_nothing_changes() {
    let stranger = TcpListener::bind(ANY_PORT).expect("a free port");
    let taken = stranger.local_addr().expect("it is bound");
    let mut bench = bench();
    let _opened = bench.follow([(1, ANY_PORT)]).await;
    let kept = bench.address(1);
    let refused = bench.binder.prepare(&wanted([(1, ANY_PORT), (2, ANY_PORT), (3, taken)])).expect_err("in use");
    assert_eq!((refused.listener.as_str(), refused.address), ("listener-3", Bind::Ip(taken)));
    assert_eq!(refused.source.kind(), io::ErrorKind::AddrInUse);
    assert_eq!((bench.address(1), bench.binder.address(ListenerId(2))), (kept, None));
}

#[tokio::test]
async fn a_stranger_that_shares_its_port_is_found_too() {
    let (taken, _stranger) = socket::bind(ANY_PORT, 1).expect("a free port");
    let refused = bench().binder.prepare(&wanted([(1, taken)])).expect_err("in use by somebody who would share");
    assert_eq!(refused.source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn port_0_is_chosen_once_and_every_worker_gets_a_socket_of_it() {
    let mut bench = bench();
    let opened = bench.follow([(1, ANY_PORT)]).await;
    let [WorkerCommand::Open { socket, .. }] = &opened[..] else { panic!("one door is opened: {opened:?}") };
    assert_eq!(socket.local_addr().expect("it is bound"), bench.address(1));
    assert_ne!(bench.address(1).port(), 0);
    assert!(bench.follow([(1, ANY_PORT)]).await.is_empty(), "an unchanged listener keeps its sockets");
}

#[tokio::test]
async fn an_address_passes_from_a_removed_listener_to_a_new_one() {
    let mut bench = bench();
    let _opened = bench.follow([(1, ANY_PORT)]).await;
    let address = bench.address(1);
    let told = bench.follow([(2, address)]).await;
    let [WorkerCommand::Assign { purpose, .. }] = &told[..] else { panic!("the door passes on: {told:?}") };
    assert_eq!((purpose.listener, bench.address(2)), (ListenerId(2), address));
    assert_eq!(bench.binder.address(ListenerId(1)), None);
}

#[tokio::test]
async fn two_listeners_swap_their_addresses_without_closing_either() {
    let mut bench = bench();
    let _opened = bench.follow([(1, ANY_PORT), (2, ANY_PORT)]).await;
    let (first, second) = (bench.address(1), bench.address(2));
    let told = bench.follow([(1, second), (2, first)]).await;
    assert!(told.iter().all(|c| matches!(c, WorkerCommand::Assign { .. })) && told.len() == 2, "{told:?}");
    assert_eq!((bench.address(1), bench.address(2)), (second, first));
}

#[tokio::test]
async fn a_removed_listener_closes_its_door() {
    let mut bench = bench();
    // An address of its own: nobody else may take the port when it is free again.
    let opened = bench.follow([(1, SocketAddr::from(([127, 0, 0, 9], 0)))]).await;
    let address = bench.address(1);
    drop(opened);
    let told = bench.follow([]).await;
    assert!(matches!(told[..], [WorkerCommand::Close { .. }]), "{told:?}");
    TcpStream::connect(address).expect_err("nobody listens there any more");
}

#[tokio::test]
async fn all_addresses_of_both_families_share_a_port() {
    let Ok(probe) = TcpListener::bind("[::]:0") else { return };
    let port = probe.local_addr().expect("it is bound").port();
    drop(probe);
    let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let six = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
    let told = bench().follow([(1, four), (2, six)]).await;
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn one_address_of_a_port_may_replace_all_of_them() {
    let mut bench = bench();
    let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let _opened = bench.follow([(1, all)]).await;
    let one = SocketAddr::from((Ipv4Addr::LOCALHOST, bench.address(1).port()));
    let told = bench.follow([(1, one)]).await;
    assert!(matches!(told[..], [WorkerCommand::Open { .. }, WorkerCommand::Close { .. }]), "{told:?}");
    assert_eq!(bench.address(1), one);
}

#[tokio::test]
async fn a_second_listener_on_the_address_of_the_first_is_refused() {
    let mut bench = bench();
    let _opened = bench.follow([(1, ANY_PORT)]).await;
    let address = bench.address(1);
    let refused = bench.binder.prepare(&wanted([(1, ANY_PORT), (2, address)])).expect_err("it is the first's");
    assert_eq!(refused.listener.as_str(), "listener-2");
}

//! What an edit of the listeners makes the workers do, seen through their command channels.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

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
    on(listeners.map(|(id, address)| (id, Bind::Ip(address))), |_| {})
}

/// Listeners at these places, with settings of their own.
fn on<const N: usize>(listeners: [(u64, Bind); N], set: impl Fn(&mut Listener)) -> BTreeMap<ListenerId, Wanted> {
    let want = |(id, bind)| {
        let name = Name::new(&format!("listener-{id}")).expect("a plain name");
        let mut settings = Listener::new(bind, Protocol::Tcp, name.clone());
        set(&mut settings);
        (ListenerId(id), Wanted { name, settings })
    };
    listeners.into_iter().map(want).collect()
}

impl Bench {
    /// Commits and returns the commands of the first worker; both get the same ones.
    async fn follow<const N: usize>(&mut self, listeners: [(u64, SocketAddr); N]) -> Vec<WorkerCommand> {
        self.follow_all(&wanted(listeners)).await
    }

    async fn follow_all(&mut self, wanted: &BTreeMap<ListenerId, Wanted>) -> Vec<WorkerCommand> {
        let prepared = self.binder.prepare(wanted).expect("every address can be had");
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
        for commands in &mut told {
            commands.retain(|command| !matches!(command, WorkerCommand::Own { .. }));
        }
        let kinds = |commands: &[WorkerCommand]| commands.iter().map(std::mem::discriminant).collect::<Vec<_>>();
        assert_eq!(kinds(&told[0]), kinds(&told[1]), "the workers are told the same");
        told.into_iter().next().expect("two workers")
    }

    fn address(&self, id: u64) -> SocketAddr {
        self.binder.address(ListenerId(id)).and_then(|bind| bind.ip()).expect("the listener is open")
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
    let (taken, _stranger) =
        socket::bind(Spot { address: ANY_PORT, dual: false, kind: Type::STREAM }, 1).expect("a free port");
    let refused = bench().binder.prepare(&wanted([(1, taken)])).expect_err("in use by somebody who would share");
    assert_eq!(refused.source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn port_0_is_chosen_once_and_every_worker_gets_a_socket_of_it() {
    let mut bench = bench();
    let opened = bench.follow([(1, ANY_PORT)]).await;
    let [WorkerCommand::Open { socket: Listening::Stream(Accepting::Tcp(socket)), .. }] = &opened[..] else {
        panic!("one door is opened: {opened:?}")
    };
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
    let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
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

fn both(port: u16) -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, port).into()
}

fn dual(id: u64, port: u16, dual: bool) -> BTreeMap<ListenerId, Wanted> {
    on([(id, Bind::Ip(both(port)))], |settings| settings.dual_stack = dual)
}

#[tokio::test]
async fn a_listener_of_both_families_takes_ipv4_too_and_may_become_one_live() {
    let mut bench = bench();
    let _single = bench.follow_all(&dual(1, 0, false)).await;
    let port = bench.address(1).port();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect_err("it takes IPv6 alone");
    let told = bench.follow_all(&dual(1, port, true)).await;
    let [WorkerCommand::Open { purpose, .. }, WorkerCommand::Close { .. }] = &told[..] else {
        panic!("another socket is needed: {told:?}")
    };
    assert!(purpose.dual);
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it takes IPv4 too");
    TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("and IPv6");
}

#[tokio::test]
async fn a_stranger_on_ipv4_refuses_a_listener_of_both_families_before_the_commit() {
    let stranger = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let port = stranger.local_addr().expect("it is bound").port();
    let mut bench = bench();
    let refused = bench.binder.prepare(&dual(1, port, true)).expect_err("IPv4 is in use");
    assert_eq!(refused.source.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(bench.follow_all(&dual(1, port, false)).await.len(), 1, "IPv6 alone is free");
    let refused = bench.binder.prepare(&dual(1, port, true)).expect_err("IPv4 is still in use");
    assert_eq!(refused.source.kind(), io::ErrorKind::AddrInUse);
}

/// A folder and a socket's path in it.
fn socket_path() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("front.sock").to_str().expect("plain letters").to_owned();
    (folder, path)
}

fn unix(path: &str, mode: u16) -> BTreeMap<ListenerId, Wanted> {
    on([(1, Bind::Unix(path.to_owned()))], |settings| settings.socket_mode = Mode(mode))
}

fn mode_of(path: &str) -> u32 {
    std::fs::symlink_metadata(path).expect("the file is there").permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_and_its_file_goes_with_the_listener() {
    let (_folder, path) = socket_path();
    let mut bench = bench();
    let opened = bench.follow_all(&unix(&path, 0o666)).await;
    assert!(
        matches!(&opened[..], [WorkerCommand::Open { socket: Listening::Stream(Accepting::Unix(_)), .. }]),
        "{opened:?}"
    );
    assert_eq!(mode_of(&path), 0o666, "whatever the umask");
    UnixStream::connect(&path).expect("somebody listens");
    let told = bench.follow_all(&unix(&path, 0o600)).await;
    assert!(told.is_empty(), "the socket stays: {told:?}");
    assert_eq!(mode_of(&path), 0o600);
    let told = bench.follow([]).await;
    assert!(matches!(told[..], [WorkerCommand::Close { .. }]), "{told:?}");
    assert!(std::fs::symlink_metadata(&path).is_err(), "the file is gone");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_refused() {
    let (_folder, path) = socket_path();
    let living = UnixListener::bind(&path).expect("a free path");
    let refused = bench().binder.prepare(&unix(&path, 0o660)).expect_err("somebody answers");
    assert_eq!(
        (refused.address.to_string(), refused.source.kind()),
        (format!("unix:{path}"), io::ErrorKind::AddrInUse)
    );
    UnixStream::connect(&path).expect("it was left alone");
    drop(living);
    let prepared = bench().binder.prepare(&unix(&path, 0o660)).expect("nobody answers any more");
    UnixStream::connect(&path).expect("clients may wait for the commit");
    drop(prepared);
    assert!(std::fs::symlink_metadata(&path).is_err(), "what was not committed leaves nothing");
}

#[tokio::test]
async fn links_and_files_in_the_place_of_a_socket_are_left_alone() {
    let (folder, path) = socket_path();
    let target = folder.path().join("target.sock");
    drop(UnixListener::bind(&target).expect("a free path"));
    std::os::unix::fs::symlink(&target, &path).expect("a free path");
    let refused = bench().binder.prepare(&unix(&path, 0o660)).expect_err("it is a link");
    assert_eq!(refused.source.kind(), io::ErrorKind::AlreadyExists);
    assert!(target.exists() && std::fs::read_link(&path).is_ok(), "neither was removed");
}

#[tokio::test]
async fn a_unix_socket_passes_from_a_removed_listener_to_a_new_one() {
    let (_folder, path) = socket_path();
    let mut bench = bench();
    let _opened = bench.follow_all(&unix(&path, 0o660)).await;
    let told = bench.follow_all(&on([(2, Bind::Unix(path.clone()))], |_| {})).await;
    assert!(matches!(&told[..], [WorkerCommand::Assign { .. }]), "{told:?}");
    UnixStream::connect(&path).expect("somebody listens all the time");
}

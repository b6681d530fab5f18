//! What a pair holds while it is stalled, and that it holds nothing at rest.

use poise_core::live::ListenerCells;
use poise_core::token::TokenKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::worker::{Budget, SCRATCH_BYTES, context_within};

/// Two connected sockets.
async fn joined() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.expect("it listens"), far.expect("somebody connects").0)
}

/// A pair between a client and a backend that the test plays.
struct Stage {
    ctx: Rc<WorkerContext>,
    client: TcpStream,
    backend: TcpStream,
    relay: tokio::task::JoinHandle<End>,
}

async fn stage(pipes_max: usize) -> Stage {
    let ctx = context_within(Budget { connections_max: 1, pipes_max });
    let ((client, near), (far, backend)) = (joined().await, joined().await);
    let (mut pair, watch) =
        (Pair::new(&ctx, near, far, &Arc::new(Limiter::new(&TokenKey::new([7; 16])))), ctx.watch(60_000));
    let relay = tokio::task::spawn_local(async move {
        let (listener, backend) = (ListenerCells::default(), BackendLive::new(1, &Arc::default()));
        pair.run(&watch, 60_000, &listener, &backend).await
    });
    Stage { ctx, client, backend, relay }
}

impl Stage {
    /// Sends to the backend until nothing more is taken, and returns how much was.
    async fn fill(&mut self) -> usize {
        let (chunk, mut sent) = (vec![7; SCRATCH_BYTES], 0);
        let patience = std::time::Duration::from_millis(200);
        while let Ok(n) = tokio::time::timeout(patience, self.client.write(&chunk)).await {
            sent += n.expect("the relay lives");
        }
        sent
    }

    async fn drain(&mut self, len: usize) {
        let mut all = vec![0; len];
        self.backend.read_exact(&mut all).await.expect("all that was sent");
        assert!(all.iter().all(|byte| *byte == 7));
    }

    /// Lets the relay notice what has happened: it answers to a byte.
    async fn settle(&mut self) {
        self.backend.write_all(b"x").await.expect("the relay lives");
        self.client.read_exact(&mut [0]).await.expect("the byte");
    }
}

#[tokio::test(flavor = "local")]
async fn bulk_passes_through_a_pipe_that_goes_back_when_nothing_moves() {
    let mut stage = stage(1).await;
    let sent = stage.fill().await;
    assert!(stage.ctx.l4.pipes.take(0).is_none(), "the stalled direction has the only pipe");
    assert_eq!(stage.ctx.l4.refused_bytes.get(), 0);
    stage.drain(sent).await;
    stage.settle().await;
    assert!(stage.ctx.l4.pipes.take(0).is_some(), "at rest the pipe is back");
    drop((stage.client, stage.backend));
    stage.relay.await.expect("no panic");
}

#[tokio::test(flavor = "local")]
async fn without_a_pipe_a_stalled_direction_keeps_one_read_at_most() {
    let mut stage = stage(0).await;
    let sent = stage.fill().await;
    let kept = stage.ctx.l4.refused_bytes.get();
    assert!(kept > 0 && kept <= SCRATCH_BYTES, "{kept}");
    stage.drain(sent).await;
    stage.settle().await;
    assert_eq!(stage.ctx.l4.refused_bytes.get(), 0, "at rest nothing is kept");
    drop((stage.client, stage.backend));
    stage.relay.await.expect("no panic");
}

#[tokio::test(flavor = "local")]
async fn a_pair_that_ends_while_stalled_gives_back_what_it_held() {
    for pipes_max in [0, 1] {
        let mut stage = stage(pipes_max).await;
        stage.fill().await;
        stage.client.set_zero_linger().expect("an open socket");
        drop(stage.client);
        stage.relay.abort();
        let _ = stage.relay.await;
        assert_eq!(stage.ctx.l4.refused_bytes.get(), 0);
        assert_eq!(stage.ctx.l4.pipes.take(0).is_some(), pipes_max > 0);
    }
}

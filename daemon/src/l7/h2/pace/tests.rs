//! A turn has an end, and the next one goes on where it was.

use std::future::poll_fn;

use tokio::io::AsyncWriteExt;

use super::*;

#[tokio::test]
async fn no_turn_reads_more_than_it_may_and_nothing_is_lost() {
    let (mut peer, own) = tokio::io::duplex(1 << 20);
    peer.write_all(&vec![7; 3 * TURN_BYTES + 5]).await.expect("there is room");
    peer.shutdown().await.expect("open");
    let (mut paced, turn) = Paced::new(own);
    let (mut room, mut read, mut turns) = ([0; 1 << 10], 0, 0);
    loop {
        let before = read;
        turn.begin();
        turns += 1;
        // The runtime, too, lets nobody read without end: its own turn begins anew.
        tokio::task::yield_now().await;
        // One turn, as the driver of a connection takes it.
        let ended = poll_fn(|cx| {
            loop {
                let mut into = ReadBuf::new(&mut room);
                match Pin::new(&mut paced).poll_read(cx, &mut into) {
                    Poll::Ready(Ok(())) if into.filled().is_empty() => return Poll::Ready(true),
                    Poll::Ready(outcome) => outcome.map(|()| read += into.filled().len()).expect("open"),
                    Poll::Pending => return Poll::Ready(false),
                }
            }
        })
        .await;
        assert!(ended || read - before == TURN_BYTES, "{} bytes in one turn", read - before);
        if ended {
            break;
        }
    }
    assert_eq!((read, turns), (3 * TURN_BYTES + 5, 4));
}

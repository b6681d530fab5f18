//! The codec's choice, half messages and lengths, over a real pair of sockets.

use poise_ipc::message::Verb;
use poise_ipc::transport::{Access, Listener};
use tempfile::TempDir;

use super::*;

async fn pair() -> (TempDir, Stream, Stream) {
    let folder = tempfile::tempdir().unwrap();
    let listener = Listener::bind(&folder.path().join("p.sock"), Access::default()).unwrap();
    let client = Stream::connect(listener.path()).await.unwrap();
    (folder, client, listener.accept().await.unwrap())
}

async fn opened(first: &[u8], role: Role) -> (TempDir, Stream, Result<Wire, End>) {
    let (folder, mut client, server) = pair().await;
    client.write_all(first).await.unwrap();
    (folder, client, Wire::open(server, role).await)
}

fn frame(verb: Verb) -> Vec<u8> {
    Codec::Frames.encode(&Request { id: 1, verb }).unwrap()
}

async fn verbs(wire: &mut Wire, count: usize) -> Vec<Verb> {
    let mut verbs = Vec::new();
    for _ in 0..count {
        match wire.read().await.unwrap() {
            Input::Request(request) => verbs.push(request.verb),
            other => panic!("{other:?}"),
        }
    }
    verbs
}

#[tokio::test]
async fn a_hello_chooses_frames_and_what_follows_it_is_read() {
    let first = [&Hello::CLIENT.encode()[..], &frame(Verb::Status), &frame(Verb::Drift)].concat();
    let (_keep, mut client, wire) = opened(&first, Role::Operate).await;
    assert_eq!(verbs(&mut wire.unwrap(), 2).await, [Verb::Status, Verb::Drift]);
    let mut answer = [0; hello::LEN];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(Hello::decode(&answer), Ok(Hello::admit(Role::Operate)));
}

#[tokio::test]
async fn a_brace_chooses_lines() {
    let lines = b"{\"verb\":\"status\"}\r\n\n  \n{\"verb\":\"drift\"}\n";
    let (_keep, _client, wire) = opened(lines, Role::View).await;
    assert_eq!(verbs(&mut wire.unwrap(), 2).await, [Verb::Status, Verb::Drift]);
}

#[tokio::test]
async fn another_version_is_told_ours_and_closed() {
    let theirs = Hello { version: 77, ..Hello::CLIENT };
    let (_keep, mut client, wire) = opened(&theirs.encode(), Role::Admin).await;
    assert_eq!(wire.unwrap_err(), End::Unreadable);
    let mut answer = [0; hello::LEN];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(Hello::decode(&answer), Ok(Hello::REFUSE));
}

#[tokio::test]
async fn strangers_are_told_what_this_is() {
    for first in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"POST /status HTTP/1.1\r\n", &[0; 64], b"\xff\xff\xff\xff"] {
        let (_keep, mut client, wire) = opened(first, Role::Admin).await;
        assert_eq!(wire.unwrap_err(), End::Unreadable);
        let mut answer = vec![0; 512];
        let len = client.read(&mut answer).await.unwrap();
        assert!(answer[..len].starts_with(b"{\"error\":{\"id\":0,"), "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_before_the_first_byte_ends_after_five_seconds() {
    let (_keep, _client, server) = pair().await;
    let began = Instant::now();
    assert_eq!(Wire::open(server, Role::Admin).await.unwrap_err(), End::TooSlow);
    assert_eq!(began.elapsed().as_secs(), PARTIAL_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_gone_after_five_seconds_however_it_trickles() {
    let (_keep, mut client, wire) = opened(b"{\"verb\":\"status\"}\n{", Role::Admin).await;
    let mut wire = wire.unwrap();
    let began = Instant::now();
    verbs(&mut wire, 1).await;
    let trickle = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.write_all(b" ").await.unwrap();
        }
    };
    let end = tokio::select! { input = wire.read() => input.unwrap_err(), () = trickle => unreachable!() };
    assert_eq!(end, End::TooSlow);
    assert_eq!(began.elapsed().as_secs(), PARTIAL_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn between_messages_a_client_may_be_silent() {
    let (_keep, mut client, wire) = opened(b"{\"verb\":\"status\"}\n", Role::Admin).await;
    let mut wire = wire.unwrap();
    verbs(&mut wire, 1).await;
    let later = async {
        tokio::time::sleep(Duration::from_hours(1)).await;
        client.write_all(b"{\"verb\":\"drift\"}\n").await.unwrap();
    };
    let (verbs, ()) = tokio::join!(verbs(&mut wire, 1), later);
    assert_eq!(verbs, [Verb::Drift]);
}

#[tokio::test]
async fn a_frame_that_claims_too_much_is_refused_before_it_is_read() {
    let first = [&Hello::CLIENT.encode()[..], &u32::MAX.to_le_bytes(), b"x"].concat();
    let (_keep, _client, wire) = opened(&first, Role::Admin).await;
    let mut wire = wire.unwrap();
    assert_eq!(wire.read().await.unwrap_err(), End::Unreadable);
    assert!(wire.buffer.capacity() < 1 << 20);
}

#[tokio::test]
async fn a_line_without_end_is_refused_and_sooner_for_readers() {
    for (role, len) in [(Role::View, VIEW_LEN_MAX), (Role::Operate, FRAME_LEN_MAX)] {
        let (_keep, client, server) = pair().await;
        let mut feeder = client.clone();
        let feed = async move {
            let mut sent = 0;
            while feeder.write_all(&[b'{'; 4_096]).await.is_ok() {
                sent += 4_096;
            }
            sent
        };
        let serve = async {
            let mut wire = Wire::open(server, role).await.unwrap();
            let end = wire.read().await.unwrap_err();
            // The buffer doubles as it grows, and is read into as far as it reaches.
            assert!(wire.buffer.capacity() <= 2 * len + READ_LEN, "{role:?} was held {} bytes", wire.buffer.capacity());
            end
        };
        let (sent, end) = tokio::join!(feed, serve);
        assert_eq!(end, End::Unreadable);
        assert!(sent > len, "{role:?} was refused after {sent} bytes");
        drop(client);
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_leaves_the_next_one_alone() {
    let bad = [&[3, 0, 0, 0][..], &[9, 250, 1]].concat();
    let first = [&Hello::CLIENT.encode()[..], &bad, &frame(Verb::Status)].concat();
    let (_keep, _client, wire) = opened(&first, Role::Admin).await;
    let mut wire = wire.unwrap();
    let Input::Malformed { id: 9, error } = wire.read().await.unwrap() else { panic!("malformed, with its id") };
    assert_eq!(error.code, ErrorCode::Malformed);
    assert_eq!(verbs(&mut wire, 1).await, [Verb::Status]);
}

#[tokio::test]
async fn a_last_line_without_an_end_is_a_request() {
    let (_keep, client, wire) = opened(b"{\"verb\":\"status\"}", Role::Admin).await;
    let mut wire = wire.unwrap();
    drop(client);
    assert_eq!(verbs(&mut wire, 1).await, [Verb::Status]);
    assert!(matches!(wire.read().await, Ok(Input::Ended)));
}

#[tokio::test]
async fn half_a_frame_at_the_end_is_nothing() {
    let first = [&Hello::CLIENT.encode()[..], &frame(Verb::Status)[..4]].concat();
    let (_keep, client, wire) = opened(&first, Role::Admin).await;
    drop(client);
    assert!(matches!(wire.unwrap().read().await, Err(End::Gone)));
}

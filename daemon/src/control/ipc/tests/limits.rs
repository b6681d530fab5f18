//! What a crowd, a stranger or a broken client cannot do to the others.

use super::*;

/// More than there are places.
const CROWD: usize = 600;

/// One crowd at a time: crowd and server are one process here, and its descriptors are few on some machines.
static CROWDS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Descriptors for a crowd and for the server.
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, wanted).unwrap();
}

async fn answers(stage: &Stage) {
    let mut operator = stage.client().await;
    operator.request(apply()).await.unwrap();
}

#[tokio::test]
async fn a_crowd_that_says_nothing_does_not_lock_an_operator_out() {
    let _alone = CROWDS.lock().await;
    allow_descriptors();
    let stage = Stage::new();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Stream::connect(&stage.path).await.unwrap());
    }
    answers(&stage).await;
    drop(crowd);
}

#[tokio::test]
async fn a_crowd_of_idle_clients_does_not_lock_an_operator_out() {
    let _alone = CROWDS.lock().await;
    allow_descriptors();
    let stage = Stage::new();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(stage.client().await);
    }
    answers(&stage).await;
    let newest = crowd.last_mut().unwrap();
    newest.request(Verb::Status).await.unwrap();
    assert!(matches!(crowd[0].request(Verb::Status).await, Err(ClientError::Closed)), "the longest idle gave way");
}

#[tokio::test]
async fn a_crowd_of_subscribers_does_not_lock_an_operator_out() {
    let _alone = CROWDS.lock().await;
    allow_descriptors();
    let stage = Stage::new();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut json = stage.json().await;
        assert!(json.ask("{\"verb\":{\"subscribe\":{\"topics\":[\"health\"]}}}\n").await["reply"].is_object());
        crowd.push(json);
    }
    answers(&stage).await;
}

#[tokio::test]
async fn garbage_of_every_kind_ends_its_own_connection_at_the_most() {
    let stage = Stage::new();
    let hello = Hello::CLIENT.encode();
    let with_hello = |rest: &[u8]| [&hello[..], rest].concat();
    let noise: Vec<u8> = (0..40_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let inputs = [
        noise.clone(),
        with_hello(&noise),
        with_hello(&[255; 64]),
        with_hello(&[0, 0, 0, 0]),
        with_hello(&[4, 0, 0, 0, 1, 4, 255, 255]),
        [b"{".as_slice(), &noise, b"\n"].concat(),
        b"{\"verb\":".repeat(10_000),
        vec![b'{'; 3 << 20],
        b"\0".to_vec(),
        b"POISE\0".to_vec(),
    ];
    for input in inputs {
        let mut stranger = Stream::connect(&stage.path).await.unwrap();
        let (mut reader, mut writer) = (stranger.clone(), stranger.clone());
        let write = async {
            // The daemon may close in the middle of it.
            let _ = writer.write_all(&input).await;
        };
        let read = async {
            let mut sink = vec![0; 64 << 10];
            while matches!(reader.read(&mut sink).await, Ok(len) if len > 0) {}
        };
        tokio::select! { () = read => {}, () = write => {} }
        answers(&stage).await;
        let _ = stranger.shutdown().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_past_is_answered_before_the_end() {
    let stage = Stage::new();
    let mut json = stage.json().await;
    let (mut feeder, long) = (json.stream.clone(), vec![b'{'; (1 << 20) + 2]);
    let feed = async {
        let _ = feeder.write_all(&long).await;
    };
    let (answer, ()) = tokio::join!(json.line(), feed);
    assert_eq!(answer.unwrap()["error"]["error"]["code"], "malformed");
}

#[tokio::test]
async fn a_script_that_ends_its_input_still_gets_its_answer_and_its_events() {
    let stage = Stage::new();
    let path = stage.path.clone();
    let ask = move |line: &'static str| {
        use std::io::{BufRead, BufReader, Write};
        let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
        socket.write_all(line.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        BufReader::new(socket).lines().map(Result::unwrap)
    };
    let once = ask.clone();
    let lines = tokio::task::spawn_blocking(move || once("{\"id\":5,\"verb\":\"drift\"}").collect::<Vec<_>>());
    assert_eq!(lines.await.unwrap(), ["{\"reply\":{\"id\":5,\"reply\":\"done\"}}"]);

    let (send_first, first) = oneshot::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let mut lines = ask("{\"verb\":{\"subscribe\":{\"topics\":[\"health\"]}}}\n");
        let lines_now: Vec<_> = lines.by_ref().take(2).collect();
        send_first.send(lines_now).unwrap();
        lines.next().unwrap()
    });
    assert!(first.await.unwrap()[1].contains("snapshot"));
    stage.bus.publish(1, What::FailOpen { group: "app".parse().unwrap(), active: true });
    assert!(reader.await.unwrap().contains("\"fail-open\":{\"group\":\"app\",\"active\":true}"));
}

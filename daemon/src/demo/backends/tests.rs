//! Each character shows what it is there to show.

use std::time::Duration;

use tokio::time::advance;

use super::{Backend, CAST, Character, ERROR_EVERY};

async fn exchange(character: Character, request: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let server = tokio::spawn(super::accept(listener, Backend::new("app/x", character)));
    let mut client = tokio::net::TcpStream::connect(address).await.expect("it listens");
    client.write_all(request.as_bytes()).await.expect("it reads");
    client.shutdown().await.expect("it is open");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("it answers");
    server.abort();
    answer
}

#[tokio::test]
async fn a_backend_answers_with_its_name() {
    let answer = exchange(Character::Steady(1), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\napp/x\n");
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_turn() {
    let two = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(Character::Steady(1), two).await;
    assert_eq!(answer.matches("200 OK").count(), 2);
    assert_eq!(answer.matches("app/x").count(), 1);
}

#[tokio::test]
async fn an_echo_returns_what_it_gets() {
    assert_eq!(exchange(Character::Echo, "hello").await, "hello");
}

#[tokio::test(start_paused = true)]
async fn a_flapping_backend_is_ill_for_a_while_again_and_again() {
    let backend = Backend::new("app/x", Character::Flapping);
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(backend.answer(true).status.starts_with("503"));
        advance(Duration::from_secs(5)).await;
    }
    assert_eq!(seen, [[false; 4].as_slice(), &[true; 2], &[false; 4], &[true; 2]].concat());
}

#[tokio::test]
async fn an_erroring_backend_fails_requests_and_passes_checks() {
    let backend = Backend::new("app/x", Character::Erroring);
    let count = (0..100).filter(|_| backend.answer(false).status.starts_with("500")).count();
    assert_eq!(count as u64, 100 / ERROR_EVERY);
    assert!((0..100).all(|_| backend.answer(true).status.starts_with("200")));
}

#[test]
fn the_cast_is_that_of_the_configuration() {
    let text = include_str!("../../../../assets/demo.toml");
    let config = poise_ipc::text::parse(text).expect("the demo's configuration is valid");
    let backends = config.groups.iter().flat_map(|(group, g)| g.backends.keys().map(move |b| format!("{group}/{b}")));
    let mut cast: Vec<_> = CAST.iter().map(|(name, _)| (*name).to_owned()).collect();
    cast.sort();
    assert_eq!(backends.collect::<Vec<_>>(), cast);
}

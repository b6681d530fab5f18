//! Clients read answers to their end and no further.

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::{BufReader, answer, content_length};

#[test]
fn the_length_of_a_body_is_read_from_the_head() {
    assert_eq!(content_length("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"), Some(12));
    assert_eq!(content_length("HTTP/1.1 200 OK\r\n\r\n"), None);
    assert_eq!(content_length("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), None);
}

#[tokio::test]
async fn two_answers_on_one_connection_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).await.expect("it listens");
    let (mut server, _) = listener.accept().await.expect("a client came");
    let one = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    server.write_all(format!("{one}{one}").as_bytes()).await.expect("it reads");
    drop(server);
    let mut client = BufReader::new(client);
    assert!(answer(&mut client).await.is_ok());
    assert!(answer(&mut client).await.is_ok());
    assert!(answer(&mut client).await.is_err());
}

//! Backends that lie in HTTP/2 and under TLS, in front of the real program: their own client gets a
//! refusal with a cause or a response that is seen to be cut, everybody else the truth, and nothing
//! stays open.
//!
//! What can be told in plain HTTP/1.1 is in `http::hostile`.

mod sealed;
mod streams;

use std::net::{SocketAddr, TcpStream};

use poise_ipc::cause::Cause;
use poise_ipc::status::BackendStatus;

use crate::backends::{patient, until};
use crate::http::hostile::{Got, got};
use crate::multiplexed::{Client, get, run};
use crate::process::{Daemon, Place};
use crate::script::send;

/// What a backend that tells the truth says.
const GOOD: &str = "good";
/// What nobody but the client of a lie may see.
const EVIL: &str = "evil";

/// How a backend goes on after a lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It waits for the next request.
    Wait,
    /// The same, after a lie that it tells byte by byte.
    Drip,
    /// It says nothing more over this connection.
    Freeze,
    /// It closes.
    Close,
    /// It resets.
    Reset,
}

/// A daemon in front of one backend.
struct Stage {
    daemon: Daemon,
    front: SocketAddr,
    _place: Place,
}

impl Stage {
    /// With more settings of the group, and so much patience with the backend.
    fn new(backend: SocketAddr, group: &str, response_timeout: &str) -> Self {
        let place = Place::new(&format!(
            "[listeners.front]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\nhttp2 = \"on\"\ngroup = \"app\"\n\
             response_timeout = \"{response_timeout}\"\n\
             [groups.app]\nhealth_check = \"off\"\n{group}\n[groups.app.backends.one]\naddress = \"{backend}\"\n"
        ));
        let daemon = place.start();
        let front = daemon.status().listeners[0].bind.ip().expect("an address");
        Self { daemon, front, _place: place }
    }

    fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.front).expect("the listener accepts"))
    }

    /// What a client of HTTP/1.1 gets.
    fn by_text(&self) -> Got {
        let mut client = self.connect();
        send(&mut client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        got(&mut client)
    }

    /// What a client of HTTP/2 gets.
    fn by_streams(&self) -> Got {
        run(async {
            let client = Client::connect(self.front).await;
            let mut sender = client.0.clone().ready().await.expect("a connection");
            let (response, _) = sender.send_request(get("/"), true).expect("a stream");
            // A reset of the stream may overtake a head.
            let Ok(response) = response.await else { return Got::Cut };
            let (head, mut body) = response.into_parts();
            let cause = head.headers.get("x-poise-cause").map(|cause| cause.to_str().expect("text").to_owned());
            match (crate::multiplexed::read_all(&mut body).await, cause) {
                (Ok(_), Some(cause)) => Got::Refusal(head.status.as_u16(), cause),
                (Ok((body, _)), None) => Got::Whole(String::from_utf8(body).expect("text")),
                (Err(_), _) => Got::Cut,
            }
        })
    }

    /// Everybody else gets the truth, on connections old and new.
    fn assert_untouched(&self, other: &mut TcpStream, after: &str) {
        for _ in 0..2 {
            send(other, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(got(other), Got::Whole(GOOD.into()), "after {after}");
            assert_eq!(self.by_streams(), Got::Whole(GOOD.into()), "after {after}");
        }
    }

    fn backend(&self) -> BackendStatus {
        let group = self.daemon.status().groups.into_iter().next().expect("the group");
        group.backends.into_iter().next().expect("the backend")
    }

    /// Nothing is in flight, and what was opened is closed but for what rests.
    fn assert_calm(&self, connections_max: u64) {
        until("nothing is in flight", || self.backend().counters.inflight == 0);
        until("connections that lied are closed", || self.backend().counters.connections_open <= connections_max);
        let causes = self.daemon.status().listeners[0].counters.causes.clone();
        assert!(causes.iter().all(|(cause, _)| *cause != Cause::Internal), "{causes:?}");
    }
}

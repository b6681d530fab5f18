//! Listeners of every protocol, each with two backends, for tests with clients that never stop (`load`).

use std::net::SocketAddr;

use crate::backends::Scripted;
use crate::datagrams::Echo;
use crate::script::{field, ok, read_message, send};
use crate::secured::Shelf;

/// A backend that answers requests, and echoes after a switch of protocols.
pub fn app() -> Scripted {
    Scripted::new(|mut stream| {
        while let Ok((head, _)) = read_message(&mut stream) {
            if field(&head, "upgrade").is_none() {
                send(&mut stream, &ok("app"));
                continue;
            }
            send(&mut stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            let mut back = stream.try_clone().expect("a free descriptor");
            // It ends with the client.
            let _ = std::io::copy(&mut stream, &mut back);
            return;
        }
    })
}

/// Backends in pairs, and what leads to them.
pub struct Scene {
    _apps: [Scripted; 2],
    _echoes: [Scripted; 2],
    _flows: [Echo; 2],
    pub shelf: Shelf,
    pub config: String,
}

impl Scene {
    pub fn new() -> Self {
        let (apps, echoes, flows) =
            ([app(), app()], [Scripted::echo(), Scripted::echo()], [Echo::new(1), Echo::new(2)]);
        let shelf = Shelf::new();
        shelf.put_for_days("app", &["app.example"], 90);
        let pair = |a: SocketAddr, b: SocketAddr| {
            format!(
                "backends = {{ one = {{ address = \"{a}\" }}, two = {{ address = \"{b}\" }} }}\nhealth_check = \"off\"\n"
            )
        };
        let config = format!(
            "[listeners.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"http\"\ngroup = \"apps\"\n\
             [listeners.tls]\nbind = \"127.0.0.1:0\"\nprotocol = \"https\"\ntls.certificates = [\"app\"]\ngroup = \"apps\"\n\
             [listeners.tcp]\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ngroup = \"echoes\"\n\
             [listeners.udp]\nbind = \"127.0.0.1:0\"\nprotocol = \"udp\"\ngroup = \"flows\"\n\
             [groups.apps]\n{}[groups.echoes]\n{}[groups.flows]\n{}{}",
            pair(apps[0].address, apps[1].address),
            pair(echoes[0].address, echoes[1].address),
            pair(flows[0].address, flows[1].address),
            shelf.section("app"),
        );
        Self { _apps: apps, _echoes: echoes, _flows: flows, shelf, config }
    }
}

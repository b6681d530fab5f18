//! The commands, as people copy them.

use std::sync::Arc;

use poise_core::live::BackendLive;
use poise_core::plan::{self, BackendId};
use poise_ipc::model::BackendProtocol;
use poise_ipc::status::Health;

use super::super::target::Member;
use super::*;

fn command(protocol: CheckProtocol, edit: impl FnOnce(&mut HealthCheck)) -> String {
    let address: std::net::SocketAddr = "10.0.0.1:8080".parse().expect("an address");
    let mut check = HealthCheck { protocol, ..HealthCheck::default() };
    edit(&mut check);
    let live = Arc::new(BackendLive::new(1, &Arc::default()));
    let path = "app/app-1".parse().expect("a path");
    let members = vec![Member { backend: BackendId(1), path, health: Health::Up, live }];
    let (address, leads) = (Address::Ip(address), plan::Target::Ip(address));
    replay(&Target { members, address, leads, check: Arc::new(check), tls: None, speaks: BackendProtocol::Http1 })
}

#[test]
fn an_http_probe_is_a_line_of_curl() {
    let reference = command(CheckProtocol::Http, |check| {
        check.version = CheckVersion::Http10;
        check.path = "/test.html".to_owned();
        check.host = Some("www.example".to_owned());
    });
    let agent = format!("-H 'User-Agent: {}'", http::USER_AGENT);
    assert_eq!(
        reference,
        format!(
            "curl -v --path-as-is -m 5 --http1.0 -I {agent} -H 'Accept: */*' -H 'X-Poise-Check: app/app-1' \
             -H 'Host: www.example' http://10.0.0.1:8080/test.html"
        )
    );
    let post = command(CheckProtocol::Http, |check| {
        check.method = CheckMethod::Post;
        check.send = Some("it's".to_owned());
        check.path = "/?a=1&b=2".to_owned();
    });
    assert!(post.contains(r"--data-raw 'it'\''s' -H Content-Type: "), "{post}");
    assert!(post.ends_with("'http://10.0.0.1:8080/?a=1&b=2'"), "{post}");
    let secured = command(CheckProtocol::Https, |check| check.server_name = Some("a.example".to_owned()));
    assert!(secured.ends_with("-k --connect-to ::10.0.0.1:8080 -H 'Host: 10.0.0.1:8080' https://a.example:8080/"));
}

#[test]
fn other_probes_are_lines_of_their_own_tools() {
    assert_eq!(command(CheckProtocol::Tcp, |_| {}), "nc -zv -w5 10.0.0.1 8080");
    let said = command(CheckProtocol::Tcp, |check| check.send = Some("hex:0a25275c".to_owned()));
    assert_eq!(said, r"printf '\012%%\047\\' | nc -w5 10.0.0.1 8080");
    assert_eq!(
        command(CheckProtocol::Udp, |check| check.send = Some("ping".to_owned())),
        "printf 'ping' | nc -u -w5 10.0.0.1 8080"
    );
    assert_eq!(
        command(CheckProtocol::Grpc, |check| check.service = Some("shop".to_owned())),
        r#"grpcurl -plaintext -max-time 5 -d '{"service":"shop"}' 10.0.0.1:8080 grpc.health.v1.Health/Check"#
    );
}

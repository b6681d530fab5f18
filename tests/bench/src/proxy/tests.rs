//! Finding nginx's module, and configurations that say what they must.

use std::path::{Path, PathBuf};

use super::{Proxy, Setup, Stream, config, stream_module};
use crate::certificate::Certificate;
use crate::workload::Service;

fn setup(service: Service) -> Setup {
    let backends = ["127.0.0.1:9001", "127.0.0.1:9002"].map(|address| address.parse().expect("an address"));
    let folder = PathBuf::from("/tmp/place");
    let [chain, key, both] = ["/c/cert.pem", "/c/key.pem", "/c/both.pem"].map(PathBuf::from);
    Setup {
        folder,
        service,
        port: 7_000,
        backends: backends.into(),
        scheduler: "wlc",
        cookies: false,
        certificate: Certificate { chain, key, both },
        files_max: 20_000,
    }
}

#[test]
fn the_stream_module_is_built_in_a_file_or_absent() {
    assert_eq!(stream_module("--with-stream --with-http"), Stream::BuiltIn);
    let file = stream_module("--modules-path=/usr/lib/nginx/modules --with-stream=dynamic");
    assert_eq!(file, Stream::File("/usr/lib/nginx/modules/ngx_stream_module.so".into()));
    assert_eq!(stream_module("--with-http_ssl_module --with-stream_ssl_module"), Stream::Absent);
}

#[test]
fn every_proxy_names_its_port_and_all_backends() {
    for service in [Service::Tcp, Service::Http, Service::Https, Service::Udp] {
        let setup = setup(service);
        let texts = [config::poised(&setup), config::haproxy(&setup, false), config::nginx(&setup, None)];
        for text in texts {
            for wanted in ["127.0.0.1:7000", "127.0.0.1:9001", "127.0.0.1:9002"] {
                assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
            }
        }
    }
}

#[test]
fn what_a_workload_needs_is_configured() {
    assert!(config::poised(&setup(Service::Udp)).contains("protocol = \"udp\""));
    assert!(config::poised(&setup(Service::Tcp)).contains("scheduler = \"wlc\""));
    assert!(config::haproxy(&setup(Service::Tcp), true).contains("option splice-response"));
    assert!(!config::haproxy(&setup(Service::Tcp), false).contains("splice"));
    assert!(config::haproxy(&setup(Service::Tcp), false).contains("maxconn 7800\n"));
    let nginx = config::nginx(&setup(Service::Udp), Some(Path::new("/m/stream.so")));
    assert!(nginx.starts_with("load_module /m/stream.so;\n") && nginx.contains("7000 udp"));
}

#[test]
fn tls_and_cookies_are_configured_where_they_are_asked_for() {
    let plain = Setup { cookies: true, ..setup(Service::Http) };
    assert!(config::poised(&plain).contains("kind = \"cookie-insert\""));
    assert!(config::haproxy(&plain, false).contains("cookie SRV insert indirect\n"));
    assert!(config::haproxy(&plain, false).contains("server b1 127.0.0.1:9002 cookie b1\n"));
    let sealed = setup(Service::Https);
    assert!(config::poised(&sealed).contains("chain = \"/c/cert.pem\""));
    assert!(config::haproxy(&sealed, false).contains("ssl crt /c/both.pem alpn h2,http/1.1"));
    assert!(config::nginx(&sealed, None).contains("ssl_certificate_key /c/key.pem;"));
    for text in [config::poised(&plain), config::haproxy(&plain, false), config::nginx(&plain, None)] {
        assert!(!text.contains(".pem"), "{text}");
    }
}

#[test]
fn haproxy_takes_no_datagrams() {
    assert!(!Proxy::Haproxy.takes(Service::Udp) && !Proxy::HaproxySplice.takes(Service::Http));
    assert!(Proxy::Nginx.takes(Service::Udp) && Proxy::Poised.takes(Service::Udp));
}

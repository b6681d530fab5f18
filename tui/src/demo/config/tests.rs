//! The ports of the world reach the configuration.

use poise_ipc::model::Address;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use super::{HTTP_LISTENER, TCP_LISTENER, TEMPLATE, certificate, text};

#[test]
fn every_backend_gets_the_address_it_really_has() {
    let template = poise_ipc::text::parse(TEMPLATE).expect("the template is valid");
    let names = template.groups.iter().flat_map(|(g, group)| group.backends.keys().map(move |b| format!("{g}/{b}")));
    let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let addresses: BTreeMap<_, _> = names.zip((40_000..).map(address)).collect();
    let config =
        poise_ipc::text::parse(&text(&addresses, Path::new("/run/here")).expect("all are known")).expect("still valid");
    for (name, address) in &addresses {
        let (group, backend) = name.split_once('/').expect("group/backend");
        assert_eq!(config.groups[group].backends[backend].address, Address::Ip(*address));
    }
}

#[test]
fn the_certificate_lies_in_the_demos_directory() {
    let config = poise_ipc::text::parse(&text(&BTreeMap::new(), Path::new("/run/here")).expect("nothing is unknown"));
    let config = config.expect("still valid");
    let named = config.certificates.values().next().expect("one certificate");
    let [chain, key] = certificate(Path::new("/run/here"));
    assert_eq!((Path::new(&named.chain), Path::new(&named.key)), (chain.as_path(), key.as_path()));
}

#[test]
fn the_template_has_both_listeners() {
    let template = poise_ipc::text::parse(TEMPLATE).expect("the template is valid");
    assert_eq!(template.listeners[HTTP_LISTENER].protocol.word(), "http");
    assert_eq!(template.listeners[TCP_LISTENER].protocol.word(), "tcp");
}

#[test]
fn an_unknown_backend_is_an_error() {
    let unknown = BTreeMap::from([("app/none".to_owned(), SocketAddr::from(([127, 0, 0, 1], 1)))]);
    assert!(text(&unknown, Path::new("/run/here")).is_err());
}

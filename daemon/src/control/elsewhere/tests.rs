//! The kernel's lists, as they are written and as they are.

use super::*;

const LIST: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 31338 1 0 100 0 0 10 0
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31339 1 0 100 0 0 10 0
 garbage
";

#[test]
#[cfg(target_endian = "little")]
fn only_listening_sockets_of_the_port_count() {
    assert_eq!(listening(LIST, 8_080).collect::<Vec<_>>(), [IpAddr::from([127, 0, 0, 2])]);
    assert_eq!(address_of("00000000000000000000000001000000"), Some(Ipv6Addr::LOCALHOST.into()));
    assert_eq!(address_of("0100"), None);
}

#[test]
fn a_socket_of_this_host_is_found() {
    let listener = std::net::TcpListener::bind("127.0.0.3:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    assert!(listening_on(address.port()).contains(&address.ip()));
}

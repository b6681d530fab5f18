//! Look-ups by a table: what is given back, and what a resolver that stays silent costs.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

#[tokio::test]
async fn addresses_come_sorted_and_once() {
    let six: IpAddr = "2001:db8::1".parse().expect("an address");
    let resolver = Resolver::new(move |_| async move { Ok(vec![TWO, six, ONE, TWO]) });
    assert_eq!(resolver.addresses("a.test").await.expect("answered"), [ONE, TWO, six]);
}

#[tokio::test]
async fn a_failure_is_told_in_the_words_of_the_resolver() {
    let resolver = Resolver::new(|host| async move {
        if host == "empty.test" { Ok(Vec::new()) } else { Err(io::Error::other("no such name")) }
    });
    let said = |error: LookupError| error.to_string();
    assert_eq!(said(resolver.addresses("empty.test").await.expect_err("empty")), "the name has no address");
    assert_eq!(said(resolver.addresses("other.test").await.expect_err("failed")), "no such name");
}

#[tokio::test(start_paused = true)]
async fn names_that_nobody_answers_for_take_a_bounded_number_of_turns() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::new(move |_| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
    });
    for _ in 0..LOOKUPS_MAX + 3 {
        let outcome = resolver.addresses("silent.test").await;
        assert!(matches!(outcome, Err(LookupError::Timeout)), "{outcome:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), LOOKUPS_MAX);
}

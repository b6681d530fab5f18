//! Tables and JSON of figures worked out by hand.

use super::{Measured, Result, json, number, quoted, table};
use crate::load::{Kind, Pace};
use crate::options::Options;
use crate::proxy::Proxy;
use crate::tally::{Failure, Tally};
use crate::workload::{Case, Lane, Quantity, Service};

fn lane(proxy: Proxy, base: Option<usize>) -> Lane {
    Lane { label: proxy.name().into(), proxy, backends: 4, scheduler: "rr", cookies: false, base }
}

fn measured() -> Measured {
    let case = Case {
        title: "tcp-small".into(),
        quantity: Quantity::CpuPer(1.0),
        unit: "exchange",
        service: Service::Tcp,
        backend: crate::backend::Kind::Echo,
        load: Kind::Exchanges(Pace::Repeat),
        clients: 64,
        backends: 4,
        resume: false,
        lanes: vec![lane(Proxy::Poised, None), lane(Proxy::Haproxy, Some(0)), lane(Proxy::Nginx, Some(0))],
    };
    let mut tally = Tally { units: 40, ..Tally::default() };
    let own = result(&[(1, 10.0), (2, 12.0)], tally.clone());
    tally.fail(Failure::Wrong, 3);
    let peer = result(&[(1, 15.0), (2, 12.0)], tally);
    let missing = Result { fault: Some("it ended at once: no \"stream\"".into()), ..Result::default() };
    Measured { case, lanes: vec![own, peer, missing] }
}

fn result(costs: &[(u32, f64)], tally: Tally) -> Result {
    Result { costs: costs.to_vec(), rates: vec![81_250.0], busy: vec![0.97], tally, fault: None }
}

#[test]
fn a_table_shows_medians_spread_ratios_failures_and_what_is_missing() {
    let wanted = "
tcp-small
           us CPU/exchange      min..max          ratio    min..max  exchange/s  busy   failed
  poised             11.00  10.00..12.00              -           -      81,250  0.97        0
  haproxy            13.50  12.00..15.00  1.25 x poised  1.00..1.50      81,250  0.97  3 wrong
  nginx was not measured: it ended at once: no \"stream\"
";
    assert_eq!(table(&measured()), wanted);
}

#[test]
fn json_holds_the_same_figures() {
    let text = json(&Options::default(), &["on \\ core".into()], &[measured()]);
    for wanted in [
        "{\"schema\":1,\"rounds\":4,\"seconds\":1,\"notes\":[\"on \\\\ core\"],",
        "\"lane\":\"haproxy\",\"cost\":{\"median\":13.5,\"min\":12,\"max\":15},\"ratio\":{\"median\":1.25,",
        "\"ratio_to\":\"poised\"",
        "\"failed\":{\"refused\":0,\"reset\":0,\"short\":0,\"wrong\":3,\"lost\":0,\"full\":0},\"fault\":null}",
        "\"cost\":null,\"ratio\":null,",
        "\"fault\":\"it ended at once: no \\\"stream\\\"\"",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
}

#[test]
fn numbers_are_grouped_and_texts_escaped() {
    assert_eq!(number(1_234_567.0, 0), "1,234,567");
    assert_eq!(number(123.456, 1), "123.5");
    assert_eq!((number(-482.0, 0), number(-1_482.5, 1)), ("-482".into(), "-1,482.5".into()));
    assert_eq!(quoted("a\tb"), "\"a\\u0009b\"");
}

//! Replies begin with what is wanted, bodies contain it, and what lies behind the bound is nobody's.

use poise_ipc::model::ByteSize;

use super::*;

fn wanted(receive: Option<&str>, regex: Option<&str>, max: u64) -> Wanted {
    Wanted::new(&HealthCheck {
        receive: receive.map(str::to_owned),
        receive_regex: regex.map(str::to_owned),
        receive_max: ByteSize(max),
        ..HealthCheck::default()
    })
}

#[test]
fn a_reply_must_begin_with_the_text_and_is_wrong_as_soon_as_it_does_not() {
    let wanted = wanted(Some("220 "), None, 64);
    assert_eq!(wanted.of_reply(b""), Standing::Open);
    assert_eq!(wanted.of_reply(b"22"), Standing::Open);
    assert_eq!(wanted.of_reply(b"220 ready"), Standing::Right);
    assert_eq!(wanted.of_reply(b"5"), Standing::Wrong);
    assert_eq!(wanted.of_reply(b" 220 "), Standing::Wrong);
}

#[test]
fn a_body_must_contain_the_text_and_match_the_expression() {
    let wanted = wanted(Some("ok"), Some("v[0-9]+"), 16);
    assert_eq!(wanted.of_body(b"it is ok, v12"), Standing::Right);
    assert_eq!(wanted.of_body(b"it is ok, v"), Standing::Open);
    assert_eq!(wanted.of_body(b"v12"), Standing::Open);
    assert_eq!(wanted.of_body(b"0123456789abcdef"), Standing::Wrong);
}

#[test]
fn what_lies_behind_the_bound_is_not_looked_at() {
    let body = wanted(Some("ok"), None, 4);
    assert_eq!(body.of_body(b"..ok"), Standing::Right);
    assert_eq!(body.of_body(b"...ok"), Standing::Wrong);
    let reply = wanted(Some("hello"), None, 4);
    assert_eq!(reply.of_reply(b"hello"), Standing::Wrong, "it can never come");
    let regex = wanted(None, Some("o$"), 4);
    assert_eq!(regex.of_reply(b"..lo, and more"), Standing::Right);
}

#[test]
fn an_expression_is_of_bytes() {
    assert_eq!(wanted(None, Some(r"\xff."), 16).of_reply(b"\x00\xff\x01"), Standing::Right);
}

#[test]
fn an_answer_that_drips_in_is_looked_at_few_times() {
    let mut looks = Looks::default();
    let count = (0..=64 << 10).filter(|&len| looks.is_due(len)).count();
    assert!(count < 16, "{count}");
}

//! Tokens are stable, opaque and strict to read.

use super::*;

#[test]
fn the_token_of_a_backend_never_changes_under_one_key() {
    let key = TokenKey::new(*b"0123456789abcdef");
    assert_eq!(key.token(BackendId(7)), TokenKey::new(*b"0123456789abcdef").token(BackendId(7)));
    assert_eq!(key.token(BackendId(7)).to_string(), "b2abd4d77f9469777ddf53093559327a");
}

#[test]
fn backends_and_keys_give_different_tokens() {
    let (one, two) = (TokenKey::new([1; 16]), TokenKey::new([2; 16]));
    let tokens: std::collections::HashSet<_> =
        (0..1_000).flat_map(|id| [one.token(BackendId(id)), two.token(BackendId(id))]).collect();
    assert_eq!(tokens.len(), 2_000);
}

#[test]
fn only_what_poise_writes_is_read() {
    let token = TokenKey::new([9; 16]).token(BackendId(1));
    assert_eq!(Token::parse(token.as_bytes()), Some(token));
    let upper = token.to_string().to_uppercase();
    let quoted = format!("\"{token}\"");
    for wrong in ["", "1", &upper, &quoted, &token.to_string()[1..], "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        assert_eq!(Token::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn the_key_never_shows_itself() {
    assert_eq!(format!("{:?}", TokenKey::new([0x41; 16])), "TokenKey(..)");
}

//! What certificates say, as people read it.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType};

use super::*;

fn made(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> CertificateFacts {
    let mut params = CertificateParams::new(vec!["Shop.Example".to_owned()]).expect("a plain name");
    change(&mut params);
    of(params.self_signed(key).expect("a key of its own").der()).expect("a certificate")
}

#[test]
fn names_come_in_small_letters_and_addresses_as_text() {
    let key = KeyPair::generate().expect("randomness");
    let facts = made(&key, |params| {
        let address = "2001:db8::7".parse().expect("an address");
        params.subject_alt_names.push(SanType::IpAddress(address));
        params.distinguished_name.push(DnType::CommonName, "Shop");
    });
    assert_eq!(facts.names, ["shop.example", "2001:db8::7"]);
    assert_eq!((facts.subject.as_str(), facts.issuer.as_str()), ("Shop", "Shop"));
    assert!(!facts.serial.is_empty());
}

#[test]
fn the_kind_of_a_key_is_named() {
    let kind = |key: KeyPair| made(&key, |_| ()).key_type;
    assert_eq!(kind(KeyPair::generate().expect("randomness")), "ECDSA P-256");
    assert_eq!(kind(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("randomness")), "ECDSA P-384");
    assert_eq!(kind(KeyPair::generate_for(&PKCS_ED25519).expect("randomness")), "Ed25519");
}

#[test]
fn days_are_dates_and_what_is_left_is_counted_down() {
    let key = KeyPair::generate().expect("randomness");
    let facts = made(&key, |params| params.not_after = rcgen::date_time_ymd(2026, 12, 31));
    assert_eq!(date(facts.not_after_ms), "2026-12-31");
    let end_ms = u64::try_from(facts.not_after_ms).expect("after 1970");
    let day_ms = 86_400_000;
    assert_eq!(facts.days_left(end_ms - 30 * day_ms), 30);
    assert_eq!(facts.days_left(end_ms - 1), 0);
    assert_eq!(facts.days_left(end_ms), 0);
    assert_eq!(facts.days_left(end_ms + 1), -1);
}

#[test]
fn long_texts_of_strangers_are_cut() {
    let key = KeyPair::generate().expect("randomness");
    let facts = made(&key, |params| params.distinguished_name.push(DnType::CommonName, "x".repeat(5_000)));
    assert_eq!(facts.subject.len(), TEXT_LEN_MAX);
}

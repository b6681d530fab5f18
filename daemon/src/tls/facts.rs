//! What a certificate says of itself: names, issuer, days, kind of key.
//!
//! Read for people and for the choice by name; whether it is believed is decided by its clients.
//! Texts come from outside: they are cut here, and made safe where they are shown.

use std::net::{Ipv4Addr, Ipv6Addr};

use poise_ipc::status::CertificateFacts;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// Names that are kept of one certificate: public issuers stop at a hundred.
const NAMES_MAX: usize = 1_000;
/// Characters that are kept of a text.
const TEXT_LEN_MAX: usize = 256;

/// Reads a certificate.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn of(der: &[u8]) -> Result<CertificateFacts, &'static str> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| "it is no X.509 certificate")?;
    let validity = certificate.validity();
    Ok(CertificateFacts {
        subject: text(certificate.subject()),
        names: names(&certificate)?,
        issuer: text(certificate.issuer()),
        serial: cut(&certificate.raw_serial_as_string()),
        not_before_ms: ms(validity.not_before),
        not_after_ms: ms(validity.not_after),
        key_type: key_type(&certificate),
    })
}

/// The number, from 1, of the first certificate of a chain that is not the issuer of the one before
/// it; out of their order, or a stranger.
pub(super) fn stray<D: AsRef<[u8]>>(chain: &[D]) -> Option<usize> {
    let leads_on = |pair: &[D]| {
        let [below, above] = pair else { return false };
        let (below, above) = (X509Certificate::from_der(below.as_ref()), X509Certificate::from_der(above.as_ref()));
        matches!((below, above), (Ok((_, below)), Ok((_, above)))
            if below.issuer().as_raw() == above.subject().as_raw())
    };
    chain.windows(2).position(|pair| !leads_on(pair)).map(|at| at + 2)
}

/// The day of a time, as `2026-11-23`.
pub(super) fn date(at_ms: i64) -> String {
    let time = ASN1Time::from_timestamp(at_ms.div_euclid(1_000));
    time.map_or_else(|_| "a day out of reach".to_owned(), |time| time.to_datetime().date().to_string())
}

fn ms(time: ASN1Time) -> i64 {
    time.timestamp().saturating_mul(1_000)
}

/// Names of hosts in small letters, and addresses.
fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, &'static str> {
    let extension = certificate.subject_alternative_name().map_err(|_| "its names cannot be read")?;
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    let kept = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(cut(name).to_ascii_lowercase()),
        GeneralName::IPAddress(octets) => address(octets),
        _ => None,
    });
    Ok(kept.take(NAMES_MAX).collect())
}

fn address(octets: &[u8]) -> Option<String> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).to_string()),
        _ => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
    }
}

/// The common name where there is one, else the whole name.
fn text(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().find_map(|common| common.as_str().ok());
    common.map_or_else(|| cut(&name.to_string()), cut)
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_LEN_MAX).collect()
}

fn key_type(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        // P-521 has points of 66 bytes.
        Ok(PublicKey::EC(key)) => format!("ECDSA P-{}", if key.key_size() > 512 { 521 } else { key.key_size() }),
        _ if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => "Ed25519".to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests;

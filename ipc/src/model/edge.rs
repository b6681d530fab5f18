//! What the HTTP and TLS side of a listener or group may be told in a word.
//!
//! As `words`, for the settings that only `http` and `https` have.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::words;

/// What a TLS client gets that asks for a name of which no certificate speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownName {
    /// The first certificate.
    #[default]
    Default,
    /// An `unrecognized_name` alert (RFC 6066 section 3).
    Reject,
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// Whether clients may speak HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Http2 {
    /// `https`: where client and poised agree on it (ALPN, RFC 7301); `http`: no.
    #[default]
    Auto,
    /// `https`: as `auto`; `http`: where a client begins with it (prior knowledge, RFC 9113 section 3.3).
    On,
    /// No.
    Off,
}

/// What is spoken to the backends of a group by `http` and `https` listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: with prior knowledge, over TLS by ALPN.
    Http2,
}

/// Whether connections to backends are TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendTlsMode {
    /// They are not.
    #[default]
    Off,
    /// They are, and the certificate must be valid for the name.
    Verify,
    /// They are, whatever the certificate: hidden from readers on the way, not from impostors.
    Insecure,
}

/// Where a redirect leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedirectTo {
    /// Nowhere: there is none.
    #[default]
    Off,
    /// To `https`.
    Https,
    /// To `http`.
    Http,
    /// To the scheme that the request came by.
    Same,
}

/// Whether a cookie may only travel over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CookieSecure {
    /// On `https` listeners.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Whether a cookie travels with requests that other sites cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameSite {
    /// Nothing is said: browsers take `lax`.
    #[default]
    Unset,
    /// With navigation to the site.
    Lax,
    /// Never.
    Strict,
    /// Always; browsers want `Secure` beside it.
    None,
}

/// How requests are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Not at all.
    #[default]
    Off,
    /// One JSON object a line, with everything that is known.
    Json,
    /// As HAProxy's `httplog`.
    Haproxy,
    /// As the `combined` format of Apache and nginx.
    Combined,
}

words! {
    UnknownName { Self::Default => "default", Self::Reject => "reject" }
    TlsVersion { Self::Tls12 => "1.2", Self::Tls13 => "1.3" }
    Http2 { Self::Auto => "auto", Self::On => "on", Self::Off => "off" }
    BackendProtocol { Self::Http1 => "http1", Self::Http2 => "http2" }
    BackendTlsMode { Self::Off => "off", Self::Verify => "verify", Self::Insecure => "insecure" }
    RedirectTo { Self::Off => "off", Self::Https => "https", Self::Http => "http", Self::Same => "same" }
    CookieSecure { Self::Auto => "auto", Self::On => "on", Self::Off => "off" }
    SameSite { Self::Unset => "unset", Self::Lax => "lax", Self::Strict => "strict", Self::None => "none" }
    LogFormat { Self::Off => "off", Self::Json => "json", Self::Haproxy => "haproxy", Self::Combined => "combined" }
}

//! The inserted cookie as text: `Set-Cookie` with its attributes.
//!
//! What never changes is made once, when the plan is compiled. Names, paths and domains were checked
//! with the configuration. Called by the rule and by the writers of responses.

use poise_ipc::model::{CookieSecure, Persistence, SameSite};

use super::value::Value;
use crate::http::onward::write_number;

/// A cookie that binds a client to a backend.
#[derive(Clone, Copy, Debug)]
pub struct SetCookie<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its value.
    pub(super) value: Value,
    /// Age after which the client drops it, in seconds.
    pub(super) max_age_s: u32,
    /// What follows the value and `Max-Age`.
    pub(super) attributes: &'a str,
    /// Shared caches are told to keep the response private.
    pub guards: bool,
}

impl SetCookie<'_> {
    /// Appends the value of the `Set-Cookie` field.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(self.value.as_bytes());
        out.extend_from_slice(b"; Max-Age=");
        write_number(self.max_age_s.into(), out);
        out.extend_from_slice(self.attributes.as_bytes());
    }
}

/// What follows `Max-Age`.
pub(super) fn of(settings: &Persistence, is_https: bool) -> String {
    let mut text = format!("; Path={}", settings.path);
    if let Some(domain) = &settings.domain {
        text.push_str("; Domain=");
        text.push_str(domain);
    }
    let secure = match settings.secure {
        CookieSecure::Auto => is_https,
        CookieSecure::On => true,
        CookieSecure::Off => false,
    };
    if secure {
        text.push_str("; Secure");
    }
    if settings.http_only {
        text.push_str("; HttpOnly");
    }
    text.push_str(match settings.same_site {
        SameSite::Unset => "",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::Strict => "; SameSite=Strict",
        SameSite::None => "; SameSite=None",
    });
    text
}

//! The cookies of a trial's client, kept as browsers keep them (RFC 6265 sections 5.2 to 5.4).
//!
//! Every request of a trial goes to one URL, so the jar also says why a cookie would not come back to
//! it. Time is an argument. Expiry by `Expires` is not read: only `Max-Age`, which goes before it.

use super::url::Url;

/// Cookies that one answer may set; what goes beyond is left.
const COOKIES_MAX: usize = 50;

/// A cookie of the jar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) name: String,
    pub(super) value: String,
    path: String,
    /// When it is dropped, in milliseconds of the trial.
    ends_ms: Option<u64>,
    /// Its life in seconds, as the answer said.
    pub(super) max_age_s: Option<i64>,
}

/// What became of a `Set-Cookie` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It will be sent back.
    Kept(Cookie),
    /// It will not be, because of this.
    Lost(Cookie, String),
    /// It is no cookie.
    Nothing,
}

/// The jar.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

impl Jar {
    /// What stands in `Cookie`, if anything does.
    pub(super) fn field(&self) -> Option<String> {
        let pairs: Vec<_> = self.0.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// A cookie that will be sent.
    pub(super) fn get(&self, name: &str) -> Option<&Cookie> {
        self.0.iter().find(|cookie| cookie.name == name)
    }

    /// Drops what has come to its age, and returns it.
    pub(super) fn age(&mut self, now_ms: u64) -> Vec<Cookie> {
        self.0.extract_if(.., |cookie| cookie.ends_ms.is_some_and(|ends_ms| now_ms >= ends_ms)).collect()
    }

    /// Takes a `Set-Cookie` field of the answer to a request of this URL.
    pub(super) fn put(&mut self, field: &str, url: &Url, now_ms: u64) -> Put {
        let mut parts = field.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return Put::Nothing };
        let mut cookie = Cookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            path: default_path(url.path()).to_owned(),
            ends_ms: None,
            max_age_s: None,
        };
        let mut why = None;
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match &*key {
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "max-age" => cookie.max_age_s = value.parse().ok(),
                "domain" if !covers(value, &url.host) => why = Some(format!("it is for the domain {value} only")),
                "secure" if !url.is_https => why = Some("it is Secure and travels over https only".to_owned()),
                _ => {}
            }
        }
        if !path_covers(&cookie.path, url.path()) {
            why = Some(format!("it is for paths below {} only", cookie.path));
        }
        if let Some(s) = cookie.max_age_s {
            cookie.ends_ms = Some(now_ms.saturating_add(u64::try_from(s).unwrap_or(0).saturating_mul(1_000)));
        }
        if let Some(why) = why {
            return Put::Lost(cookie, why);
        }
        self.0.retain(|known| (&known.name, &known.path) != (&cookie.name, &cookie.path));
        if self.0.len() < COOKIES_MAX && cookie.ends_ms.is_none_or(|ends_ms| ends_ms > now_ms) {
            self.0.push(cookie.clone());
            // Longer paths go first.
            self.0.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        }
        Put::Kept(cookie)
    }
}

/// The path of a cookie that names none.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

fn path_covers(of: &str, path: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| of.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

fn covers(domain: &str, host: &str) -> bool {
    let (domain, host) = (domain.trim_start_matches('.').to_ascii_lowercase(), host.to_ascii_lowercase());
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests;

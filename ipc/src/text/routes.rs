//! What stands in the lists of routes, listeners and certificates, each as its text.
//!
//! Hosts `*.example.com`, methods `GET`, headers `X-Canary: yes`, changes `set X-A: b`, shares
//! `blue 90`, replies `no-route /etc/poise/404.html`, names of certificates.

use std::fmt;
use std::net::Ipv6Addr;

use super::as_text;
use super::fault::quoted;
use super::items::Item;
use super::nearest::nearest;
use super::texts::{self, Alphabet};
use crate::Name;
use crate::cause::Cause;
use crate::fault::Fault;
use crate::limits;
use crate::model::{HeaderEdit, HeaderMatch, HostPattern, MethodName, ReplyRule, Share};

/// Fields that carry the framing of a message or belong to one hop: poised writes them itself.
const OWN_FIELDS: [&str; 17] = [
    "cdn-loop",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Whether poised writes a field of this name itself, so that nobody else may.
pub(crate) fn is_own_field(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

impl Item for HostPattern {
    const FORM: &'static str = "hosts as in [\"shop.example.com\", \"*.example.com\"], up to 100";

    fn of(text: &str) -> Result<Self, Fault> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let name = match bare.parse::<Ipv6Addr>() {
            // As requests are compared: an address is one host however it is spelled.
            Ok(address) => address.to_string(),
            Err(_) => name.to_ascii_lowercase(),
        };
        let pattern = Self { name, below };
        pattern.check().map(|()| pattern)
    }

    fn check(&self) -> Result<(), Fault> {
        let fault = || Fault::new("", format!("{} is no host", quoted(&self.to_string()))).allowed(Self::FORM);
        if let Ok(address) = self.name.parse::<Ipv6Addr>() {
            return if !self.below && address.to_string() == self.name { Ok(()) } else { Err(fault()) };
        }
        let label =
            |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
        let fits = texts::check(&self.name, Alphabet::Host).is_ok() && self.name.split('.').all(label);
        let lower = !self.name.bytes().any(|byte| byte.is_ascii_uppercase());
        if fits && lower { Ok(()) } else { Err(fault()) }
    }

    fn clashes(&self, other: &Self) -> bool {
        self == other
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl Item for MethodName {
    const FORM: &'static str = "methods as in [\"GET\", \"HEAD\"], up to 100";

    fn of(text: &str) -> Result<Self, Fault> {
        let method = Self(text.to_owned());
        method.check().map(|()| method)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.0.bytes().any(|byte| byte.is_ascii_lowercase()) {
            let fault = Fault::new("", format!("{} has lower case, which methods of HTTP have not", quoted(&self.0)));
            return Err(fault.hint(format!("write \"{}\"", self.0.to_ascii_uppercase())));
        }
        texts::check(&self.0, Alphabet::FieldName)
            .map_err(|_| Fault::new("", format!("{} is no method", quoted(&self.0))).allowed(Self::FORM))
    }

    fn clashes(&self, other: &Self) -> bool {
        self == other
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Item for HeaderMatch {
    const FORM: &'static str = "fields as in [\"X-Canary: yes\", \"X-Debug\"], up to 100";

    fn of(text: &str) -> Result<Self, Fault> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value.trim())));
        let matched = Self { name: name.trim().to_owned(), value: value.map(str::to_owned) };
        matched.check().map(|()| matched)
    }

    fn check(&self) -> Result<(), Fault> {
        texts::check(&self.name, Alphabet::FieldName)?;
        self.value.as_deref().map_or(Ok(()), |value| texts::check(value, Alphabet::FieldValue))
    }

    fn clashes(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name) && self.value == other.value
    }
}

impl fmt::Display for HeaderMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}: {value}", self.name),
            None => f.pad(&self.name),
        }
    }
}

impl Item for HeaderEdit {
    const FORM: &'static str = "changes as in [\"set X-A: b\", \"add X-B: c\", \"remove X-C\"], up to 100";

    fn of(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::new("", format!("{} is no change of a field", quoted(text))).allowed(Self::FORM);
        let (verb, rest) = text.split_once(char::is_whitespace).ok_or_else(fault)?;
        let pair = || rest.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let edit = match verb {
            "set" => pair().map(|(name, value)| Self::Set(name, value)).ok_or_else(fault)?,
            "add" => pair().map(|(name, value)| Self::Add(name, value)).ok_or_else(fault)?,
            "remove" => Self::Remove(rest.trim().to_owned()),
            _ => return Err(fault()),
        };
        edit.check().map(|()| edit)
    }

    fn check(&self) -> Result<(), Fault> {
        let name = self.name();
        texts::check(name, Alphabet::FieldName)?;
        if is_own_field(name) {
            return Err(Fault::new("", format!("{name} is written by poised itself")).hint("leave it out"));
        }
        match self {
            Self::Set(_, value) | Self::Add(_, value) => texts::check(value, Alphabet::FieldValue),
            Self::Remove(_) => Ok(()),
        }
    }

    fn clashes(&self, other: &Self) -> bool {
        let adds = matches!((self, other), (Self::Add(..), Self::Add(..)));
        self.name().eq_ignore_ascii_case(other.name()) && (!adds || self == other)
    }
}

impl fmt::Display for HeaderEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, value) => write!(f, "set {name}: {value}"),
            Self::Add(name, value) => write!(f, "add {name}: {value}"),
            Self::Remove(name) => write!(f, "remove {name}"),
        }
    }
}

impl Item for Share {
    const FORM: &'static str = "groups with their parts, 0 to 1000, as in [\"blue 90\", \"green 10\"], up to 100";

    fn of(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::new("", format!("{} is no part of a split", quoted(text))).allowed(Self::FORM);
        let (group, weight) = text.split_once(char::is_whitespace).ok_or_else(fault)?;
        let group = Name::new(group).map_err(|_| fault())?;
        let share = Self { group, weight: weight.trim().parse().map_err(|_| fault())? };
        share.check().map(|()| share)
    }

    fn check(&self) -> Result<(), Fault> {
        if limits::SHARE_WEIGHT.contains(&self.weight) {
            return Ok(());
        }
        Err(Fault::new("", format!("{} is out of range", self.weight)).allowed(Self::FORM))
    }

    fn clashes(&self, other: &Self) -> bool {
        self.group == other.group
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group, self.weight)
    }
}

impl Item for ReplyRule {
    const FORM: &'static str = "causes with files, as in [\"no-route /etc/poise/404.html\"]";
    const ITEMS_MAX: usize = limits::REPLIES_MAX;

    fn of(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::new("", format!("{} is no cause with a file", quoted(text))).allowed(Self::FORM);
        let (word, path) = text.split_once(char::is_whitespace).ok_or_else(fault)?;
        let answered = || Cause::ALL.into_iter().filter(|cause| cause.status().is_some());
        let cause = answered().find(|cause| cause.word() == word).ok_or_else(|| {
            let fault = Fault::new("", format!("{} is no cause of a reply", quoted(word)));
            let fault = fault.allowed(answered().map(Cause::word).collect::<Vec<_>>().join(", "));
            match nearest(word, answered().map(Cause::word)) {
                Some(meant) => fault.hint(format!("did you mean {meant}?")),
                None => fault,
            }
        })?;
        let rule = Self { cause, path: path.trim().to_owned() };
        rule.check().map(|()| rule)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.cause.status().is_none() {
            return Err(Fault::new("", format!("{} ends without a reply", self.cause)));
        }
        texts::check(&self.path, Alphabet::File)
    }

    fn clashes(&self, other: &Self) -> bool {
        self.cause == other.cause
    }
}

impl fmt::Display for ReplyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cause, self.path)
    }
}

impl Item for Name {
    const FORM: &'static str = "names as in [\"site\", \"api\"], up to 100";
    const ITEMS_MAX: usize = limits::LISTENER_CERTIFICATES_MAX;

    fn of(text: &str) -> Result<Self, Fault> {
        let fault = |error| Fault::new("", format!("{} is no name: {error}", quoted(text))).allowed(Self::FORM);
        Self::new(text).map_err(fault)
    }

    fn check(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn clashes(&self, other: &Self) -> bool {
        self == other
    }
}

as_text!(
    HostPattern: Item::of,
    MethodName: Item::of,
    HeaderMatch: Item::of,
    HeaderEdit: Item::of,
    Share: Item::of,
    ReplyRule: Item::of,
);

//! Settings that are one of a few words.

use toml::de::DeValue;

use super::fault::quoted;
use super::nearest::nearest;
use super::value::wrong_type;
use crate::fault::Fault;
use crate::model::{
    AdminState, BackendProtocol, BackendTlsMode, CheckMethod, CheckProtocol, CheckProxy, CheckVersion, ClientAddress,
    CookieSecure, DrainEnd, FailOpenUse, FailOpenWhen, ForwardedFor, HealthLog, Http2, InitialHealth, LogFormat,
    PersistenceKind, Protocol, ProxyMode, RedirectTo, Redispatch, SameSite, Scheduler, Switch, TlsVersion, UnknownName,
};

/// A type whose values are words.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// Every word with its value.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($kind:ty),+ $(,)?) => {
        $(impl Word for $kind {
            const WORDS: &'static [(&'static str, Self)] = <$kind>::WORDS;

            fn word(self) -> &'static str {
                <$kind>::word(self)
            }
        })+
    };
}

words!(
    AdminState,
    BackendProtocol,
    BackendTlsMode,
    CookieSecure,
    Http2,
    LogFormat,
    RedirectTo,
    SameSite,
    TlsVersion,
    UnknownName,
    CheckMethod,
    CheckProtocol,
    CheckProxy,
    CheckVersion,
    ClientAddress,
    DrainEnd,
    FailOpenUse,
    FailOpenWhen,
    HealthLog,
    InitialHealth,
    Switch,
    ForwardedFor,
    PersistenceKind,
    Protocol,
    ProxyMode,
    Redispatch,
    Scheduler,
);

/// The words of a type, as in `rr, wrr, wlc`.
pub(super) fn allowed<W: Word>() -> String {
    W::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// Reads a word. Versions may stand as they are spoken of: `1.3` means `"1.3"`.
pub(super) fn read<W: Word>(found: &DeValue<'_>) -> Result<W, Fault> {
    let known = || W::WORDS.iter().map(|(word, _)| *word);
    let find = |text: &str| W::WORDS.iter().find(|(word, _)| *word == text).map(|&(_, value)| value);
    let text = match found {
        DeValue::String(text) => text,
        DeValue::Float(number) if find(number.as_str()).is_some() => number.as_str(),
        other => return Err(wrong_type(other, "a word").allowed(allowed::<W>())),
    };
    find(text).ok_or_else(|| {
        let fault = Fault::new("", format!("{} is not known here", quoted(text))).allowed(allowed::<W>());
        match nearest(text, known()) {
            Some(word) => fault.hint(format!("did you mean \"{word}\"?")),
            None => fault,
        }
    })
}

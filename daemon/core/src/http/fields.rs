//! Header fields: which names mean something to a relay, and what `Connection` says.
//!
//! It does not decide framing (`request`, `response`) and writes nothing (`onward`), but holds what
//! those three share. Names compare without case; `_` counts as `-` where a backend that maps
//! fields to variables (CGI) would confuse the two.

use super::framing::Framing;
use super::refusal::Refusal;
pub use super::store::FieldStore;
use super::store::{Field, Span};

/// Options of the `Connection` fields of one message, beside those that a relay knows.
pub const OPTIONS_MAX: usize = 16;
/// Bytes of the `Connection` fields of one message: all are read again for every other field.
const OPTIONS_LEN_MAX: usize = 512;

/// What a field is to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Passed on.
    Plain,
    /// `Host`.
    Host,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Connection`.
    Connection,
    /// Another field of one hop only; never passed on.
    Hop,
    /// `TE`.
    Te,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// `X-Forwarded-For`.
    ForwardedFor,
    /// `X-Forwarded-Proto`.
    ForwardedProto,
    /// `X-Forwarded-Host`.
    ForwardedHost,
    /// `X-Forwarded-Port`.
    ForwardedPort,
    /// `X-Real-IP`, with `-` or `_`.
    RealIp,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Via`.
    Via,
    /// `CDN-Loop` (RFC 8586).
    CdnLoop,
    /// `Cookie`.
    Cookie,
    /// `Set-Cookie`.
    SetCookie,
    /// `Cache-Control`.
    CacheControl,
    /// `Content_Length` or `Transfer_Encoding`: nothing but an attempt to be misread.
    LookAlike,
    /// One of the `X-Forwarded` fields with `_` in its name, which proxies that know it as another one
    /// let pass: whoever wrote it, it is not believed.
    ForwardedAlike,
}

impl Class {
    /// A bit of its own.
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The class of a field by its name.
    pub fn of(name: &[u8]) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        match name.len() {
            2 if is("te") => Self::Te,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            6 if is("cookie") => Self::Cookie,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::Upgrade,
            8 if is("cdn-loop") => Self::CdnLoop,
            9 if is("forwarded") => Self::Forwarded,
            9 if is_dashed(name, "x-real-ip") => Self::RealIp,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::Hop,
            10 if is("set-cookie") => Self::SetCookie,
            13 if is("cache-control") => Self::CacheControl,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::Hop,
            14 if is_dashed(name, "content-length") => Self::LookAlike,
            15 if is("x-forwarded-for") => Self::ForwardedFor,
            15 if is_dashed(name, "x-forwarded-for") => Self::ForwardedAlike,
            16 if is("proxy-connection") => Self::Hop,
            16 if is("x-forwarded-host") => Self::ForwardedHost,
            16 if is("x-forwarded-port") => Self::ForwardedPort,
            16 if is_dashed(name, "x-forwarded-host") || is_dashed(name, "x-forwarded-port") => Self::ForwardedAlike,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is_dashed(name, "transfer-encoding") => Self::LookAlike,
            17 if is("x-forwarded-proto") => Self::ForwardedProto,
            17 if is_dashed(name, "x-forwarded-proto") => Self::ForwardedAlike,
            18 if is("proxy-authenticate") => Self::Hop,
            19 if is("proxy-authorization") => Self::Hop,
            _ => Self::Plain,
        }
    }
}

/// Whether a name is another but for case and for `_` in place of `-`.
pub(super) fn is_dashed(name: &[u8], other: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == other.len() && name.iter().map(|&byte| fold(byte)).eq(other.bytes().map(fold))
}

/// Whether a byte may stand in a field name or method (RFC 9110 §5.6.2).
pub const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// The members of a comma-separated list, trimmed; empty members are left out.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// What the `Connection` fields of a message say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    /// `close` is among them.
    pub(super) close: bool,
    /// `keep-alive` is among them.
    pub(super) keep_alive: bool,
    /// `upgrade` is among them.
    pub(super) upgrade: bool,
    /// How many others there are: names of fields that are for one hop only.
    listed_count: usize,
    len: usize,
}

impl Options {
    /// Reads one `Connection` field.
    ///
    /// # Errors
    /// [`Refusal::Options`] when there are more than [`OPTIONS_MAX`] names, or too many bytes.
    fn read(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.len += value.len();
        if self.len > OPTIONS_LEN_MAX {
            return Err(Refusal::Options);
        }
        for member in members(value) {
            if member.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if member.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if member.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if self.listed_count == OPTIONS_MAX {
                return Err(Refusal::Options);
            } else {
                self.listed_count += 1;
            }
        }
        Ok(())
    }
}

/// The fields of one head with their classes and what decides its framing.
pub(super) struct Fields<'h, 'b> {
    /// The head that they stand in.
    head: &'b [u8],
    spans: &'h [Span],
    /// The classes of them all, a bit each.
    classes: u32,
    pub(super) options: Options,
    /// `Content-Length`, if there is one.
    pub(super) length: Option<u64>,
    /// The `Transfer-Encoding`, if there is one.
    pub(super) coding: Option<&'b [u8]>,
    /// The only `Upgrade`, if there is exactly one.
    pub(super) upgrade: Option<&'b [u8]>,
}

impl<'h, 'b> Fields<'h, 'b> {
    /// Classifies the fields and reads those that are framing.
    ///
    /// # Errors
    /// [`Refusal`] for repeated or malformed framing fields.
    pub(super) fn read(head: &'b [u8], store: &'h FieldStore) -> Result<Self, Refusal> {
        let (mut options, mut length, mut coding, mut upgrade) = (Options::default(), None, None, None);
        let (mut upgrades, mut classes) = (0, 0);
        let spans = store.spans();
        for span in spans {
            classes |= span.class.bit();
            match span.class {
                Class::ContentLength if length.is_some() => return Err(Refusal::LengthRepeated),
                Class::ContentLength => length = Some(number(span.of(head).value)?),
                Class::TransferEncoding if coding.is_some() => return Err(Refusal::Coding),
                Class::TransferEncoding => coding = Some(span.of(head).value),
                Class::LookAlike => return Err(Refusal::FieldName),
                Class::Connection => options.read(span.of(head).value)?,
                Class::Upgrade => {
                    upgrades += 1;
                    upgrade = (upgrades == 1).then_some(span.of(head).value);
                }
                _ => {}
            }
        }
        if length.is_some() && coding.is_some() {
            return Err(Refusal::LengthAndCoding);
        }
        Ok(Self { head, spans, classes, options, length, coding, upgrade })
    }

    /// Whether there is a field of this class.
    pub(super) fn has(&self, class: Class) -> bool {
        self.classes & class.bit() != 0
    }

    /// Whether a plain field of this name is for one hop only. Fields with a meaning of their own
    /// are not asked about: a peer cannot have `Host` or `Content-Length` removed by listing them.
    #[inline]
    pub(super) fn is_listed(&self, name: &[u8]) -> bool {
        self.options.listed_count > 0 && self.names(name)
    }

    #[cold]
    fn names(&self, name: &[u8]) -> bool {
        self.values(Class::Connection).flat_map(members).any(|listed| listed.eq_ignore_ascii_case(name))
    }

    /// Bytes of the head, its blank line included.
    pub(super) fn head_len(&self) -> usize {
        self.head.len()
    }

    /// How many bytes of the head stand before its fields, the first line with its end.
    pub(super) fn start(&self) -> usize {
        self.spans.first().map_or(self.head.len() - 2, Span::at)
    }

    /// The end of a `Host` that comes first and is written as we would write it; none for others.
    pub(super) fn plain_host(&self) -> Option<usize> {
        let host = self.spans.first().filter(|span| span.of(self.head).name == b"Host")?;
        host.plain_end(self.head)
    }

    /// Whether the length is written as one would write it: its line may pass as it came.
    pub(super) fn is_length_plain(&self) -> bool {
        let mut lengths = self.spans.iter().filter(|span| span.class == Class::ContentLength);
        self.length.is_some() && lengths.all(|span| span.plain_end(self.head).is_some())
    }

    /// Appends the first `begun` bytes of the head and the lines of the fields that pass, as they came:
    /// their bytes were scanned, and rows of neighbours go in one piece.
    pub(super) fn write(&self, begun: usize, out: &mut Vec<u8>, passes: impl Fn(Class, Field<'b>) -> bool) {
        let mut row = 0..begun;
        for (index, span) in self.spans.iter().enumerate() {
            if !passes(span.class, span.of(self.head)) {
                continue;
            }
            let line = span.at()..self.spans.get(index + 1).map_or(self.head.len() - 2, Span::at);
            if row.end == line.start {
                row.end = line.end;
            } else {
                out.extend_from_slice(&self.head[std::mem::replace(&mut row, line)]);
            }
        }
        out.extend_from_slice(&self.head[row]);
    }

    /// Every field with its class.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Class, Field<'b>)> {
        self.spans.iter().map(|span| (span.class, span.of(self.head)))
    }

    /// The values of the fields of one class, in order.
    pub(super) fn values(&self, class: Class) -> impl Iterator<Item = &'b [u8]> {
        let spans = if self.has(class) { self.spans } else { &[] };
        spans.iter().filter(move |span| span.class == class).map(|span| span.of(self.head).value)
    }

    /// The same, the last one first.
    pub(super) fn values_back(&self, class: Class) -> impl Iterator<Item = &'b [u8]> {
        let spans = self.spans.iter().rev();
        spans.filter(move |span| span.class == class).map(|span| span.of(self.head).value)
    }

    /// The framing that the length alone gives.
    pub(super) fn length_framing(&self) -> Option<Framing> {
        self.length.map(Framing::Length)
    }

    /// Whether both `Connection` and `Upgrade` name a WebSocket, the only protocol that is switched to.
    pub(super) fn switches(&self) -> bool {
        self.options.upgrade && self.upgrade.is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
    }
}

/// One plain decimal number: no sign, no list, no padding, and within what signed parsers hold.
fn number(value: &[u8]) -> Result<u64, Refusal> {
    if !matches!(value, [b'0'] | [b'1'..=b'9', ..]) {
        return Err(Refusal::Length);
    }
    let add = |number: i64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    let number = value.iter().try_fold(0, add).ok_or(Refusal::Length)?;
    u64::try_from(number).map_err(|_| Refusal::Length)
}

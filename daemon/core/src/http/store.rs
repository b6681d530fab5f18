//! Where the fields of one head stand, found in one pass over its bytes.
//!
//! [`FieldStore::read`] takes heads that are whole, plain and good, which nearly all are, and costs a
//! third of what scanning and parsing do. Whatever is odd in any way it leaves to `scan` and
//! httparse, which say what is wrong: it never takes what they refuse, nor reads it otherwise. It
//! judges no meaning (`fields`). Called by the relay, and by `request` and `response`.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;

use poise_ipc::limits::FIELDS;

use super::bounds::Bounds;
use super::fields::{Class, is_token_byte};
use super::refusal::Refusal;

/// Fields that any listener may let a head have.
pub(super) const FIELDS_MAX: usize = FIELDS.end().0 as usize;
/// Fields that a head has at the most to be read in one pass: more than browsers send. The room for
/// them is cleared for every head.
const FEW: usize = 32;

/// The fields of one head, so that the common one allocates nothing.
#[derive(Debug)]
pub struct FieldStore {
    few: [Span; FEW],
    few_count: usize,
    /// Those of a head that was parsed by httparse.
    many: Vec<Span>,
    first_line_len: usize,
    /// Address and length of the head that was read last and is not parsed yet.
    read: Option<(usize, usize)>,
}

/// Where one field stands in its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    name_at: u32,
    name_len: u32,
    value_at: u32,
    value_len: u32,
    pub(super) class: Class,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'b> {
    pub(super) name: &'b [u8],
    pub(super) value: &'b [u8],
}

/// The first line of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'b> {
    pub(super) method: &'b [u8],
    pub(super) target: &'b [u8],
    /// The target holds nothing that is in no URI.
    pub(super) is_plain: bool,
    pub(super) is_http11: bool,
}

/// The first line of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusLine<'b> {
    pub(super) status: u16,
    pub(super) reason: &'b [u8],
    pub(super) is_http11: bool,
}

impl Default for FieldStore {
    fn default() -> Self {
        // All zeros: one call clears it.
        const NOWHERE: Span = Span { name_at: 0, name_len: 0, value_at: 0, value_len: 0, class: Class::Plain };
        Self { few: [NOWHERE; FEW], few_count: 0, many: Vec::new(), first_line_len: 0, read: None }
    }
}

impl Span {
    fn new(name_at: usize, name: &[u8], value_at: usize, value_len: usize) -> Option<Self> {
        Some(Self {
            name_at: u32::try_from(name_at).ok()?,
            name_len: u32::try_from(name.len()).ok()?,
            value_at: u32::try_from(value_at).ok()?,
            value_len: u32::try_from(value_len).ok()?,
            class: Class::of(name),
        })
    }

    /// Where its line begins.
    pub(super) fn at(&self) -> usize {
        self.name_at as usize
    }

    /// Where its line ends, if nothing but the colon and one space stands around its value; none
    /// where a line written anew would not be the same.
    pub(super) fn plain_end(&self, head: &[u8]) -> Option<usize> {
        let end = (self.value_at + self.value_len) as usize;
        let is_plain = self.value_at == self.name_at + self.name_len + 2
            && head[..self.value_at as usize].ends_with(b" ")
            && head[end..].starts_with(b"\r\n");
        is_plain.then_some(end + 2)
    }

    /// The field in the head that it was found in.
    pub(super) fn of<'b>(&self, head: &'b [u8]) -> Field<'b> {
        let part = |at: u32, len: u32| &head[at as usize..][..len as usize];
        Field { name: part(self.name_at, self.name_len), value: part(self.value_at, self.value_len) }
    }
}

impl FieldStore {
    /// Reads the head at the beginning of `bytes`, if it is there as a whole, plain and good, and
    /// within its bounds; returns its length. None says only that others have to look at it.
    pub fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Option<usize> {
        (self.few_count, self.first_line_len, self.read) = (0, 0, None);
        let (words, rest) = bytes.as_chunks::<8>();
        let mut line_at = 0;
        for (index, word) in words.iter().enumerate() {
            let marks = controls(u64::from_le_bytes(*word));
            if marks != 0
                && let ControlFlow::Break(len) = self.lines(bytes, (index * 8, marks), &mut line_at, bounds)
            {
                return len;
            }
        }
        let mut last = [b' '; 8];
        last[..rest.len()].copy_from_slice(rest);
        let marks = controls(u64::from_le_bytes(last));
        self.lines(bytes, (words.len() * 8, marks), &mut line_at, bounds).break_value().flatten()
    }

    /// Takes the lines that end in the eight bytes at `at`, which has control characters where there
    /// are marks. It breaks with the length of the head if that ends there, with none if others have
    /// to look at it.
    fn lines(
        &mut self,
        bytes: &[u8],
        (at, mut marks): (usize, u64),
        line_at: &mut usize,
        bounds: &Bounds,
    ) -> ControlFlow<Option<usize>> {
        while marks != 0 {
            let end = at + marks.trailing_zeros() as usize / 8;
            marks &= marks - 1;
            if end + 1 == *line_at && bytes[end] == b'\n' {
                continue;
            }
            if bytes[end] != b'\r' || bytes.get(end + 1) != Some(&b'\n') {
                return ControlFlow::Break(None);
            }
            if end == *line_at {
                return ControlFlow::Break(self.complete(bytes, end + 2, bounds));
            }
            if self.line(bytes, (*line_at, end), bounds).is_none() {
                return ControlFlow::Break(None);
            }
            *line_at = end + 2;
        }
        ControlFlow::Continue(())
    }

    fn complete(&mut self, bytes: &[u8], len: usize, bounds: &Bounds) -> Option<usize> {
        if self.first_line_len == 0 || len > bounds.head_bytes_max {
            return None;
        }
        self.read = Some((bytes.as_ptr().addr(), len));
        Some(len)
    }

    /// Takes a line that is not empty and holds no control characters.
    #[inline]
    fn line(&mut self, bytes: &[u8], (at, end): (usize, usize), bounds: &Bounds) -> Option<()> {
        if self.first_line_len == 0 {
            self.first_line_len = end;
            return (end <= bounds.target_bytes_max && bytes[0] != b' ').then_some(());
        }
        let line = &bytes[at..end];
        let name_len = line.iter().position(|&byte| !TOKEN[usize::from(byte)])?;
        if name_len == 0 || line[name_len] != b':' || self.few_count >= bounds.fields_max {
            return None;
        }
        let value = line[name_len + 1..].trim_ascii_start();
        let value_at = end - value.len();
        let span = Span::new(at, &line[..name_len], value_at, value.trim_ascii_end().len())?;
        *self.few.get_mut(self.few_count)? = span;
        self.few_count += 1;
        Some(())
    }

    /// The first line of a head that was read, or can be; none when it has to be parsed.
    fn first_line<'b>(&mut self, head: &'b [u8]) -> Option<&'b [u8]> {
        self.many.clear();
        let is_read = self.read.take() == Some((head.as_ptr().addr(), head.len()));
        if !is_read && self.read(head, &Bounds::WIDEST) != Some(head.len()) {
            return None;
        }
        self.read = None;
        Some(&head[..self.first_line_len])
    }

    /// The fields, in order.
    pub(super) fn spans(&self) -> &[Span] {
        if self.many.is_empty() { &self.few[..self.few_count] } else { &self.many }
    }

    /// Reads a scanned request head.
    ///
    /// # Errors
    /// [`Refusal`] for what is malformed.
    #[inline]
    pub(super) fn request<'b>(&mut self, head: &'b [u8]) -> Result<RequestLine<'b>, Refusal> {
        let line = self.first_line(head).and_then(request_line);
        line.map_or_else(|| self.parse_request(head), Ok)
    }

    /// Reads a scanned response head.
    ///
    /// # Errors
    /// [`Refusal`] for what is malformed.
    #[inline]
    pub(super) fn response<'b>(&mut self, head: &'b [u8]) -> Result<StatusLine<'b>, Refusal> {
        let line = self.first_line(head).and_then(status_line);
        line.map_or_else(|| self.parse_response(head), Ok)
    }

    #[cold]
    fn parse_request<'b>(&mut self, head: &'b [u8]) -> Result<RequestLine<'b>, Refusal> {
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let status = parsed.parse_with_uninit_headers(head, &mut headers).map_err(refusal)?;
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::StartLine);
        };
        self.keep(head, status, parsed.headers)?;
        let (method, target) = (method.as_bytes(), target.as_bytes());
        Ok(RequestLine { method, target, is_plain: is_target(target), is_http11: version == 1 })
    }

    #[cold]
    fn parse_response<'b>(&mut self, head: &'b [u8]) -> Result<StatusLine<'b>, Refusal> {
        let mut headers = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        let outcome = parser.parse_response_with_uninit_headers(&mut parsed, head, &mut headers).map_err(refusal)?;
        let (Some(status), Some(reason), Some(version)) = (parsed.code, parsed.reason, parsed.version) else {
            return Err(Refusal::StartLine);
        };
        self.keep(head, outcome, parsed.headers)?;
        Ok(StatusLine { status, reason: reason.as_bytes(), is_http11: version == 1 })
    }

    /// Keeps where the fields stand that httparse found.
    fn keep(
        &mut self,
        head: &[u8],
        status: httparse::Status<usize>,
        headers: &[httparse::Header<'_>],
    ) -> Result<(), Refusal> {
        // The scan found the end of the head already; two opinions on it are one too many.
        if status != httparse::Status::Complete(head.len()) {
            return Err(Refusal::StartLine);
        }
        let span = |header: &httparse::Header<'_>| {
            // A part of the head, but for an empty value, which stands nowhere.
            let at = |part: &[u8]| part.as_ptr().addr() - head.as_ptr().addr();
            let name_at = at(header.name.as_bytes());
            let value_at = if header.value.is_empty() { name_at } else { at(header.value) };
            Span::new(name_at, header.name.as_bytes(), value_at, header.value.len())
        };
        self.few_count = 0;
        self.many = headers.iter().map(span).collect::<Option<_>>().ok_or(Refusal::HeadTooLarge)?;
        Ok(())
    }
}

/// A request line of the common kind.
fn request_line(line: &[u8]) -> Option<RequestLine<'_>> {
    let (rest, version) = line.split_last_chunk()?;
    let is_http11 = match version {
        b" HTTP/1.1" => true,
        b" HTTP/1.0" => false,
        _ => return None,
    };
    let method_len = rest.iter().position(|byte| !byte.is_ascii_uppercase()).filter(|&len| len > 0)?;
    let (method, target) = rest.split_at(method_len);
    let target = target.strip_prefix(b" ").filter(|target| !target.is_empty() && is_target(target))?;
    Some(RequestLine { method, target, is_plain: true, is_http11 })
}

/// A status line of the common kind.
fn status_line(line: &[u8]) -> Option<StatusLine<'_>> {
    let (version, rest) = line.split_first_chunk()?;
    let is_http11 = match version {
        b"HTTP/1.1 " => true,
        b"HTTP/1.0 " => false,
        _ => return None,
    };
    let ([code @ .., b' '], reason) = rest.split_first_chunk::<4>()? else { return None };
    let digit = |status: u16, byte: &u8| byte.is_ascii_digit().then(|| status * 10 + u16::from(byte - b'0'));
    let status = code.iter().try_fold(0, digit)?;
    let is_plain = reason.first().is_some_and(u8::is_ascii_graphic) && reason.is_ascii();
    is_plain.then_some(StatusLine { status, reason, is_http11 })
}

/// A fragment is never sent (RFC 9112 §3.2), and readers differ on where it would begin; the others
/// are in no URI and refused by hyper.
fn is_target(text: &[u8]) -> bool {
    text.iter().all(|&byte| TARGET[usize::from(byte)])
}

/// Turns what httparse found wrong into our words.
fn refusal(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::FieldName,
        httparse::Error::HeaderValue => Refusal::Control,
        httparse::Error::NewLine => Refusal::LineEnd,
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::Version => Refusal::Version,
        httparse::Error::Status | httparse::Error::Token => Refusal::StartLine,
    }
}

/// The high bit of every byte that is a control character: below 0x20, or DEL. No byte's sum carries
/// into the next, so that each mark is a true one.
#[inline]
const fn controls(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low = word & (ONES * 0x7f);
    let from_space = low + ONES * 0x60;
    let del = low + ONES;
    (!from_space | del) & !word & (ONES * 0x80)
}

/// Tables of bytes, because every byte of a head asks.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = is_token_byte(byte);
        byte += 1;
    }
    table
};

static TARGET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_graphic() && !matches!(byte, b'#' | b'<' | b'>' | b'`' | b'"');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;

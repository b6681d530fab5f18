//! Where in a refused head the fault stands.
//!
//! Parsing says only what is wrong, since nothing more is needed to serve; whoever shows the fault
//! to an operator asks here afterwards, with the bytes at hand. It judges nothing again. Called by
//! the relay when it keeps a refused message.

use super::fields::{Class, is_token_byte};
use super::refusal::Refusal;
use super::{host, scan};

/// Offset of the byte that a parsed head, request or response, is refused for; its length when the
/// fault is that something is missing.
pub fn locate(head: &[u8], refusal: Refusal) -> usize {
    let first = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let at = match refusal {
        Refusal::Connect | Refusal::LeadingBlank => 0,
        Refusal::StartLine => start_line(first),
        Refusal::StatusCode | Refusal::Switch | Refusal::TargetTooLong => word(first, 1),
        Refusal::Version if head.starts_with(b"HTTP/") => 0,
        Refusal::Version => word(first, 2),
        Refusal::Target => target(first),
        Refusal::PathAmbiguous => path(first),
        Refusal::Control => scan::control_from(first, 0).unwrap_or(0),
        Refusal::FieldName => field(head, |_, name| name_fault(name).is_some())
            .map_or(head.len(), |field| field.start + name_fault(field.name).unwrap_or(0)),
        Refusal::HostRepeated => value_of(head, &[Class::Host], 1),
        Refusal::HostInvalid => invalid_host(head).unwrap_or_else(|| word(first, 1)),
        Refusal::HostMismatch => value_of(head, &[Class::Host], 0),
        Refusal::Length | Refusal::BodyForbidden => length(head),
        Refusal::LengthRepeated => value_of(head, &[Class::ContentLength], 1),
        Refusal::LengthAndCoding => value_of(head, &[Class::ContentLength, Class::TransferEncoding], 1),
        Refusal::Coding => value_of(head, &[Class::TransferEncoding], 0),
        Refusal::Options => last_value_of(head, Class::Connection),
        Refusal::Expectation => value_of(head, &[Class::Expect], 0),
        _ => head.len(),
    };
    at.min(head.len())
}

/// A field of a head with where it begins.
struct Field<'b> {
    start: usize,
    /// Up to the colon; the whole line where there is none.
    name: &'b [u8],
    value: &'b [u8],
}

impl Field<'_> {
    /// Where its value begins.
    fn value_at(&self, head: &[u8]) -> usize {
        self.value.as_ptr().addr() - head.as_ptr().addr()
    }
}

fn fields(head: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut start = 0;
    let lines = head.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    });
    lines.skip(1).take_while(|(_, line)| !line.starts_with(b"\r")).map(|(start, line)| {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        // White space before the colon stays: it is a fault that must be found.
        let name = name.strip_suffix(b"\r\n").unwrap_or(name);
        Field { start, name, value: value.get(1..).unwrap_or_default().trim_ascii() }
    })
}

fn field(head: &[u8], is_it: impl Fn(Class, &[u8]) -> bool) -> Option<Field<'_>> {
    fields(head).find(|field| is_it(Class::of(field.name), field.name))
}

/// Where the value of a field of one of these classes begins, the `nth` from 0.
fn value_of(head: &[u8], classes: &[Class], nth: usize) -> usize {
    let mut found = fields(head).filter(|field| classes.contains(&Class::of(field.name)));
    found.nth(nth).map_or(head.len(), |field| field.value_at(head))
}

fn last_value_of(head: &[u8], class: Class) -> usize {
    let found = fields(head).filter(|field| Class::of(field.name) == class).last();
    found.map_or(head.len(), |field| field.value_at(head))
}

/// The first byte of a length that no plain number has there.
fn length(head: &[u8]) -> usize {
    match field(head, |class, _| class == Class::ContentLength) {
        None => value_of(head, &[Class::TransferEncoding], 0),
        Some(field) => {
            let odd = field.value.iter().position(|byte| !byte.is_ascii_digit());
            field.value_at(head) + odd.unwrap_or(0)
        }
    }
}

fn invalid_host(head: &[u8]) -> Option<usize> {
    let field = field(head, |class, _| class == Class::Host)?;
    host::check(field.value).is_err().then(|| field.value_at(head))
}

/// What is wrong with a name: its first byte that no token has, or its end when it is empty, or its
/// beginning when it only looks like a name of framing.
fn name_fault(name: &[u8]) -> Option<usize> {
    if name.is_empty() || Class::of(name) == Class::LookAlike {
        return Some(0);
    }
    name.iter().position(|&byte| !is_token_byte(byte))
}

/// The first byte of the first line that no method or protocol name has there.
fn start_line(line: &[u8]) -> usize {
    if line.starts_with(b"HTTP/1.") {
        return word(line, 1);
    }
    let end = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
    let odd = line[..end].iter().position(|&byte| !is_token_byte(byte));
    odd.unwrap_or_else(|| if end == 0 { 0 } else { spaces(line).unwrap_or(end) })
}

/// Where the first line has a space too many, or a fourth word.
fn spaces(line: &[u8]) -> Option<usize> {
    let mut seen = 0;
    line.iter().enumerate().position(|(at, &byte)| {
        seen += usize::from(byte == b' ');
        byte == b' ' && (seen > 2 || at > 0 && line[at - 1] == b' ')
    })
}

/// Where a word of the first line begins, counted from 0; its end when there are fewer.
fn word(line: &[u8], nth: usize) -> usize {
    let starts = line.iter().enumerate().filter(|&(_, &byte)| byte == b' ').map(|(at, _)| at + 1);
    std::iter::once(0).chain(starts).nth(nth).unwrap_or(line.len())
}

fn target(line: &[u8]) -> usize {
    let start = word(line, 1);
    let rest = &line[start..];
    let text = rest.split(|&byte| byte == b' ').next().unwrap_or_default();
    let odd = text.iter().position(|&byte| !byte.is_ascii_graphic() || b"#<>`\"".contains(&byte));
    start + odd.unwrap_or(0)
}

/// The first byte of a target that servers read in more ways than one.
fn path(line: &[u8]) -> usize {
    let start = word(line, 1);
    let rest = &line[start..];
    let odd = |at: usize| match &rest[at..] {
        [b';' | b'\\', ..] => true,
        [b'/', b'/', ..] => at == 0 || rest[at - 1] != b':',
        [b'%', code @ ..] => {
            code.get(..2).is_some_and(|code| [*b"2f", *b"2F", *b"5c", *b"5C"].iter().any(|odd| odd == code))
        }
        _ => false,
    };
    start + (0..rest.len()).find(|&at| odd(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests;

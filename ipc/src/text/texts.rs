//! Texts with an alphabet: paths, hosts, cookies, fields of HTTP, files.

use super::fault::quoted;
use crate::fault::Fault;
use crate::limits::{
    CHECK_HOST_LEN_MAX, CHECK_PATH_LEN_MAX, COMMENT_LEN_MAX, COOKIE_NAME_LEN_MAX, FILE_PATH_LEN_MAX,
    HEADER_NAME_LEN_MAX, HEADER_VALUE_LEN_MAX, PAYLOAD_LEN_MAX, ROUTE_PATH_LEN_MAX, SERVICE_LEN_MAX,
    SOCKET_PATH_LEN_MAX,
};

/// What a text is for, and so what may stand in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alphabet {
    /// A request target: S-25, widened (L-11) to all that RFC 3986 §3.3 allows in a path or query.
    Path,
    /// A host without port (S-26).
    Host,
    /// A cookie name: a token of RFC 6265 §4.1.1 without `.` and leading `$` (S-45).
    Cookie,
    /// The path of a Unix socket.
    Socket,
    /// What a probe sends or expects.
    Payload,
    /// What an operator notes about a network.
    Comment,
    /// The path of a file.
    File,
    /// The path of a request, without query.
    RoutePath,
    /// Where a redirect leads: a path, with or without query.
    Target,
    /// A regular expression for paths.
    Regex,
    /// The name of a header field or a method: a token of RFC 9110 section 5.6.2.
    FieldName,
    /// The value of a header field.
    FieldValue,
    /// The name of a gRPC service.
    Service,
}

impl Alphabet {
    const fn what(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Host => "host",
            Self::Cookie => "cookie name",
            Self::Socket => "socket path",
            Self::Payload => "payload",
            Self::Comment => "comment",
            Self::File => "path of a file",
            Self::RoutePath => "path of a request",
            Self::Target => "target",
            Self::Regex => "regular expression",
            Self::FieldName => "field name",
            Self::FieldValue => "field value",
            Self::Service => "name of a service",
        }
    }

    const fn len_max(self) -> usize {
        match self {
            Self::Path => CHECK_PATH_LEN_MAX,
            Self::Host => CHECK_HOST_LEN_MAX,
            Self::Cookie => COOKIE_NAME_LEN_MAX,
            Self::Socket => SOCKET_PATH_LEN_MAX,
            Self::Payload => PAYLOAD_LEN_MAX,
            Self::Comment => COMMENT_LEN_MAX,
            Self::File => FILE_PATH_LEN_MAX,
            Self::RoutePath | Self::Target | Self::Regex => ROUTE_PATH_LEN_MAX,
            Self::FieldName => HEADER_NAME_LEN_MAX,
            Self::FieldValue => HEADER_VALUE_LEN_MAX,
            Self::Service => SERVICE_LEN_MAX,
        }
    }

    const fn marks(self) -> &'static str {
        match self {
            Self::Path => "-_/.%?#&=~!$'()*+,;:@",
            Self::Target => "-_/.%?&=~!$'()*+,;:@",
            Self::RoutePath => "-_/.%&=~!$'()*+,:@",
            Self::File => "-_/.@:+,=~ ",
            Self::FieldName => "!#$%&'*+-.^_`|~",
            Self::FieldValue | Self::Regex | Self::Payload => " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
            Self::Host => "-.",
            Self::Cookie => "!#$%&'*+-^_`|~",
            Self::Socket => "-_/.@:+,=~",
            Self::Service => "._-/",
            Self::Comment => " !#$%&'()*+,-./:;<=>?@[]^_`{|}~",
        }
    }

    /// What is allowed, in a line.
    pub(super) fn allowed(self) -> String {
        let max = self.len_max();
        match self {
            Self::Path => format!("a text from / of 1 to {max} letters, digits and {}", self.marks()),
            Self::Host => format!("1 to {max} letters, digits, - and ."),
            Self::Cookie => format!("1 to {max} letters, digits and {}, not starting with $", self.marks()),
            Self::Socket => format!("a path from / of 2 to {max} letters, digits and {}", self.marks()),
            Self::Payload => format!("1 to {max} printable characters, or hex: and pairs of digits"),
            Self::Comment => format!("1 to {max} printable characters without \" and \\"),
            Self::File => format!("a path from / to a file, of 2 to {max} characters"),
            Self::RoutePath | Self::Target => {
                format!("a text from / of 1 to {max} letters, digits and {}", self.marks())
            }
            Self::Regex => format!("a regular expression of 1 to {max} printable characters"),
            Self::FieldName | Self::Service => format!("1 to {max} letters, digits and {}", self.marks()),
            Self::FieldValue => format!("1 to {max} printable characters"),
        }
    }
}

/// Whether `text` may stand there.
pub(super) fn check(text: &str, alphabet: Alphabet) -> Result<(), Fault> {
    let fault = |why: String| Err(Fault::new("", why).allowed(alphabet.allowed()));
    let what = alphabet.what();
    if text.is_empty() || text.len() > alphabet.len_max() {
        return fault(format!("a {what} of {} characters", text.chars().count()));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || alphabet.marks().contains(c);
    if let Some((at, c)) = text.chars().enumerate().find(|&(_, c)| !fits(c)) {
        return fault(format!("{} has {c:?} at {}, which no {what} may hold", quoted(text), at + 1));
    }
    match alphabet {
        Alphabet::Path | Alphabet::RoutePath | Alphabet::Target if !text.starts_with('/') => {
            fault(format!("{} does not start with /", quoted(text)))
        }
        Alphabet::Socket | Alphabet::File if !text.starts_with('/') || text.ends_with('/') => {
            fault(format!("{} is no path from / to a file", quoted(text)))
        }
        Alphabet::Payload if text.strip_prefix("hex:").is_some_and(|digits| !is_hex(digits)) => {
            fault(format!("{} has no pairs of hexadecimal digits behind hex:", quoted(text)))
        }
        Alphabet::FieldValue if text.trim() != text => fault(format!("{} has blanks at an end", quoted(text))),
        Alphabet::Cookie if text.starts_with('$') => fault(format!("{} starts with $", quoted(text))),
        Alphabet::Host if text.starts_with(['-', '.']) => fault(format!("{} starts with a mark", quoted(text))),
        _ => Ok(()),
    }
}

fn is_hex(digits: &str) -> bool {
    !digits.is_empty() && digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

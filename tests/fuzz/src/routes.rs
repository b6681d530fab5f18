//! Where a request goes: one normal form for all spellings of a host and a path, and no path that a
//! server would read as another route's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use poise_core::http::request::RequestHead;
use poise_core::plan::{Compile, Identities, ListenerPlan, compile};
use poise_core::route::{Ambiguous, Asking, Host, normal_path};
use poise_core::token::TokenKey;
use poise_ipc::text::parse;

use super::places::with_head;

/// A listener that keeps a part of its paths apart.
const CONFIG: &str = "[listeners.web]
bind = \"127.0.0.1:80\"
protocol = \"http\"
group = \"app\"
routes.admin = { path_prefix = \"/admin\", group = \"app\" }
[groups.app]
";
/// What begins the paths of that part.
const ADMIN: &[u8] = b"/admin";

/// What the host and the path of a request were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// There is no normal form of the host.
    NoHost,
    /// Both were in their normal forms.
    Normal,
    /// The host is another than was sent.
    Host,
    /// The path is another than was sent.
    Path,
    /// Servers read the path in several ways, of which a route takes one.
    Ambiguous,
}

/// Host and target of a request, a line each: the normal forms climb nowhere, and what is the same to
/// a server is the same to a route. The first byte says which byte of the path is spelt otherwise.
pub fn normal(bytes: &[u8]) -> Option<Spelling> {
    let (&at, lines) = bytes.split_first()?;
    let (host, target) = lines.split_at(lines.iter().position(|&byte| byte == b'\n')?);
    let head = [b"GET ", &target[1..], b" HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
    with_head(&head, |head| {
        let target = head.target();
        let path = normal_path(target);
        climbs_nowhere(&path);
        assert_eq!(normal_path(&[b"/.", target].concat()), path);
        assert_eq!(normal_path(&[b"/a/..", target].concat()), path);
        assert_eq!(normal_path(&encoded(target, usize::from(at))), path, "another spelling is another path");
        let is_ambiguous = is_ambiguous(head);
        let sent = head.host().expect("HTTP/1.1 has one");
        let Some(host) = Host::of(sent) else { return Spelling::NoHost };
        let upper = Host::of(&sent.to_ascii_uppercase()).expect("it is a host all the same");
        assert_eq!(upper.as_bytes(), host.as_bytes(), "another case is another host");
        match () {
            () if is_ambiguous => Spelling::Ambiguous,
            () if host.as_bytes() != sent => Spelling::Host,
            () if path != target => Spelling::Path,
            () => Spelling::Normal,
        }
    })
}

/// Whether a path is refused because of what servers read in it; what is not is read alike by them
/// and by the routes.
fn is_ambiguous(head: &RequestHead<'_, '_>) -> bool {
    let routes = &listener().routes;
    let found = match routes.find(head) {
        Ok(at) => routes.at(at).name.is_some(),
        Err(Ambiguous) => return true,
    };
    let path = head.target().split(|&byte| byte == b'?').next().unwrap_or_default();
    for separators in [&b"/"[..], b"/\\"] {
        let read = served(path, separators);
        let is_admin = read.strip_prefix(ADMIN).is_some_and(|rest| matches!(rest, [] | [b'/', ..]));
        assert_eq!(found, is_admin, "a server reads {}", String::from_utf8_lossy(&read));
    }
    false
}

fn listener() -> &'static ListenerPlan {
    static LISTENER: OnceLock<Arc<ListenerPlan>> = OnceLock::new();
    LISTENER.get_or_init(|| {
        let config = parse(CONFIG).expect("a valid configuration");
        let input = Compile {
            config: &config,
            identities: &Identities::default().follow(&config),
            standings: &HashMap::new(),
            resolved: &HashMap::new(),
            ramps: &HashMap::new(),
            tls: &BTreeMap::new(),
            revision: 1,
            workers: 1,
            key: &TokenKey::new([0; 16]),
        };
        let plan = compile(&input, None);
        Arc::clone(plan.listeners.values().next().expect("the listener"))
    })
}

/// A path as a server reads it that decodes everything once and knows these separators.
fn served(path: &[u8], separators: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), path);
    while let [first, tail @ ..] = rest {
        let text = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = text.filter(|digits| *first == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    let mut segments = Vec::new();
    for segment in decoded.split(|byte| separators.contains(byte)) {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.iter().flat_map(|segment| [b"/", *segment].concat()).collect()
}

fn climbs_nowhere(path: &[u8]) {
    assert!(path.starts_with(b"/"));
    let mut segments = path.split(|&byte| byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        assert!(segment != b"." && segment != b"..");
        assert!(!segment.is_empty() || segments.peek().is_none());
    }
}

/// The target with a letter of its path percent-encoded, unless that is no letter or is one of an
/// encoding.
fn encoded(target: &[u8], at: usize) -> Vec<u8> {
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    match path.get(at.saturating_sub(2)..=at) {
        Some([near @ .., letter]) if letter.is_ascii_alphabetic() && !near.contains(&b'%') => {
            [&target[..at], format!("%{letter:02x}").as_bytes(), &target[at + 1..]].concat()
        }
        _ => target.to_vec(),
    }
}

//! Bodies of poised's own replies that operators write: files, read and checked before a commit.
//!
//! They are read when listeners are prepared (`files`), all of them and again at every commit, and kept
//! in memory for the workers, which never touch a file. What a reply says besides is `l7::reply`'s.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use poise_ipc::cause::Cause;
use poise_ipc::model::Listener;

/// Bytes of a page: error pages are small, and one goes out with every refused request.
const PAGE_BYTES_MAX: usize = 64 << 10;

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    kind: Kind,
    text: String,
}

/// What a page is, by the extension of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Html,
    Json,
    Text,
}

/// The pages by the path of their file.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<ArcSwap<HashMap<String, Arc<Page>>>>);

impl Shelf {
    /// The page of a path, if it was read.
    pub(crate) fn at(&self, path: &str) -> Option<Arc<Page>> {
        self.0.load().get(path).cloned()
    }

    /// Takes over what was read.
    pub(crate) fn put(&self, pages: HashMap<String, Arc<Page>>) {
        self.0.store(Arc::new(pages));
    }

    /// The page of a listener for a cause, if it has one.
    pub(crate) fn page(&self, listener: &Listener, cause: Cause) -> Option<Arc<Page>> {
        let rule = listener.replies.iter().find(|rule| rule.cause == cause)?;
        self.at(&rule.path)
    }
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, or is too long.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        // A pipe that nobody writes is an error, never a wait.
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
        let file = File::options().read(true).custom_flags(nonblock).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut text = String::new();
        file.take(PAGE_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
        if text.len() > PAGE_BYTES_MAX {
            return Err(io::Error::other(format!("it has more than {PAGE_BYTES_MAX} bytes")));
        }
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("html" | "htm") => Kind::Html,
            Some("json") => Kind::Json,
            _ => Kind::Text,
        };
        Ok(Self { kind, text })
    }

    /// Its content type.
    pub(crate) const fn content_type(&self) -> &'static str {
        match self.kind {
            Kind::Html => "text/html; charset=utf-8",
            Kind::Json => "application/json",
            Kind::Text => "text/plain; charset=utf-8",
        }
    }

    /// The page with `{status}`, `{cause}` and `{id}` filled in. An id may come from outside.
    pub(crate) fn body(&self, status: u16, cause: Cause, id: &str) -> String {
        // The id last, so that nothing in it is taken for a placeholder.
        let known = self.text.replace("{status}", &status.to_string()).replace("{cause}", cause.word());
        known.replace("{id}", &self.escaped(id))
    }

    /// Text from outside as it may stand in the page.
    fn escaped(&self, text: &str) -> String {
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(c);
        let escape = |c: char| match self.kind {
            _ if safe(c) => c.to_string(),
            Kind::Html => format!("&#{};", u32::from(c)),
            Kind::Json => {
                let units = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>();
                units.concat()
            }
            Kind::Text if c.is_control() => "?".to_owned(),
            Kind::Text => c.to_string(),
        };
        text.chars().map(escape).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str, text: &str) -> io::Result<Page> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Page::read(&path)
    }

    #[test]
    fn placeholders_are_filled_in_and_ids_from_outside_are_harmless() {
        let hostile = "<b>\"{cause}\"\u{1b}";
        for (name, content_type, expected) in [
            ("a.html", "text/html; charset=utf-8", "404 no-route &#60;b&#62;&#34;&#123;cause&#125;&#34;&#27;"),
            ("a.json", "application/json", "404 no-route \\u003cb\\u003e\\u0022\\u007bcause\\u007d\\u0022\\u001b"),
            ("a", "text/plain; charset=utf-8", "404 no-route <b>\"{cause}\"?"),
        ] {
            let page = page(name, "{status} {cause} {id}").expect("a page");
            assert_eq!(page.content_type(), content_type);
            assert_eq!(page.body(404, Cause::NoRoute, hostile), expected);
        }
    }

    #[test]
    fn a_page_that_is_too_long_or_no_file_is_refused() {
        assert!(page("a.html", &"x".repeat(PAGE_BYTES_MAX)).is_ok());
        assert!(page("a.html", &"x".repeat(PAGE_BYTES_MAX + 1)).is_err());
        assert!(Page::read(Path::new("/")).is_err());
        assert!(Page::read(Path::new("/missing.html")).is_err());
    }
}

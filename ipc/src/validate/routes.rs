//! Whether the routes of a listener make sense: each says what it takes and where that goes.
//!
//! Overlap between routes is advice, not a fault.

use std::collections::HashSet;

use super::{expressions, unknown_group};
use crate::Config;
use crate::fault::Fault;
use crate::limits::HEADER_EDITS_LEN_MAX;
use crate::model::{HeaderEdit, Listener, PersistenceKind, Route};

/// Bytes that no printed route exceeds, but for its texts.
const ROUTE_LEN_MAX: usize = 2_048;

/// More bytes than the route takes in print.
pub(super) fn printed_max(route: &Route) -> usize {
    let edit = |edit: &HeaderEdit| 2 * edit.to_string().len() + 4;
    let edits = route.request_headers.iter().chain(&route.response_headers).map(edit).sum::<usize>();
    let headers = route.headers.iter().map(|header| 2 * header.to_string().len() + 4).sum::<usize>();
    let hosts = route.hosts.iter().map(|host| host.name.len() + 6).sum::<usize>();
    let paths = [&route.path, &route.path_prefix, &route.path_regex, &route.redirect.path];
    let paths = paths.into_iter().flatten().map(|path| 2 * path.len()).sum::<usize>();
    let lists = 80 * (route.methods.len() + route.split.len());
    ROUTE_LEN_MAX + edits + headers + hosts + paths + lists
}

/// Adds the faults of a listener's routes; nothing that hangs on a path in `broken` is judged.
pub(super) fn judge(
    faults: &mut Vec<Fault>,
    config: &Config,
    (path, listener): (&str, &Listener),
    broken: &HashSet<String>,
) {
    if !listener.routes.is_empty() && !listener.protocol.is_http() {
        let fault = Fault::new(format!("{path}.routes"), format!("a {} listener has no routes", listener.protocol));
        faults.push(fault.hint("use protocol = \"http\" or \"https\""));
        return;
    }
    if listener.redirect.is_on() && !listener.protocol.is_http() {
        let what = format!("a {} listener redirects nobody", listener.protocol);
        faults.push(Fault::new(format!("{path}.redirect.to"), what).hint("use protocol = \"http\""));
    }
    let before = faults.len();
    for (name, route) in &listener.routes {
        let path = format!("{path}.routes.{name}");
        if !broken.iter().any(|broken| broken.starts_with(&path)) {
            faults.extend(paths(&path, route));
            faults.extend(destination(config, &path, route));
            faults.extend(persistence(&path, route));
            faults.extend(expressions::judge(&path, route));
            faults.extend(edits(&format!("{path}.request_headers"), &route.request_headers));
            faults.extend(edits(&format!("{path}.response_headers"), &route.response_headers));
        }
    }
    if faults.len() == before {
        faults.extend(expressions::judge_all(path, listener));
    }
}

fn paths(path: &str, route: &Route) -> Option<Fault> {
    let given = [("path", &route.path), ("path_prefix", &route.path_prefix), ("path_regex", &route.path_regex)];
    let mut given = given.iter().filter(|(_, text)| text.is_some());
    let (first, second) = (given.next()?, given.next()?);
    let fault = Fault::new(format!("{path}.{}", second.0), format!("stands beside {}", first.0));
    Some(fault.hint("keep one of them"))
}

fn destination(config: &Config, path: &str, route: &Route) -> Vec<Fault> {
    let given =
        [("group", route.group.is_some()), ("split", !route.split.is_empty()), ("redirect", route.redirect.is_on())];
    let given: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    match given.as_slice() {
        [] => {
            let fault = Fault::new(format!("{path}.group"), "a route needs a group, a split or a redirect");
            return vec![fault.hint("name the group that its requests go to")];
        }
        [first, second, ..] => {
            let fault = Fault::new(format!("{path}.{second}"), format!("stands beside {first}"));
            return vec![fault.hint("keep one of them")];
        }
        [_] => {}
    }
    let key = if route.group.is_some() { "group" } else { "split" };
    route.groups().filter_map(|group| unknown_group(config, format!("{path}.{key}"), group)).collect()
}

fn edits(path: &str, edits: &[HeaderEdit]) -> Option<Fault> {
    let written = |edit: &HeaderEdit| match edit {
        HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => name.len() + value.len() + ": \r\n".len(),
        HeaderEdit::Remove(_) => 0,
    };
    let bytes = edits.iter().map(written).sum::<usize>();
    (bytes > HEADER_EDITS_LEN_MAX)
        .then(|| Fault::new(path, format!("{bytes} bytes of fields")).allowed(format!("up to {HEADER_EDITS_LEN_MAX}")))
}

fn persistence(path: &str, route: &Route) -> Option<Fault> {
    if route.persistence.kind != PersistenceKind::Source {
        return None;
    }
    let fault = Fault::new(format!("{path}.persistence.kind"), "source does not work on a route");
    Some(fault.hint("use kind = \"cookie-insert\""))
}

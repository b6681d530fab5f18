//! Advice on the routes of a listener: those that no request reaches, those that only their names put
//! in an order, splits without weight and redirects that lead to themselves.
//!
//! What is said of a route is certain; of two expressions nothing is said unless they are the same.
//! Which route takes a request is core's. Called for every listener.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Finding, Severity};
use crate::Name;
use crate::model::{Bind, HeaderMatch, HostPattern, Listener, Protocol, RedirectTo, Route};

/// Pairs of rules that are compared for one listener: a fraction of a second, and more than a thousand
/// routes of one host make. Nothing is said of the rest.
const LOOKS_MAX: usize = 2_000_000;

/// Adds what there is to say about the routes and the redirect of a listener at `path`.
pub(super) fn judge(findings: &mut Vec<Finding>, path: &str, listener: &Listener) {
    if !listener.protocol.is_http() {
        return;
    }
    let own = Route { redirect: listener.redirect.clone(), ..Route::default() };
    if comes_back(listener, &own, usize::from(!listener.routes.is_empty())) {
        findings.push(redirect_loop(path));
    }
    for (name, route) in &listener.routes {
        let path = format!("{path}.routes.{name}");
        if !route.split.is_empty() && route.split.iter().all(|share| share.weight == 0) {
            let finding = Finding::new(Severity::Severe, "split-without-weight", format!("{path}.split"));
            let finding = finding.says("every share of the split is 0: its requests are refused");
            findings.push(finding.remedy("give one of its groups a share"));
        }
        if comes_back(listener, route, listener.routes.len() - 1) {
            findings.push(redirect_loop(&path));
        }
    }
    order(findings, path, listener);
}

fn redirect_loop(path: &str) -> Finding {
    let finding = Finding::new(Severity::Severe, "redirect-loop", format!("{path}.redirect"));
    let finding = finding.says("clients are sent to where they are already, over and over");
    finding.remedy("redirect to another scheme, host or path, or narrow what is redirected")
}

/// Whether what `route` redirects surely comes to it again, with so many other routes beside it.
fn comes_back(listener: &Listener, route: &Route, others: usize) -> bool {
    let redirect = &route.redirect;
    if others > 0 && (redirect.host.is_some() || redirect.path.is_some()) {
        return false;
    }
    let is_https = listener.protocol == Protocol::Https;
    let (same_scheme, standard_port) = match redirect.to {
        RedirectTo::Off => return false,
        RedirectTo::Https => (is_https, 443),
        RedirectTo::Http => (!is_https, 80),
        RedirectTo::Same => (true, if is_https { 443 } else { 80 }),
    };
    let Bind::Ip(bind) = &listener.bind else { return false };
    let keeps_port = redirect.to == RedirectTo::Same && redirect.host.is_none() && redirect.port.is_none();
    let same_port = keeps_port || redirect.port.unwrap_or(standard_port) == bind.port();
    let same_host = match &redirect.host {
        None => true,
        Some(host) => route.hosts.iter().any(|own| !own.below && own.name.eq_ignore_ascii_case(host)),
    };
    let keeps_method = matches!(redirect.status.0, 307 | 308);
    let same_method = keeps_method || route.methods.is_empty() || route.methods.iter().any(|method| method.0 == "GET");
    let path = redirect.path.as_deref().map(|path| path.split('?').next().unwrap_or_default());
    same_scheme && same_port && same_host && same_method && path.is_none_or(|path| takes_path(route, path))
}

/// Whether a route surely takes a path, given all else.
fn takes_path(route: &Route, path: &str) -> bool {
    let to = Route { path: Some(path.to_owned()), ..Route::default() };
    covers_path(route, &to)
}

/// A route for one of its hosts, or for every host.
struct Rule<'r> {
    name: &'r Name,
    route: &'r Route,
    host: Option<&'r HostPattern>,
}

impl<'r> Rule<'r> {
    /// The host as a key: whether it is every name below, and the name; every host is all below nothing.
    fn host(&self) -> (bool, &'r str) {
        self.host.map_or((true, ""), |host| (host.below, &*host.name))
    }
}

/// Routes that never get a request, and routes that only their names keep apart.
fn order(findings: &mut Vec<Finding>, path: &str, listener: &Listener) {
    let rules = Rules::new(listener);
    let mut looks = LOOKS_MAX;
    let (mut free, mut by) = (BTreeSet::new(), BTreeMap::new());
    for (at, rule) in rules.all.iter().enumerate() {
        match rules.before(at, &mut looks).find(|other| covers(other.route, rule.route)) {
            Some(other) => drop(by.entry(rule.name).or_insert(other.name)),
            None => drop(free.insert(rule.name)),
        }
    }
    findings.extend(by.iter().filter(|(name, _)| !free.contains(*name)).map(|(name, by)| shadowed(path, name, by)));
    let mut rivals = BTreeMap::new();
    for (at, rule) in rules.all.iter().enumerate().filter(|(_, rule)| free.contains(rule.name)) {
        if let Some(other) = rules.equals(at, &mut looks).find(|other| may_meet(other.route, rule.route)) {
            rivals.entry(rule.name).or_insert(other.name);
        }
    }
    findings.extend(rivals.iter().map(|(name, by)| overlap(path, name, by)));
}

/// The rules of a listener in their order, and where those of each host are.
struct Rules<'r> {
    all: Vec<Rule<'r>>,
    by_host: HashMap<(bool, &'r str), Vec<usize>>,
}

impl<'r> Rules<'r> {
    fn new(listener: &'r Listener) -> Self {
        let of_route = |(name, route): (&'r Name, &'r Route)| {
            let every = route.hosts.is_empty().then_some(None);
            route.hosts.iter().map(Some).chain(every).map(move |host| Rule { name, route, host })
        };
        let mut all: Vec<_> = listener.routes.iter().flat_map(of_route).collect();
        all.sort_by_cached_key(|rule| (rule.route.rank(rule.host), rule.name));
        let mut by_host: HashMap<_, Vec<_>> = HashMap::new();
        for (at, rule) in all.iter().enumerate() {
            by_host.entry(rule.host()).or_default().push(at);
        }
        Self { all, by_host }
    }

    /// The rules before one that take its host too, while there are looks left.
    fn before(&self, at: usize, looks: &mut usize) -> impl Iterator<Item = &Rule<'r>> {
        let (below, name) = self.all[at].host();
        let above = name.match_indices('.').map(move |(dot, _)| (true, &name[dot + 1..]));
        let every = (!name.is_empty()).then_some((true, ""));
        let keys = std::iter::once((below, name)).chain(above).chain(every);
        let lists = keys.filter_map(|key| self.by_host.get(&key));
        let earlier = lists.flat_map(move |list| list.iter().take_while(move |other| **other < at));
        counted(earlier, looks).map(|other| &self.all[*other])
    }

    /// The rules before one that its name alone puts behind them, while there are looks left.
    fn equals(&self, at: usize, looks: &mut usize) -> impl Iterator<Item = &Rule<'r>> {
        let rule = &self.all[at];
        let same = self.by_host.get(&rule.host()).into_iter().flatten().take_while(move |other| **other < at);
        let rank = rule.route.rank(rule.host);
        counted(same, looks).map(|other| &self.all[*other]).filter(move |other| other.route.rank(other.host) == rank)
    }
}

/// What is looked at, one look each, until there are none left.
fn counted<T>(items: impl Iterator<Item = T>, looks: &mut usize) -> impl Iterator<Item = T> {
    items.take_while(|_| {
        let left = looks.checked_sub(1);
        *looks = left.unwrap_or(0);
        left.is_some()
    })
}

fn shadowed(path: &str, name: &Name, by: &Name) -> Finding {
    let path = format!("{path}.routes.{name}");
    let finding = Finding::new(Severity::Warning, "route-shadowed", &path);
    let finding = finding.says(format!("it gets no request: {by} comes before it and takes them"));
    finding.remedy(format!("set {path}.priority above that of {by}, or remove it"))
}

fn overlap(path: &str, name: &Name, by: &Name) -> Finding {
    let finding = Finding::new(Severity::Note, "routes-overlap", format!("{path}.routes.{name}"));
    let finding = finding.says(format!("requests that fit {by} too go there: only the names decide"));
    finding.remedy("set a priority on the one that shall come first")
}

/// Whether two routes of one rank may take the same request, and lead it to different places.
fn may_meet(a: &Route, b: &Route) -> bool {
    let same_path = a.path == b.path && a.path_prefix == b.path_prefix && a.path_regex == b.path_regex;
    let same_method = a.methods.is_empty() || b.methods.is_empty() || a.methods.iter().any(|m| b.methods.contains(m));
    let apart = a.headers.iter().any(|field| b.headers.iter().any(|other| excludes(field, other)));
    same_path && same_method && !apart && leads_elsewhere(a, b)
}

fn leads_elsewhere(a: &Route, b: &Route) -> bool {
    a.group != b.group || a.split != b.split || a.redirect != b.redirect
}

/// Whether a field hardly has both values.
fn excludes(a: &HeaderMatch, b: &HeaderMatch) -> bool {
    a.name.eq_ignore_ascii_case(&b.name) && a.value.is_some() && b.value.is_some() && a.value != b.value
}

/// Whether `wide` surely takes every request for its host that `narrow` could take.
fn covers(wide: &Route, narrow: &Route) -> bool {
    let methods = wide.methods.is_empty()
        || !narrow.methods.is_empty() && narrow.methods.iter().all(|method| wide.methods.contains(method));
    let implied = |field: &HeaderMatch| {
        let same = |own: &HeaderMatch| own.name.eq_ignore_ascii_case(&field.name);
        narrow.headers.iter().any(|own| same(own) && (field.value.is_none() || field.value == own.value))
    };
    methods && covers_path(wide, narrow) && wide.headers.iter().all(implied)
}

/// The same of their paths alone.
fn covers_path(wide: &Route, narrow: &Route) -> bool {
    if let Some(prefix) = &wide.path_prefix {
        let path = narrow.path.as_ref().or(narrow.path_prefix.as_ref());
        // Other spellings are other texts here, and the same path to core.
        let plain = |path: &str| !path.contains('%') && !path.contains("//") && !path.contains("/.");
        return path.is_some_and(|path| plain(path) && plain(prefix) && begins(path, prefix));
    }
    let every = wide.path.is_none() && wide.path_regex.is_none();
    every || wide.path == narrow.path && wide.path_regex == narrow.path_regex && narrow.path_prefix.is_none()
}

/// Whether a path begins with a prefix, by whole segments.
fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

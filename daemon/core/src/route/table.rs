//! The table of a listener's routes: the first that takes a request, found without asking each.
//!
//! A route with several hosts is as many rules; all rules stand in one order of precedence. They are
//! indexed by host, then by path, so a request looks at those that can take it; among these the
//! earliest counts. The plain reading, rule by rule, is what `judge` does for `poise route-test`, and
//! a property holds both together.

use std::collections::HashMap;
use std::sync::Arc;

use poise_ipc::Name;
use poise_ipc::limits::{REGEX_BYTES_MAX, REGEX_SET_BYTES_MAX};
use poise_ipc::model::{HostPattern, Route};
use poise_ipc::routing::Condition;
use poise_ipc::validate::anchored;
use regex::bytes::{RegexBuilder, RegexSet, RegexSetBuilder};

use super::normal::Readings;
use super::{Asking, Host, RoutePlan, normal_path};

/// The routes of a listener by name, and what stands for the listener itself.
#[derive(Debug)]
pub struct Routes {
    plans: Box<[Arc<RoutePlan>]>,
    own: Arc<RoutePlan>,
    /// Absent where there is nothing to find.
    index: Option<Box<Index>>,
}

/// A route for one of its hosts, or for every host.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Position of the route.
    route: usize,
    /// Position of the host among the route's, if it names any.
    host: Option<usize>,
}

/// Rules by host. Numbers are positions in the order of precedence, and lists of them are sorted.
#[derive(Debug, Default)]
struct Index {
    /// Every rule, in the order of precedence.
    rules: Vec<Rule>,
    exact: HashMap<Box<[u8]>, Paths>,
    below: HashMap<Box<[u8]>, Paths>,
    any: Paths,
}

/// Rules of one host by path.
#[derive(Debug, Default)]
struct Paths {
    exact: HashMap<Box<[u8]>, Vec<u32>>,
    prefixes: HashMap<Box<[u8]>, Vec<u32>>,
    /// Bytes of the longest prefix.
    prefix_len_max: usize,
    regexes: Vec<u32>,
    set: RegexSet,
    any: Vec<u32>,
}

/// A path in which servers may read what another route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous;

/// What a rule says to a request.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'r> {
    /// The route.
    pub route: &'r RoutePlan,
    /// The host that this is about, if the route names any.
    pub host: Option<&'r HostPattern>,
    /// The first condition that the request does not meet; `None` if it meets all.
    pub fails: Option<Condition>,
}

/// The place of a rule among others: the smaller comes first.
fn precedence<'r>(plan: &'r RoutePlan, host: Option<&HostPattern>) -> impl Ord + use<'r> {
    (plan.settings.rank(host), &plan.name)
}

impl Routes {
    /// A table of these routes and of the listener's own.
    pub fn new(routes: Vec<Arc<RoutePlan>>, own: Arc<RoutePlan>) -> Self {
        let index = (!routes.is_empty()).then(|| Box::new(Index::new(&routes)));
        Self { plans: routes.into(), own, index }
    }

    /// Every route, the listener's own last.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<RoutePlan>> {
        self.plans.iter().chain([&self.own])
    }

    /// Whether there are rules besides the listener itself.
    pub fn has_rules(&self) -> bool {
        self.index.is_some()
    }

    /// The route at a position; the listener's own for one that is none.
    #[inline]
    pub fn at(&self, position: usize) -> &Arc<RoutePlan> {
        self.plans.get(position).unwrap_or(&self.own)
    }

    /// What stands for the listener itself.
    pub const fn own(&self) -> &Arc<RoutePlan> {
        &self.own
    }

    /// The route of a name.
    pub fn named(&self, name: &Name) -> Option<&Arc<RoutePlan>> {
        self.plans.iter().find(|plan| plan.name.as_ref() == Some(name))
    }

    /// The position of the first route that takes a request.
    ///
    /// # Errors
    /// [`Ambiguous`], when a backend may read in its path what another route takes.
    #[inline]
    pub fn find(&self, request: &impl Asking) -> Result<usize, Ambiguous> {
        match &self.index {
            None => Ok(self.plans.len()),
            Some(index) => self.search(index, request),
        }
    }

    fn search(&self, index: &Index, request: &impl Asking) -> Result<usize, Ambiguous> {
        let host = request.host().and_then(Host::of);
        let by = |path: &[u8]| self.taker(index, (host.as_ref(), path), request);
        let taken = by(&normal_path(request.target()));
        let agreed = Readings::of(request.target()).all(|path| by(&path) == taken);
        if agreed { Ok(taken) } else { Err(Ambiguous) }
    }

    /// The position of the first route that takes a request for this host and path, in normal form.
    fn taker(&self, index: &Index, (host, path): (Option<&Host>, &[u8]), request: &impl Asking) -> usize {
        let mut best = index.rules.len();
        let fits = |at: usize| takes_rest(&self.plans[index.rules[at].route], request);
        let mut look = |paths: &Paths| paths.earliest(path, &mut best, fits);
        if let Some(host) = host {
            if let Some(paths) = index.exact.get(host.as_bytes()) {
                look(paths);
            }
            if !index.below.is_empty() {
                host.above().filter_map(|above| index.below.get(above)).for_each(&mut look);
            }
        }
        look(&index.any);
        index.rules.get(best).map_or(self.plans.len(), |rule| rule.route)
    }

    /// What each rule says to a request, in their order, up to and including the one that takes it.
    pub fn judge(&self, request: &impl Asking) -> Vec<Judged<'_>> {
        let host = request.host().and_then(Host::of);
        let path = normal_path(request.target());
        let mut said = Vec::new();
        for rule in self.index.iter().flat_map(|index| &index.rules) {
            let route = &*self.plans[rule.route];
            let wanted = rule.host.map(|at| &route.settings.hosts[at]);
            let fails = failing(route, (wanted, host.as_ref()), &path, request);
            said.push(Judged { route, host: wanted, fails });
            if fails.is_none() {
                return said;
            }
        }
        said.push(Judged { route: self.own(), host: None, fails: None });
        said
    }
}

/// The first condition of a rule that a request does not meet.
fn failing(
    route: &RoutePlan,
    (wanted, host): (Option<&HostPattern>, Option<&Host>),
    path: &[u8],
    request: &impl Asking,
) -> Option<Condition> {
    let Route { path: exact, path_prefix, path_regex, .. } = &route.settings;
    let is_host = |wanted: &HostPattern| {
        let name = wanted.name.as_bytes();
        host.is_some_and(
            |host| if wanted.below { host.above().any(|above| above == name) } else { host.as_bytes() == name },
        )
    };
    let fits_path = exact.as_ref().is_none_or(|exact| *normal_path(exact.as_bytes()) == *path)
        && path_prefix.as_ref().is_none_or(|prefix| has_prefix(path, &normal_path(prefix.as_bytes())))
        && path_regex.as_ref().is_none_or(|pattern| matches_whole(pattern, path));
    if !wanted.is_none_or(is_host) {
        Some(Condition::Host)
    } else if !fits_path {
        Some(Condition::Path)
    } else if !takes_method(route, request) {
        Some(Condition::Method)
    } else if !takes_headers(route, request) {
        Some(Condition::Header)
    } else {
        None
    }
}

/// Whether a path begins with a prefix, by whole segments.
fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with(b"/") || matches!(rest, [] | [b'/', ..]))
}

fn matches_whole(pattern: &str, path: &[u8]) -> bool {
    let regex = RegexBuilder::new(&anchored(pattern)).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    regex.is_ok_and(|regex| regex.is_match(path))
}

fn takes_rest(route: &RoutePlan, request: &impl Asking) -> bool {
    takes_method(route, request) && takes_headers(route, request)
}

fn takes_method(route: &RoutePlan, request: &impl Asking) -> bool {
    let methods = &route.settings.methods;
    methods.is_empty() || methods.iter().any(|method| method.0.as_bytes() == request.method())
}

fn takes_headers(route: &RoutePlan, request: &impl Asking) -> bool {
    route.settings.headers.iter().all(|header| request.has(header))
}

impl Index {
    fn new(plans: &[Arc<RoutePlan>]) -> Self {
        let mut index = Self::default();
        for (route, plan) in plans.iter().enumerate() {
            let hosts = 0..plan.settings.hosts.len();
            index.rules.extend(hosts.map(|host| Rule { route, host: Some(host) }));
            if plan.settings.hosts.is_empty() {
                index.rules.push(Rule { route, host: None });
            }
        }
        let host = |rule: &Rule| rule.host.map(|at| &plans[rule.route].settings.hosts[at]);
        index.rules.sort_by(|a, b| precedence(&plans[a.route], host(a)).cmp(&precedence(&plans[b.route], host(b))));
        for (at, rule) in (0..=u32::MAX).zip(&index.rules) {
            let paths = match host(rule) {
                None => &mut index.any,
                Some(host) if host.below => index.below.entry(host.name.as_bytes().into()).or_default(),
                Some(host) => index.exact.entry(host.name.as_bytes().into()).or_default(),
            };
            paths.add(at, &plans[rule.route].settings);
        }
        let settings = |at: u32| &plans[index.rules[at as usize].route].settings;
        let all = index.exact.values_mut().chain(index.below.values_mut()).chain([&mut index.any]);
        all.for_each(|paths| paths.set = paths.expressions(settings));
        index
    }
}

impl Paths {
    fn add(&mut self, at: u32, route: &Route) {
        let list = match (&route.path, &route.path_prefix, &route.path_regex) {
            (Some(path), ..) => self.exact.entry(normal_path(path.as_bytes()).into()).or_default(),
            (_, Some(prefix), _) => {
                let prefix = normal_path(prefix.as_bytes());
                self.prefix_len_max = self.prefix_len_max.max(prefix.len());
                self.prefixes.entry(prefix.into()).or_default()
            }
            (.., Some(_)) => &mut self.regexes,
            (None, None, None) => &mut self.any,
        };
        list.push(at);
    }

    fn expressions<'r>(&self, settings: impl Fn(u32) -> &'r Route) -> RegexSet {
        let patterns = self.regexes.iter().filter_map(|&at| settings(at).path_regex.as_deref());
        let built = RegexSetBuilder::new(patterns.map(anchored)).unicode(false).size_limit(REGEX_SET_BYTES_MAX).build();
        // Validation has refused what does not compile.
        built.unwrap_or_default()
    }

    /// Lowers `best` to the earliest rule whose path this is and whose other conditions fit.
    fn earliest(&self, path: &[u8], best: &mut usize, fits: impl Fn(usize) -> bool) {
        let mut look = |list: &[u32]| {
            let earlier = list.iter().map(|&at| at as usize).take_while(|at| *at < *best);
            if let Some(at) = { earlier }.find(|&at| fits(at)) {
                *best = at;
            }
        };
        if let Some(list) = self.exact.get(path) {
            look(list);
        }
        if !self.prefixes.is_empty() {
            prefixes(path, self.prefix_len_max).filter_map(|prefix| self.prefixes.get(prefix)).for_each(|l| look(l));
        }
        if !self.regexes.is_empty() {
            let matched = self.set.matches(path);
            let matched: Vec<u32> = matched.iter().map(|at| self.regexes[at]).collect();
            look(&matched);
        }
        look(&self.any);
    }
}

/// Every beginning of a path that a prefix could be: up to each slash, with and without it, and all.
fn prefixes(path: &[u8], len_max: usize) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let cuts = slashes.take_while(move |at| *at <= len_max).flat_map(|at| [at, at + 1]);
    let whole = (path.len() <= len_max && path.last() != Some(&b'/')).then_some(path.len());
    cuts.chain(whole).filter(|&cut| cut > 0).map(|cut| &path[..cut])
}

#[cfg(test)]
mod tests;

//! Host names of backends: answers before a commit, and fresh ones from time to time.
//!
//! A commit that brings a name waits for its address as for the disk, beside the writer; a name
//! that has none refuses it. Later look-ups run a few at a time; an address that moves makes a new
//! plan at once. What a name stands for is `names`' to decide, how it is looked up `resolve`'s.

use std::net::IpAddr;

use poise_ipc::Config;
use poise_ipc::advice::{self, Site};
use poise_ipc::fault::Fault;
use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use super::commit::{answer, invalid};
use super::{Asker, Change, Done, Reconcile};
use crate::control::names::{self, named};
use crate::control::ports::Ports;
use crate::resolve::{LOOKUPS_MAX, LookupError};
use crate::store::NameRow;
use crate::transparent;
use crate::wall::now_ms;

/// A change whose names are being looked up.
pub(super) struct Asked {
    pub(super) candidate: Config,
    pub(super) change: Change,
    pub(super) asker: Asker,
}

/// A name with the answer to its look-up.
pub(super) type Answered = (String, Result<Vec<IpAddr>, LookupError>);

/// Names with their addresses.
pub(super) type Addresses = Vec<(String, Vec<IpAddr>)>;

impl<P: Ports + 'static> Reconcile<P> {
    /// Looks up the names that a candidate brings, beside the writer.
    pub(super) fn begin_resolving(&mut self, hosts: Vec<String>, asked: Asked) {
        let mut lookups = JoinSet::new();
        for host in hosts {
            let resolver = self.parts.resolver.clone();
            lookups.spawn(async move {
                let found = resolver.addresses(&host).await;
                (host, found)
            });
        }
        let asked = Box::new(asked);
        self.under_way = Some(Box::pin(async move { Done::Resolved(asked, lookups.join_all().await) }));
    }

    /// Goes on with a change whose names have addresses, and refuses one with a name that has none.
    pub(super) fn finish_resolving(&mut self, asked: Asked, answers: Vec<Answered>) {
        let Asked { candidate, change, asker } = asked;
        let faults = unresolved(&candidate, &answers);
        if !faults.is_empty() {
            return answer(asker, Err(invalid(faults)));
        }
        let found = answers.into_iter().filter_map(|(host, found)| Some((host, found.ok()?)));
        self.begin_commit(candidate, found.collect(), change, asker);
    }

    /// Makes the names follow the configuration, with what was found for new ones.
    pub(super) fn follow_names(&mut self, found: Addresses) {
        self.names.follow(&self.state.config);
        for (host, addresses) in found {
            self.names.answer(&host, Ok(addresses), now_ms());
        }
        self.resolved = self.names.resolved(&self.state.config, &self.state.identities);
    }

    /// What the names of a configuration stand for, with what was found for new ones.
    pub(super) fn names_of(&self, config: &Config, found: &Addresses) -> Vec<NameRow> {
        let mut names = self.names.clone();
        names.follow(config);
        for (host, addresses) in found {
            names.answer(host, Ok(addresses.clone()), 0);
        }
        names.rows()
    }

    /// Starts the look-ups that are due.
    pub(super) fn look_up(&mut self) {
        let room = LOOKUPS_MAX.saturating_sub(self.lookups.len());
        for host in self.names.due(now_ms(), room) {
            let resolver = self.parts.resolver.clone();
            self.lookups.spawn(async move {
                let found = resolver.addresses(&host).await;
                (host, found)
            });
        }
    }

    /// Takes the answer to a look-up.
    pub(super) fn looked_up(&mut self, outcome: Result<Answered, JoinError>) {
        // Fails only when a look-up panics, and then its name stays as it is.
        let Ok((host, found)) = outcome else { return };
        match self.names.answer(&host, found.map_err(|error| error.to_string()), now_ms()) {
            names::Change::None => {}
            names::Change::Moved(from, address) => {
                info!(host, from = from.map(tracing::field::display), %address, "a name leads to another address");
                self.resolved = self.names.resolved(&self.state.config, &self.state.identities);
                let failed_open = self.publish();
                self.tell_fail_open(&failed_open, now_ms());
                self.names_unstored = true;
                self.judge();
            }
            names::Change::Fails(reason) => {
                warn!(host, reason, "a name is not resolved; its last address stays in use");
                self.judge();
            }
            names::Change::Answers => {
                info!(host, "a name is resolved again");
                self.judge();
            }
        }
    }

    /// Hands moved names to the store; what it does not take is offered again in the next round.
    pub(super) fn store_names(&mut self) {
        // A commit that is being stored brings its own.
        if self.names_unstored && self.under_way.is_none() {
            self.names_unstored = !self.parts.store.names(self.names.rows());
        }
    }

    /// Finds out anew what there is to advise, with what is known of this host.
    pub(super) fn judge(&mut self) {
        let mut findings = self.advice(self.in_force(), &self.state.config);
        findings.extend(self.refusal_findings());
        findings.extend(self.unrecorded.clone());
        findings.extend(self.blind_checks());
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.state.findings = findings;
        self.snapshot = None;
    }

    /// What there is to advise on a configuration, given what is in force of it.
    pub(super) fn advice(&self, in_force: &Config, config: &Config) -> Vec<advice::Finding> {
        let (ports, identities) = (&self.parts.ports, &self.state.identities);
        let site = Site {
            bind: &|name| ports.address(*identities.listeners.get(name)?),
            address: &|host| self.names.address(host),
            is_local: &|address| self.sources.is_local(address, now_ms(), |to| ports.source(to)),
        };
        let mut findings = advice::findings_at(in_force, &site);
        findings.extend(self.names.findings(config));
        findings.extend(transparent::findings(config));
        findings.extend(self.parts.tls.findings(config, now_ms()));
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }
}

/// A fault for every backend whose name has no address.
fn unresolved(candidate: &Config, answers: &[Answered]) -> Vec<Fault> {
    let failed = |host: &str| answers.iter().find(|(asked, _)| asked == host)?.1.as_ref().err();
    let faults = named(candidate).filter_map(|(path, host)| {
        let place = format!("groups.{}.backends.{}.address", path.group, path.backend);
        let fault = Fault::new(place, format!("{host} is not resolved: {}", failed(host)?));
        Some(fault.hint("mend the name or the resolver, or write the address that the name stands for"))
    });
    faults.collect()
}

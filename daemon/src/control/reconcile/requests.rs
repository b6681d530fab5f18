//! Requests of clients: reads are answered at once, changes become jobs.
//!
//! Roles were checked by the connection. Reads never wait for a commit that is being stored: they
//! see the state before it.

use std::sync::Arc;

use poise_ipc::BackendPath;
use poise_ipc::health::BackendQuery;
use poise_ipc::message::{AuditQuery, Author, ErrorCode, ErrorReply, Reply, Role, Verb, Welcome};
use poise_ipc::{apply, text};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::commit::answer;
use super::reload::FileTask;
use super::reload::ReloadWish;
use super::{Asker, Change, Job, Reconcile, Source, Wanted, frozen};
use super::{cookies, routes};
use crate::control::command::{Answer, Command};
use crate::control::ports::Ports;
use crate::log::chain;
use crate::report::{ProbeAsked, Unasked};
use crate::store::HISTORY_PAGE_MAX;

impl<P: Ports + 'static> Reconcile<P> {
    /// Takes one command.
    pub(super) fn take(&mut self, command: Command) {
        match command {
            Command::Request { verb, author, role, reply } => self.request(verb, author, role, reply),
            Command::Snapshot { reply } => {
                // Whoever asked may be gone.
                let _ = reply.send(self.snapshot());
            }
            Command::Note(row) => self.parts.store.audit(*row),
            Command::Predecessors(progress) => self.hear_of(*progress),
            // The loop takes these itself.
            Command::Stop | Command::Freeze { .. } | Command::Thaw { .. } | Command::Leave { .. } => {}
        }
    }

    fn request(&mut self, verb: Verb, author: Author, role: Role, asker: Asker) {
        if self.frozen && verb.role() > Role::View {
            return answer(asker, Err(frozen()));
        }
        match verb {
            Verb::Upgrade(upgrade) => self.upgrade(upgrade, &author, asker),
            Verb::Shutdown(shutdown) => self.shutdown(shutdown, &author, asker),
            Verb::Apply(apply) => {
                let change = Change {
                    if_revision: apply.if_revision,
                    dry_run: apply.dry_run,
                    window: apply.window,
                    ..Change::of(Source::Edits(apply.edits), author, apply.reason)
                };
                self.submit(Job::Change(change, asker));
            }
            Verb::Replace(replace) => {
                let change = Change {
                    if_revision: replace.if_revision,
                    dry_run: replace.dry_run,
                    window: replace.window,
                    ..Change::of(Source::Text(replace.text), author, replace.reason)
                };
                self.submit(Job::Change(change, asker));
            }
            Verb::Reload { take, decide, dry_run } => {
                let wish = ReloadWish { take, decide, dry_run };
                self.submit(Job::File(FileTask::Reload { wish, author, asker }));
            }
            Verb::CertificatesReload { name } => self.submit(Job::Certificates(name, asker)),
            Verb::Window(query) => self.submit(Job::Window(query, author, asker)),
            Verb::Lease(query) => self.submit(Job::Layer(Wanted::Lease(query), author, asker)),
            Verb::Ramp(query) => self.submit(Job::Layer(Wanted::Ramp(query), author, asker)),
            Verb::Layer(query) => self.submit(Job::Layer(Wanted::Layer(query), author, asker)),
            Verb::Drift => self.submit(Job::File(FileTask::Drift(asker))),
            Verb::History { limit, before } => self.history(limit, before, asker),
            Verb::ConfigAt { revision } => self.config_at(revision, asker),
            Verb::Audit(query) => self.audit(query, asker),
            Verb::Logs(query) => self.logs(query, asker),
            Verb::Why(query) => self.why(query, asker),
            Verb::Entries(query) => self.entries(query, asker),
            Verb::EntriesRemove(removal) => self.remove_entries(removal, &author, asker),
            Verb::Probe(query) => self.probe(query, asker),
            Verb::Readmit(query) => answer(asker, self.readmit(query)),
            read => answer(asker, self.read(read, author, role)),
        }
    }

    fn read(&mut self, verb: Verb, author: Author, role: Role) -> Answer {
        let revision = self.state.revision;
        Ok(match verb {
            Verb::Hello => Reply::Hello(self.welcome(author, role)),
            Verb::Status => Reply::Status(Box::new(self.fresh_status().as_ref().clone())),
            Verb::Config => Reply::Config { revision, config: self.state.config.clone() },
            Verb::ConfigText => Reply::ConfigText { revision, text: text::print(&self.state.config) },
            Verb::Plan(query) => return self.plan(query),
            Verb::Aftermath { revision } => return self.aftermath(revision),
            Verb::Balance(query) => return self.balance(&query),
            Verb::Errors(query) => {
                let plan = self.parts.publisher.published().load_full();
                self.parts.errors.drain(&plan);
                Reply::Errors(self.parts.errors.query(&query))
            }
            Verb::RouteTest(query) => {
                Reply::RouteTest { answers: routes::answers(&self.parts.publisher.published().load(), &query) }
            }
            Verb::Cookie(query) => {
                Reply::Cookie { rows: cookies::rows(&self.parts.publisher.published().load(), &query) }
            }
            _ => return Err(ErrorReply::new(ErrorCode::Internal, "this request belongs to the connection")),
        })
    }

    /// Has a backend probed now. Nothing waits for it but the one who asked.
    fn probe(&self, query: BackendQuery, asker: Asker) {
        let backend = BackendPath::new(query.group, query.backend);
        let path = backend.clone();
        let said = Box::new(move |probed: Result<_, _>| {
            let said = probed.map(|probed| Reply::Probed(Box::new(probed)));
            answer(asker, said.map_err(|why| unasked(&path, why)));
        });
        if let Err(TrySendError::Full(asked) | TrySendError::Closed(asked)) =
            self.parts.probes.try_send(ProbeAsked { backend, answer: said })
        {
            (asked.answer)(Err(Unasked::Busy));
        }
    }

    fn welcome(&self, author: Author, role: Role) -> Welcome {
        Welcome {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.parts.facts.host.clone(),
            role,
            user: author.user,
            daemon_id: self.parts.facts.daemon_id.clone(),
            revision: self.state.revision,
        }
    }

    fn history(&self, limit: u32, before: Option<u64>, asker: oneshot::Sender<Answer>) {
        self.parts.store.history(limit.clamp(1, HISTORY_PAGE_MAX), before, move |commits| {
            let said = commits
                .map(|commits| Reply::History { commits })
                .map_err(|error| ErrorReply::new(ErrorCode::Storage, chain(&error)));
            answer(asker, said);
        });
    }

    /// The configuration as it was: what has been committed since is taken back, beside the writer.
    fn config_at(&self, revision: u64, asker: Asker) {
        let (now, mut config) = (self.state.revision, self.state.config.clone());
        if revision > now || revision == 0 {
            let error =
                ErrorReply::new(ErrorCode::NotFound, format!("there is no revision {revision} yet; {now} is running"));
            return answer(asker, Err(error.hint("poise history lists the revisions")));
        }
        // Those that are in force and not stored yet are newer than all that are.
        let unstored: Vec<_> = self.window.unstored().into_iter().filter(|commit| commit.revision > revision).collect();
        let first = unstored.first().map_or(now, |commit| commit.revision - 1);
        self.parts.store.since(revision, first, move |commits| {
            let said =
                commits.map_err(|error| ErrorReply::new(ErrorCode::Storage, chain(&error))).and_then(|commits| {
                    if commits.len() as u64 != first - revision {
                        let oldest = commits.last().map_or(first, |commit| commit.revision - 1);
                        let message = format!("the history goes back to revision {oldest}, not to {revision}");
                        return Err(ErrorReply::new(ErrorCode::NotFound, message));
                    }
                    for commit in unstored.iter().rev().chain(&commits) {
                        config = apply::apply(&config, &commit.inverse).map_err(super::commit::invalid)?;
                    }
                    Ok(Reply::ConfigText { revision, text: text::print(&config) })
                });
            answer(asker, said);
        });
    }

    fn audit(&self, query: AuditQuery, asker: Asker) {
        self.parts.store.audited(query, move |rows| {
            let said = rows
                .map(|(rows, lost_total)| Reply::Audit { rows, lost_total })
                .map_err(|error| ErrorReply::new(ErrorCode::Storage, chain(&error)));
            answer(asker, said);
        });
    }

    /// The state as a whole, at most [`SNAPSHOT_MS_MAX`](super::status::SNAPSHOT_MS_MAX) old.
    fn snapshot(&mut self) -> Arc<poise_ipc::status::Status> {
        self.recent_status().unwrap_or_else(|| self.fresh_status())
    }
}

/// Why a backend was not probed, in the words of the protocol.
fn unasked(backend: &BackendPath, why: Unasked) -> ErrorReply {
    match why {
        Unasked::Busy => ErrorReply::new(ErrorCode::Busy, why.to_string()).hint("try again in a moment"),
        Unasked::Unknown => ErrorReply::new(ErrorCode::NotFound, format!("there is no backend {backend}")),
        Unasked::Off => ErrorReply::new(ErrorCode::NotFound, why.to_string())
            .hint("use another protocol than \"off\" for its health_check"),
    }
}

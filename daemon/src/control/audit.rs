//! What the audit trail says of a request: who asked for what, in the imperative, and what became of it.
//!
//! Made at the connection, where refusals by role are known too; stored by the writer. It decides
//! nothing.

use poise_ipc::edit::Edit;
use poise_ipc::message::{
    AUDIT_TEXT_MAX, AuditOutcome, AuditRow, Author, LayerAct, Reply, Role, Take, Verb, WindowAct,
};

use super::command::Answer;
use crate::wall::now_ms;

#[cfg(test)]
mod tests;

/// What is asked, in words.
#[derive(Debug)]
pub(super) struct Asked {
    verb: &'static str,
    what: String,
    /// Whether it only asks what would be.
    is_dry: bool,
}

impl Asked {
    /// The words of a verb.
    pub(super) fn of(verb: &Verb) -> Self {
        let is_dry = match verb {
            Verb::Apply(apply) => apply.dry_run,
            Verb::Replace(replace) => replace.dry_run,
            Verb::Lease(query) => query.dry_run,
            Verb::Ramp(query) => query.dry_run,
            Verb::Reload { dry_run, .. } => *dry_run,
            _ => false,
        };
        let what = if is_dry { format!("try to {}", what(verb)) } else { what(verb) };
        Self { verb: verb.word(), what: cut(what), is_dry }
    }

    /// The row of it, with what became of it.
    pub(super) fn row(self, author: Author, role: Role, said: &Answer) -> AuditRow {
        let outcome = match said {
            Ok(Reply::Applied(applied)) if applied.changed && !self.is_dry => {
                AuditOutcome::Done { revision: Some(applied.revision) }
            }
            Ok(_) => AuditOutcome::Done { revision: None },
            Err(error) => AuditOutcome::Refused { code: error.code, message: cut(error.message.clone()) },
        };
        AuditRow { seq: 0, at_ms: now_ms(), author, role, verb: self.verb.to_owned(), what: self.what, outcome }
    }
}

fn what(verb: &Verb) -> String {
    match verb {
        Verb::Apply(apply) => edits(&apply.edits),
        Verb::Replace(replace) => format!("replace the configuration, {} bytes", replace.text.len()),
        Verb::Window(query) => match query.act {
            WindowAct::Confirm => "confirm the window".to_owned(),
            WindowAct::Back => "take the window back".to_owned(),
            WindowAct::Extend { for_ms } => format!("give the window {} s more", for_ms / 1_000),
        },
        Verb::Lease(query) => format!("hold for {} s: {}", query.for_ms / 1_000, edits(&query.edits)),
        Verb::Ramp(query) => {
            let from = query.from.map_or_else(String::new, |from| from.to_string());
            let over_s = query.over_ms / 1_000;
            format!("ramp {} {from}..{} over {over_s} s", query.backend, query.to)
        }
        Verb::Layer(query) => match query.act {
            LayerAct::Cancel => format!("cancel layer {}", query.id),
            LayerAct::Extend { for_ms } => format!("give layer {} {} s more", query.id, for_ms / 1_000),
            LayerAct::Hold => format!("hold ramp {}", query.id),
            LayerAct::Resume => format!("resume ramp {}", query.id),
        },
        Verb::EntriesRemove(removal) => format!("forget clients: {removal:?}"),
        Verb::CertificatesReload { name: Some(name) } => format!("reload certificate {name}"),
        Verb::CertificatesReload { name: None } => "reload all certificates".to_owned(),
        Verb::Readmit(query) => format!("readmit {}/{}", query.group, query.backend),
        Verb::Reload { take: None, .. } => "reload the configuration file".to_owned(),
        Verb::Reload { take: Some(Take::File), .. } => "take the configuration file".to_owned(),
        Verb::Reload { take: Some(Take::Running), .. } => "keep the running configuration".to_owned(),
        Verb::Upgrade(upgrade) => upgraded(upgrade.binary.as_deref()),
        Verb::Shutdown(shutdown) => match shutdown.within_ms {
            None => "drain and end".to_owned(),
            Some(0) => "end at once".to_owned(),
            Some(within_ms) => format!("drain for {} s and end", within_ms / 1_000),
        },
        other => other.word().to_owned(),
    }
}

/// The words of an upgrade, to the daemon's own program or another.
pub(super) fn upgraded(binary: Option<&str>) -> String {
    match binary {
        None => "let another process take over".to_owned(),
        Some(binary) => format!("let {binary} take over"),
    }
}

fn edits(edits: &[Edit]) -> String {
    let one = |edit: &Edit| match edit {
        Edit::Set { path, value } => format!("set {path} = {value}"),
        Edit::Remove { path } => format!("remove {path}"),
    };
    // What is cut off anyway is not written.
    edits.iter().take(64).map(one).collect::<Vec<_>>().join("; ")
}

fn cut(text: String) -> String {
    match text.char_indices().nth(AUDIT_TEXT_MAX) {
        None => text,
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

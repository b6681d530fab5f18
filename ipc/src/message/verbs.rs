//! What every verb is called, needs and does: one table for roles, audit and the reference.
//!
//! A verb that is added is given its row here; a test finds the one that has none.

use std::fmt::Write as _;

use super::{Role, Verb};

/// What is to be known of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerbFacts {
    /// Its word, the same as in JSON.
    pub word: &'static str,
    /// The least role that may ask it.
    pub role: Role,
    /// Whether it changes something: then it is audited, and refused by a daemon that is read-only.
    pub mutates: bool,
    /// What it does.
    pub meaning: &'static str,
}

const fn view(word: &'static str, meaning: &'static str) -> VerbFacts {
    VerbFacts { word, role: Role::View, mutates: false, meaning }
}

const fn look(word: &'static str, meaning: &'static str) -> VerbFacts {
    VerbFacts { word, role: Role::Operate, mutates: false, meaning }
}

const fn change(word: &'static str, meaning: &'static str) -> VerbFacts {
    VerbFacts { word, role: Role::Operate, mutates: true, meaning }
}

const fn admin(word: &'static str, meaning: &'static str) -> VerbFacts {
    VerbFacts { word, role: Role::Admin, mutates: true, meaning }
}

/// Every verb.
pub const VERBS: &[VerbFacts] = &[
    view("hello", "who is at either end of the connection"),
    view("introduce", "says what the client is, for history and audit"),
    view("step-down", "gives up rights for the rest of the connection"),
    view("status", "everything at this moment"),
    view("config", "the running configuration"),
    view("config-text", "the running configuration as text"),
    view("config-at", "the configuration as it was at a revision"),
    view("subscribe", "events from now on"),
    view("unsubscribe", "no more events"),
    view("logs", "rows of the health log"),
    view("why", "how a backend was at a moment, and why"),
    view("history", "the commits, with who made them and what takes them back"),
    view("drift", "how the operator's file differs from the running configuration"),
    view("entries", "what persistence remembers"),
    view("cookie", "whom a persistence cookie binds"),
    view("route-test", "where a request would go"),
    view("plan", "what a change would do to traffic; nothing is changed"),
    view("aftermath", "what a commit has done to traffic, beside what was forecast"),
    view("balance", "why the balance of a group is not what its weights ask for"),
    look("errors", "the messages that were refused last, which hold what peers sent"),
    look("audit", "who asked for what, and what became of it"),
    VerbFacts {
        word: "probe",
        role: Role::Operate,
        mutates: false,
        meaning: "probes a backend now; its health does not change by it",
    },
    change("apply", "commits edits"),
    change("replace", "commits a whole configuration"),
    change("window", "confirms, takes back or extends the confirm window"),
    change("lease", "holds values for a time"),
    change("ramp", "moves the weight of a backend in steps"),
    change("layer", "ends, extends, holds or resumes a lease or ramp"),
    change("entries-remove", "forgets clients: they are scheduled anew"),
    change("certificates-reload", "reads certificates again and uses them"),
    change("readmit", "lets a backend in that an ejection or damping keeps out"),
    admin("reload", "takes the operator's file"),
    admin("upgrade", "lets another program take over; no connection is refused or cut"),
    admin("shutdown", "drains and ends the daemon"),
];

impl Verb {
    /// Its word, the same as in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Status => "status",
            Self::Config => "config",
            Self::ConfigText => "config-text",
            Self::Apply(_) => "apply",
            Self::Replace(_) => "replace",
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Logs(_) => "logs",
            Self::History { .. } => "history",
            Self::Drift => "drift",
            Self::Reload { .. } => "reload",
            Self::StepDown { .. } => "step-down",
            Self::Entries(_) => "entries",
            Self::EntriesRemove(_) => "entries-remove",
            Self::Cookie(_) => "cookie",
            Self::CertificatesReload { .. } => "certificates-reload",
            Self::Errors(_) => "errors",
            Self::RouteTest(_) => "route-test",
            Self::Probe(_) => "probe",
            Self::Why(_) => "why",
            Self::Readmit(_) => "readmit",
            Self::Window(_) => "window",
            Self::Lease(_) => "lease",
            Self::Ramp(_) => "ramp",
            Self::Layer(_) => "layer",
            Self::Introduce { .. } => "introduce",
            Self::ConfigAt { .. } => "config-at",
            Self::Audit(_) => "audit",
            Self::Upgrade(_) => "upgrade",
            Self::Shutdown(_) => "shutdown",
            Self::Plan(_) => "plan",
            Self::Aftermath { .. } => "aftermath",
            Self::Balance(_) => "balance",
        }
    }

    /// What is to be known of it.
    pub fn facts(&self) -> VerbFacts {
        let word = self.word();
        let known = VERBS.iter().find(|facts| facts.word == word);
        // A verb without a row would be nobody's: a test holds that there is none.
        known.copied().unwrap_or(VerbFacts { word, role: Role::Admin, mutates: true, meaning: "" })
    }

    /// The least role that may ask it.
    pub fn role(&self) -> Role {
        self.facts().role
    }

    /// Whether it changes something.
    pub fn mutates(&self) -> bool {
        self.facts().mutates
    }
}

/// The reference of roles and verbs as Markdown.
pub fn document() -> String {
    let mut text = String::from(
        "# Roles and verbs\n\n\
        Made from the table in `ipc/src/message/verbs.rs`; a test keeps the two equal.\n\n\
        Who may what is decided by the credentials that the kernel tells of a peer: root and the user that poised \
        runs as are `admin`, members of the group of `--admin-group` too; members of the group of `--operate-group` \
        (`poise`) are `operate`; whoever else the file system lets in is `view`, and so is everybody who comes \
        through `view.sock`. Each role includes those before it. A connection can only step down. What changes \
        something is audited (`poise audit`), and refused by a daemon that was started with `--read-only`.\n\n\
        | verb | role | changes | what it does |\n|---|---|---|---|\n",
    );
    for VerbFacts { word, role, mutates, meaning } in VERBS {
        let changes = if *mutates { "yes" } else { "" };
        let _ = writeln!(text, "| `{word}` | {} | {changes} | {meaning} |", role.word());
    }
    text
}

#[cfg(test)]
mod tests;

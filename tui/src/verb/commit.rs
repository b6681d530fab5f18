//! The road of every verb that changes the configuration: read it, make edits, commit them, print.
//!
//! Edits that were computed from values carry the revision they were computed from and are made
//! anew when somebody else was faster. Plain values need no such guard: the last one wins.

use std::time::Duration;

use clap::Args;
use poise_ipc::Config;
use poise_ipc::edit::Edit;
use poise_ipc::message::{Apply, ErrorCode, Trip, Verb, WindowWish};

use super::changes::outcome;
use super::failure::Failure;
use super::link::Link;
use super::stdout::print;
use super::words::duration;
use super::{Context, layers};
use crate::exit::Exit;

/// How often edits are made anew after a conflict. Every conflict means that somebody else's commit
/// went through, so a crowd of loops that step the same weight gets done; this ends a hopeless one.
const TRIES_MAX: u32 = 100;

/// Options of every verb that changes the configuration.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Check the change and show it, but do not make it.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Refuse with exit code 5 unless this is the revision now.
    #[arg(long, value_name = "N")]
    pub(super) if_revision: Option<u64>,
    /// Why, for `poise history`.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    #[command(flatten)]
    pub(super) window: WindowOptions,
}

/// Whether a change has to be confirmed.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct WindowOptions {
    /// Take it back unless `poise confirm` comes in this time, 10s to 24h.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    confirm_within: Option<Duration>,
    /// Take it back at once when this is so: 5xx>1%, p99>300ms, up<2, app:5xx>1%. May be repeated.
    #[arg(long = "trip", value_name = "WIRE")]
    trips: Vec<Trip>,
    /// Be part of the confirm window that is open: kept or taken back with it.
    #[arg(long)]
    join: bool,
}

impl WindowOptions {
    /// What the daemon is asked for.
    pub(super) fn wish(&self) -> WindowWish {
        WindowWish {
            confirm_within_ms: self.confirm_within.map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
            trips: self.trips.clone(),
            join: self.join,
        }
    }
}

/// How long a change holds; of verbs whose values a lease can hold.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Lease {
    /// Hold it for this time, 1s to 30d, then go back to what is configured by then: `poise layers`.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    #[arg(conflicts_with_all = ["if_revision", "confirm_within", "trips", "join"])]
    pub(super) span: Option<Duration>,
}

/// What the new values depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// On nothing but the command line.
    Command,
    /// On the configuration that was read.
    Config,
}

/// Reads the configuration, makes edits of it, commits them in one and prints the outcome.
pub(super) async fn commit(
    context: &Context,
    options: &Options,
    basis: Basis,
    make: impl Fn(&Config) -> Result<Vec<Edit>, Failure>,
) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let mut tries = 1;
    let (before, applied) = loop {
        let (revision, config) = link.config().await?;
        let guard = (basis == Basis::Config).then_some(revision);
        let request = Apply {
            edits: make(&config)?,
            if_revision: options.if_revision.or(guard),
            dry_run: options.dry_run,
            reason: options.reason.clone(),
            window: options.window.wish(),
        };
        match link.change(Verb::Apply(request)).await {
            Ok(applied) => break (config, applied),
            Err(failure) if again(&failure, options, basis) && tries < TRIES_MAX => tries += 1,
            Err(failure) => return Err(failure),
        }
    };
    print(&outcome(context.format, &before, &applied, options.dry_run))?;
    Ok(Exit::Ok)
}

/// The same, or for a time when that is asked for.
pub(super) async fn commit_or_lease(
    context: &Context,
    (options, lease): (&Options, &Lease),
    basis: Basis,
    make: impl Fn(&Config) -> Result<Vec<Edit>, Failure>,
) -> Result<Exit, Failure> {
    let Some(span) = lease.span else { return commit(context, options, basis, make).await };
    let (_, config) = Link::open(context).await?.config().await?;
    layers::lease(make(&config)?, span, options.dry_run, options.reason.clone(), context).await
}

fn again(failure: &Failure, options: &Options, basis: Basis) -> bool {
    failure.code == Some(ErrorCode::Conflict) && basis == Basis::Config && options.if_revision.is_none()
}

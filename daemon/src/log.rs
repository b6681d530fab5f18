//! The log on standard error. Set up once, by the program and never by the library's `run`.
//!
//! `POISE_LOG` chooses levels as in `debug` or `info,poised::control=debug`; the default is `info`.
//! Releases have no `trace`: poised writes none, and that of libraries is left out with its cost.

use std::error::Error;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::options::LogFormat;

/// Sends log lines to standard error from now on. A process that logs already keeps its log.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("POISE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    // Fails when a log is set up already: then that one is wanted.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

//! The program: command line to exit code.
//!
//! 0 is a clean stop, 1 a failure, 2 wrong usage, 7 an invalid configuration. `poised` calls it,
//! and `poise` behind its demo.

use std::error::Error;
use std::ffi::OsString;
use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use crate::control::reconcile::StartError;
use crate::options::{Options, Surroundings};
use crate::{RunError, check, log, run};

/// The exit code of a failure.
const FAILED: u8 = 1;
/// The exit code of wrong usage.
const USAGE: u8 = 2;
/// The exit code of an invalid configuration.
pub(crate) const INVALID: u8 = 7;

/// Does what a command line says, the name of the program first, and returns its exit code.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Nothing can be said about a standard error that is closed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    if let Some(file) = &options.check {
        return check::check(file);
    }
    let settings = match options.settle(&Surroundings::here(), |path| path.exists()) {
        Ok(settings) => settings,
        Err(error) => return said(&error, USAGE),
    };
    log::start(options.log_format);
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Start(StartError::Invalid { path, faults })) => {
            let _ = check::print_faults(&mut stderr().lock(), &path, &faults);
            ExitCode::from(INVALID)
        }
        Err(error) => said(&error, FAILED),
    }
}

/// Prints an error with its causes and returns the exit code.
fn said(error: &(dyn Error + 'static), code: u8) -> ExitCode {
    let _ = writeln!(stderr(), "poised: {}", log::chain(error));
    ExitCode::from(code)
}

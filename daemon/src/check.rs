//! `poised --check FILE`: every fault of a configuration file with its line, then its findings and those
//! on the files that it names.
//!
//! Faults make the file invalid and the exit code 7, those of the certificates that it names
//! included; findings are advice on a valid file. Nothing is bound, stored or started.

use std::io::{self, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use poise_ipc::Config;
use poise_ipc::advice::{self, Finding};
use poise_ipc::fault::Fault;
use poise_ipc::files::ConfigFiles;

use crate::program::INVALID;
use crate::tls;

/// Checks a file and prints what was found.
pub(crate) fn check(path: &Path) -> ExitCode {
    let files = match ConfigFiles::read(path) {
        Ok(files) => files,
        Err(error) => {
            let _ = writeln!(stderr(), "poised: read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let mut out = stdout().lock();
    let (printed, code) = match files.parse() {
        Ok(config) => match tls::judge(&config) {
            Ok(of_files) => (print_findings(&mut out, path, (&config, of_files)), ExitCode::SUCCESS),
            Err(faults) => (print_faults(&mut out, path, &faults), ExitCode::from(INVALID)),
        },
        Err(faults) => (print_faults(&mut out, path, &faults), ExitCode::from(INVALID)),
    };
    // A reader that has gone away has read enough.
    let _ = printed;
    code
}

/// One line per fault: `FILE:line:column: path: message; allowed: ...; hint`.
pub(crate) fn print_faults(out: &mut impl Write, path: &Path, faults: &[Fault]) -> io::Result<()> {
    for fault in faults {
        match (&fault.file, fault.place) {
            (Some(_), _) => writeln!(out, "{fault}")?,
            (None, Some(_)) => writeln!(out, "{}:{fault}", path.display())?,
            (None, None) => writeln!(out, "{}: {fault}", path.display())?,
        }
    }
    writeln!(out, "{}: invalid, {} found", path.display(), counted(faults.len(), "fault"))
}

/// The findings on a configuration and on the files that it names, the gravest first.
fn print_findings(out: &mut impl Write, path: &Path, (config, of_files): (&Config, Vec<Finding>)) -> io::Result<()> {
    let mut findings = advice::findings(config);
    findings.extend(of_files);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in &findings {
        let (severity, code) = (format!("{:?}", finding.severity).to_lowercase(), &finding.code);
        let (subject, message, remedy) = (&finding.subject, &finding.message, &finding.remedy);
        writeln!(out, "{}: {severity}: {subject}: {message}; {remedy} [{code}]", path.display())?;
    }
    let backends = config.groups.values().map(|group| group.backends.len()).sum();
    let parts = [
        counted(config.listeners.len(), "listener"),
        counted(config.groups.len(), "group"),
        counted(backends, "backend"),
        counted(findings.len(), "finding"),
    ];
    writeln!(out, "{}: valid, {}", path.display(), parts.join(", "))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;

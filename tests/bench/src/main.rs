//! Measures poised beside HAProxy and nginx: CPU time per unit of work, and memory per idle pair.
//!
//! One program in several roles: without a role it is the conductor, which places the proxies, starts
//! the backends and the load as children of itself, and prints what it measured. It builds and
//! installs nothing. See `README.md` for the method and the workloads.

mod backend;
mod certificate;
mod child;
mod figures;
mod folder;
mod load;
mod measure;
mod options;
mod place;
mod poller;
mod proxy;
mod report;
mod round;
mod tally;
mod workload;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use options::{Asked, Options};

/// Wrong usage, or a program that must be there is not.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some(child::ROLE_PINNED) => child::become_pinned(&words[1..]),
        Some(backend::ROLE) => backend::run(&words[1..]),
        Some(load::ROLE) => load::run(&words[1..]),
        Some(folder::ROLE) => folder::sweep(&words[1..]),
        _ => return conduct(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&fault, 1),
    }
}

fn conduct(words: &[String]) -> ExitCode {
    let options = match options::parse(words) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Text(text)) => return print(&text),
        Err(fault) => return complain(&fault, EXIT_USAGE),
    };
    let programs = match proxy::find(&options) {
        Ok(programs) => programs,
        Err(fault) => return complain(&fault, EXIT_USAGE),
    };
    match measure_all(&options, &programs) {
        Ok(text) => print(&text),
        Err(fault) => complain(&fault, 1),
    }
}

fn measure_all(options: &Options, programs: &proxy::Programs) -> Result<String, String> {
    child::adopt_orphans()?;
    let mut place = place::Place::take(options.realtime)?;
    let cases = workload::cases(options, programs);
    let mut measured = Vec::new();
    for case in cases {
        tell(&format!("measuring {}", case.title));
        let result = round::run(&case, options, programs, &mut place)?;
        if !options.json {
            print(&report::table(&result));
        }
        measured.push(result);
    }
    let notes = [place.notes(), programs.notes.clone()].concat();
    Ok(if options.json { report::json(options, &notes, &measured) } else { report::footer(&notes) })
}

/// A line of progress for whoever watches.
fn tell(line: &str) {
    // A closed stderr is no reason to stop measuring.
    drop(writeln!(io::stderr(), "{line}"));
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(fault: &str, code: u8) -> ExitCode {
    tell(&format!("bench: {fault}"));
    ExitCode::from(code)
}

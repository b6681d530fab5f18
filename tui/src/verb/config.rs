//! `poise config`: checks a file without a daemon, shows the running configuration, compares it
//! with the operator's file, reads that file again, or writes the running values into it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use poise_ipc::Config;
use poise_ipc::advice::{Finding, findings};
use poise_ipc::apply::apply;
use poise_ipc::edit::Edit;
use poise_ipc::fault::Fault;
use poise_ipc::files::ConfigFiles;
use poise_ipc::merge::Conflict;
use poise_ipc::message::{Decision, Drifted, Reply, Take, Verb};
use serde::Serialize;

use super::Context;
use super::changes::{Change, changes, comparison, outcome};
use super::export::brought_in;
use super::failure::Failure;
use super::format::{Format, json, jsonl};
use super::link::{Link, misfit};
use super::rows::finding::word;
use super::source::{name, text};
use super::stdout::print;
use super::text::{clean, count, lines};
use crate::exit::Exit;

/// Check, show, compare and reload configurations.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise config check poise.toml
  poise config show > running.toml
  poise config diff
  poise config reload --dry-run
  poise config reload --take file:groups.app.scheduler --take running:groups.app.backends
  poise config export > new.toml
  poise config export --write")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Check a file without a daemon; faults are `FILE:LINE:COLUMN` on stderr and exit code 7.
    Check {
        /// The file; - is standard input.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print the running configuration as TOML, or with -o json as the wire type.
    Show,
    /// Show what the operator's file and the running configuration have changed since the file was taken.
    Diff,
    /// Read the operator's file again. What only one side has changed is taken; where both have changed one
    /// value in different ways, nothing is until a side is chosen.
    Reload {
        /// Which side wins: file or running for everything, or with `:PATH` behind it for a value and what
        /// is below it. The latter may be repeated.
        #[arg(long, value_name = "SIDE[:PATH]", value_parser = side)]
        take: Vec<(Take, Option<String>)>,
        /// Only show what it would do.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the operator's file with the running values in it; comments and order stay.
    Export {
        /// The file [default: the one that the daemon reads].
        #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Write it back: beside it first, then in one step in its place.
        #[arg(long)]
        write: bool,
    },
}

/// A side, and the path that it wins at.
fn side(word: &str) -> Result<(Take, Option<String>), String> {
    let (side, path) = word.split_once(':').map_or((word, None), |(side, path)| (side, Some(path.to_owned())));
    match side {
        "file" => Ok((Take::File, path)),
        "running" => Ok((Take::Running, path)),
        _ => Err("allowed: file, running, file:PATH, running:PATH".to_owned()),
    }
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    match &args.action {
        Action::Check { file } => {
            let parsed = files_of(file)?.parse();
            let (report, outcome) = check(context.format, &name(file), parsed);
            print(&report)?;
            outcome
        }
        Action::Show => show(context).await,
        Action::Diff => drift(context).await,
        Action::Reload { take, dry_run } => reload(context, take, *dry_run).await,
        Action::Export { file, write } => export(context, file.as_deref(), *write).await,
    }
}

/// The verdict on a file in JSON.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a str,
    valid: bool,
    faults: &'a [Fault],
    findings: &'a [Finding],
}

/// What is said on standard output, and how it ends.
fn check(format: Format, file: &str, parsed: Result<Config, Vec<Fault>>) -> (String, Result<Exit, Failure>) {
    let advice = parsed.as_ref().map(findings).unwrap_or_default();
    let faults = parsed.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    let document = Checked { file, valid: faults.is_empty(), faults, findings: &advice };
    let report = match (format, &parsed) {
        (Format::Json, _) => json(&document),
        (Format::Jsonl, _) => jsonl(&document),
        (_, Ok(config)) => praise(file, config, &advice),
        (_, Err(_)) => String::new(),
    };
    let outcome = match parsed {
        Ok(_) => Ok(Exit::Ok),
        // The document has said it.
        Err(_) if matches!(format, Format::Json | Format::Jsonl) => Ok(Exit::Invalid),
        Err(faults) => Err(Failure::invalid(file, faults)),
    };
    (report, outcome)
}

fn praise(file: &str, config: &Config, advice: &[Finding]) -> String {
    let backends = config.groups.values().map(|group| group.backends.len()).sum();
    let listeners = count(config.listeners.len(), "listener");
    let (groups, backends) = (count(config.groups.len(), "group"), count(backends, "backend"));
    let head = format!("{file} is valid: {listeners}, {groups}, {backends}, {}", count(advice.len(), "finding"));
    let advice = advice.iter().map(|finding| {
        let Finding { code, severity, subject, message, remedy } = finding;
        format!("{}: {subject}: {message} ({code}); {remedy}", word(*severity))
    });
    lines(std::iter::once(head).chain(advice))
}

/// The running configuration in JSON.
#[derive(Serialize)]
struct Running {
    revision: u64,
    config: Config,
}

async fn show(context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let text = match context.format {
        Format::Table | Format::Wide | Format::Tsv => match link.ask(Verb::ConfigText).await? {
            Reply::ConfigText { text, .. } => lines(text.lines()),
            _ => return Err(misfit()),
        },
        Format::Json | Format::Jsonl => {
            let (revision, config) = link.config().await?;
            let running = Running { revision, config };
            if context.format == Format::Json { json(&running) } else { jsonl(&running) }
        }
    };
    print(&text)?;
    Ok(Exit::Ok)
}

async fn drift(context: &Context) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (revision, running) = link.config().await?;
    let Reply::Drift { file, edits, values, conflicts } = link.ask(Verb::Drift).await? else { return Err(misfit()) };
    let Some(file) = file else { return Err(without_file()) };
    let changes = changes(&running, &edits);
    let document =
        Drift { revision, file: &file, changes: &changes, edits: &edits, values: &values, conflicts: &conflicts };
    print(&match context.format {
        Format::Table | Format::Wide if values.is_empty() => format!("no difference to revision {revision}\n"),
        Format::Json => json(&document),
        Format::Jsonl => jsonl(&document),
        Format::Tsv => comparison(Format::Tsv, revision, &running, &edits),
        _ if values.iter().all(|one| one.running == one.taken) => {
            comparison(context.format, revision, &running, &edits)
        }
        _ => drift_text(&document),
    })?;
    Ok(Exit::Ok)
}

/// How the file and the running configuration differ, in JSON.
#[derive(Serialize)]
struct Drift<'a> {
    revision: u64,
    file: &'a str,
    changes: &'a [Change],
    edits: &'a [Edit],
    values: &'a [Drifted],
    conflicts: &'a [Conflict],
}

fn drift_text(drift: &Drift<'_>) -> String {
    let word = |value: &Option<String>| value.as_deref().unwrap_or("(nothing)").to_owned();
    let line = |one: &Drifted| {
        let (taken, file, running) = (word(&one.taken), word(&one.file), word(&one.running));
        let path = &one.path;
        if one.file == one.running {
            format!("both: {path}: {taken} -> {file}")
        } else if one.file == one.taken {
            format!("running: {path}: {taken} -> {running}")
        } else if one.running == one.taken {
            format!("file: {path}: {taken} -> {file}")
        } else {
            format!("CONFLICT: {path}: was {taken}, file {file}, running {running}")
        }
    };
    let head = format!("since {} was last taken, at revision {}:", drift.file, drift.revision);
    lines(std::iter::once(head).chain(drift.values.iter().map(|one| clean(&format!("  {}", line(one))))))
}

fn without_file() -> Failure {
    Failure::not_found("config", "poised runs without a configuration file")
        .hint("poised --config FILE names one; poise config show prints what is running")
}

async fn reload(context: &Context, sides: &[(Take, Option<String>)], dry_run: bool) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (_, before) = link.config().await?;
    let whole: Vec<Take> = sides.iter().filter(|(_, path)| path.is_none()).map(|&(take, _)| take).collect();
    if whole.len() > 1 || (whole.len() == 1 && sides.len() > 1) {
        let failure = Failure::new(Exit::Usage, "a side for everything goes with no other side");
        return Err(failure.hint("give --take file, or --take file:PATH once or more"));
    }
    let decide = sides.iter().filter_map(|(take, path)| Some(Decision { path: path.clone()?, take: *take })).collect();
    let verb = Verb::Reload { take: whole.first().copied(), decide, dry_run };
    let applied = link.change(verb).await.map_err(|failure| match failure.hint {
        None if failure.exit == Exit::Conflict => failure.hint("--take file or --take running decides"),
        _ => failure,
    })?;
    print(&outcome(context.format, &before, &applied, dry_run))?;
    Ok(Exit::Ok)
}

async fn export(context: &Context, file: Option<&Path>, write: bool) -> Result<Exit, Failure> {
    let mut link = Link::open(context).await?;
    let (_, running) = link.config().await?;
    let answer = link.ask(Verb::Drift).await?;
    let Reply::Drift { file: known, values, .. } = answer else { return Err(misfit()) };
    let path = file.map(Path::to_owned).or(known.map(PathBuf::from)).ok_or_else(without_file)?;
    // Another file than the daemon's is one.
    let before = match file {
        Some(_) => ConfigFiles::alone(&path, text(&path)?),
        None => files_of(&path)?,
    };
    let config = before.parse().map_err(|faults| Failure::invalid(&name(&path), faults))?;
    let wanted = if file.is_some() {
        // Another file than the daemon's was never taken: it just gets the running values.
        running
    } else {
        let edits = brought_in(&values).map_err(|paths| {
            let message = format!("the file and the running configuration have both changed {}", paths.join(", "));
            Failure::new(Exit::Conflict, message).hint("poise config diff shows how, poise config reload decides")
        })?;
        apply(&config, &edits).map_err(|faults| Failure::invalid("the outcome", faults))?
    };
    let texts: Vec<&str> = before.files().iter().map(|file| file.text.as_str()).collect();
    let Some(after) = super::export::export(&texts, &wanted) else {
        let failure = Failure::new(Exit::Failed, format!("{} cannot hold the running values", path.display()));
        return Err(failure.hint("poise config show prints them as a file of their own"));
    };
    let files: Vec<_> = before.files().iter().zip(&after).collect();
    if !write {
        let several = files.len() > 1;
        for (file, after) in files {
            let head = if several { format!("# {}\n", file.path.display()) } else { String::new() };
            print(&(head + after))?;
        }
    } else if files.iter().any(|(file, after)| file.text != **after) {
        for (file, after) in files.iter().filter(|(file, after)| file.text != **after) {
            replace(&file.path, &file.text, after)?;
        }
        if file.is_none() {
            // It says what runs: from now on it counts as taken.
            link.change(Verb::Reload { take: None, decide: Vec::new(), dry_run: false }).await?;
        }
    }
    Ok(Exit::Ok)
}

/// A file with the folder beside it, as the daemon reads it, or standard input.
fn files_of(path: &Path) -> Result<ConfigFiles, Failure> {
    if path == Path::new("-") {
        return Ok(ConfigFiles::alone(path, text(path)?));
    }
    ConfigFiles::read(path).map_err(|error| {
        let exit = if error.kind() == io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        Failure::new(exit, format!("read {}: {error}", name(path))).at(name(path))
    })
}

/// Puts a text in the place of another in one step; mode and, where possible, owner stay.
fn replace(path: &Path, before: &str, after: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Exit::Failed, format!("write {}: {error}", path.display()));
    let real = fs::canonicalize(path).map_err(failed)?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let beside =
        folder.join(format!(".{}.{}", name(Path::new(real.file_name().unwrap_or_default())), std::process::id()));
    let known = fs::metadata(&real).map_err(failed)?;
    let written = File::create_new(&beside).and_then(|mut file| {
        file.set_permissions(known.permissions())?;
        // Who may not give files away keeps them.
        let _ = std::os::unix::fs::fchown(&file, Some(known.uid()), Some(known.gid()));
        file.write_all(after.as_bytes())?;
        file.sync_all()
    });
    let placed = written.and_then(|()| {
        if fs::read_to_string(&real)? != before {
            return Err(io::Error::other("it has changed meanwhile"));
        }
        fs::rename(&beside, &real)?;
        File::open(folder)?.sync_all()
    });
    placed.map_err(|error| {
        // It may not be there.
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

#[cfg(test)]
mod tests;

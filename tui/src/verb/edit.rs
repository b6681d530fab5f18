//! `poise edit`: the running configuration in an editor, then one commit.
//!
//! The text is a private file; it is never lost: whatever goes wrong, the last line says where it is. When
//! somebody else has committed meanwhile, both changes are brought together, unless they are about one value.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args as ClapArgs;
use poise_ipc::Config;
use poise_ipc::apply::apply;
use poise_ipc::fault::Fault;
use poise_ipc::merge::{Merged, merge};
use poise_ipc::message::{ErrorCode, Replace, Reply, Verb};
use poise_ipc::text::{parse, print as printed};

use super::Context;
use super::changes::outcome;
use super::commit::Options;
use super::failure::Failure;
use super::link::{Link, misfit};
use super::stdout::print;
use crate::exit::Exit;

#[cfg(test)]
mod tests;

/// How often a change is brought together with those of others.
const TRIES_MAX: u32 = 10;
/// How often a text with faults is opened again: an editor that is a script may never mend them.
const ROUNDS_MAX: u32 = 20;
/// How lines begin that say what is wrong; they are taken out again.
const FAULT: &str = "## poise: ";

/// Change the running configuration in an editor ($VISUAL, $EDITOR, or vi).
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise edit --reason 'new rack'
  EDITOR='sed -i s/wrr/wlc/' poise edit --confirm-within 60s

What has faults is opened again with the faults on top; leaving it as it is ends the edit, and the text is
kept. An unchanged text changes nothing.")]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (revision, text) = running(context).await?;
    if let Some(expected) = args.options.if_revision.filter(|&expected| expected != revision) {
        let message = format!("revision {expected} was expected, {revision} is running");
        return Err(Failure::new(Exit::Conflict, message));
    }
    let base = parse(&text).map_err(|faults| Failure::invalid("the running configuration", faults))?;
    let place = place()?;
    let file = place.join("poise.toml");
    write(&file, &text)?;
    let edited = match ask(&file, &text) {
        Ok(Some(edited)) => edited,
        Ok(None) => {
            discard(&place);
            return Err(Failure::quiet(Exit::Ok));
        }
        Err(failure) => return Err(kept(failure, &file)),
    };
    match commit(args, context, (revision, &base), edited).await {
        Ok(told) => {
            discard(&place);
            print(&told)?;
            Ok(Exit::Ok)
        }
        Err(failure) => Err(kept(failure, &file)),
    }
}

async fn running(context: &Context) -> Result<(u64, String), Failure> {
    match Link::open(context).await?.ask(Verb::ConfigText).await? {
        Reply::ConfigText { revision, text } => Ok((revision, text)),
        _ => Err(misfit()),
    }
}

/// Has the text edited until it is valid; none where it was left as it is.
fn ask(file: &Path, before: &str) -> Result<Option<Config>, Failure> {
    let mut shown = before.to_owned();
    let mut faults = Vec::new();
    for _ in 0..ROUNDS_MAX {
        open(file)?;
        let text = fs::read_to_string(file).map_err(|error| unusable(&error))?;
        let plain = without_faults(&text);
        if plain == before || plain.trim().is_empty() {
            return Ok(None);
        }
        match parse(&plain) {
            Ok(config) => return Ok(Some(config)),
            // Nobody has touched it since the faults were shown.
            Err(same) if text == shown => return Err(Failure::invalid("the text", same)),
            Err(found) => {
                shown = with_faults(&plain, &found);
                write(file, &shown)?;
                faults = found;
            }
        }
    }
    Err(Failure::invalid("the text", faults))
}

/// Commits what was made of `base`, together with what others have made of it meanwhile.
async fn commit(
    args: &Args,
    context: &Context,
    (revision, base): (u64, &Config),
    edited: Config,
) -> Result<String, Failure> {
    let mut link = Link::open(context).await?;
    let (mut expected, mut wanted, mut before) = (revision, edited.clone(), base.clone());
    for _ in 0..TRIES_MAX {
        let Options { dry_run, reason, window, .. } = args.options.clone();
        let (text, window) = (printed(&wanted), window.wish());
        let replace = Replace { text, if_revision: Some(expected), dry_run, reason, window };
        match link.change(Verb::Replace(replace)).await {
            Ok(applied) => return Ok(outcome(context.format, &before, &applied, dry_run)),
            Err(failure) if failure.code == Some(ErrorCode::Conflict) && args.options.if_revision.is_none() => {}
            Err(failure) => return Err(failure),
        }
        (expected, before) = link.config().await?;
        wanted = together(base, &before, &edited, expected)?;
    }
    Err(Failure::new(Exit::Conflict, "others commit all the time").hint("try again in a moment"))
}

/// What an edit and the commits of others make together.
fn together(base: &Config, theirs: &Config, mine: &Config, revision: u64) -> Result<Config, Failure> {
    let merged = merge(base, theirs, mine, |_| None).map_err(|faults| Failure::invalid("the outcome", faults))?;
    let Merged { edits, conflicts } = merged;
    if conflicts.is_empty() {
        return apply(mine, &edits).map_err(|faults| Failure::invalid("the outcome", faults));
    }
    let message = format!("revision {revision} has changed the same values meanwhile");
    let failure = Failure { conflicts: conflicts.into(), ..Failure::new(Exit::Conflict, message) };
    Err(failure.hint("poise history tells who and why; edit again from what is running now"))
}

/// Runs the editor and waits for it.
fn open(file: &Path) -> Result<(), Failure> {
    let editor =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|word| !word.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // With its options, as git and others run it.
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("poise").arg(file).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(Exit::Failed, format!("{editor}: {status}"))),
        Err(error) => Err(Failure::new(Exit::Failed, format!("{editor}: {error}"))),
    }
}

fn with_faults(text: &str, faults: &[Fault]) -> String {
    let lines = faults.iter().map(|fault| format!("{FAULT}{fault}\n"));
    let head = format!("{FAULT}not committed; mend this, or leave it as it is to give up:\n");
    std::iter::once(head).chain(lines).chain([text.to_owned()]).collect()
}

fn without_faults(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(FAULT)).collect()
}

/// A folder of our own, which nobody else can look into.
fn place() -> Result<PathBuf, Failure> {
    let parent = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    let parent = parent.unwrap_or_else(std::env::temp_dir);
    for at in 0..100 {
        let path = parent.join(format!("poise-edit-{}-{at}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path).map_err(|error| unusable(&error)),
        }
    }
    Err(Failure::new(Exit::Failed, format!("no room for a file in {}", parent.display())))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unusable(&error))
}

fn discard(place: &Path) {
    // What is left over is the system's to clear away.
    let _ = fs::remove_dir_all(place);
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the file of the edit: {error}"))
}

/// Says where the text is.
fn kept(failure: Failure, file: &Path) -> Failure {
    let before = failure.hint.as_deref().map_or_else(String::new, |hint| format!("{hint}; "));
    failure.hint(format!("{before}your text is kept in {0}: poise apply -f {0}", file.display()))
}

//! `poise man`: man pages of `poise` and of every verb, made from the command line's definition.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, CommandFactory as _};

use super::failure::Failure;
use crate::cli::Cli;
use crate::exit::Exit;

/// Write the man pages into a folder.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Example:\n  poise man ~/.local/share/man/man1 && man poise-weight")]
pub(crate) struct Args {
    /// The folder; it is made when it is not there.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let folder = &args.folder;
    write(folder).map_err(|error| {
        let message = format!("write man pages to {}: {error}", folder.display());
        Failure::new(Exit::Failed, message).at(folder.display().to_string())
    })?;
    Ok(Exit::Ok)
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}

#[cfg(test)]
mod tests;

//! `poise health readmit`: lets a backend in again that an ejection or damping keeps out.

use clap::Args as ClapArgs;
use poise_ipc::BackendPath;
use poise_ipc::health::BackendQuery;
use poise_ipc::message::{Reply, Verb};
use serde::Serialize;

use crate::exit::Exit;
use crate::verb::Context;
use crate::verb::failure::Failure;
use crate::verb::format::{Column, Format, json, jsonl, tsv};
use crate::verb::link::{Link, misfit};
use crate::verb::objects;
use crate::verb::stdout::print;

/// Let a backend in again that traffic ejected or damping keeps out.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise health readmit app/app-1

What was held against it is forgotten. It stays down where its checks say so. The role operate is needed.")]
pub(crate) struct Args {
    /// The backend, as GROUP/NAME.
    #[arg(value_name = "BACKEND")]
    backend: BackendPath,
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let path = &args.backend;
    let mut link = Link::open(context).await?;
    objects::backend(&link.config().await?.1, path)?;
    let query = BackendQuery { group: path.group.clone(), backend: path.backend.clone() };
    let Reply::Readmitted { was_out } = link.ask(Verb::Readmit(query)).await? else { return Err(misfit()) };
    print(&shown(context.format, &Row { backend: path.to_string(), was_out }))?;
    Ok(Exit::Ok)
}

/// What was done.
#[derive(Serialize)]
struct Row {
    backend: String,
    was_out: bool,
}

const COLUMNS: &[Column<Row>] = &[
    Column::text("BACKEND", |row| row.backend.clone()),
    Column::text("WAS OUT", |row| if row.was_out { "yes" } else { "no" }.to_owned()),
];

fn shown(format: Format, row: &Row) -> String {
    match format {
        Format::Table | Format::Wide if row.was_out => format!("{} is readmitted\n", row.backend),
        Format::Table | Format::Wide => format!("{} was not kept out\n", row.backend),
        Format::Tsv => tsv(COLUMNS, row),
        Format::Json => json(row),
        Format::Jsonl => jsonl(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_whether_there_was_something_to_do() {
        let row = |was_out| Row { backend: "app/a".to_owned(), was_out };
        assert_eq!(shown(Format::Table, &row(true)), "app/a is readmitted\n");
        assert_eq!(shown(Format::Table, &row(false)), "app/a was not kept out\n");
        assert_eq!(shown(Format::Tsv, &row(true)), "app/a\tyes\n");
    }
}

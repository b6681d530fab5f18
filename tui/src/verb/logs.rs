//! `poise logs`: rows of the health log, and with `--follow` those that come.
//!
//! A row holds equal verdicts in a row; while it is followed it is printed again whenever it grows,
//! with the same number (`seq`) and a higher count. Following subscribes before it reads what is
//! there, so that nothing falls between the two, and leaves out what it has printed already.

use std::collections::HashMap;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};
use poise_ipc::limits::{CHECK_ROWS_MAX, CHECK_ROWS_REPLY_MAX};
use poise_ipc::message::{EventBody, LogFilter, LogLevel, LogQuery, Outcome, Reply, Subscribe, Topic, Verb};
use poise_ipc::status::{CheckRow, Reason, RecorderStatus};
use poise_ipc::{BackendPath, Name};

use super::failure::Failure;
use super::format::{Format, Table, jsonl, listing, tsv};
use super::link::{Link, misfit};
use super::rows::check::{COLUMNS, row};
use super::stdout::print;
use super::text::{clean, moment};
use super::when::{When, now_ms, past_ms, when};
use super::{Context, objects};
use crate::exit::Exit;

/// Show the health log, and follow it.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:
  poise logs --group app --since 2h --only transitions
  poise logs --backend app/app-1 --follow -o jsonl
  poise logs --since 2d --until 14:30 --reason timeout
  poise logs -n 1000 -o json | jq '[.rows[] | select(.passed | not)] | length'")]
pub(crate) struct Args {
    /// Only this backend, as GROUP/NAME.
    #[arg(short, long, value_name = "BACKEND", conflicts_with = "group")]
    backend: Option<BackendPath>,
    /// Only this group.
    #[arg(short, long, value_name = "NAME")]
    group: Option<Name>,
    /// Only rows not older than this: 30m, 2d, 14:02 or 2026-11-23T14:02:05Z (UTC).
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Only rows not younger than this, written likewise.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// Only checks that ended so.
    #[arg(long, value_enum)]
    outcome: Option<Ended>,
    /// Only failures for this reason.
    #[arg(long, value_name = "REASON", value_parser = reasons())]
    reason: Option<Reason>,
    /// Only rows with this text in backend, address, verdict or change, in whatever case.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Only failed checks and transitions, or transitions alone.
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// How many of the newest rows, 0 to 100000.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(rows_range()))]
    limit: u32,
    /// Go on with new rows until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
}

impl Args {
    /// Whether the output has no end.
    pub(super) const fn follows(&self) -> bool {
        self.follow
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    Failures,
    Transitions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ended {
    Pass,
    Fail,
    Silent,
}

fn reasons() -> impl TypedValueParser<Value = Reason> {
    PossibleValuesParser::new(Reason::ALL.map(Reason::word)).map(|word| {
        let found = Reason::ALL.into_iter().find(|reason| reason.word() == word);
        found.expect("the parser admits these words only")
    })
}

fn rows_range() -> std::ops::RangeInclusive<i64> {
    0..=i64::try_from(CHECK_ROWS_MAX).unwrap_or(i64::MAX)
}

pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let filter = filter(args, now_ms())?;
    let mut link = Link::open(context).await?;
    if args.follow {
        let topics = vec![Topic::Checks];
        link.ask(Verb::Subscribe(Subscribe { topics, interval_ms: 1_000, filter: filter.clone() })).await?;
    }
    let (rows, recorder) = newest(&mut link, &filter, args.limit).await?;
    if rows.is_empty() {
        exists(&mut link, args).await?;
    }
    remark(&gaps(&filter, &recorder));
    if args.follow {
        return follow(&mut link, context.format, &rows).await;
    }
    print(&listing(context.format, "rows", COLUMNS, &rows, row))?;
    Ok(Exit::Ok)
}

fn filter(args: &Args, now_ms: u64) -> Result<LogFilter, Failure> {
    let since_ms = args.since.map_or(Ok(0), |since| past_ms("--since", since, now_ms))?;
    let until_ms = args.until.map(|until| until.at_ms(now_ms));
    if until_ms.is_some_and(|until_ms| until_ms < since_ms) {
        let message = "--until is before --since: nothing can be between them";
        return Err(Failure::new(Exit::Usage, message).hint("as in: poise logs --since 2h --until 1h"));
    }
    Ok(LogFilter {
        group: args.backend.as_ref().map(|path| path.group.clone()).or_else(|| args.group.clone()),
        backend: args.backend.as_ref().map(|path| path.backend.clone()),
        only: match args.only {
            None => LogLevel::All,
            Some(Only::Failures) => LogLevel::Failures,
            Some(Only::Transitions) => LogLevel::Transitions,
        },
        since_ms,
        until_ms,
        outcome: args.outcome.map(|ended| match ended {
            Ended::Pass => Outcome::Pass,
            Ended::Fail => Outcome::Fail,
            Ended::Silent => Outcome::Silent,
        }),
        reason: args.reason,
        text: args.grep.clone(),
    })
}

/// The newest rows, oldest first, page by page from the newest, and how the log is doing.
async fn newest(link: &mut Link, filter: &LogFilter, wanted: u32) -> Result<(Vec<CheckRow>, RecorderStatus), Failure> {
    let mut status = RecorderStatus::default();
    let mut pages = Vec::new();
    let mut before_seq = None;
    let mut missing = wanted;
    while missing > 0 {
        let limit = missing.min(CHECK_ROWS_REPLY_MAX);
        let query = LogQuery { filter: filter.clone(), before_seq, limit };
        let Reply::Logs { rows, recorder, .. } = link.ask(Verb::Logs(query)).await? else { return Err(misfit()) };
        let found = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        before_seq = rows.first().map(|row| row.seq);
        pages.push(rows);
        status = recorder;
        missing = if found < limit { 0 } else { missing.saturating_sub(found) };
    }
    Ok((pages.into_iter().rev().flatten().collect(), status))
}

/// What the rows cannot tell: where the log does not reach, and that it is not whole.
fn gaps(filter: &LogFilter, recorder: &RecorderStatus) -> Vec<String> {
    let begins = recorder.oldest_ms.filter(|&oldest_ms| (1..oldest_ms).contains(&filter.since_ms));
    let begins = begins.map(|oldest_ms| format!("the health log begins {}", moment(oldest_ms)));
    let failure = recorder.failure.as_ref().map(|why| format!("the health log is not written: {why}"));
    let lost = (recorder.lost_total > 0).then(|| format!("{} rows of the health log are lost", recorder.lost_total));
    begins.into_iter().chain(failure).chain(lost).collect()
}

#[expect(clippy::print_stderr, reason = "the rows are there, so this is no failure to return")]
fn remark(gaps: &[String]) {
    for gap in gaps {
        eprintln!("poise: {}", clean(gap));
    }
}

/// Without any row, whether what the command names is there at all.
async fn exists(link: &mut Link, args: &Args) -> Result<(), Failure> {
    if args.backend.is_none() && args.group.is_none() {
        return Ok(());
    }
    let (_, config) = link.config().await?;
    match (&args.backend, &args.group) {
        (Some(path), _) => objects::backend(&config, path).map(drop),
        (None, Some(name)) => objects::group(&config, name.as_str()).map(drop),
        (None, None) => Ok(()),
    }
}

async fn follow(link: &mut Link, format: Format, rows: &[CheckRow]) -> Result<Exit, Failure> {
    let mut stream = Stream::new(format);
    print(&stream.begin(rows))?;
    loop {
        match link.event().await?.body {
            EventBody::Checked(row) => print(&stream.next(&row))?,
            EventBody::Lost { count } => eprint_lost(count),
            _ => {}
        }
    }
}

#[expect(clippy::print_stderr, reason = "the stream goes on, so this is no failure to return")]
fn eprint_lost(count: u64) {
    eprintln!("poise: {count} rows lost: this reader is too slow");
}

/// Rows one by one, those that were printed at the beginning not again.
struct Stream {
    format: Format,
    table: Table<CheckRow>,
    printed: HashMap<u64, u32>,
}

impl Stream {
    fn new(format: Format) -> Self {
        Self { format, table: Table::new(COLUMNS, format == Format::Wide), printed: HashMap::new() }
    }

    /// The rows that were there. A stream has no end, so JSON is one object per line, too.
    fn begin(&mut self, rows: &[CheckRow]) -> String {
        self.printed = rows.iter().map(|row| (row.seq, row.count)).collect();
        match self.format {
            Format::Table | Format::Wide => self.table.print(rows),
            Format::Tsv => rows.iter().map(|row| tsv(COLUMNS, row)).collect(),
            Format::Json | Format::Jsonl => rows.iter().map(|one| jsonl(&row(one))).collect(),
        }
    }

    /// A row that came or grew; empty when it is printed already.
    fn next(&mut self, check: &CheckRow) -> String {
        if self.printed.get(&check.seq).is_some_and(|&count| count >= check.count) {
            return String::new();
        }
        self.printed.remove(&check.seq);
        match self.format {
            Format::Table | Format::Wide => self.table.row(check),
            Format::Tsv => tsv(COLUMNS, check),
            Format::Json | Format::Jsonl => jsonl(&row(check)),
        }
    }
}

#[cfg(test)]
mod tests;

//! Questions about rows on disk, on connections of their own that cannot write.
//!
//! Runs on a thread that may wait for a disk, never on control's. One backend within a span of time
//! is found through the index; everything else is a walk in the order of the rows. Both end at a
//! deadline. A day that makes no sense is left out and reported to the recorder's thread.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use poise_ipc::health::Exchange;
use poise_ipc::message::LogFilter;
use poise_ipc::status::{CheckRow, Verdict};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};

use super::date::DAY_MS;
use super::day::{self, Target, integer, is_damage, natural};
use super::{Work, file};

/// How long a question may take: a client waits 5 s for its answer unless told otherwise.
const QUERY_TIME: Duration = Duration::from_secs(3);
/// Rows between two looks at the clock.
const LOOK_ROWS: u32 = 1_024;
/// Backends that are looked up one by one; more of them are a walk.
const TARGETS_MAX: usize = 256;
/// Spans of time up to this are looked up by backend, longer ones are a walk (3 hours).
const SPAN_MS_MAX: u64 = 10_800_000;

const COLUMNS: &str = "seq, target, verdict, first, span, count, fastest, mean, slowest, streak, threshold, state";

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It took too long.
    #[error("the health log is too long to be searched in {} s", QUERY_TIME.as_secs())]
    TooLong,
    /// The disk refuses.
    #[error("read the health log: {0}")]
    Disk(String),
}

/// Which rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
}

impl Order {
    const fn word(self) -> &'static str {
        match self {
            Self::Newest => "DESC",
            Self::Oldest => "ASC",
        }
    }
}

/// Asks what is on disk.
#[derive(Clone, Debug)]
pub struct Reader {
    /// None while the disk stands still.
    folder: Option<PathBuf>,
    work: SyncSender<Work>,
}

impl Reader {
    pub(super) const fn new(folder: Option<PathBuf>, work: SyncSender<Work>) -> Self {
        Self { folder, work }
    }

    /// The first rows in an order that match and have a number below `before_seq`, at most `limit`.
    /// Blocks.
    ///
    /// # Errors
    /// [`ReadError`] when that takes too long or the disk refuses.
    pub fn rows(
        &self,
        filter: &LogFilter,
        before_seq: u64,
        limit: usize,
        order: Order,
    ) -> Result<Vec<CheckRow>, ReadError> {
        let mut days = self.days();
        if order == Order::Newest {
            days.reverse();
        }
        let mut search =
            Search { filter, before_seq, limit, order, until: Instant::now() + QUERY_TIME, rows: Vec::new() };
        for day in days {
            if search.rows.len() >= limit {
                break;
            }
            self.look(&day.1, |connection| search.day(connection, day.0))?;
        }
        Ok(search.rows)
    }

    /// What the probe of a row's transition sent and received. Blocks.
    ///
    /// # Errors
    /// [`ReadError`] when the disk refuses.
    pub fn exchange(&self, seq: u64) -> Result<Option<Exchange>, ReadError> {
        let select = "SELECT sent, received, received_bytes FROM rows JOIN exchanges USING (exchange) WHERE seq = ?1";
        for (_, path) in self.days() {
            let mut found = None;
            self.look(&path, |connection| {
                found = connection.query_row(select, [integer(seq)], exchange_row).optional()?;
                Ok(())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The days that are there with their files, oldest first.
    fn days(&self) -> Vec<(u64, PathBuf)> {
        let Some(folder) = &self.folder else { return Vec::new() };
        file::days(folder).into_iter().map(|day| (day, file::of(folder, day))).collect()
    }

    /// Reads in a day; one that is damaged is reported and passed over, one that is gone passed over.
    fn look(&self, path: &Path, read: impl FnOnce(&Connection) -> Result<(), Stop>) -> Result<(), ReadError> {
        let outcome = open(path).map_err(Stop::from).and_then(|connection| read(&connection));
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::TooLong) => Err(ReadError::TooLong),
            Err(Stop::Database(error)) if is_damage(&error) => {
                // A queue that is full loses the report: the next reader brings it again.
                let _ = self.work.try_send(Work::Suspect(path.to_owned()));
                Ok(())
            }
            Err(Stop::Database(_)) if !path.exists() => Ok(()),
            Err(Stop::Database(error)) => Err(ReadError::Disk(error.to_string())),
        }
    }
}

/// Why the search of a day ends early.
enum Stop {
    TooLong,
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|opened| day::known(&opened).map(|()| opened));
    match opened {
        Err(error) if needs_to_write(&error) && !file::has_log(path) => {
            // Nobody can write where `SQLite` cannot lay its log files, so that nothing changes.
            let opened = Connection::open_with_flags(file::unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI)?;
            day::known(&opened).map(|()| opened)
        }
        opened => opened,
    }
}

/// Whether reading failed for want of log files.
fn needs_to_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// A search over days.
struct Search<'a> {
    filter: &'a LogFilter,
    before_seq: u64,
    limit: usize,
    order: Order,
    until: Instant,
    rows: Vec<CheckRow>,
}

impl Search<'_> {
    fn day(&mut self, connection: &Connection, day: u64) -> Result<(), Stop> {
        let targets = day::targets(connection)?;
        let verdicts = day::verdicts(connection)?;
        let page = Page { day, targets, verdicts };
        let mut wanted: Vec<i64> =
            page.targets.iter().filter(|(_, target)| self.wants(target)).map(|(at, _)| *at).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        wanted.sort_unstable();
        let window = self.window(connection, day)?;
        let named = self.filter.backend.is_some() && wanted.len() <= TARGETS_MAX;
        let brief = window.1.saturating_sub(window.0) <= integer(SPAN_MS_MAX) && wanted.len() <= TARGETS_MAX;
        if named || brief {
            self.by_target(connection, &page, &wanted, window)
        } else {
            self.walk(connection, &page, window)
        }
    }

    fn wants(&self, (group, backend, ..): &Target) -> bool {
        self.filter.group.as_ref().is_none_or(|wanted| wanted == group)
            && self.filter.backend.as_ref().is_none_or(|wanted| wanted == backend)
    }

    /// Between which moments of the day rows that match have begun.
    fn window(&self, connection: &Connection, day: u64) -> rusqlite::Result<(i64, i64)> {
        let longest: i64 = connection.query_row("SELECT span FROM longest", [], |row| row.get(0))?;
        let begin = integer(day * DAY_MS);
        let low = match self.filter.since_ms {
            0 => i64::MIN,
            since_ms => integer(since_ms).saturating_sub(longest).saturating_sub(begin),
        };
        let high = self.filter.until_ms.map_or(i64::MAX, |until_ms| integer(until_ms).saturating_sub(begin));
        Ok((low, high))
    }

    /// Looks up one target after the other and puts their rows in order.
    fn by_target(
        &mut self,
        connection: &Connection,
        page: &Page,
        wanted: &[i64],
        (low, high): (i64, i64),
    ) -> Result<(), Stop> {
        let mut select = connection.prepare(&by_target_sql(self.order))?;
        let mut found = Vec::new();
        let room = self.limit - self.rows.len();
        for target in wanted {
            let rows = select.query(params![target, low, high, integer(self.before_seq)])?;
            found.extend(self.take(rows, page, room)?);
        }
        found.sort_unstable_by_key(|row| row.seq);
        if self.order == Order::Newest {
            found.reverse();
        }
        found.truncate(room);
        self.rows.append(&mut found);
        Ok(())
    }

    /// Looks at one row after the other.
    fn walk(&mut self, connection: &Connection, page: &Page, (low, high): (i64, i64)) -> Result<(), Stop> {
        let mut select = connection.prepare(&walk_sql(self.order))?;
        let rows = select.query(params![low, high, integer(self.before_seq)])?;
        let mut found = self.take(rows, page, self.limit - self.rows.len())?;
        self.rows.append(&mut found);
        Ok(())
    }

    /// The first rows that match, `room` at the most.
    fn take(&self, mut rows: rusqlite::Rows<'_>, page: &Page, room: usize) -> Result<Vec<CheckRow>, Stop> {
        // What a row says is one of few things: whether that is wanted is found out once for each.
        let mut known = HashMap::new();
        let (mut found, mut looked) = (Vec::new(), 0_u32);
        while found.len() < room
            && let Some(row) = rows.next()?
        {
            looked += 1;
            if looked.is_multiple_of(LOOK_ROWS) && Instant::now() >= self.until {
                return Err(Stop::TooLong);
            }
            let key: (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(11)?);
            let wanted = match known.entry(key) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    let one = page.row(row)?;
                    *unknown.insert(self.filter.takes_backend(&one) && self.filter.takes_kind(&one))
                }
            };
            if wanted {
                found.extend(Some(page.row(row)?).filter(|row| self.filter.takes_time(row)));
            }
        }
        Ok(found)
    }
}

/// The rows of a target, through the index.
pub(super) fn by_target_sql(order: Order) -> String {
    // Numbers, not times: a clock that was set back does not come between two pages.
    let order = order.word();
    format!(
        "SELECT {COLUMNS} FROM rows INDEXED BY row_by_target
            WHERE target = ?1 AND first BETWEEN ?2 AND ?3 AND seq < ?4 ORDER BY seq {order}"
    )
}

/// All rows in the order of their numbers.
fn walk_sql(order: Order) -> String {
    format!("SELECT {COLUMNS} FROM rows WHERE seq < ?3 AND first BETWEEN ?1 AND ?2 ORDER BY seq {}", order.word())
}

/// What the numbers in the rows of a day stand for.
struct Page {
    day: u64,
    targets: HashMap<i64, Target>,
    verdicts: HashMap<i64, Verdict>,
}

impl Page {
    fn row(&self, row: &Row<'_>) -> rusqlite::Result<CheckRow> {
        let number = |at: usize| row.get::<_, i64>(at).map(natural);
        let absent = || {
            rusqlite::Error::InvalidColumnType(
                1,
                "a number that stands for nothing".to_owned(),
                rusqlite::types::Type::Null,
            )
        };
        let (group, backend, address, protocol) = self.targets.get(&row.get(1)?).ok_or_else(absent)?.clone();
        let verdict = self.verdicts.get(&row.get(2)?).ok_or_else(absent)?.clone();
        let first_ms = (self.day * DAY_MS).saturating_add_signed(row.get(3)?);
        let fastest = number(6)?;
        let (health, transition) = day::of_state(row.get(11)?);
        Ok(CheckRow {
            seq: number(0)?,
            group,
            backend,
            address,
            protocol,
            verdict,
            count: row.get(5)?,
            first_ms,
            last_ms: first_ms + number(4)?,
            latency_us_min: fastest,
            latency_us_mean: fastest + number(7)?,
            latency_us_max: fastest + number(8)?,
            streak: row.get(9)?,
            threshold: row.get(10)?,
            transition,
            health,
        })
    }
}

fn exchange_row(row: &Row<'_>) -> rusqlite::Result<Exchange> {
    Ok(Exchange { sent: row.get(0)?, received: row.get(1)?, received_bytes: natural(row.get(2)?) })
}

//! One day on disk: its schema, rows written in one transaction, the oldest rows removed.
//!
//! What repeats (group, backend, address and protocol; the verdict; the bytes of an exchange) stands
//! once in a small table, so that a row takes some 45 bytes and its entry in the index 15. WAL with
//! `synchronous=NORMAL`: a kill costs nothing that was written, a power cut at most the last moments.
//! Only the recorder's thread calls it; readers have connections of their own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use poise_ipc::Name;
use poise_ipc::health::Exchange;
use poise_ipc::model::{Address, CheckProtocol};
use poise_ipc::status::{CheckRow, Health, Verdict};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::date::DAY_MS;
use super::{Kept, file};

/// Marks the file as ours (`poih`).
const APPLICATION_ID: u32 = 0x706f_6968;
/// Version of the schema.
const SCHEMA_VERSION: u32 = 1;
/// How long a write waits for a lock that another program holds.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// The part of a day's rows that goes when room is needed: one in so many.
const PRUNED_PART: u32 = 16;

/// `first` is in milliseconds from the day's beginning, `span` from there to the last verdict;
/// `mean` and `slowest` are added to `fastest`; `state` is the health, and 4 more for a transition.
const SCHEMA: &str = "
CREATE TABLE targets (
    target INTEGER PRIMARY KEY,
    of_group TEXT NOT NULL,
    backend TEXT NOT NULL,
    address TEXT NOT NULL,
    protocol TEXT NOT NULL
) STRICT;
CREATE TABLE verdicts (verdict INTEGER PRIMARY KEY, said TEXT NOT NULL) STRICT;
CREATE TABLE exchanges (
    exchange INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,
    sent BLOB NOT NULL,
    received BLOB NOT NULL,
    received_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX exchange_by_hash ON exchanges (hash);
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY,
    target INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    first INTEGER NOT NULL,
    span INTEGER NOT NULL,
    count INTEGER NOT NULL,
    fastest INTEGER NOT NULL,
    mean INTEGER NOT NULL,
    slowest INTEGER NOT NULL,
    streak INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    state INTEGER NOT NULL,
    exchange INTEGER
) STRICT;
CREATE INDEX row_by_target ON rows (target, first);
CREATE INDEX row_by_exchange ON rows (exchange) WHERE exchange IS NOT NULL;
CREATE TABLE longest (one INTEGER PRIMARY KEY CHECK (one = 1), span INTEGER NOT NULL) STRICT;
INSERT INTO longest VALUES (1, 0);
";

const UPSERT: &str = "
INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
ON CONFLICT (seq) DO UPDATE SET span = excluded.span, count = excluded.count, fastest = excluded.fastest,
    mean = excluded.mean, slowest = excluded.slowest, streak = excluded.streak, threshold = excluded.threshold,
    state = excluded.state, exchange = coalesce(excluded.exchange, exchange)";

/// The flag of a transition in `state`.
const TRANSITION: i64 = 4;

/// An open day.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) date: u64,
    pub(super) path: PathBuf,
    /// Rows with a smaller number belong to the day before.
    pub(super) first_seq: u64,
    connection: Connection,
    words: Words,
}

impl Day {
    /// Opens or makes the file of a day for writing.
    pub(super) fn open(folder: &Path, day: u64, first_seq: u64) -> rusqlite::Result<Self> {
        let path = file::of(folder, day);
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(LOCK_WAIT)?;
        // What somebody else has made is not written into.
        let made = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
        if !connection.query_row(made, [], |row| row.get::<_, bool>(0))? {
            create(&mut connection)?;
        }
        known(&connection)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 256)?;
        connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
        let words = Words::read(&connection)?;
        Ok(Self { date: day, path, first_seq, connection, words })
    }

    /// Writes rows, those that are there already in place of what is there.
    pub(super) fn write(&mut self, rows: &[&Kept]) -> rusqlite::Result<()> {
        let written = self.try_write(rows);
        if written.is_err() {
            // What was added to the small tables has been taken back.
            self.words = Words::default();
        }
        written
    }

    fn try_write(&mut self, rows: &[&Kept]) -> rusqlite::Result<()> {
        if self.words.is_empty() {
            self.words = Words::read(&self.connection)?;
        }
        let transaction = self.connection.transaction()?;
        let mut longest = 0;
        for kept in rows {
            let row = kept.row.as_ref();
            let (target, verdict) = (self.words.target(&transaction, row)?, self.words.verdict(&transaction, row)?);
            let exchange = match &kept.exchange {
                Some(exchange) => Some(number_of(&transaction, exchange)?),
                None => None,
            };
            let span = integer(row.last_ms.saturating_sub(row.first_ms));
            longest = span.max(longest);
            transaction.prepare_cached(UPSERT)?.execute(params![
                integer(row.seq),
                target,
                verdict,
                integer(row.first_ms) - integer(self.date * DAY_MS),
                span,
                row.count,
                integer(row.latency_us_min),
                integer(row.latency_us_mean.saturating_sub(row.latency_us_min)),
                integer(row.latency_us_max.saturating_sub(row.latency_us_min)),
                row.streak,
                row.threshold,
                state(row),
                exchange,
            ])?;
        }
        transaction.prepare_cached("UPDATE longest SET span = ?1 WHERE span < ?1")?.execute([longest])?;
        transaction.commit()
    }

    /// Removes the oldest rows and gives their room back to the disk; whether any are left.
    pub(super) fn prune(&mut self) -> rusqlite::Result<bool> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "DELETE FROM rows WHERE seq <=
                (SELECT seq FROM rows ORDER BY seq LIMIT 1 OFFSET (SELECT count(*) FROM rows) / ?1)",
            [PRUNED_PART],
        )?;
        transaction.execute(
            "DELETE FROM exchanges WHERE NOT EXISTS
                (SELECT 1 FROM rows WHERE rows.exchange = exchanges.exchange)",
            [],
        )?;
        let left = transaction.query_row("SELECT EXISTS (SELECT 1 FROM rows)", [], |row| row.get(0))?;
        transaction.commit()?;
        self.give_back()?;
        Ok(left)
    }

    /// Cuts free pages off the file, and the log files off the disk.
    fn give_back(&self) -> rusqlite::Result<()> {
        // Each step of this statement frees one page.
        let mut vacuum = self.connection.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// When the oldest row began, in milliseconds since the epoch.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        let first = "SELECT first FROM rows ORDER BY seq LIMIT 1";
        let first = self.connection.query_row(first, [], |row| row.get::<_, i64>(0)).optional().ok()??;
        (self.date * DAY_MS).checked_add_signed(first)
    }

    /// The highest number of a row.
    pub(super) fn last_seq(&self) -> rusqlite::Result<u64> {
        let last = self.connection.query_row("SELECT max(seq) FROM rows", [], |row| row.get::<_, Option<i64>>(0))?;
        Ok(natural(last.unwrap_or(0)))
    }

    /// What the database's own check says, if anything.
    pub(super) fn check(&self) -> rusqlite::Result<Option<String>> {
        let said: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok((said != "ok").then_some(said))
    }
}

/// What each small table holds, by what stands in it.
#[derive(Debug, Default)]
struct Words {
    targets: HashMap<Target, i64>,
    verdicts: HashMap<Verdict, i64>,
}

pub(super) type Target = (Name, Name, Address, CheckProtocol);

impl Words {
    fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.verdicts.is_empty()
    }

    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let targets = targets(connection)?.into_iter().map(|(number, target)| (target, number)).collect();
        let verdicts = verdicts(connection)?.into_iter().map(|(number, verdict)| (verdict, number)).collect();
        Ok(Self { targets, verdicts })
    }

    fn target(&mut self, transaction: &Transaction<'_>, row: &CheckRow) -> rusqlite::Result<i64> {
        let target = (row.group.clone(), row.backend.clone(), row.address.clone(), row.protocol);
        if let Some(&number) = self.targets.get(&target) {
            return Ok(number);
        }
        let (address, protocol) = (json(&row.address)?, json(&row.protocol)?);
        let insert = "INSERT INTO targets (of_group, backend, address, protocol) VALUES (?1, ?2, ?3, ?4)";
        transaction.execute(insert, params![row.group.as_str(), row.backend.as_str(), address, protocol])?;
        let number = transaction.last_insert_rowid();
        self.targets.insert(target, number);
        Ok(number)
    }

    fn verdict(&mut self, transaction: &Transaction<'_>, row: &CheckRow) -> rusqlite::Result<i64> {
        if let Some(&number) = self.verdicts.get(&row.verdict) {
            return Ok(number);
        }
        transaction.execute("INSERT INTO verdicts (said) VALUES (?1)", [json(&row.verdict)?])?;
        let number = transaction.last_insert_rowid();
        self.verdicts.insert(row.verdict.clone(), number);
        Ok(number)
    }
}

/// The targets of a day by their numbers.
pub(super) fn targets(connection: &Connection) -> rusqlite::Result<HashMap<i64, Target>> {
    let mut rows = connection.prepare("SELECT target, of_group, backend, address, protocol FROM targets")?;
    let read = rows.query_map([], |row| {
        let name = |at: usize| Name::new(&row.get::<_, String>(at)?).map_err(|error| misread(at, error));
        Ok((
            row.get(0)?,
            (name(1)?, name(2)?, from_json(3, &row.get::<_, String>(3)?)?, from_json(4, &row.get::<_, String>(4)?)?),
        ))
    })?;
    read.collect()
}

/// The verdicts of a day by their numbers.
pub(super) fn verdicts(connection: &Connection) -> rusqlite::Result<HashMap<i64, Verdict>> {
    let mut rows = connection.prepare("SELECT verdict, said FROM verdicts")?;
    let read = rows.query_map([], |row| Ok((row.get(0)?, from_json(1, &row.get::<_, String>(1)?)?)))?;
    read.collect()
}

/// The number of an exchange, which is written unless the same is there.
fn number_of(transaction: &Transaction<'_>, exchange: &Exchange) -> rusqlite::Result<i64> {
    let Exchange { sent, received, received_bytes } = exchange;
    let mut hasher = DefaultHasher::new();
    (sent, received, received_bytes).hash(&mut hasher);
    let all = params![hasher.finish().cast_signed(), sent, received, integer(*received_bytes)];
    let same = "SELECT exchange FROM exchanges WHERE hash = ?1 AND sent = ?2 AND received = ?3 AND received_bytes = ?4";
    if let Some(number) = transaction.prepare_cached(same)?.query_row(all, |row| row.get(0)).optional()? {
        return Ok(number);
    }
    let insert = "INSERT INTO exchanges (hash, sent, received, received_bytes) VALUES (?1, ?2, ?3, ?4)";
    transaction.prepare_cached(insert)?.execute(all)?;
    Ok(transaction.last_insert_rowid())
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    // Both only take effect before the first table, and outside of a transaction.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Whether the file is a day of this version; another counts as damaged.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<()> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0));
    if (number("application_id")?, number("user_version")?) == (APPLICATION_ID, SCHEMA_VERSION) {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB);
    Err(rusqlite::Error::SqliteFailure(code, Some("this is no health log of this version".to_owned())))
}

/// Whether an error says that the file itself is at fault.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(failure.code, DatabaseCorrupt | NotADatabase),
        // The last: a table or column that is not there.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::SqlInputError { .. } => true,
        _ => false,
    }
}

const fn state(row: &CheckRow) -> i64 {
    let health = match row.health {
        Health::Unknown => 0,
        Health::Up => 1,
        Health::Down => 2,
    };
    if row.transition.is_some() { health + TRANSITION } else { health }
}

/// The health and the transition of a `state`.
pub(super) const fn of_state(state: i64) -> (Health, Option<Health>) {
    let health = match state % TRANSITION {
        1 => Health::Up,
        2 => Health::Down,
        _ => Health::Unknown,
    };
    (health, if state >= TRANSITION { Some(health) } else { None })
}

/// `SQLite` integers are signed; numbers and times stay far below the sign bit.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: serde::de::DeserializeOwned>(at: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| misread(at, error))
}

fn misread(at: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
}

//! The database: schema, reading at the start, writing in transactions.
//!
//! WAL with full sync: a commit that returns survives SIGKILL and a power cut. The file is opened
//! only after its header says that it is ours and not too new, so a foreign or later file is never
//! written. Only the store's thread calls it after the start.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use poise_core::plan::BackendId;
use poise_ipc::message::{AuditQuery, AuditRow, Author, Commit};
use poise_ipc::status::Health;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::entries::Snapshot;
use super::{
    Change, DatabaseError, HISTORY_LEN_MAX, HealthRow, NameRow, Running, StoreError, Stored, Undertakings,
    WindowChange, audit, database_path, entries, names, undertakings,
};

/// Marks the file as ours (`pois`), at byte 68 of the header.
const APPLICATION_ID: u32 = 0x706f_6973;
/// Version of the schema, at byte 60 of the header: of a new database and after all additions.
const SCHEMA_VERSION: u32 = 6;
/// What each version added to the one before, from version 2 on. Only ever appended to.
const ADDITIONS: [&str; SCHEMA_VERSION as usize - 1] =
    [names::TABLE, entries::TABLES, SCORES, undertakings::TABLES, audit::TABLE];

/// What damping holds against backends.
const SCORES: &str = "
ALTER TABLE health ADD COLUMN score INTEGER NOT NULL DEFAULT 0;
ALTER TABLE health ADD COLUMN score_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE health ADD COLUMN is_out INTEGER NOT NULL DEFAULT 0;
";
/// Bytes of the header of an SQLite file.
const HEADER_LEN: usize = 100;
/// Bytes of the write-ahead log that stay on the disk after a checkpoint.
const WAL_LEN_MAX: u32 = 4 << 20;

/// Version 1.
const SCHEMA: &str = "
CREATE TABLE daemon (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    daemon_id TEXT NOT NULL,
    cookie_key BLOB NOT NULL
) STRICT;
CREATE TABLE running (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    config TEXT NOT NULL,
    identities TEXT NOT NULL,
    file_taken TEXT
) STRICT;
CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    user TEXT NOT NULL,
    pid INTEGER NOT NULL,
    reason TEXT,
    edits TEXT NOT NULL,
    inverse TEXT NOT NULL
) STRICT;
CREATE TABLE health (
    backend INTEGER PRIMARY KEY,
    health TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
";

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    /// Commits of the history that are kept; older ones are removed with each commit.
    history_max: u32,
}

impl Database {
    /// Opens or makes the database and reads what it holds.
    pub(super) fn open(dir: &Path, history_max: u32) -> Result<(Self, Stored), StoreError> {
        let path = database_path(dir);
        examine(&path)?;
        let connection = connect(&path)?;
        check(&connection, &path)?;
        let mut database = Self { connection, history_max };
        let version = database.version()?;
        if version == 0 {
            database.create()?;
        }
        database.extend(version.max(1))?;
        database.configure()?;
        let stored = database.load()?;
        Ok((database, stored))
    }

    /// The schema version, 0 without tables; asked after `SQLite` has taken back what a kill left
    /// half done.
    fn version(&self) -> Result<u32, StoreError> {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
        version.map_err(failed("read the schema version of the store"))
    }

    fn create(&mut self) -> Result<(), StoreError> {
        let (mut id, mut key) = ([0_u8; 16], [0_u8; 16]);
        getrandom::fill(&mut id).map_err(StoreError::Random)?;
        getrandom::fill(&mut key).map_err(StoreError::Random)?;
        let id = format!("{:032x}", u128::from_be_bytes(id));
        let mut made = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.execute("INSERT INTO daemon VALUES (1, ?1, ?2)", params![id, key])?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", 1)?;
            transaction.commit()
        };
        made().map_err(failed("make the tables of the store"))
    }

    /// Brings a database of an earlier version up to this one.
    fn extend(&mut self, from: u32) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for (version, addition) in (2..).zip(ADDITIONS).filter(|(version, _)| *version > from) {
                transaction.execute_batch(addition)?;
                transaction.pragma_update(None, "user_version", version)?;
            }
            transaction.commit()
        };
        write().map_err(failed("add the tables of this version to the store"))
    }

    fn configure(&self) -> Result<(), StoreError> {
        let set = || -> rusqlite::Result<()> {
            self.connection.pragma_update(None, "journal_mode", "WAL")?;
            self.connection.pragma_update(None, "synchronous", "FULL")?;
            self.connection.pragma_update(None, "journal_size_limit", WAL_LEN_MAX)
        };
        set().map_err(failed("set up the store"))
    }

    fn load(&self) -> Result<Stored, StoreError> {
        let read = || -> rusqlite::Result<Stored> {
            let (daemon_id, cookie_key) =
                self.connection
                    .query_row("SELECT daemon_id, cookie_key FROM daemon", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let running = self
                .connection
                .query_row("SELECT revision, config, identities, file_taken FROM running", [], running_row)
                .optional()?;
            let mut rows =
                self.connection.prepare("SELECT backend, health, since_ms, score, score_ms, is_out FROM health")?;
            let health = rows.query_map([], health_row)?.collect::<rusqlite::Result<_>>()?;
            let names = names::read(&self.connection)?;
            let entries = entries::read(&self.connection)?;
            let (window, layers) = undertakings::read(&self.connection)?;
            let undertakings = Undertakings { window, layers };
            Ok(Stored { daemon_id, cookie_key, running, health, names, entries, undertakings })
        };
        read().map_err(failed("read the store"))
    }

    /// Stores a commit with all that follows from it.
    pub(super) fn commit(&mut self, change: &Change) -> Result<(), StoreError> {
        let Change { commit, running, gone, names, earlier, window, layers } = change;
        let history_max = self.history_max;
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for commit in earlier.iter().chain([commit]) {
                insert(&transaction, commit)?;
            }
            let oldest = integer(commit.revision) - i64::from(history_max);
            transaction.execute("DELETE FROM revisions WHERE revision <= ?1", [oldest])?;
            transaction.execute(
                "INSERT OR REPLACE INTO running VALUES (1, ?1, ?2, ?3, ?4)",
                params![integer(running.revision), running.text, running.identities, running.taken],
            )?;
            for backend in gone {
                transaction.execute("DELETE FROM health WHERE backend = ?1", [integer(backend.0)])?;
            }
            names::write(&transaction, names)?;
            undertakings::write_window(&transaction, window)?;
            if let Some(layers) = layers {
                undertakings::write_layers(&transaction, layers)?;
            }
            transaction.commit()
        };
        write().map_err(refused(&self.connection, "store the commit"))
    }

    /// Stores what becomes of the confirm window.
    pub(super) fn window(&self, change: &WindowChange) -> Result<(), StoreError> {
        undertakings::write_window(&self.connection, change)
            .map_err(refused(&self.connection, "store the confirm window"))
    }

    /// Stores all leases and ramps.
    pub(super) fn layers(&self, body: &str) -> Result<(), StoreError> {
        undertakings::write_layers(&self.connection, body)
            .map_err(refused(&self.connection, "store the leases and ramps"))
    }

    /// Stores that the operator's file counts as taken.
    pub(super) fn taken(&self, text: &str) -> Result<(), StoreError> {
        let write = self.connection.execute("UPDATE running SET file_taken = ?1", [text]);
        write.map(|_| ()).map_err(refused(&self.connection, "store what the configuration file says"))
    }

    /// Stores health.
    pub(super) fn health<'a>(&mut self, rows: impl Iterator<Item = &'a HealthRow>) -> Result<(), StoreError> {
        let write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for row in rows {
                transaction.execute(
                    "INSERT OR REPLACE INTO health VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        integer(row.backend.0),
                        row.health.word(),
                        integer(row.since_ms),
                        row.score,
                        integer(row.score_ms),
                        row.is_out
                    ],
                )?;
            }
            transaction.commit()
        };
        write().map_err(refused(&self.connection, "store the health"))
    }

    /// Stores what names stand for.
    pub(super) fn names(&mut self, rows: &[NameRow]) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            names::write(&transaction, rows)?;
            transaction.commit()
        };
        write().map_err(refused(&self.connection, "store the addresses of names"))
    }

    /// Stores the next batch of a snapshot of entries, all that is left of it if `whole`. Whether it
    /// is in force now.
    pub(super) fn entries(&mut self, snapshot: &mut Snapshot, whole: bool) -> Result<bool, StoreError> {
        let last = snapshot.gather(whole);
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            snapshot.write(&transaction, last)?;
            transaction.commit()
        };
        write().map_err(refused(&self.connection, "store the persistence entries"))?;
        snapshot.written();
        Ok(last)
    }

    /// The newest commits, newest first, as many as fit in [`HISTORY_LEN_MAX`] but at least one.
    pub(super) fn history(&self, limit: u32, before: Option<u64>) -> Result<Vec<Commit>, StoreError> {
        let before = before.map_or(i64::MAX, integer);
        let read = || -> rusqlite::Result<Vec<Commit>> {
            let wanted = "SELECT * FROM revisions WHERE revision < ?2 ORDER BY revision DESC LIMIT ?1";
            let mut rows = self.connection.prepare(wanted)?;
            let mut len = 0;
            let mut commits = Vec::new();
            for row in rows.query_map(params![limit, before], commit_row)? {
                let (commit, commit_len) = row?;
                len += commit_len;
                if len > HISTORY_LEN_MAX && !commits.is_empty() {
                    break;
                }
                commits.push(commit);
            }
            Ok(commits)
        };
        read().map_err(failed("read the history"))
    }

    /// All commits after a revision, up to and with `until`, newest first.
    pub(super) fn since(&self, revision: u64, until: u64) -> Result<Vec<Commit>, StoreError> {
        let read = || -> rusqlite::Result<Vec<Commit>> {
            let wanted = "SELECT * FROM revisions WHERE revision > ?1 AND revision <= ?2 ORDER BY revision DESC";
            let mut rows = self.connection.prepare(wanted)?;
            let commits = rows.query_map([integer(revision), integer(until)], commit_row)?;
            commits.map(|row| row.map(|(commit, _)| commit)).collect()
        };
        read().map_err(failed("read the history"))
    }

    /// Adds to the audit trail.
    pub(super) fn audit(&mut self, rows: &[AuditRow]) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            audit::write(&transaction, rows)?;
            transaction.commit()
        };
        write().map_err(refused(&self.connection, "store the audit trail"))
    }

    /// Reads the audit trail, newest first.
    pub(super) fn audited(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        audit::read(&self.connection, query).map_err(failed("read the audit trail"))
    }
}

/// Adds a commit to the history.
fn insert(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let row = params![
        integer(commit.revision),
        integer(commit.at_ms),
        commit.author.uid,
        commit.author.user,
        commit.author.pid,
        commit.reason,
        json(&commit.edits)?,
        json(&commit.inverse)?,
        commit.author.client,
    ];
    connection.execute("INSERT INTO revisions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row).map(|_| ())
}

/// Looks at the file without opening it as a database: it must be absent, empty or ours.
fn examine(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Directory { path: path.to_owned(), source };
    let mut header = Vec::with_capacity(HEADER_LEN);
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(failed)?.take(HEADER_LEN as u64).read_to_end(&mut header).map_err(failed)?,
    };
    if header.is_empty() {
        // A first start that was killed before its first page.
        return Ok(());
    }
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    if header.len() < HEADER_LEN || !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign());
    }
    let word = |at: usize| header[at..at + 4].iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
    match (word(68), word(60)) {
        (APPLICATION_ID, 1..=SCHEMA_VERSION) => Ok(()),
        (APPLICATION_ID, found) => Err(StoreError::TooNew { path: path.to_owned(), found, known: SCHEMA_VERSION }),
        _ => Err(foreign()),
    }
}

/// Opens the file, readable by its owner alone; the log files beside it inherit the mode.
fn connect(path: &PathBuf) -> Result<Connection, StoreError> {
    let failed_io = |source| StoreError::Directory { path: path.clone(), source };
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(failed_io)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed_io)?;
    drop(file);
    Connection::open(path).map_err(failed("open the store"))
}

/// The database's own check; a damaged file is not even checkpointed.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let quick = || -> rusqlite::Result<String> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let said = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok(said)
    };
    let detail = match quick() {
        Ok(said) if said == "ok" => return Ok(()),
        Ok(said) => said,
        Err(error) => error.to_string(),
    };
    Err(StoreError::Damaged { path: path.to_owned(), detail })
}

fn failed(what: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| StoreError::Database { what, source: DatabaseError { error, disk: None } }
}

/// The same of a write, with what the disk says where `SQLite` says no more than that it failed.
fn refused(connection: &Connection, what: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| {
        let is_io = error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
        let disk = connection.path().filter(|_| is_io).and_then(|path| try_out(Path::new(path)).err());
        StoreError::Database { what, source: DatabaseError { error, disk } }
    }
}

/// Whether anything can be written beside a file.
fn try_out(beside: &Path) -> io::Result<()> {
    let path = beside.with_extension("try");
    let written = File::create(&path).and_then(|file| file.sync_all());
    // It may not have come to be.
    let _ = std::fs::remove_file(path);
    written
}

/// `SQLite` integers are signed; revisions, ids and times stay far below the sign bit.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn natural(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|value| u64::try_from(value).unwrap_or(0))
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(at: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error.into()))
}

fn running_row(row: &Row<'_>) -> rusqlite::Result<Running> {
    Ok(Running { revision: natural(row, 0)?, text: row.get(1)?, identities: row.get(2)?, taken: row.get(3)? })
}

fn health_row(row: &Row<'_>) -> rusqlite::Result<HealthRow> {
    let health = match row.get::<_, String>(1)?.as_str() {
        "up" => Health::Up,
        "down" => Health::Down,
        _ => Health::Unknown,
    };
    Ok(HealthRow {
        backend: BackendId(natural(row, 0)?),
        health,
        since_ms: natural(row, 2)?,
        score: row.get(3)?,
        score_ms: natural(row, 4)?,
        is_out: row.get(5)?,
    })
}

/// A commit and the bytes of its edits.
fn commit_row(row: &Row<'_>) -> rusqlite::Result<(Commit, usize)> {
    let (edits, inverse): (String, String) = (row.get(6)?, row.get(7)?);
    let author = Author { uid: row.get(2)?, user: row.get(3)?, pid: row.get(4)?, client: row.get(8)? };
    let commit = Commit {
        revision: natural(row, 0)?,
        at_ms: natural(row, 1)?,
        author,
        reason: row.get(5)?,
        edits: from_json(6, &edits)?,
        inverse: from_json(7, &inverse)?,
    };
    Ok((commit, edits.len() + inverse.len()))
}

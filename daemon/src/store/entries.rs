//! What listeners remember of their clients, so that persistence outlives a restart.
//!
//! A snapshot is written in batches, other work in between, under a generation of its own; the last
//! batch puts it in force and removes the one before. What is read is always one whole snapshot. It
//! does not look into tables: control hands the parts over, made when their turn comes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use poise_core::persistence::Entry;
use poise_core::plan::{BackendId, ListenerId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::database::{integer, natural};

/// Entries of one transaction, if a part holds no more: 256 KiB, some milliseconds on the disk.
const BATCH_ENTRIES: usize = 8_192;
/// Bytes of a stored entry: address, backend, idle time.
const ENTRY_LEN: usize = 32;

/// Entries of one listener as they were at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPart {
    /// The listener.
    pub listener: ListenerId,
    /// When they were taken, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The entries, the last used last.
    pub entries: Vec<Entry>,
}

/// The parts of a snapshot, each made when it is asked for.
pub type EntryParts = Box<dyn Iterator<Item = EntryPart> + Send>;

/// The tables, which version 3 of the schema added.
pub(super) const TABLES: &str = "
CREATE TABLE entries (
    generation INTEGER NOT NULL,
    listener INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    entries BLOB NOT NULL
) STRICT;
CREATE TABLE entries_in_force (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL
) STRICT;
";

/// A snapshot that is being written.
pub(super) struct Snapshot {
    parts: EntryParts,
    /// What was made and is not on the disk yet.
    batch: Vec<EntryPart>,
    begun: bool,
}

impl Snapshot {
    /// Nothing of it is written yet.
    pub(super) fn new(parts: EntryParts) -> Self {
        Self { parts, batch: Vec::new(), begun: false }
    }

    /// Makes the next batch, of everything that is left if `whole`; whether it is the last one. A
    /// batch that was not written stays.
    pub(super) fn gather(&mut self, whole: bool) -> bool {
        let mut count: usize = self.batch.iter().map(|part| part.entries.len()).sum();
        while whole || count < BATCH_ENTRIES {
            let Some(part) = self.parts.next() else { return true };
            count += part.entries.len();
            self.batch.push(part);
        }
        false
    }

    /// Writes the batch within the caller's transaction.
    pub(super) fn write(&self, connection: &Connection, last: bool) -> rusqlite::Result<()> {
        let in_force = in_force(connection)?;
        if !self.begun {
            // What a kill or a later snapshot has left half done.
            connection.execute("DELETE FROM entries WHERE generation <> ?1", [in_force])?;
        }
        let generation = in_force + 1;
        let mut insert = connection.prepare("INSERT INTO entries VALUES (?1, ?2, ?3, ?4)")?;
        for part in &self.batch {
            insert.execute(params![
                generation,
                integer(part.listener.0),
                integer(part.at_ms),
                packed(&part.entries)
            ])?;
        }
        if last {
            connection.execute("INSERT OR REPLACE INTO entries_in_force VALUES (1, ?1)", [generation])?;
            connection.execute("DELETE FROM entries WHERE generation <> ?1", [generation])?;
        }
        Ok(())
    }

    /// The batch is on the disk.
    pub(super) fn written(&mut self) {
        self.begun = true;
        self.batch.clear();
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// Reads the snapshot in force.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<EntryPart>> {
    let mut rows = connection.prepare("SELECT listener, at_ms, entries FROM entries WHERE generation = ?1")?;
    rows.query_map([in_force(connection)?], part_row)?.collect()
}

fn in_force(connection: &Connection) -> rusqlite::Result<i64> {
    let found = connection.query_row("SELECT generation FROM entries_in_force", [], |row| row.get(0)).optional();
    found.map(|generation| generation.unwrap_or(0))
}

fn part_row(row: &Row<'_>) -> rusqlite::Result<EntryPart> {
    let packed: Vec<u8> = row.get(2)?;
    let entries = packed.as_chunks::<ENTRY_LEN>().0.iter().map(unpacked).collect();
    Ok(EntryPart { listener: ListenerId(natural(row, 0)?), at_ms: natural(row, 1)?, entries })
}

/// Entries as bytes: the address as IPv6, then the numbers, all big-endian.
fn packed(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_LEN);
    for Entry { client, backend, idle_ms } in entries {
        let client = match client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => *v6,
        };
        bytes.extend_from_slice(&client.octets());
        bytes.extend_from_slice(&backend.0.to_be_bytes());
        bytes.extend_from_slice(&idle_ms.to_be_bytes());
    }
    bytes
}

fn unpacked(bytes: &[u8; ENTRY_LEN]) -> Entry {
    let (address, numbers) = bytes.split_at(16);
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let address = address.iter().fold(0_u128, |address, &byte| address << 8 | u128::from(byte));
    Entry {
        client: IpAddr::V6(Ipv6Addr::from_bits(address)).to_canonical(),
        backend: BackendId(number(&numbers[..8])),
        idle_ms: number(&numbers[8..]),
    }
}

#[cfg(test)]
mod tests;

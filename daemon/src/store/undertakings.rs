//! What poised has undertaken to do later: the confirm window that is open, and leases and ramps.
//!
//! Each is one row, in control's words. A window is written with the commit that opens it, before
//! the commit is in force; layers with the answer to whoever began them.

use rusqlite::{Connection, OptionalExtension, params};

/// The tables, which version 5 of the schema added.
pub(super) const TABLES: &str = "
CREATE TABLE confirm_window (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    body TEXT NOT NULL
) STRICT;
CREATE TABLE layers (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    body TEXT NOT NULL
) STRICT;
";

/// What becomes of the stored window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WindowChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is this one.
    Open(String),
    /// There is none.
    Closed,
}

/// Makes the stored window what it has become.
pub(super) fn write_window(connection: &Connection, change: &WindowChange) -> rusqlite::Result<()> {
    let written = match change {
        WindowChange::Keep => return Ok(()),
        WindowChange::Open(body) => connection.execute("INSERT OR REPLACE INTO confirm_window VALUES (1, ?1)", [body]),
        WindowChange::Closed => connection.execute("DELETE FROM confirm_window", []),
    };
    written.map(|_| ())
}

/// Writes all layers.
pub(super) fn write_layers(connection: &Connection, body: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO layers VALUES (1, ?1)", params![body]).map(|_| ())
}

/// Reads the window and the layers.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<(Option<String>, Option<String>)> {
    let window = connection.query_row("SELECT body FROM confirm_window", [], |row| row.get(0)).optional()?;
    let layers = connection.query_row("SELECT body FROM layers", [], |row| row.get(0)).optional()?;
    Ok((window, layers))
}

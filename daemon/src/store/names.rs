//! The last good addresses of host names, so that a daemon starts while nobody resolves names.
//!
//! They are written as a whole: with the commit that needs them, and again when one of them moves.
//! What a name stands for is control's to decide.

use std::net::IpAddr;

use rusqlite::{Connection, Row, params};

/// The last good address of a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// The name.
    pub host: String,
    /// Its address.
    pub address: IpAddr,
}

/// The table, which version 2 of the schema added.
pub(super) const TABLE: &str = "
CREATE TABLE names (
    host TEXT PRIMARY KEY,
    address TEXT NOT NULL
) STRICT;
";

/// Replaces all of them.
pub(super) fn write(connection: &Connection, rows: &[NameRow]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM names", [])?;
    let mut insert = connection.prepare("INSERT OR REPLACE INTO names VALUES (?1, ?2)")?;
    for row in rows {
        insert.execute(params![row.host, row.address.to_string()])?;
    }
    Ok(())
}

/// Reads all of them; what is no address is left out.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<NameRow>> {
    let mut rows = connection.prepare("SELECT host, address FROM names ORDER BY host")?;
    let found = rows.query_map([], name_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn name_row(row: &Row<'_>) -> rusqlite::Result<Option<NameRow>> {
    let (host, address): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(address.parse().ok().map(|address| NameRow { host, address }))
}

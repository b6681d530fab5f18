//! The audit trail: rows that are only ever added, and removed when they are too many.

use poise_ipc::message::{AUDIT_MAX, AuditQuery, AuditRow};
use rusqlite::{Connection, params};

use super::database::{from_json, integer, json, natural};
use super::{AUDIT_LEN_MAX, AUDIT_ROWS_MAX};

/// The table, and what the history says of clients, which version 6 of the schema added.
pub(super) const TABLE: &str = "
ALTER TABLE revisions ADD COLUMN client TEXT NOT NULL DEFAULT '';
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    user TEXT NOT NULL,
    verb TEXT NOT NULL,
    refused INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
";

/// Adds rows.
pub(super) fn write(connection: &Connection, rows: &[AuditRow]) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO audit (at_ms, user, verb, refused, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for row in rows {
        let refused = matches!(row.outcome, poise_ipc::message::AuditOutcome::Refused { .. });
        insert.execute(params![integer(row.at_ms), row.author.user, row.verb, refused, json(row)?])?;
    }
    let oldest = connection.last_insert_rowid() - i64::from(AUDIT_ROWS_MAX);
    connection.execute("DELETE FROM audit WHERE seq <= ?1", [oldest]).map(|_| ())
}

/// Reads rows, newest first, as many as fit in an answer but at least one.
pub(super) fn read(connection: &Connection, query: &AuditQuery) -> rusqlite::Result<Vec<AuditRow>> {
    let mut rows = connection.prepare(
        "SELECT seq, body FROM audit WHERE seq < ?1 AND at_ms >= ?2 AND (?3 IS NULL OR user = ?3)
         AND (?4 IS NULL OR verb = ?4) AND (?5 IS NULL OR refused = ?5) ORDER BY seq DESC LIMIT ?6",
    )?;
    let before = query.before_seq.map_or(i64::MAX, integer);
    let limit = query.limit.clamp(1, AUDIT_MAX);
    let wanted = params![before, integer(query.since_ms), query.user, query.verb, query.refused, limit];
    let (mut found, mut len) = (Vec::new(), 0);
    let read = |row: &rusqlite::Row<'_>| {
        let body: String = row.get(1)?;
        let audit: AuditRow = from_json(1, &body)?;
        Ok((AuditRow { seq: natural(row, 0)?, ..audit }, body.len()))
    };
    for row in rows.query_map(wanted, read)? {
        let (row, row_len) = row?;
        len += row_len;
        if len > AUDIT_LEN_MAX && !found.is_empty() {
            break;
        }
        found.push(row);
    }
    Ok(found)
}

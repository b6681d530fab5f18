//! Findings as rows; in JSON they are the wire type as it is.

use poise_ipc::advice::{Finding, Severity};

use super::super::format::Column;

type Cell = Column<Finding>;

/// Columns of findings.
pub(in crate::verb) const COLUMNS: &[Cell] = &[
    Cell::text("SEVERITY", |f| word(f.severity).to_owned()),
    Cell::text("CODE", |f| f.code.clone()),
    Cell::text("SUBJECT", |f| f.subject.clone()),
    Cell::text("FINDING", |f| f.message.clone()),
    Cell::text("REMEDY", |f| f.remedy.clone()).wide(),
];

/// The word of a severity.
pub(in crate::verb) const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Severe => "severe",
    }
}

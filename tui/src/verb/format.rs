//! The forms of output: tables for people, TSV for `cut`, JSON and JSON lines for programs.
//!
//! A listing is a slice of wire types, the columns that show them and a row type for JSON. The same
//! bytes leave whether stdout is a terminal, a pipe or a file: no colour, nothing cut. Printing is
//! `stdout`'s business.

use clap::ValueEnum;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::text::{clean, escaped};

/// Version of everything that `-o json` and `-o jsonl` print. Fields are only ever added; a change
/// that breaks a reader raises it.
const SCHEMA_VERSION: u32 = 1;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// Aligned columns, all of them.
    Wide,
    /// All columns, separated by tabs, without a head line or units.
    Tsv,
    /// One JSON document.
    Json,
    /// One JSON object per line.
    Jsonl,
}

/// A column: its title and how a row fills it.
pub(super) struct Column<T> {
    title: &'static str,
    wide: bool,
    right: bool,
    shown: fn(&T) -> String,
    raw: fn(&T) -> String,
}

impl<T> Column<T> {
    /// A column of words.
    pub(super) const fn text(title: &'static str, shown: fn(&T) -> String) -> Self {
        Self { title, wide: false, right: false, shown, raw: shown }
    }

    /// A column of numbers.
    pub(super) const fn number(title: &'static str, shown: fn(&T) -> String) -> Self {
        Self { title, wide: false, right: true, shown, raw: shown }
    }

    /// Shown by `wide` and `tsv` only.
    #[must_use]
    pub(super) const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    /// What `tsv` prints instead: a number without its unit.
    #[must_use]
    pub(super) const fn raw(self, raw: fn(&T) -> String) -> Self {
        Self { raw, ..self }
    }
}

/// Rows in the form that was asked for. In JSON they stand under `key`, each made by `row`.
pub(super) fn listing<'a, T, R: Serialize>(
    format: Format,
    key: &'static str,
    columns: &[Column<T>],
    rows: &'a [T],
    row: impl Fn(&'a T) -> R,
) -> String {
    match format {
        Format::Table => Table::new(columns, false).print(rows),
        Format::Wide => Table::new(columns, true).print(rows),
        Format::Tsv => rows.iter().map(|row| tsv(columns, row)).collect(),
        Format::Json => {
            let rows: Vec<_> = rows.iter().map(row).collect();
            json(&Rows { key, rows: &rows })
        }
        Format::Jsonl => rows.iter().map(|one| jsonl(&row(one))).collect(),
    }
}

/// A JSON document of several lines, headed by the schema version.
pub(super) fn json<R: Serialize>(document: &R) -> String {
    let versioned = Versioned { schema_version: SCHEMA_VERSION, document };
    let text = serde_json::to_string_pretty(&versioned).expect("what is printed has string keys");
    escaped(text + "\n")
}

/// A JSON object on one line, headed by the schema version.
pub(super) fn jsonl<R: Serialize>(document: &R) -> String {
    let versioned = Versioned { schema_version: SCHEMA_VERSION, document };
    let text = serde_json::to_string(&versioned).expect("what is printed has string keys");
    escaped(text + "\n")
}

/// One row, its raw values separated by tabs.
pub(super) fn tsv<T>(columns: &[Column<T>], row: &T) -> String {
    let cells: Vec<_> = columns.iter().map(|column| clean(&(column.raw)(row))).collect();
    format!("{}\n", cells.join("\t"))
}

#[derive(Serialize)]
struct Versioned<'a, R> {
    schema_version: u32,
    #[serde(flatten)]
    document: &'a R,
}

struct Rows<'a, R> {
    key: &'static str,
    rows: &'a [R],
}

impl<R: Serialize> Serialize for Rows<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.key, self.rows)?;
        map.end()
    }
}

/// An aligned table. Kept while rows arrive one by one, its columns only ever grow.
pub(super) struct Table<T> {
    columns: Vec<Column<T>>,
    widths: Vec<usize>,
}

impl<T> Table<T> {
    /// A table without rows, with all columns or without the wide ones.
    pub(super) fn new(columns: &[Column<T>], wide: bool) -> Self {
        let columns: Vec<_> = columns.iter().filter(|column| wide || !column.wide).copied().collect();
        let widths = columns.iter().map(|column| column.title.len()).collect();
        Self { columns, widths }
    }

    /// The head line and the rows.
    pub(super) fn print(&mut self, rows: &[T]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| self.cells(row)).collect();
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        std::iter::once(titles).chain(rows).map(|cells| self.line(&cells)).collect()
    }

    /// One more row.
    pub(super) fn row(&mut self, row: &T) -> String {
        let cells = self.cells(row);
        self.line(&cells)
    }

    fn cells(&mut self, row: &T) -> Vec<String> {
        let cells: Vec<_> = self.columns.iter().map(|column| clean(&(column.shown)(row))).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cells_wide(cell));
        }
        cells
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((column, cell), width) in self.columns.iter().zip(cells).zip(&self.widths) {
            let gap = " ".repeat(width.saturating_sub(cells_wide(cell)));
            line.push_str(if column.right { &gap } else { "" });
            line.push_str(cell);
            line.push_str(if column.right { "" } else { &gap });
            line.push_str("  ");
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

// By hand: a derive would ask it of the rows, too.
impl<T> Copy for Column<T> {}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

/// Cells that a text takes on a terminal.
fn cells_wide(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests;

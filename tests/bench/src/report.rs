//! The report: a table per case for people, or JSON for programs.
//!
//! Failures of the load stand in every line; a lane without figures says why. Text only; printed by
//! `main`.

use std::fmt::Write;

use crate::figures::{Spread, paired_ratios, spread};
use crate::options::Options;
use crate::round::{Measured, Result};
use crate::tally::FAILURES;
use crate::workload::Quantity;

/// The version of the JSON, which changes only by addition.
const SCHEMA: u32 = 1;
/// Columns of a table.
const COLUMNS: usize = 8;

type Row = [String; COLUMNS];

/// The table of one case.
pub(crate) fn table(measured: &Measured) -> String {
    let case = &measured.case;
    let what = match case.quantity {
        Quantity::CpuPer(_) => format!("us CPU/{}", case.unit),
        Quantity::MemoryPerPair => format!("bytes/{}", case.unit),
        Quantity::LatencyAdded(_) => "us added".into(),
    };
    let rate = format!("{}/s", case.unit);
    let head = ["", &what, "min..max", "ratio", "min..max", &rate, "busy", "failed"].map(String::from);
    let mut rows = vec![head];
    let mut faults = String::new();
    for (at, result) in measured.lanes.iter().enumerate() {
        rows.extend(row(measured, at));
        if let Some(fault) = &result.fault {
            append(&mut faults, format_args!("  {} was not measured: {fault}\n", case.lanes[at].label));
        }
    }
    format!("\n{}\n{}{faults}", case.title, aligned(&rows))
}

/// What stands below the tables.
pub(crate) fn footer(notes: &[String]) -> String {
    let meaning = "medians over the rounds; a ratio is a lane's cost over that of the lane it names, paired by round;\n\
                   busy is the proxy's share of its core: below 0.9 the rate is the load's, not the proxy's\n";
    let mut text = format!("\n{meaning}");
    for note in notes {
        append(&mut text, format_args!("  {note}\n"));
    }
    text
}

fn row(measured: &Measured, at: usize) -> Option<Row> {
    let (lane, result) = (&measured.case.lanes[at], &measured.lanes[at]);
    let cost = spread(&costs(result))?;
    let digits = if cost.median < 100.0 { 2 } else { 0 };
    let ratio = ratio(measured, at);
    let base = lane.base.map_or("", |base| &measured.case.lanes[base].label);
    Some([
        lane.label.clone(),
        number(cost.median, digits),
        ends(cost, digits),
        ratio.map_or("-".into(), |ratio| format!("{} x {base}", number(ratio.median, 2))),
        ratio.map_or("-".into(), |ratio| ends(ratio, 2)),
        spread(&result.rates).map_or("-".into(), |rate| number(rate.median, 0)),
        spread(&result.busy).map_or("-".into(), |busy| number(busy.median, 2)),
        failures(result),
    ])
}

/// The rows as text: the first column to the left, the others to the right.
fn aligned(rows: &[Row]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..COLUMNS).map(width).collect();
    let mut text = String::new();
    for row in rows {
        append(&mut text, format_args!("  {:<1$}", row[0], widths[0]));
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            append(&mut text, format_args!("  {cell:>width$}"));
        }
        text.push('\n');
    }
    text
}

/// All cases as one JSON value.
pub(crate) fn json(options: &Options, notes: &[String], measured: &[Measured]) -> String {
    let notes = notes.iter().map(|note| quoted(note));
    let cases = measured.iter().map(json_case);
    format!(
        "{{\"schema\":{SCHEMA},\"rounds\":{},\"seconds\":{},\"notes\":[{}],\"cases\":[{}]}}\n",
        options.rounds,
        options.length.as_secs_f64(),
        notes.collect::<Vec<_>>().join(","),
        cases.collect::<Vec<_>>().join(",")
    )
}

fn json_case(measured: &Measured) -> String {
    let case = &measured.case;
    let quantity = match case.quantity {
        Quantity::CpuPer(_) => "cpu_us",
        Quantity::MemoryPerPair => "memory_bytes",
        Quantity::LatencyAdded(_) => "latency_added_us",
    };
    let lanes: Vec<_> = (0..case.lanes.len()).map(|at| json_lane(measured, at)).collect();
    format!(
        "{{\"case\":{},\"quantity\":\"{quantity}\",\"unit\":{},\"lanes\":[{}]}}",
        quoted(&case.title),
        quoted(case.unit),
        lanes.join(",")
    )
}

fn json_lane(measured: &Measured, at: usize) -> String {
    let (lane, result) = (&measured.case.lanes[at], &measured.lanes[at]);
    let failed: Vec<_> =
        FAILURES.iter().zip(result.tally.failures).map(|(word, count)| format!("\"{word}\":{count}")).collect();
    format!(
        "{{\"lane\":{},\"cost\":{},\"ratio\":{},\"ratio_to\":{},\"units_per_s\":{},\"busy\":{},\"units\":{},\
         \"failed\":{{{}}},\"fault\":{}}}",
        quoted(&lane.label),
        json_spread(spread(&costs(result))),
        json_spread(ratio(measured, at)),
        lane.base.map_or("null".into(), |base| quoted(&measured.case.lanes[base].label)),
        json_spread(spread(&result.rates)),
        json_spread(spread(&result.busy)),
        result.tally.units,
        failed.join(","),
        result.fault.as_deref().map_or("null".into(), quoted),
    )
}

fn json_spread(spread: Option<Spread>) -> String {
    spread.map_or("null".into(), |Spread { median, min, max }| {
        format!("{{\"median\":{median},\"min\":{min},\"max\":{max}}}")
    })
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => append(&mut quoted, format_args!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn ratio(measured: &Measured, at: usize) -> Option<Spread> {
    let base = measured.case.lanes[at].base?;
    spread(&paired_ratios(&measured.lanes[at].costs, &measured.lanes[base].costs))
}

fn costs(result: &Result) -> Vec<f64> {
    result.costs.iter().map(|(_, cost)| *cost).collect()
}

/// What failed, by kind; 0 when nothing did.
fn failures(result: &Result) -> String {
    let counts = FAILURES.iter().zip(result.tally.failures).filter(|(_, count)| *count > 0);
    let named: Vec<_> = counts.map(|(word, count)| format!("{count} {word}")).collect();
    if named.is_empty() { "0".into() } else { named.join(", ") }
}

fn ends(spread: Spread, digits: usize) -> String {
    format!("{}..{}", number(spread.min, digits), number(spread.max, digits))
}

/// A number with commas between its thousands.
fn number(value: f64, digits: usize) -> String {
    let plain = format!("{value:.digits$}");
    let (sign, digits) = plain.split_at(usize::from(plain.starts_with('-')));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = sign.to_owned();
    for (at, letter) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(letter);
    }
    grouped + rest
}

fn append(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text in memory takes all");
}

#[cfg(test)]
mod tests;

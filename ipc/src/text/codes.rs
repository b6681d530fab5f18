//! Status codes of a health check: `2xx`, the reference's `http_2xx`, `204`, `200-204`, numbers,
//! and comma-separated lists of them, merged into sorted disjoint ranges.

use toml::de::DeValue;

use super::fault::quoted;
use super::value::{integer, wrong_type};
use crate::fault::Fault;
use crate::model::CodeRange;

/// First code of HTTP.
const LOW: u16 = 100;
/// Last code of HTTP.
const HIGH: u16 = 599;
/// What is allowed, by example.
pub(super) const FORM: &str = "codes 100 to 599 as in [\"2xx\", \"3xx\"], \"204\", \"200-204\" or 204";

/// Reads one form or a list of forms.
pub(super) fn read(found: &DeValue<'_>) -> Result<Vec<CodeRange>, Fault> {
    let mut ranges = Vec::new();
    match found {
        DeValue::Array(forms) => {
            for form in forms {
                one(form.get_ref(), &mut ranges)?;
            }
        }
        _ => one(found, &mut ranges)?,
    }
    if ranges.is_empty() {
        return Err(Fault::new("", "no status code would pass").allowed(FORM));
    }
    Ok(merge(ranges))
}

/// Whether ranges are as [`read`] makes them.
pub(super) fn check(ranges: &[CodeRange]) -> Result<(), Fault> {
    let inside = |r: &CodeRange| LOW <= r.low && r.low <= r.high && r.high <= HIGH;
    if ranges.is_empty() || !ranges.iter().all(inside) || merge(ranges.to_vec()) != ranges {
        return Err(Fault::new("", "the status codes are not sorted ranges").allowed(FORM));
    }
    Ok(())
}

fn one(found: &DeValue<'_>, ranges: &mut Vec<CodeRange>) -> Result<(), Fault> {
    match found {
        DeValue::String(text) => {
            for form in text.split(',') {
                ranges.push(form_of(form.trim()).ok_or_else(|| unknown(form.trim()))?);
            }
        }
        DeValue::Integer(_) => {
            let code = integer(found).and_then(|n| u16::try_from(n).ok()).filter(|n| (LOW..=HIGH).contains(n));
            let code = code.ok_or_else(|| Fault::new("", "a status code is out of range").allowed(FORM))?;
            ranges.push(CodeRange { low: code, high: code });
        }
        _ => return Err(wrong_type(found, "status codes").allowed(FORM)),
    }
    Ok(())
}

fn unknown(form: &str) -> Fault {
    Fault::new("", format!("{} is no status code", quoted(form))).allowed(FORM)
}

fn form_of(form: &str) -> Option<CodeRange> {
    let class = form.strip_prefix("http_").unwrap_or(form);
    if let Some(digit) = class.strip_suffix("xx").or_else(|| class.strip_suffix("XX")) {
        let hundred = code_of(digit, 1)? * 100;
        return Some(CodeRange { low: hundred, high: hundred + 99 }).filter(|r| r.low >= LOW && r.high <= HIGH);
    }
    let (low, high) = form.split_once('-').unwrap_or((form, form));
    let (low, high) = (code_of(low.trim(), 3)?, code_of(high.trim(), 3)?);
    Some(CodeRange { low, high }).filter(|r| LOW <= low && low <= high && r.high <= HIGH)
}

fn code_of(text: &str, digits: usize) -> Option<u16> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Sorts ranges and joins those that overlap or touch.
fn merge(mut ranges: Vec<CodeRange>) -> Vec<CodeRange> {
    ranges.sort_unstable();
    let mut merged: Vec<CodeRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.low <= last.high + 1 => last.high = last.high.max(range.high),
            _ => merged.push(range),
        }
    }
    merged
}

/// The codes as a TOML list; whole classes as words.
pub(super) fn text(ranges: &[CodeRange]) -> String {
    let mut forms = Vec::new();
    for &CodeRange { low, high } in ranges {
        match (low, high) {
            _ if low % 100 == 0 && high % 100 == 99 => {
                forms.extend((low / 100..=high / 100).map(|class| format!("\"{class}xx\"")));
            }
            _ if low == high => forms.push(format!("\"{low}\"")),
            _ => forms.push(format!("\"{low}-{high}\"")),
        }
    }
    format!("[{}]", forms.join(", "))
}

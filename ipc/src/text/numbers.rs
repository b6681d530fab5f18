//! Numbers with a form of their own: counts, bandwidths as `100Mbit/s`, sizes as `10MiB`, modes as
//! `0660`, yes and no.

use toml::de::DeValue;

use super::fault::quoted;
use super::value::{Kind, integer, wrong_type};
use crate::fault::Fault;
use crate::limits;
use crate::model::{Bandwidth, ByteSize, Count, Mode, RedirectStatus};

/// What is allowed for a mode, by example.
pub(super) const MODE_FORM: &str = "octal digits as in \"0660\", up to \"0777\"";

/// What is allowed for the status code of a redirect.
pub(super) const REDIRECT_FORM: &str = "301, 302, 307, 308";

/// What is allowed for a size, by example.
const SIZE_HINT: &str = "write it as in \"10MiB\", \"64KiB\" or \"500B\"";

/// What is allowed for a bandwidth, by example.
const BANDWIDTH_HINT: &str = "write it as in \"100Mbit/s\", \"2.5Gbit/s\" or \"640kbit/s\"";

/// Digits behind the point of a bandwidth.
const DECIMALS_MAX: usize = 9;

/// Reads yes or no.
pub(super) fn read_flag(found: &DeValue<'_>) -> Result<bool, Fault> {
    match found {
        DeValue::Boolean(value) => Ok(*value),
        DeValue::String(text) if text == "true" || text == "false" => Ok(text == "true"),
        _ => Err(wrong_type(found, "true or false")),
    }
}

/// Reads a count.
pub(super) fn read_count(found: &DeValue<'_>) -> Result<Count, Fault> {
    let Some(number) = integer(found) else { return Err(wrong_type(found, "a whole number")) };
    u32::try_from(number).map(Count).map_err(|_| Fault::new("", format!("{number} is out of range")))
}

/// Whether a count lies within its range.
pub(super) fn check_count(value: Count, kind: &Kind) -> Result<(), Fault> {
    match kind {
        Kind::Count(range) if !range.contains(&value) => {
            Err(Fault::new("", format!("{value} is out of range")).allowed(kind.allowed()))
        }
        _ => Ok(()),
    }
}

/// Reads a bandwidth.
pub(super) fn read_bandwidth(found: &DeValue<'_>) -> Result<Bandwidth, Fault> {
    let DeValue::String(text) = found else {
        return Err(wrong_type(found, "a bandwidth").hint(BANDWIDTH_HINT));
    };
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let known = Bandwidth::UNITS.iter().find_map(|(name, unit)| {
        let digits = compact.strip_suffix(name).or_else(|| compact.strip_suffix(name.trim_end_matches("/s")))?;
        scaled(digits, *unit)
    });
    known.map(Bandwidth).ok_or_else(|| Fault::new("", format!("{} is no bandwidth", quoted(text))).hint(BANDWIDTH_HINT))
}

/// Reads a size in bytes.
pub(super) fn read_size(found: &DeValue<'_>) -> Result<ByteSize, Fault> {
    let DeValue::String(text) = found else {
        return Err(wrong_type(found, "a size").hint(SIZE_HINT));
    };
    size(text).map(ByteSize)
}

/// Reads a size in bytes as operators write it, as in `64MiB`.
///
/// # Errors
/// A fault without path when the text is no size of whole bytes.
pub fn size(text: &str) -> Result<u64, Fault> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let known = ByteSize::UNITS.iter().find_map(|(name, unit)| scaled(compact.strip_suffix(name)?, *unit));
    known.ok_or_else(|| Fault::new("", format!("{} is no size", quoted(text))).hint(SIZE_HINT))
}

/// Whether a size lies within its range.
pub(super) fn check_size(value: ByteSize, kind: &Kind) -> Result<(), Fault> {
    match kind {
        Kind::Size(range) if !range.contains(&value) => {
            Err(Fault::new("", format!("{value} is out of range")).allowed(kind.allowed()))
        }
        _ => Ok(()),
    }
}

/// Reads the status code of a redirect, as a number or a text.
pub(super) fn read_redirect(found: &DeValue<'_>) -> Result<RedirectStatus, Fault> {
    let number = match found {
        DeValue::String(text) => text.parse().ok(),
        _ => integer(found).and_then(|number| u16::try_from(number).ok()),
    };
    number.map(RedirectStatus).ok_or_else(|| wrong_type(found, "a status code").allowed(REDIRECT_FORM))
}

/// Whether a status code is one of a redirect.
pub(super) fn check_redirect(value: RedirectStatus) -> Result<(), Fault> {
    if limits::REDIRECT_STATUS.contains(&value.0) {
        return Ok(());
    }
    Err(Fault::new("", format!("{} redirects nobody", value.0)).allowed(REDIRECT_FORM))
}

/// Decimal digits times `unit`, exactly; nothing where that is no whole number.
fn scaled(digits: &str, unit: u64) -> Option<u64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let only_digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !only_digits(whole) || !only_digits(part) || part.len() > DECIMALS_MAX {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let parts = part.parse::<u64>().ok()?.checked_mul(unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if parts.is_multiple_of(scale) { whole.checked_add(parts / scale) } else { None }
}

/// Whether a bandwidth lies within its range.
pub(super) fn check_bandwidth(value: Bandwidth, kind: &Kind) -> Result<(), Fault> {
    match kind {
        Kind::Bandwidth(range) if !range.contains(&value) => {
            Err(Fault::new("", format!("{value} is out of range")).allowed(kind.allowed()))
        }
        _ => Ok(()),
    }
}

/// Reads the mode of a file: octal digits, as a text since a TOML number would be decimal.
pub(super) fn read_mode(found: &DeValue<'_>) -> Result<Mode, Fault> {
    let fault = |fault: Fault| fault.allowed(MODE_FORM);
    match found {
        DeValue::String(text) => u16::from_str_radix(text, 8)
            .map(Mode)
            .map_err(|_| fault(Fault::new("", format!("{} is no mode", quoted(text))))),
        _ => Err(fault(wrong_type(found, "a mode"))),
    }
}

/// Whether a mode has only what chmod(1) gives to user, group and others.
pub(super) fn check_mode(value: Mode) -> Result<(), Fault> {
    if limits::SOCKET_MODE.contains(&value.0) {
        return Ok(());
    }
    Err(Fault::new("", format!("{value} is out of range")).allowed(MODE_FORM))
}

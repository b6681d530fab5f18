//! The texts of health checks: fields `X-Key: value` and amounts `2`, `25%`.

use std::fmt;

use toml::de::DeValue;

use super::as_text::as_text;
use super::fault::quoted;
use super::items::Item;
use super::texts::{self, Alphabet};
use super::value::{integer, wrong_type};
use crate::fault::Fault;
use crate::limits::{AMOUNT_MAX, CHECK_FIELDS_MAX};
use crate::model::{Amount, CheckField};

/// What is allowed for an amount, by example.
pub(super) const AMOUNT_FORM: &str = "a number of backends up to 10000, or a part as in \"25%\", up to \"100%\"";

/// Fields that a probe writes itself.
const OWN_FIELDS: [&str; 7] =
    ["host", "connection", "content-length", "transfer-encoding", "x-poise-check", "te", "upgrade"];

impl Item for CheckField {
    const FORM: &'static str = "fields as in [\"X-Key: value\"], up to 20";
    const ITEMS_MAX: usize = CHECK_FIELDS_MAX;

    fn of(text: &str) -> Result<Self, Fault> {
        let fault = || Fault::new("", format!("{} has no : behind a name", quoted(text))).allowed(Self::FORM);
        let (name, value) = text.split_once(':').ok_or_else(fault)?;
        let field = Self { name: name.trim().to_owned(), value: value.trim().to_owned() };
        field.check().map(|()| field)
    }

    fn check(&self) -> Result<(), Fault> {
        texts::check(&self.name, Alphabet::FieldName)?;
        if OWN_FIELDS.iter().any(|own| self.name.eq_ignore_ascii_case(own)) {
            let fault = Fault::new("", format!("probes write {} themselves", quoted(&self.name)));
            return Err(fault.hint("use host for the name, send for a body"));
        }
        texts::check(&self.value, Alphabet::FieldValue)
    }

    fn clashes(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl fmt::Display for CheckField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// Reads an amount.
pub(super) fn read_amount(found: &DeValue<'_>) -> Result<Amount, Fault> {
    match found {
        DeValue::String(text) => amount(text),
        _ => match integer(found).map(u16::try_from) {
            Some(number) => number.map(Amount::Number).map_err(|_| outside()),
            None => Err(wrong_type(found, "an amount").allowed(AMOUNT_FORM)),
        },
    }
}

/// Whether an amount lies within its range.
pub(super) fn check_amount(value: Amount) -> Result<(), Fault> {
    match value {
        Amount::Number(0..=AMOUNT_MAX) | Amount::Percent(0..=100) => Ok(()),
        Amount::Number(_) | Amount::Percent(_) => Err(outside()),
    }
}

/// An amount as TOML: a number, or a text.
pub(super) fn show_amount(value: Amount) -> String {
    match value {
        Amount::Number(number) => number.to_string(),
        Amount::Percent(_) => format!("\"{value}\""),
    }
}

/// An amount from its text.
fn amount(text: &str) -> Result<Amount, Fault> {
    let read = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(Amount::Percent),
        None => text.trim().parse().ok().map(Amount::Number),
    };
    let found = read.ok_or_else(|| Fault::new("", format!("{} is no amount", quoted(text))).allowed(AMOUNT_FORM))?;
    check_amount(found).map(|()| found)
}

fn outside() -> Fault {
    Fault::new("", "the amount is out of range").allowed(AMOUNT_FORM)
}

as_text!(CheckField: Item::of, Amount: amount);

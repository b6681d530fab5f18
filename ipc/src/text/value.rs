//! Single values: how each type of the model is read from TOML, checked and written.
//!
//! What may stand there (`Kind`) is data of the field table; a type with its kind knows the rest.
//! Faults leave here without path and place: the reader adds both.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::fault::quoted;
use super::texts::Alphabet;
use super::words::{self, Word};
use super::{address, checks, codes, duration, networks, numbers, texts};
use crate::Name;
use crate::fault::Fault;
use crate::limits::NAME_LEN_MAX;
use crate::model::{Address, Amount, Bandwidth, Bind, ByteSize, CodeRange, Count, Mode, NetworkRule, RedirectStatus};

/// What may stand in a setting.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A whole number.
    Integer(RangeInclusive<u16>),
    /// A duration, in milliseconds.
    Duration(RangeInclusive<u32>),
    /// One of a few words, listed by the function.
    Word(fn() -> String),
    /// How many of something.
    Count(RangeInclusive<Count>),
    /// Bits per second.
    Bandwidth(RangeInclusive<Bandwidth>),
    /// Bytes.
    Size(RangeInclusive<ByteSize>),
    /// The status code of a redirect.
    RedirectStatus,
    /// Texts of a form.
    Items(&'static str),
    /// The mode of a file.
    Mode,
    /// Yes or no.
    Flag,
    /// Where a listener accepts.
    Bind,
    /// Where a backend listens.
    Address,
    /// Networks, each with a comment.
    Networks,
    /// A name.
    Name,
    /// A text with an alphabet.
    Text(Alphabet),
    /// Status codes.
    Codes,
    /// How many of the backends.
    Amount,
}

impl Kind {
    /// The kind of a word of type `W`.
    pub(super) const fn word<W: Word>() -> Self {
        Self::Word(words::allowed::<W>)
    }

    /// What is allowed, in a line.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Integer(range) => format!("{} to {}", range.start(), range.end()),
            Self::Duration(range) => duration::range_text(range),
            Self::Word(list) => list(),
            Self::Count(range) => format!("{} to {}", range.start(), range.end()),
            Self::Bandwidth(range) => format!("{} to {}", range.start(), range.end()),
            Self::Size(range) => format!("{} to {}", range.start(), range.end()),
            Self::RedirectStatus => numbers::REDIRECT_FORM.to_owned(),
            Self::Items(form) => (*form).to_owned(),
            Self::Mode => numbers::MODE_FORM.to_owned(),
            Self::Flag => "true, false".to_owned(),
            Self::Bind => address::BIND_FORM.to_owned(),
            Self::Address => address::ADDRESS_FORM.to_owned(),
            Self::Networks => networks::FORM.to_owned(),
            Self::Name => format!("1 to {NAME_LEN_MAX} letters, digits, - and _, starting with a letter or digit"),
            Self::Text(alphabet) => alphabet.allowed(),
            Self::Codes => codes::FORM.to_owned(),
            Self::Amount => checks::AMOUNT_FORM.to_owned(),
        }
    }
}

/// A type that can be the value of a setting.
pub(crate) trait Value: Sized {
    /// Reads and checks a value.
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault>;
    /// Whether a value that was made elsewhere may stand there.
    fn check(&self, kind: &Kind) -> Result<(), Fault>;
    /// The value as TOML text; `None` when it is absent.
    fn show(&self) -> Option<String>;
}

impl Value for u16 {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        let Some(number) = integer(found) else {
            let fault = wrong_type(found, "a whole number").allowed(kind.allowed());
            return Err(match found {
                DeValue::String(text) if text.parse::<Self>().is_ok() => fault.hint(format!("write {text}")),
                _ => fault,
            });
        };
        let outside = || Fault::new("", format!("{number} is out of range")).allowed(kind.allowed());
        let value = Self::try_from(number).map_err(|_| outside())?;
        value.check(kind).map(|()| value)
    }

    fn check(&self, kind: &Kind) -> Result<(), Fault> {
        match kind {
            Kind::Integer(range) if !range.contains(self) => {
                Err(Fault::new("", format!("{self} is out of range")).allowed(kind.allowed()))
            }
            _ => Ok(()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Numbers of 32 bits are durations in milliseconds throughout the model.
impl Value for u32 {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        let DeValue::String(text) = found else {
            let fault = wrong_type(found, "a duration").allowed(kind.allowed());
            return Err(match integer(found) {
                Some(number) => fault.hint(format!("write \"{number}s\"")),
                None => fault.hint("write it as in \"2s\""),
            });
        };
        match kind {
            Kind::Duration(range) => duration::read(text, range),
            _ => duration::read(text, &(0..=Self::MAX)),
        }
    }

    fn check(&self, kind: &Kind) -> Result<(), Fault> {
        match kind {
            Kind::Duration(range) => duration::check(*self, range),
            _ => Ok(()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", duration::duration_text(*self)))
    }
}

impl<W: Word> Value for W {
    fn read(found: &DeValue<'_>, _kind: &Kind) -> Result<Self, Fault> {
        words::read(found)
    }

    fn check(&self, _kind: &Kind) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.word()))
    }
}

/// A type whose reading, checking and text are functions of a module of its own.
macro_rules! values {
    ($($kind:ty { $read:expr, $check:expr, $show:expr })+) => {$(
        impl Value for $kind {
            fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
                let value: Self = $read(found)?;
                value.check(kind).map(|()| value)
            }

            fn check(&self, kind: &Kind) -> Result<(), Fault> {
                $check(self, kind)
            }

            fn show(&self) -> Option<String> {
                Some($show(self))
            }
        }
    )+};
}

values! {
    bool { numbers::read_flag, |_, _| Ok(()), ToString::to_string }
    Count { numbers::read_count, |value: &_, kind| numbers::check_count(*value, kind), ToString::to_string }
    Bandwidth { numbers::read_bandwidth, |value: &_, kind| numbers::check_bandwidth(*value, kind), |value| format!("\"{value}\"") }
    ByteSize { numbers::read_size, |value: &_, kind| numbers::check_size(*value, kind), |value| format!("\"{value}\"") }
    RedirectStatus { numbers::read_redirect, |value: &_, _| numbers::check_redirect(*value), |value: &Self| value.0.to_string() }
    Amount { checks::read_amount, |value: &_, _| checks::check_amount(*value), |value: &_| checks::show_amount(*value) }
    Mode { numbers::read_mode, |value: &_, _| numbers::check_mode(*value), |value| format!("\"{value}\"") }
    Bind { address::read_bind, |value, _| address::check_bind(value), |value| format!("\"{value}\"") }
    Address { address::read_address, |value, _| address::check_address(value), |value| format!("\"{value}\"") }
    Vec<NetworkRule> { networks::read, |value: &[_], _| networks::check(value), |value: &[_]| networks::text(value) }
    Vec<CodeRange> { codes::read, |value: &[_], _| codes::check(value), |value: &[_]| codes::text(value) }
}

impl Value for Name {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        let DeValue::String(text) = found else {
            let fault = wrong_type(found, "a name").allowed(kind.allowed());
            return Err(match integer(found) {
                Some(number) => fault.hint(format!("write \"{number}\"")),
                None => fault,
            });
        };
        let fault = |error| Fault::new("", format!("{} is no name: {error}", quoted(text))).allowed(kind.allowed());
        Self::new(text).map_err(fault)
    }

    fn check(&self, _kind: &Kind) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl Value for String {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        let DeValue::String(text) = found else {
            let fault = wrong_type(found, "a text").allowed(kind.allowed());
            return Err(match integer(found) {
                Some(number) => fault.hint(format!("write \"{number}\"")),
                None => fault,
            });
        };
        let text: Self = text.as_ref().to_owned();
        text.check(kind).map(|()| text)
    }

    fn check(&self, kind: &Kind) -> Result<(), Fault> {
        match kind {
            Kind::Text(alphabet) => texts::check(self, *alphabet),
            _ => Ok(()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quote(self))
    }
}

impl<V: Value> Value for Option<V> {
    fn read(found: &DeValue<'_>, kind: &Kind) -> Result<Self, Fault> {
        V::read(found, kind).map(Some)
    }

    fn check(&self, kind: &Kind) -> Result<(), Fault> {
        self.as_ref().map_or(Ok(()), |value| value.check(kind))
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(V::show)
    }
}

/// A text without control characters as a TOML string.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The number, if a TOML integer was found that 64 bits hold.
pub(super) fn integer(found: &DeValue<'_>) -> Option<i64> {
    let integer = found.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A value of another type than `due`.
pub(super) fn wrong_type(found: &DeValue<'_>, due: &str) -> Fault {
    let shown = match found {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    Fault::new("", format!("{shown} stands where {due} is due"))
}

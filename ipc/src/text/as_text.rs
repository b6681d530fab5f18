//! Types that are one text wherever they stand: in configurations, on the wire, on command lines.
//!
//! Each is named with the function that reads it; `Display` writes it. Used by `model` and `routes`.

/// Reads the types from their text with the function behind each, and writes them with `Display`;
/// serde's `try_from` and `into` are met by it.
macro_rules! as_text {
    ($($kind:ty: $read:path),+ $(,)?) => {$(
        impl std::str::FromStr for $kind {
            type Err = $crate::fault::Fault;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $read(text)
            }
        }

        impl TryFrom<String> for $kind {
            type Error = $crate::fault::Fault;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )+};
}

pub(crate) use as_text;

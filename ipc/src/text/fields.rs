//! Every setting of a configuration, each defined once.
//!
//! Order matters twice: settings are printed in it, and `protocol` and `kind` are read before the
//! settings whose defaults or meaning hang on them.

mod backend;
mod bounds;
mod check;
mod group;
mod listener;
mod persistence;
mod route;
mod tls;

/// A setting that is a member of its object: `object.member`, its kind, its default and meaning.
macro_rules! field {
    ($key:literal, $object:ident.$($member:ident).+, $kind:expr, $standard:expr, $doc:literal) => {
        Field {
            standard: Some(Standard {
                holds: |$object| $object.$($member).+ == $standard,
                reset: |$object| $object.$($member).+ = $standard,
            }),
            ..field!($key, $object.$($member).+, $kind, $doc)
        }
    };
    ($key:literal, $object:ident.$($member:ident).+, $kind:expr, $doc:literal) => {
        Field {
            key: $key,
            kind: $kind,
            doc: $doc,
            read: |$object, found, kind| {
                $object.$($member).+ = Value::read(found, kind)?;
                Ok(())
            },
            check: |$object, kind| $object.$($member).+.check(kind),
            show: |$object| $object.$($member).+.show(),
            standard: None,
        }
    };
}
use field;

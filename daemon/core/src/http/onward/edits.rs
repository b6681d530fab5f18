//! What a route changes of the fields of a message.
//!
//! Names were checked with the configuration; here nothing is judged. Used by `onward` and `told`.

use poise_ipc::model::HeaderEdit;

use super::field;
use crate::http::fields::is_dashed;

/// Whether a field of this name does not pass as it came.
pub(super) fn replaces(edits: &[HeaderEdit], name: &[u8]) -> bool {
    edits.iter().any(|edit| match edit {
        HeaderEdit::Set(edited, _) | HeaderEdit::Remove(edited) => is_dashed(name, edited),
        HeaderEdit::Add(..) => false,
    })
}

/// The fields that a route gives a message.
pub(super) fn write_edits(edits: &[HeaderEdit], out: &mut Vec<u8>) {
    for edit in edits {
        match edit {
            HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => {
                field(out, name.as_bytes(), value.as_bytes());
            }
            HeaderEdit::Remove(_) => {}
        }
    }
}

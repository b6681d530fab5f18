//! The head of a response for a client that takes it field by field, as HTTP/2 does.
//!
//! It says what the text says that `onward` writes, by the same rules. Called by the daemon's
//! `l7/h2`.

use super::Returned;
use super::edits::write_edits;
use crate::http::fields::Class;
use crate::http::framing::Framing;
use crate::http::response::ResponseHead;
use crate::http::store::Field;

impl<'b> ResponseHead<'_, 'b> {
    /// Name and value of what [`ResponseHead::write`] keeps, for a client that is told framing and
    /// connection in another way: with the length of the body where that is known, without chunks.
    pub fn kept(&self, returned: Returned<'_>) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        let is_kept = move |class, header: Field<'_>| match class {
            Class::TransferEncoding => false,
            Class::ContentLength if matches!(self.framing, Framing::Length(_)) => true,
            _ => self.passes(class, header, returned),
        };
        let kept = self.fields.iter().filter(move |(class, header)| is_kept(*class, *header));
        kept.map(|(_, header)| (header.name, header.value))
    }

    /// Appends the lines that [`ResponseHead::write`] adds: those of the route, and the cookie that
    /// binds.
    pub fn write_additions(&self, returned: Returned<'_>, out: &mut Vec<u8>) {
        write_edits(returned.edits, out);
        self.write_binding(returned.binding, out);
    }
}

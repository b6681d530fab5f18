//! The chunked transfer coding, followed without leniency.
//!
//! Refused: sizes that are not 1 to 16 hexadecimal digits, chunk extensions, white space round the
//! size, any line end but CR LF, and trailers that could change framing, routing or identity of the
//! message when somebody merges them into the head. Bytes pass as they are. Called by `framing`.

use super::fields::{Class, is_token_byte};
use super::refusal::Refusal;

/// Hexadecimal digits of a chunk size: a u64 has 16.
const SIZE_DIGITS_MAX: u8 = 16;
/// Largest chunk: parsers that count in signed integers must agree with those that do not.
const CHUNK_LEN_MAX: u64 = i64::MAX as u64;
/// Bytes of all trailers of one message, line ends included.
pub const TRAILERS_LEN_MAX: u32 = 8 << 10;
/// Trailers of one message: more than any has.
const TRAILERS_MAX: u8 = 100;
/// Bytes of a trailer's name that are kept: more than any name that is refused has.
const NAME_KEPT: usize = 24;

/// Follows one chunked body.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    step: Step,
    /// Bytes of the chunk that are still to come; once the coding is broken, where.
    left: u64,
    digits: u8,
    /// Bytes of data that may still be announced; any number without.
    room: Option<u64>,
    /// There from the first byte of the first trailer on: most messages have none.
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Size,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    EndLf,
    Complete,
}

/// What some bytes of a chunked body are, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Sizes and line ends.
    Framing(usize),
    /// Data of a chunk.
    Data(usize),
    /// Trailer lines; the last may be the first half of a line end.
    Trailers(usize),
}

impl Chunks {
    /// Of a body whose data may have so many bytes.
    pub fn within(bytes_max: Option<u64>) -> Self {
        Self { room: bytes_max, ..Self::default() }
    }

    /// Takes the next bytes and returns how many belong to the body; fewer than all means complete.
    ///
    /// # Errors
    /// [`Refusal`] at the first byte that breaks the coding.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() && self.step != Step::Complete {
            if self.step == Step::Data {
                let taken = usize::try_from(self.left).map_or(bytes.len() - at, |left| left.min(bytes.len() - at));
                self.left -= taken as u64;
                at += taken;
                if self.left == 0 {
                    self.step = Step::DataCr;
                }
            } else {
                self.byte(bytes[at]).inspect_err(|_| self.left = at as u64)?;
                at += 1;
            }
        }
        Ok(at)
    }

    /// As [`Chunks::push`], for a reader that knows no chunks: moves the data among the bytes to
    /// their beginning. Returns how many bytes were taken, and how many of data there are.
    ///
    /// # Errors
    /// As [`Chunks::push`].
    pub fn push_bare(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), Refusal> {
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() && self.step != Step::Complete {
            let run = self.run(&bytes[at..]);
            at += match run {
                Ok(Run::Data(len)) => {
                    bytes.copy_within(at..at + len, kept);
                    kept += len;
                    len
                }
                Ok(Run::Framing(len) | Run::Trailers(len)) => len,
                Err(refusal) => {
                    self.left += at as u64;
                    return Err(refusal);
                }
            };
        }
        Ok((at, kept))
    }

    /// Which of the bytes pushed last broke the coding, counted from 0.
    pub fn broken_at(&self) -> u64 {
        self.left
    }

    /// Takes the next bytes of one kind, of a body that is not complete: at least one of them.
    ///
    /// # Errors
    /// [`Refusal`] at the first byte that breaks the coding.
    pub fn run(&mut self, bytes: &[u8]) -> Result<Run, Refusal> {
        if self.step == Step::Data {
            let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            return self.push(&bytes[..len]).map(Run::Data);
        }
        let in_trailers = self.step == Step::Trailers;
        let mut at = 0;
        while at < bytes.len() && !matches!(self.step, Step::Data | Step::Complete) {
            if (self.step == Step::Trailers) != in_trailers {
                break;
            }
            self.byte(bytes[at]).inspect_err(|_| self.left = at as u64)?;
            at += 1;
        }
        Ok(if in_trailers { Run::Trailers(at) } else { Run::Framing(at) })
    }

    /// Whether data of a chunk is next.
    pub fn is_at_data(&self) -> bool {
        self.step == Step::Data
    }

    /// Whether the last chunk and the trailers have been pushed.
    pub fn is_complete(&self) -> bool {
        self.step == Step::Complete
    }

    fn byte(&mut self, byte: u8) -> Result<(), Refusal> {
        self.step = match (self.step, byte) {
            (Step::Size, b'\r') if self.digits > 0 => Step::SizeLf,
            (Step::Size, _) => self.size_digit(byte)?,
            (Step::SizeLf, b'\n') => {
                self.digits = 0;
                if let Some(room) = &mut self.room {
                    *room = room.checked_sub(self.left).ok_or(Refusal::BodyTooLarge)?;
                }
                if self.left == 0 { Step::Trailers } else { Step::Data }
            }
            (Step::SizeLf, _) => return Err(Refusal::ChunkSize),
            (Step::DataCr, b'\r') => Step::DataLf,
            (Step::DataLf, b'\n') => Step::Size,
            (Step::Trailers, b'\r') if self.trailers.is_none() => Step::EndLf,
            (Step::Trailers, _) => {
                let ended = self.trailers.get_or_insert_default().byte(byte)?;
                if ended { Step::EndLf } else { Step::Trailers }
            }
            (Step::EndLf, b'\n') => Step::Complete,
            (Step::EndLf, _) => return Err(Refusal::LineEnd),
            (Step::DataCr | Step::DataLf | Step::Data | Step::Complete, _) => return Err(Refusal::ChunkEnd),
        };
        Ok(())
    }

    fn size_digit(&mut self, byte: u8) -> Result<Step, Refusal> {
        let digit = char::from(byte).to_digit(16).ok_or(Refusal::ChunkSize)?;
        if self.digits == SIZE_DIGITS_MAX {
            return Err(Refusal::ChunkSize);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        if self.left > CHUNK_LEN_MAX { Err(Refusal::ChunkSize) } else { Ok(Step::Size) }
    }
}

/// Follows the trailer section: fields as in a head, bounded, and none that a head alone may hold.
#[derive(Clone, Debug, Default)]
struct Trailers {
    part: Part,
    len: u32,
    fields: u8,
    name: [u8; NAME_KEPT],
    name_len: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    LineStart,
    Name,
    Value,
    ValueLf,
}

impl Trailers {
    /// Takes one byte; true when it is the CR of the line that ends the section.
    fn byte(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.len += 1;
        if self.len > TRAILERS_LEN_MAX {
            return Err(Refusal::Trailer);
        }
        self.part = match (self.part, byte) {
            (Part::ValueLf, b'\n') => Part::LineStart,
            (Part::ValueLf, _) => return Err(Refusal::LineEnd),
            (Part::LineStart, b'\r') => return Ok(true),
            (Part::LineStart, _) => {
                self.begin_field()?;
                self.name_byte(byte)?
            }
            (Part::Name, b':') => self.name_ends()?,
            (Part::Name, _) => self.name_byte(byte)?,
            (Part::Value, b'\r') => Part::ValueLf,
            (Part::Value, b'\t' | b' '..=b'~' | 0x80..) => Part::Value,
            (Part::Value, _) => return Err(Refusal::Control),
        };
        Ok(false)
    }

    fn begin_field(&mut self) -> Result<(), Refusal> {
        self.name_len = 0;
        self.fields += 1;
        if self.fields > TRAILERS_MAX { Err(Refusal::Trailer) } else { Ok(()) }
    }

    fn name_byte(&mut self, byte: u8) -> Result<Part, Refusal> {
        if !is_token_byte(byte) {
            return Err(Refusal::Trailer);
        }
        if let Some(kept) = self.name.get_mut(self.name_len) {
            *kept = byte;
        }
        self.name_len += 1;
        Ok(Part::Name)
    }

    fn name_ends(&self) -> Result<Part, Refusal> {
        match self.name.get(..self.name_len).map(Class::of) {
            None | Some(Class::Plain | Class::SetCookie) => Ok(Part::Value),
            Some(_) => Err(Refusal::Trailer),
        }
    }
}

//! The binary form of what log entries and checkpoints carry.
//!
//! Written by hand, without a serialisation framework, because it is a file format: every byte is
//! in `docs/FORMAT.md`, and no change of a type changes it unnoticed. An encoded value begins with
//! the version of this codec and is then a plain sequence of fields: integers little-endian or
//! LEB128, vectors as the raw little-endian `f32` they are in memory (one copy, no loop over
//! components), payloads in the packed form of [`model::packed`].
//!
//! Decoding checks everything (lengths before allocating, names, depths, that nothing is left
//! over) and never panics, whatever the bytes.

mod attachment;
mod catalog;
mod filter;
mod payload;
mod primitives;
mod quantization;
mod schema;
mod state;
mod term;
mod text;
mod vector;
mod write_op;

use bytes::Bytes;
use model::Error;

pub use catalog::{CatalogChange, CatalogState, SnapshotEntry};
pub use primitives::{DecodeError, Reader, Writer};
pub use state::{CollectionState, PartEntry, PartRole, SegmentEntry};

/// Version of the encoding, the first byte of every encoded value.
pub const VERSION: u8 = 1;

/// A type with a binary form.
pub trait Codec: Sized {
    /// Appends the binary form.
    ///
    /// # Errors
    /// `Invalid` when the value is nested too deeply or larger than the format can say.
    fn encode(&self, out: &mut Writer) -> Result<(), Error>;

    /// Reads it back.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a value.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// The bytes of `value`, version first.
///
/// # Errors
/// As [`Codec::encode`].
pub fn to_bytes<T: Codec>(value: &T) -> Result<Bytes, Error> {
    let mut out = Writer::default();
    out.u8(VERSION);
    value.encode(&mut out)?;
    Ok(out.into_bytes())
}

/// The value that [`to_bytes`] wrote.
///
/// # Errors
/// [`DecodeError`] when `bytes` are of a newer version, malformed, or longer than the value.
pub fn from_bytes<T: Codec>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut input = Reader::new(bytes);
    if input.u8()? != VERSION {
        return Err(input.malformed("a version that this build reads"));
    }
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}

impl<T: Codec> Codec for Vec<T> {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.length(self.len());
        self.iter().try_for_each(|value| value.encode(out))
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // Every element takes a byte at least, so a forged count cannot make this allocate more
        // elements than there are bytes; growing by pushes bounds it by what is really there.
        let count = input.length()?;
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::decode(input)?);
        }
        Ok(values)
    }
}

impl<T: Codec> Codec for Option<T> {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u8(u8::from(self.is_some()));
        self.as_ref().map_or(Ok(()), |value| value.encode(out))
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(None),
            1 => T::decode(input).map(Some),
            _ => Err(input.malformed("absent or present")),
        }
    }
}

impl<A: Codec, B: Codec> Codec for (A, B) {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.0.encode(out)?;
        self.1.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((A::decode(input)?, B::decode(input)?))
    }
}

#[cfg(test)]
mod tests;

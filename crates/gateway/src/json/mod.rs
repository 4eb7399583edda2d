//! JSON bodies, read fast.
//!
//! Most of the processor time of an ingest, and much of that of a small search, goes into turning
//! decimal digits into floats. [`read`] is a reader for valid input that does this several times
//! faster than `serde_json` does and rounds exactly, which `serde_json` does not by default. It
//! has no error messages: whatever it does not accept is read again by `serde_json`, whose
//! messages say line and column.
//!
//! | module | what is in it |
//! |---|---|
//! | `ahead` | lists of numbers, read apart from their body |
//! | `number` | digits to numbers |
//! | `reader` | the serde deserializer; `ready` is its part for lists that were read ahead |
//! | `scan` | the bytes of a body: white space, literals, strings |

mod ahead;
mod number;
mod reader;
mod scan;
#[cfg(test)]
mod tests;

pub use ahead::{Ahead, Piece};

use serde::de::DeserializeOwned;

/// The name of the newtype as which a type asks for a list of numbers. Its visitor is given either
/// all of them at once, as the bytes of `f32` in the order of the machine, or, as every serde
/// deserializer does it, the newtype.
pub const NUMBERS: &str = "$skerry::numbers";

/// The numbers of the bytes that a visitor of [`NUMBERS`] was given.
pub fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks();
    numbers
        .iter()
        .map(|bytes| f32::from_ne_bytes(*bytes))
        .collect()
}

/// `body` as a `T`.
///
/// # Errors
/// As `serde_json` reports them, when `body` is no JSON or no `T`.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    read_with(body, None)
}

/// As [`read`], of a body of which `ahead` has read some lists; it must have been given the very
/// same bytes.
pub(crate) fn read_with<T: DeserializeOwned>(
    body: &[u8],
    ahead: Option<&Ahead>,
) -> Result<T, serde_json::Error> {
    match reader::read(body, ahead) {
        Some(value) => Ok(value),
        None => serde_json::from_slice(body),
    }
}

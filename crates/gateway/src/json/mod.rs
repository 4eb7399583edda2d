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
//! | `number` | digits to numbers |
//! | `reader` | the serde deserializer |
//! | `scan` | the bytes of a body: white space, literals, strings |

mod number;
mod reader;
mod scan;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

/// `body` as a `T`.
///
/// # Errors
/// As `serde_json` reports them, when `body` is no JSON or no `T`.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    match reader::read(body) {
        Some(value) => Ok(value),
        None => serde_json::from_slice(body),
    }
}

//! Bytes that callers keep with a collection under keys of their own.

use alloc::boxed::Box;
use core::fmt;

use crate::Error;

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

/// What an attachment is found by, unique in its collection; any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentKey(Box<str>);

impl AttachmentKey {
    /// # Errors
    /// `Invalid` when empty or too long.
    pub fn new(key: &str) -> Result<Self, Error> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Error::invalid(alloc::format!(
                "the key of an attachment must have 1 to {KEY_BYTES_MAX} bytes, got {}",
                key.len()
            )));
        }
        Ok(Self(key.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attachment as a collection names it; the bytes lie in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Of the file that holds the bytes; no other file ever has it.
    pub file: u128,
    /// Length in bytes.
    pub bytes: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
}

/// Which bytes of an attachment are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AttachmentRange {
    /// The first, at most the length of all.
    pub offset: u64,
    /// So many, or those that there are; `None`: all from `offset` on.
    pub length: Option<u64>,
}

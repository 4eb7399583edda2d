//! Keys of objects: validated once, then trusted everywhere.

use std::fmt;

use thiserror::Error;

/// Most bytes of a key. Every store we know takes 1024; the rest is room for a bucket prefix.
const KEY_BYTES_MAX: usize = 512;
/// Most bytes between two slashes: the limit of a file name on common file systems.
const SEGMENT_BYTES_MAX: usize = 200;

/// The name of one object: segments joined by `/`, such as `coll/a/log/00000000000000000001`.
///
/// A segment is 1 to 200 of the characters `A-Z a-z 0-9 _ - .`, not starting with a dot; the whole
/// is at most 512 bytes. So a key is at once a valid object name, a URL path and a relative file
/// path that cannot leave its directory. Keys are ordered by their bytes, as listings are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(Box<str>);

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// More bytes than a key may have.
    #[error("a key of {0} bytes is longer than 512")]
    TooLong(usize),
    /// A segment is empty, too long, or starts with a dot.
    #[error("`{0}` is not a segment of a key")]
    Segment(String),
    /// A character outside `A-Z a-z 0-9 _ - .`.
    #[error("a key must not contain {0:?}")]
    Character(char),
}

fn check_segment(segment: &str) -> Result<(), KeyError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some(c) = segment.chars().find(|&c| !allowed(c)) {
        return Err(KeyError::Character(c));
    }
    if segment.is_empty() || segment.len() > SEGMENT_BYTES_MAX || segment.starts_with('.') {
        return Err(KeyError::Segment(segment.into()));
    }
    Ok(())
}

impl BlobKey {
    /// Checks `text`.
    ///
    /// # Errors
    /// A [`KeyError`] naming the first thing that is wrong.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.len() > KEY_BYTES_MAX {
            return Err(KeyError::TooLong(text.len()));
        }
        text.split('/').try_for_each(check_segment)?;
        Ok(Self(text.into()))
    }

    /// This key followed by `/` and `rest`, itself one or more segments.
    ///
    /// # Errors
    /// A [`KeyError`] when the result is not a key.
    pub fn join(&self, rest: &str) -> Result<Self, KeyError> {
        Self::new(&format!("{}/{rest}", self.0))
    }

    /// `{self}/{folder}/{number:020}`: twenty digits hold every `u64`, so that listings are in
    /// numeric order.
    pub(crate) fn numbered(&self, folder: &str, number: u64) -> Self {
        Self(format!("{}/{folder}/{number:020}", self.0).into())
    }

    /// The prefix that lists everything in the folder `{self}/{folder}`.
    pub(crate) fn folder(&self, folder: &str) -> String {
        format!("{}/{folder}/", self.0)
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last slash.
    pub fn last_segment(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The number that [`Self::numbered`] put into the last segment, or none if it is not one.
    pub(crate) fn number(&self) -> Option<u64> {
        let digits = self.last_segment();
        (digits.len() == 20).then(|| digits.parse().ok()).flatten()
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_that_could_leave_the_directory_or_collide_are_refused() {
        for bad in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".lock", "a/.b", "a b", "a\\b", "ä",
        ] {
            assert!(BlobKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(BlobKey::new(&"a/".repeat(300)).is_err());
        assert!(BlobKey::new(&"a".repeat(201)).is_err());
        for good in ["a", "a/b.c_d-E/0", "a..b"] {
            assert_eq!(BlobKey::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn numbers_survive_the_name_and_sort_as_numbers() {
        let shard = BlobKey::new("coll/x").unwrap();
        assert_eq!(shard.numbered("log", 7).number(), Some(7));
        assert_eq!(shard.numbered("log", u64::MAX).number(), Some(u64::MAX));
        assert!(shard.numbered("log", 9) < shard.numbered("log", 10));
        assert_eq!(shard.number(), None);
    }
}

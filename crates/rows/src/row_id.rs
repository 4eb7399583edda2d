//! The position of a row inside its segment.

use core::fmt;

/// A position in one segment: `0..rows`. Means nothing outside that segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RowId(pub u32);

impl RowId {
    /// The position as an index into a slice.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<u32> for RowId {
    #[inline]
    fn from(position: u32) -> Self {
        Self(position)
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.0)
    }
}

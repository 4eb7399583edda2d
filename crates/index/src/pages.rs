//! Rows that are not all in memory.

use core::fmt;

/// The bytes of a matrix, of which some are at hand.
///
/// A search runs from its beginning to its end and waits for nothing. Where it asks for bytes that
/// are not at hand it is given zeros, and whoever keeps the pages remembers what was asked for.
/// Once that is at hand, the search is run again; its answer counts when it asked for nothing else.
pub trait Pages: fmt::Debug + Send + Sync {
    /// Bytes in all, at hand or not.
    fn bytes_len(&self) -> usize;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Panics
    /// When there are not so many.
    fn read(&self, offset: usize, into: &mut [u8]);
}

//! Byte buffers that start on a cache line, and typed views of bytes.

use std::borrow::Cow;

use bytes::Bytes;

use crate::open_error::OpenError;

/// A cache line, and the widest vector register: rows that start on one are read without splits.
pub(crate) const LINE_BYTES: usize = 64;

/// A growable zeroed byte buffer whose first byte lies on a cache line.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlignedBytes {
    // Over-allocated by a line; the first `start` bytes are skipped.
    raw: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    pub(crate) fn zeroed(len: usize) -> Self {
        let raw = vec![0; len + LINE_BYTES];
        let start = raw.as_ptr().align_offset(LINE_BYTES).min(LINE_BYTES);
        Self { raw, start, len }
    }

    /// Makes room for `len` bytes; what they hold afterwards is unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.raw.len() < len + LINE_BYTES {
            *self = Self::zeroed(len);
        }
        self.len = len;
    }

    /// The buffer as shared bytes, still aligned.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from(self.raw).slice(self.start..self.start + self.len)
    }
}

impl std::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.raw[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.raw[self.start..self.start + self.len]
    }
}

/// Bytes that can be viewed as 32-bit little-endian numbers: the very same bytes where the
/// processor allows it, else a copy made once.
pub(crate) fn viewable(bytes: Bytes) -> Result<Bytes, OpenError> {
    if !bytes.len().is_multiple_of(4) {
        return Err(OpenError::Length {
            what: "numbers",
            bytes: bytes.len(),
        });
    }
    if cfg!(target_endian = "little") && bytemuck::try_cast_slice::<u8, u32>(&bytes).is_ok() {
        return Ok(bytes);
    }
    let mut copy = AlignedBytes::zeroed(bytes.len());
    for (place, word) in copy.chunks_exact_mut(4).zip(bytes.chunks_exact(4)) {
        let word: [u8; 4] = word.try_into().expect("chunks of four");
        place.copy_from_slice(&u32::from_le_bytes(word).to_ne_bytes());
    }
    Ok(copy.into_bytes())
}

/// Little-endian bytes of numbers, borrowed where the processor is little-endian.
pub(crate) fn le_bytes(words: &[u32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return Cow::Borrowed(bytemuck::cast_slice(words));
    }
    Cow::Owned(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

/// `len` rounded up to whole cache lines.
pub(crate) fn whole_lines(len: usize) -> usize {
    len.next_multiple_of(LINE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_on_a_line_and_stay_there_as_bytes() {
        for len in [0, 1, 64, 1000] {
            let mut buffer = AlignedBytes::zeroed(len);
            assert_eq!(buffer.as_ptr() as usize % LINE_BYTES, 0);
            buffer.fill(7);
            let bytes = buffer.into_bytes();
            assert_eq!(bytes.len(), len);
            assert!(len == 0 || (bytes.as_ptr() as usize).is_multiple_of(LINE_BYTES));
            assert!(bytes.iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn misaligned_numbers_are_copied_and_ragged_ones_refused() {
        let mut raw = AlignedBytes::zeroed(9);
        raw[1..5].copy_from_slice(&1_u32.to_le_bytes());
        raw[5..9].copy_from_slice(&2_u32.to_le_bytes());
        let bytes = raw.into_bytes();
        let view = viewable(bytes.slice(1..)).unwrap();
        assert_eq!(bytemuck::cast_slice::<u8, u32>(&view), [1, 2]);
        assert!(viewable(bytes).is_err());
    }
}

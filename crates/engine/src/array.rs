//! Arrays of numbers that live in bytes: read in place, never copied when they are aligned.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::Pod;
use bytes::Bytes;

// Stored numbers are little-endian and are read by reinterpreting their bytes. Every target of
// Skerry (x86-64, AArch64, wasm32) is little-endian; another one must fail to compile, not to read.
const _: () = assert!(cfg!(target_endian = "little"));

/// A cache line: rows of vectors that start on one are read without splits.
const LINE_BYTES: usize = 64;

/// An immutable array of numbers over shared bytes.
#[derive(Clone)]
pub(crate) struct Array<T> {
    // Always a whole number of `T`, aligned for it.
    bytes: Bytes,
    element: PhantomData<T>,
}

/// Lets a vector of numbers own the bytes that it is.
struct Owner<T>(Vec<T>);

impl<T: Pod> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<T: Pod + Send> Array<T> {
    /// Views `bytes`; copies them once when they are not aligned for `T`. `None` when they are not
    /// a whole number of `T`.
    pub(crate) fn open(bytes: Bytes) -> Option<Self> {
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        if bytemuck::try_cast_slice::<u8, T>(&bytes).is_ok() {
            return Some(Self {
                bytes,
                element: PhantomData,
            });
        }
        Some(bytemuck::pod_collect_to_vec::<u8, T>(&bytes).into())
    }

    /// The numbers.
    pub(crate) fn as_slice(&self) -> &[T] {
        bytemuck::cast_slice(&self.bytes)
    }

    /// The bytes, shared.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl<T: Pod + Send> From<Vec<T>> for Array<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self {
            bytes: Bytes::from_owner(Owner(numbers)),
            element: PhantomData,
        }
    }
}

impl<T: Pod + Send + fmt::Debug> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// A vector of numbers whose first element lies on a cache line.
pub(crate) struct Aligned<T> {
    // The first `start` numbers are padding.
    numbers: Vec<T>,
    start: usize,
}

impl<T: Pod + Send> Aligned<T> {
    /// Room for `capacity` numbers; the alignment is lost (not the contents) when more are pushed.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let line = LINE_BYTES / size_of::<T>();
        let mut numbers: Vec<T> = Vec::with_capacity(capacity + line);
        let start = numbers.as_ptr().align_offset(LINE_BYTES).min(line);
        numbers.resize(start, T::zeroed());
        Self { numbers, start }
    }

    /// Appends a row and returns it, to be prepared in place.
    pub(crate) fn push_row(&mut self, row: &[T]) -> &mut [T] {
        let at = self.numbers.len();
        self.numbers.extend_from_slice(row);
        &mut self.numbers[at..]
    }

    /// Appends a row as it is computed.
    pub(crate) fn extend(&mut self, row: impl Iterator<Item = T>) {
        self.numbers.extend(row);
    }

    /// Appends what [`Aligned::into_bytes`] gave of other numbers, a whole number of them.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        match bytemuck::try_cast_slice(bytes) {
            Ok(numbers) => self.numbers.extend_from_slice(numbers),
            Err(_) => self.numbers.extend(
                bytes
                    .chunks_exact(size_of::<T>())
                    .map(bytemuck::pod_read_unaligned::<T>),
            ),
        }
    }

    /// Appends `dim` zeros.
    pub(crate) fn push_zeros(&mut self, dim: usize) {
        self.numbers.resize(self.numbers.len() + dim, T::zeroed());
    }

    /// The bytes of all rows.
    pub(crate) fn into_bytes(self) -> Bytes {
        let start = self.start * size_of::<T>();
        Bytes::from_owner(Owner(self.numbers)).slice(start..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misaligned_bytes_are_copied_and_ragged_ones_refused() {
        let bytes: Array<u64> = vec![1, 2, 3].into();
        let shifted: Bytes = [&[0_u8][..], bytes.bytes()].concat().into();
        let again = Array::<u64>::open(shifted.slice(1..)).expect("three whole numbers");
        assert_eq!(again.as_slice(), [1, 2, 3]);
        assert!(Array::<u64>::open(shifted).is_none());
    }

    #[test]
    fn float_rows_start_on_a_cache_line() {
        let mut floats = Aligned::<f32>::with_capacity(6);
        floats.push_row(&[1.0, 2.0, 3.0])[0] = 9.0;
        floats.push_zeros(2);
        floats.push_bytes(&[&[9][..], &5.0_f32.to_le_bytes()].concat()[1..]);
        let bytes = floats.into_bytes();
        assert_eq!(bytes.as_ptr().addr() % 64, 0);
        assert_eq!(
            bytemuck::cast_slice::<u8, f32>(&bytes),
            [9.0, 2.0, 3.0, 0.0, 0.0, 5.0]
        );
    }
}

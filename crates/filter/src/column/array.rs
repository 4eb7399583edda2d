//! Arrays of numbers that live in shared bytes.

use core::fmt;
use core::marker::PhantomData;

use bytemuck::Pod;
use bytes::Bytes;

const _: () = assert!(
    cfg!(target_endian = "little"),
    "columns are read in place, which needs a little-endian machine"
);

/// An array that was built in memory or lies in a mapped file.
pub(super) struct Array<T> {
    bytes: Bytes,
    values: PhantomData<T>,
}

impl<T: Pod + Send> Array<T> {
    /// The array in `bytes`, in place where they are aligned for `T` and copied otherwise. `None`
    /// when they are not a whole number of values.
    pub(super) fn open(bytes: Bytes) -> Option<Self> {
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        if bytemuck::try_cast_slice::<u8, T>(&bytes).is_err() {
            return Some(bytemuck::pod_collect_to_vec::<u8, T>(&bytes).into());
        }
        Some(Self {
            bytes,
            values: PhantomData,
        })
    }

    pub(super) fn as_slice(&self) -> &[T] {
        // No bytes need not be aligned, and then there is nothing to cast.
        if self.bytes.is_empty() {
            return &[];
        }
        bytemuck::cast_slice(&self.bytes)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / size_of::<T>()
    }

    /// The bytes, shared.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

struct Owner<T>(Vec<T>);

impl<T: Pod> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl<T: Pod + Send> From<Vec<T>> for Array<T> {
    fn from(values: Vec<T>) -> Self {
        Self {
            bytes: Bytes::from_owner(Owner(values)),
            values: PhantomData,
        }
    }
}

impl<T: Pod + Send> FromIterator<T> for Array<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({} bytes)", self.bytes.len())
    }
}

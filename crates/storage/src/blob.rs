//! The one thing Skerry asks of the outside world: a place for whole objects by key.

use bytes::{Bytes, BytesMut};
use model::{BoxFuture, ByteSource, Error};

use crate::blob_error::{BlobError, BlobErrorKind};
use crate::key::BlobKey;

/// Alignment that stores give to the bytes they return, in bytes: one cache line, and enough for
/// every vector register.
pub const ALIGNMENT: usize = 64;

/// Whole objects by key, as S3, R2, OPFS, a directory and a `BTreeMap` all can.
///
/// Guarantees that every implementation gives and [`crate::conformance`] checks:
///
/// * **All or nothing.** A reader sees no object or the whole of it, never a part, also when the
///   writer or the machine dies in the middle.
/// * **Durable.** After `Ok` from `put` the object survives the death of the process and of the
///   machine (unless the store was opened with a weaker promise, which it says by name), and every
///   `get`, `size` and `list` that begins later sees it.
/// * **One winner.** Of any number of concurrent `put(.., PutIf::Absent)` to one key, at most one
///   creates the object.
///
/// Objects are immutable but for the few that are overwritten whole; bytes handed out stay what
/// they are even if the object is overwritten or deleted meanwhile.
pub trait BlobStore: Send + Sync + 'static {
    /// Writes all of `body` at `key`, or nothing.
    ///
    /// # Errors
    /// `Conflict` when `when` does not hold (the object that stood in the way is durable);
    /// `Full` when there is no room (nothing was written); `Unavailable` when it may or may not
    /// have been written; `Unsupported` when the key cannot be stored here.
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>>;

    /// The bytes of `slice` and the size of the whole object.
    ///
    /// The address of byte `i` of the object is congruent to `i` modulo [`ALIGNMENT`], so that
    /// aligned blocks of a file are aligned in memory, mapped or not.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when a [`Slice::Range`] does not lie inside the object; `Unavailable`.
    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>>;

    /// Size of the object in bytes.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>>;

    /// Objects whose keys start with `options.prefix`, ascending by the bytes of their keys.
    ///
    /// # Errors
    /// `Unavailable`.
    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>>;

    /// Removes the object; removing what is not there is `Ok`.
    ///
    /// The removal is seen by calls that begin after `Ok`, but need not survive the death of the
    /// machine: deletions are housekeeping and are repeated.
    ///
    /// # Errors
    /// `Unavailable`.
    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>>;

    /// What `get` gave of `slice` was damaged: a store that keeps copies of what it has fetched
    /// drops that one, so that the next `get` fetches it again.
    fn forget<'a>(&'a self, key: &'a BlobKey, slice: Slice) -> BoxFuture<'a, ()> {
        let _ = (key, slice);
        Box::pin(std::future::ready(()))
    }

    /// Whether what is read as [`Access::Mapped`] stays outside the memory until it is touched.
    fn maps(&self) -> bool {
        false
    }

    /// As [`Self::put`] of the pieces of `source` joined, which are `bytes` long in all. A store
    /// that can write an object piece by piece does not hold it in memory; others do.
    ///
    /// # Errors
    /// Those of `source`, and `Invalid` when it has another length: nothing was written. Those of
    /// [`Self::put`].
    fn put_stream<'a>(
        &'a self,
        key: &'a BlobKey,
        bytes: u64,
        source: &'a mut dyn ByteSource,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut pieces = Vec::new();
            while let Some(piece) = source.next().await? {
                pieces.push(piece);
            }
            let body = Body::from(pieces);
            if body.len() as u64 != bytes {
                return Err(wrong_length(key, bytes, body.len() as u64));
            }
            self.put(key, body, when).await.map_err(Error::from)
        })
    }

    /// Makes every acknowledged write durable, for stores that were opened with a weaker promise.
    ///
    /// # Errors
    /// `Full` or `Unavailable` when some acknowledged write could not be made durable.
    fn sync(&self) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The error of a stream that is not as long as it should be.
pub fn wrong_length(key: &BlobKey, expected: u64, found: u64) -> Error {
    Error::invalid(format!("`{key}` has {found} bytes instead of {expected}"))
}

/// The condition of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutIf {
    /// Only if there is no object at the key; atomic.
    Absent,
    /// Always; an older object is replaced atomically.
    Overwrite,
}

/// What to write: chunks that are written one after the other, so that a large object is never
/// copied together in memory.
#[derive(Clone, Debug, Default)]
pub struct Body(Vec<Bytes>);

impl Body {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// The chunks in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.0
    }

    /// All chunks in one buffer whose address is a multiple of [`ALIGNMENT`]; copies.
    pub fn to_aligned(&self) -> Bytes {
        let len = self.len();
        aligned(len, |mut to| {
            for chunk in &self.0 {
                let (here, rest) = to.split_at_mut(chunk.len());
                here.copy_from_slice(chunk);
                to = rest;
            }
        })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(vec![bytes])
    }
}

impl From<BytesMut> for Body {
    fn from(bytes: BytesMut) -> Self {
        bytes.freeze().into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(chunks: Vec<Bytes>) -> Self {
        Self(chunks)
    }
}

/// A buffer of `len` bytes at a multiple of [`ALIGNMENT`], filled by `fill`, which sees zeros.
pub fn aligned(len: usize, fill: impl FnOnce(&mut [u8])) -> Bytes {
    try_aligned(len, |to| {
        fill(to);
        Ok::<(), std::convert::Infallible>(())
    })
    .unwrap_or_else(|never| match never {})
}

/// As [`aligned`], for a `fill` that can fail.
///
/// # Errors
/// Those of `fill`.
pub fn try_aligned<E>(
    len: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Bytes, E> {
    let mut buffer = AlignedBuffer::zeroed(len);
    fill(buffer.as_mut_slice())?;
    Ok(buffer.freeze())
}

/// Bytes that begin at a multiple of [`ALIGNMENT`], to be filled.
#[derive(Debug)]
pub struct AlignedBuffer {
    /// A little more than needed, of which a slice from the first aligned byte is used: no unsafe
    /// code, and zeroed pages cost nothing until they are filled.
    buffer: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuffer {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let buffer = vec![0; len + ALIGNMENT];
        let start = misalignment(buffer.as_ptr());
        Self { buffer, start, len }
    }

    /// The bytes.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.start + self.len]
    }

    /// The bytes, to be shared.
    pub fn freeze(self) -> Bytes {
        Bytes::from(self.buffer).slice(self.start..self.start + self.len)
    }
}

/// Bytes from `at` to the next multiple of [`ALIGNMENT`].
fn misalignment(at: *const u8) -> usize {
    at.addr().wrapping_neg() % ALIGNMENT
}

/// `bytes` themselves when byte 0 of the object would be at a multiple of [`ALIGNMENT`], else a
/// copy that is. `offset` is the position of `bytes` in the object.
pub fn realign(bytes: Bytes, offset: u64) -> Bytes {
    let lead = (offset % ALIGNMENT as u64) as usize;
    if bytes.is_empty() || bytes.as_ptr().addr() % ALIGNMENT == lead {
        return bytes;
    }
    let copy = aligned(lead + bytes.len(), |to| to[lead..].copy_from_slice(&bytes));
    copy.slice(lead..)
}

/// Which part of an object to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slice {
    /// All of it.
    #[default]
    All,
    /// `length` bytes from `offset`; must lie inside the object.
    Range {
        /// First byte.
        offset: u64,
        /// Number of bytes; may be zero.
        length: u64,
    },
    /// The last so many bytes, or all if there are fewer.
    Tail(u64),
}

impl Slice {
    /// Start and length within an object of `size` bytes; `None` when it does not lie inside.
    pub fn resolve(self, size: u64) -> Option<(u64, u64)> {
        match self {
            Self::All => Some((0, size)),
            Self::Range { offset, length } => {
                (offset.checked_add(length)? <= size).then_some((offset, length))
            }
            Self::Tail(length) => {
                let length = length.min(size);
                Some((size - length, length))
            }
        }
    }
}

/// Where the bytes of a get should live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// In memory of this process.
    #[default]
    Resident,
    /// Mapped from the file where the store can, so that only touched pages take memory; else
    /// as [`Access::Resident`].
    Mapped,
}

/// What to read and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    /// Which part.
    pub slice: Slice,
    /// Where the bytes should live.
    pub access: Access,
}

impl GetOptions {
    /// Reads `slice` into memory.
    pub fn slice(slice: Slice) -> Self {
        Self {
            slice,
            access: Access::Resident,
        }
    }
}

/// Bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The part asked for.
    pub bytes: Bytes,
    /// Position of its first byte in the object.
    pub offset: u64,
    /// Size of the whole object in bytes.
    pub size: u64,
}

/// Which objects to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOptions<'a> {
    /// What keys start with, by characters and not by segments; empty means all.
    pub prefix: &'a str,
    /// Only keys greater than this one.
    pub start_after: Option<&'a BlobKey>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// One listed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    /// Its key.
    pub key: BlobKey,
    /// Its size in bytes.
    pub size: u64,
}

/// Shorthands over [`BlobStore`] that no store can override.
pub trait BlobStoreExt: BlobStore {
    /// The whole object in memory.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    fn get_all<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Bytes, BlobError>> {
        Box::pin(async move { Ok(self.get(key, GetOptions::default()).await?.bytes) })
    }

    /// `length` bytes from `offset`, in memory.
    ///
    /// # Errors
    /// As [`BlobStore::get`].
    fn get_range<'a>(
        &'a self,
        key: &'a BlobKey,
        offset: u64,
        length: u64,
    ) -> BoxFuture<'a, Result<Bytes, BlobError>> {
        let options = GetOptions::slice(Slice::Range { offset, length });
        Box::pin(async move { Ok(self.get(key, options).await?.bytes) })
    }

    /// The whole object, or `None` where there is none.
    ///
    /// # Errors
    /// As [`BlobStore::get`], but never `NotFound`.
    fn get_if_present<'a>(
        &'a self,
        key: &'a BlobKey,
    ) -> BoxFuture<'a, Result<Option<Bytes>, BlobError>> {
        Box::pin(async move {
            match self.get_all(key).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == BlobErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}

impl<S: BlobStore + ?Sized> BlobStoreExt for S {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slices_resolve_or_are_refused() {
        assert_eq!(Slice::All.resolve(5), Some((0, 5)));
        assert_eq!(Slice::Tail(9).resolve(5), Some((0, 5)));
        assert_eq!(Slice::Tail(2).resolve(5), Some((3, 2)));
        assert_eq!(
            Slice::Range {
                offset: 5,
                length: 0
            }
            .resolve(5),
            Some((5, 0))
        );
        assert_eq!(
            Slice::Range {
                offset: 4,
                length: 2
            }
            .resolve(5),
            None
        );
        assert_eq!(
            Slice::Range {
                offset: u64::MAX,
                length: 2
            }
            .resolve(5),
            None
        );
    }

    #[test]
    fn bodies_join_into_an_aligned_buffer() {
        let body = Body::from(vec![
            Bytes::from_static(b"ab"),
            Bytes::new(),
            Bytes::from("c"),
        ]);
        let joined = body.to_aligned();
        assert_eq!(&joined[..], b"abc");
        assert_eq!(joined.as_ptr().addr() % ALIGNMENT, 0);
        assert_eq!(body.len(), 3);
        assert!(Body::from(vec![Bytes::new()]).is_empty());
    }

    #[test]
    fn realigning_keeps_the_offset_modulo_alignment() {
        let whole = aligned(200, |to| to.iter_mut().zip(0..).for_each(|(b, i)| *b = i));
        for offset in [0_usize, 1, 63, 64, 70] {
            let odd = Bytes::copy_from_slice(&whole[offset..]);
            let again = realign(odd, offset as u64);
            assert_eq!(again, whole.slice(offset..));
            assert_eq!(again.as_ptr().addr() % ALIGNMENT, offset % ALIGNMENT);
        }
        let kept = realign(whole.slice(64..), 64);
        assert_eq!(
            kept.as_ptr(),
            whole[64..].as_ptr(),
            "aligned bytes are not copied"
        );
    }
}

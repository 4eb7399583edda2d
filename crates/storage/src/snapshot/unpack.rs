//! From an archive, which may come from anywhere, to a manifest and objects.

use bytes::{Buf, Bytes, BytesMut};
use model::{BoxFuture, ByteSource, Error};
use sha2::{Digest, Sha256};

use super::manifest::{MANIFEST_BYTES_MAX, Manifest, ObjectEntry};
use super::tape;
use crate::blob::{BlobStore, PutIf};
use crate::key::BlobKey;

/// Takes an archive apart while it comes, checking everything on the way.
///
/// In this order: [`Self::manifest`], [`Self::store`] for each of its objects, [`Self::finish`].
/// Every error is `Invalid`, but for those of the source and of the store.
pub struct Unpacker {
    source: Box<dyn ByteSource>,
    /// What was read from the source and not yet used.
    rest: Bytes,
    sum: Sha256,
}

fn refused(what: impl core::fmt::Display) -> Error {
    Error::invalid(format!("the snapshot cannot be read: {what}"))
}

impl Unpacker {
    /// Reads from `source`.
    pub fn new(source: Box<dyn ByteSource>) -> Self {
        Self {
            source,
            rest: Bytes::new(),
            sum: Sha256::new(),
        }
    }

    /// The manifest, which comes first.
    ///
    /// # Errors
    /// When the stream is no archive of Skerry, or its manifest is damaged.
    pub async fn manifest(&mut self) -> Result<Manifest, Error> {
        let foreign = "it is no archive of Skerry (those of other programs are not understood)";
        let block = match self.exactly(tape::BLOCK_BYTES).await {
            Ok(block) => block,
            Err(error) if error.kind == model::ErrorKind::Invalid => return Err(refused(foreign)),
            Err(error) => return Err(error),
        };
        let bytes = match tape::parse(&block) {
            Some((name, bytes)) if name == tape::MANIFEST_NAME => bytes,
            Some(_) | None => return Err(refused(foreign)),
        };
        if bytes > MANIFEST_BYTES_MAX {
            return Err(refused("its manifest is too long"));
        }
        let encoded = self.exactly(bytes as usize).await?;
        self.zeros(tape::padding_bytes(bytes)).await?;
        Manifest::decode(&encoded).map_err(|error| refused(error.message))
    }

    /// The next object, which must be `entry`, written to `key` in `store`.
    ///
    /// # Errors
    /// When another one follows, or it is damaged; nothing is at `key` then. Those of the store.
    pub async fn store(
        &mut self,
        entry: &ObjectEntry,
        store: &dyn BlobStore,
        key: &BlobKey,
    ) -> Result<(), Error> {
        let block = self.exactly(tape::BLOCK_BYTES).await?;
        let (name, bytes) = tape::parse(&block).ok_or_else(|| refused("a header is damaged"))?;
        if name != entry.key.as_str() || bytes != entry.bytes {
            return Err(refused(format_args!("`{}` is not in its place", entry.key)));
        }
        let mut object = Member {
            left: entry.bytes,
            crc: 0,
            entry,
            archive: self,
        };
        store
            .put_stream(key, entry.bytes, &mut object, PutIf::Absent)
            .await?;
        self.zeros(tape::padding_bytes(entry.bytes)).await
    }

    /// Reads the end, checks that nothing follows, and gives the SHA-256 of everything.
    ///
    /// # Errors
    /// When something follows, or the end is missing.
    pub async fn finish(mut self) -> Result<[u8; 32], Error> {
        self.zeros(tape::END_BYTES).await?;
        // Other programs that write tape archives fill the last record with more zeros.
        while let Some(piece) = self.some(usize::MAX).await? {
            if piece.iter().any(|&byte| byte != 0) {
                return Err(refused("something follows its end"));
            }
        }
        Ok(self.sum.finalize().into())
    }

    /// At least one and at most `bytes_max` bytes; `None` at the end of the stream.
    async fn some(&mut self, bytes_max: usize) -> Result<Option<Bytes>, Error> {
        if self.rest.is_empty() {
            match self.source.next().await? {
                Some(piece) => self.rest = piece,
                None => return Ok(None),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(bytes_max));
        self.sum.update(&piece);
        Ok(Some(piece))
    }

    async fn exactly(&mut self, bytes: usize) -> Result<Bytes, Error> {
        let mut joined = BytesMut::new();
        while joined.len() < bytes {
            let piece = self.some(bytes - joined.len()).await?;
            joined.extend_from_slice(&piece.ok_or_else(|| refused("it is cut short"))?);
        }
        Ok(joined.freeze())
    }

    async fn zeros(&mut self, bytes: usize) -> Result<(), Error> {
        let mut read = self.exactly(bytes).await?;
        while read.has_remaining() {
            if read.get_u8() != 0 {
                return Err(refused("something is between its files"));
            }
        }
        Ok(())
    }
}

/// One object of an archive, checked at its end.
struct Member<'a> {
    archive: &'a mut Unpacker,
    entry: &'a ObjectEntry,
    left: u64,
    crc: u32,
}

impl ByteSource for Member<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            if self.left == 0 {
                let sound = self.crc == self.entry.crc;
                let damaged = || refused(format_args!("`{}` is damaged", self.entry.key));
                return sound.then_some(None).ok_or_else(damaged);
            }
            let bytes_max = usize::try_from(self.left).unwrap_or(usize::MAX);
            let piece = self.archive.some(bytes_max).await?;
            let piece = piece.ok_or_else(|| refused("it is cut short"))?;
            self.crc = crc32c::crc32c_append(self.crc, &piece);
            self.left -= piece.len() as u64;
            Ok(Some(piece))
        })
    }
}

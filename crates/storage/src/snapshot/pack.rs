//! From a manifest and a store to an archive.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use model::{BoxFuture, ByteSource, Error};

use super::manifest::{Manifest, ObjectEntry};
use super::{PIECE_BYTES, tape};
use crate::blob::{BlobStore, BlobStoreExt};

/// An archive as a source of bytes; its objects are read while it goes.
///
/// The bytes depend on the manifest alone, so that the archive of a snapshot is the same whenever
/// it is asked for.
pub struct Packer {
    store: Arc<dyn BlobStore>,
    pieces: VecDeque<Piece>,
    bytes: u64,
    /// Of the object at the front.
    offset: u64,
    crc: u32,
}

enum Piece {
    Frame(Bytes),
    Object(ObjectEntry),
}

impl Packer {
    /// The archive of `manifest`, whose objects are in `store`.
    ///
    /// # Errors
    /// As [`Manifest::encode`].
    pub fn new(store: Arc<dyn BlobStore>, manifest: &Manifest) -> Result<Self, Error> {
        let unix_s = manifest.created_ms / 1000;
        let encoded = manifest.encode()?.to_aligned();
        let mut pieces = VecDeque::new();
        let length = encoded.len() as u64;
        pieces.push_back(Piece::Frame(tape::header(
            tape::MANIFEST_NAME,
            length,
            unix_s,
        )));
        pieces.push_back(Piece::Frame(encoded));
        pieces.push_back(Piece::Frame(tape::padding(length)));
        for object in manifest.objects() {
            let header = tape::header(object.key.as_str(), object.bytes, unix_s);
            pieces.push_back(Piece::Frame(header));
            pieces.push_back(Piece::Object(object.clone()));
            pieces.push_back(Piece::Frame(tape::padding(object.bytes)));
        }
        pieces.push_back(Piece::Frame(tape::end()));
        let length = |piece: &Piece| match piece {
            Piece::Frame(bytes) => bytes.len() as u64,
            Piece::Object(object) => object.bytes,
        };
        let bytes = pieces.iter().map(length).sum();
        Ok(Self {
            store,
            pieces,
            bytes,
            offset: 0,
            crc: 0,
        })
    }

    /// Length of the whole archive in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn read(&mut self, object: &ObjectEntry) -> Result<Bytes, Error> {
        let length = PIECE_BYTES.min(object.bytes - self.offset);
        let piece = self
            .store
            .get_range(&object.key, self.offset, length)
            .await?;
        self.crc = crc32c::crc32c_append(self.crc, &piece);
        self.offset += length;
        if self.offset == object.bytes {
            let sound = std::mem::take(&mut self.crc) == object.crc;
            self.offset = 0;
            self.pieces.pop_front();
            if !sound {
                self.pieces.clear();
                let key = &object.key;
                return Err(Error::corrupt(format!(
                    "`{key}` does not match its checksum"
                )));
            }
        }
        Ok(piece)
    }
}

impl ByteSource for Packer {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            loop {
                let object = match self.pieces.front() {
                    None => return Ok(None),
                    Some(Piece::Object(object)) if object.bytes > 0 => object.clone(),
                    Some(Piece::Object(_)) => {
                        self.pieces.pop_front();
                        continue;
                    }
                    Some(Piece::Frame(frame)) => {
                        let frame = frame.clone();
                        self.pieces.pop_front();
                        if frame.is_empty() {
                            continue;
                        }
                        return Ok(Some(frame));
                    }
                };
                return self.read(&object).await.map(Some);
            }
        })
    }
}

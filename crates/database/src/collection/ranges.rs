//! Part files of which only parts are read, for readers without the memory for all of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use engine::PartKind;
use model::{Error, Schema, VectorKind};
use storage::codec::{PartEntry, PartRole, SegmentEntry};
use storage::collect::part_key;
use storage::container::{BlockInfo, Directory, PageSums, TailRead, sums_name};
use storage::{Access, AlignedBuffer, BlobKey, BlobStore, GetOptions, Slice};

use super::part_file::{Held, PartFile};
use crate::options::Paging;
use crate::pages::PagedBlock;
use crate::shared::Shared;

/// Bytes from the end that hold the directory of all but the widest schemas.
const TAIL_BYTES: u64 = 4096;

/// Bytes of one read: what is on its way lies in memory twice.
const READ_BYTES: u64 = 4 << 20;

/// The part files of one segment, and which of its rows are read by pages.
pub(super) struct Ranges<'a> {
    shared: &'a Shared,
    prefix: &'a BlobKey,
    paging: Paging,
    /// Fields that have a graph, whose searches compare few rows.
    walked: BTreeSet<&'a str>,
}

impl<'a> Ranges<'a> {
    /// Those of `segment` of a collection of `schema`.
    pub(super) fn of(
        shared: &'a Shared,
        prefix: &'a BlobKey,
        paging: Paging,
        segment: &'a SegmentEntry,
        schema: &Schema,
    ) -> Self {
        let is_dense = |name: &str| {
            let mut fields = schema.vectors.iter();
            let field = fields.find(|field| field.name.as_str() == name);
            field.is_some_and(|field| matches!(field.kind, VectorKind::Dense { .. }))
        };
        let walked = segment.parts.iter().filter_map(|part| match &part.role {
            PartRole::Hnsw(field) => Some(field.as_str()),
            PartRole::Rows | PartRole::Lists(_) | PartRole::Postings(_) | PartRole::Column(_) => {
                None
            }
        });
        Self {
            shared,
            prefix,
            paging,
            walked: walked.filter(|name| is_dense(name)).collect(),
        }
    }

    /// Opens a part file: every block is read and checked, but for the rows that are read later.
    ///
    /// # Errors
    /// Those of the store; `Corrupt`.
    pub(super) async fn read(&self, part: &PartEntry, kind: &PartKind) -> Result<PartFile, Error> {
        let key = part_key(self.prefix, part.id)?;
        let directory = self.directory(&key, part.bytes).await?;
        let is_paged = |block: &BlockInfo| {
            let field = kind.rows_of(&block.name);
            field.is_some_and(|field| self.walked.contains(field))
                && block.length > self.paging.above_bytes
                && directory.block(&sums_name(&block.name)).is_ok()
        };
        let (later, now): (Vec<&BlockInfo>, Vec<&BlockInfo>) =
            directory.blocks().iter().partition(|block| is_paged(block));
        let read = self.blocks(&key, &now).await?;
        let mut paged = Vec::new();
        for block in later {
            let sums = sums_name(&block.name);
            let sums = read.iter().find(|(name, _)| *name == sums);
            let sums = sums.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            let sums = PageSums::open(block, sums)?;
            let Shared { store, pages, .. } = self.shared;
            let block = PagedBlock::new(store, key.clone(), part.id, sums, pages);
            paged.push((block.name().to_owned(), block));
        }
        Ok(PartFile {
            id: part.id,
            bytes: part.bytes,
            held: Held::InParts {
                directory,
                read,
                paged,
            },
        })
    }

    async fn directory(&self, key: &BlobKey, bytes: u64) -> Result<Directory, Error> {
        let mut wanted = TAIL_BYTES;
        loop {
            let slice = Slice::Tail(wanted);
            let access = Access::Resident;
            let tail = self.shared.store.get(key, GetOptions { slice, access });
            let tail = tail.await?;
            if tail.size != bytes {
                let found = tail.size;
                let message = format!("`{key}` has {found} bytes instead of {bytes}");
                return Err(Error::corrupt(message));
            }
            match Directory::from_tail(&tail.bytes, bytes)? {
                TailRead::Done(directory) => return Ok(directory),
                TailRead::NeedTail(more) if more > wanted => wanted = more,
                TailRead::NeedTail(_) => {
                    return Err(Error::corrupt(format!("`{key}` has no directory")));
                }
            }
        }
    }

    /// Reads `blocks`, which are in the order of the file; neighbours together.
    async fn blocks(
        &self,
        key: &BlobKey,
        blocks: &[&BlockInfo],
    ) -> Result<Vec<(String, Bytes)>, Error> {
        let mut read = Vec::with_capacity(blocks.len());
        let adjoin = |a: &&BlockInfo, b: &&BlockInfo| {
            a.offset + a.length.next_multiple_of(storage::ALIGNMENT as u64) == b.offset
        };
        for run in blocks.chunk_by(adjoin) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let (start, end) = (first.offset, last.offset + last.length);
            let place = |block: &BlockInfo| {
                let from = (block.offset - start) as usize;
                from..from + block.length as usize
            };
            let check = |bytes: &Bytes| {
                let mut blocks = run.iter();
                blocks.try_for_each(|block| block.check(&bytes[place(block)]))
            };
            let store = &*self.shared.store;
            let mut bytes = range(store, key, start, end).await?;
            if check(&bytes).is_err() {
                for slice in slices(start, end) {
                    store.forget(key, slice).await;
                }
                bytes = range(store, key, start, end).await?;
            }
            check(&bytes)?;
            let blocks = run.iter();
            read.extend(blocks.map(|block| (block.name.clone(), bytes.slice(place(block)))));
        }
        Ok(read)
    }
}

/// The bytes of an object from `start`, a multiple of the alignment, to `end`.
async fn range(store: &dyn BlobStore, key: &BlobKey, start: u64, end: u64) -> Result<Bytes, Error> {
    let access = Access::Resident;
    let get = |slice| store.get(key, GetOptions { slice, access });
    if end - start <= READ_BYTES {
        // An empty block is read too: it must lie inside the object.
        let slice = Slice::Range {
            offset: start,
            length: end - start,
        };
        return Ok(get(slice).await?.bytes);
    }
    let mut buffer = AlignedBuffer::zeroed((end - start) as usize);
    let mut at = 0;
    for slice in slices(start, end) {
        let piece = get(slice).await?.bytes;
        buffer.as_mut_slice()[at..at + piece.len()].copy_from_slice(&piece);
        at += piece.len();
    }
    Ok(buffer.freeze())
}

/// The reads that `range` makes.
fn slices(start: u64, end: u64) -> impl Iterator<Item = Slice> {
    let starts = (start..end).step_by(READ_BYTES as usize);
    starts.map(move |offset| Slice::Range {
        offset,
        length: READ_BYTES.min(end - offset),
    })
}

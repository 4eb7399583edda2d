//! What a checkpoint of a collection says: everything but the contents of the parts.

use std::sync::Arc;

use bytes::Bytes;
use model::{Error, Schema};

use crate::collection::{Attachments, Collection, check_schema};
use crate::deleted::Deleted;
use crate::part::{Blocks, PartRef, SegmentId};
use crate::segment::{LiveSegment, Segment};

/// A state without growing rows, with its segments named instead of held.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Number of operations applied.
    pub operation: u64,
    /// Oldest first.
    pub segments: Vec<SegmentManifest>,
    /// Bytes that are kept with it.
    pub attachments: Arc<Attachments>,
}

/// One sealed segment of a [`Manifest`].
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentManifest {
    /// Its name.
    pub id: SegmentId,
    /// Rows, deleted ones included.
    pub rows: u32,
    /// Which rows are deleted; opaque, empty when none is.
    pub tombstones: Bytes,
    /// Which rows are concealed; opaque, empty when none is.
    pub concealed: Bytes,
    /// Its stored parts.
    pub parts: Vec<PartRef>,
}

impl Collection {
    /// What a checkpoint of this state says; `None` while rows are growing, which it would lose.
    pub fn manifest(&self) -> Option<Manifest> {
        if self.growing.iter().any(|live| live.kept_rows() > 0) {
            return None;
        }
        let segments = self.sealed.iter().filter_map(|live| {
            let rows = live.segment.block.len();
            let (tombstones, concealed) = live.deleted.encode(rows);
            Some(SegmentManifest {
                id: live.segment.id?,
                rows,
                tombstones,
                concealed,
                parts: live.segment.parts().to_vec(),
            })
        });
        Some(Manifest {
            schema: Arc::clone(&self.schema),
            operation: self.operation,
            segments: segments.collect(),
            attachments: Arc::clone(&self.attachments),
        })
    }

    /// The stored parts of all sealed segments: what must stay stored.
    pub fn parts(&self) -> impl Iterator<Item = (SegmentId, &PartRef)> {
        self.sealed.iter().flat_map(|live| {
            let segment = &live.segment;
            segment
                .id
                .into_iter()
                .flat_map(|id| segment.parts().iter().map(move |part| (id, part)))
        })
    }

    /// The state that `manifest` describes; `open` gives the blocks of each part.
    ///
    /// # Errors
    /// Those of `open`; `Corrupt` when parts are damaged or contradict the manifest; `Invalid` when
    /// the schema is.
    pub fn restore(
        manifest: Manifest,
        open: &mut dyn FnMut(&PartRef) -> Result<Blocks, Error>,
    ) -> Result<Self, Error> {
        check_schema(&manifest.schema)?;
        let mut collection = Self {
            schema: manifest.schema,
            operation: manifest.operation,
            sealed: Vec::new(),
            growing: Vec::new(),
            attachments: manifest.attachments,
        };
        for stored in manifest.segments {
            let parts = stored
                .parts
                .into_iter()
                .map(|part| open(&part).map(|blocks| (part, blocks)))
                .collect::<Result<Vec<_>, Error>>()?;
            let segment = Segment::open(stored.id, &parts, &collection.schema)?;
            if segment.block.len() != stored.rows {
                return Err(Error::corrupt(
                    "a segment has another number of rows than recorded",
                ));
            }
            let deleted = Deleted::decode(stored.tombstones, stored.concealed, stored.rows)?;
            collection.sealed.push(LiveSegment {
                segment: Arc::new(segment),
                deleted: Arc::new(deleted),
            });
        }
        Ok(collection)
    }
}

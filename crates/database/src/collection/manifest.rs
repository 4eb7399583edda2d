//! Checkpoints: the engine's manifest as bytes and back.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Collection, Manifest, PartKind, PartRef, SegmentId, SegmentManifest};
use model::Error;
use storage::Ulid;
use storage::codec::{self, CollectionState, PartEntry, PartRole, SegmentEntry};

use super::content::Content;
use super::part_file::PartSet;

/// The payload of a checkpoint of `content`; `None` while there are growing rows.
pub(super) fn encode(content: &Content) -> Option<Vec<Bytes>> {
    // A schema that was applied was encoded before, into the log.
    codec::to_bytes(&state(content)?)
        .ok()
        .map(|bytes| vec![bytes])
}

/// What a checkpoint of `content` says; `None` while there are growing rows.
pub(super) fn state(content: &Content) -> Option<CollectionState> {
    let manifest = content.collection.manifest()?;
    let segments = manifest
        .segments
        .iter()
        .map(|segment| encode_segment(segment, content));
    let attachments = manifest.attachments.iter();
    Some(CollectionState {
        schema: manifest.schema.as_ref().clone(),
        operation: manifest.operation,
        segments: segments.collect::<Option<Vec<_>>>()?,
        attachments: attachments
            .map(|(key, kept)| (key.clone(), *kept))
            .collect(),
    })
}

fn encode_segment(segment: &SegmentManifest, content: &Content) -> Option<SegmentEntry> {
    let parts = segment.parts.iter().map(|part| {
        let id = Ulid::parse(&part.key)?;
        let bytes = content.parts.get(&id)?.bytes;
        Some(PartEntry {
            role: role(&part.kind),
            id,
            bytes,
        })
    });
    Some(SegmentEntry {
        id: Ulid::from_bytes(segment.id.0.to_be_bytes()),
        rows: segment.rows,
        tombstones: segment.tombstones.clone(),
        concealed: segment.concealed.clone(),
        parts: parts.collect::<Option<Vec<_>>>()?,
    })
}

/// The collection that a checkpoint holds; `parts` are the files that it names.
///
/// # Errors
/// `Corrupt` when a part contradicts the others.
pub(super) fn restore(state: CollectionState, parts: &PartSet) -> Result<Collection, Error> {
    let segments = state.segments.into_iter().map(|segment| SegmentManifest {
        id: SegmentId(u128::from_be_bytes(segment.id.to_bytes())),
        rows: segment.rows,
        tombstones: segment.tombstones,
        concealed: segment.concealed,
        parts: segment.parts.into_iter().map(part_ref).collect(),
    });
    let manifest = Manifest {
        schema: Arc::new(state.schema),
        operation: state.operation,
        segments: segments.collect(),
        attachments: Arc::new(state.attachments.into_iter().collect()),
    };
    Collection::restore(manifest, &mut |part| {
        let file = Ulid::parse(&part.key).and_then(|id| parts.get(&id));
        let file = file.ok_or_else(|| Error::corrupt("a part file was not opened"))?;
        file.blocks(&part.kind)
    })
}

fn part_ref(part: PartEntry) -> PartRef {
    PartRef {
        kind: kind(&part.role),
        key: part.id.to_string(),
    }
}

/// What a part holds, as storage says it.
fn role(kind: &PartKind) -> PartRole {
    match kind {
        PartKind::Rows => PartRole::Rows,
        PartKind::Hnsw(field) => PartRole::Hnsw(field.clone()),
        PartKind::Lists(field) => PartRole::Lists(field.clone()),
        PartKind::Postings(field) => PartRole::Postings(field.clone()),
        PartKind::Column(path) => PartRole::Column(path.clone()),
    }
}

/// What a part holds, as the engine says it.
pub(super) fn kind(role: &PartRole) -> PartKind {
    match role {
        PartRole::Rows => PartKind::Rows,
        PartRole::Hnsw(field) => PartKind::Hnsw(field.clone()),
        PartRole::Lists(field) => PartKind::Lists(field.clone()),
        PartRole::Postings(field) => PartKind::Postings(field.clone()),
        PartRole::Column(path) => PartKind::Column(path.clone()),
    }
}

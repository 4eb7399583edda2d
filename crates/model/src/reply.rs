//! What commands and queries give back.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::aggregate::{FacetHit, Group, MatrixRows};
use crate::schema::Schema;
use crate::snapshot::SnapshotInfo;
use crate::vector::NamedVectors;
use crate::{CollectionName, DatabaseName, Error, FieldPath, Object, PointId, Timestamp, Upkeep};

/// The result of a [`Command`](crate::Command).
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Whether the dropped thing existed.
    Existed(bool),
    /// The caller's time is over. The write goes on; whether it succeeds is not known.
    Pending,
    /// A write was applied.
    Written {
        /// Number of the last operation applied, counted per collection from 1.
        operation: u64,
    },
    /// A snapshot was kept.
    Snapshot(SnapshotInfo),
    /// It has begun.
    Accepted,
}

/// The result of a [`Query`](crate::Query); each query variant names its reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Names, in the order in which they were created.
    Databases(Vec<DatabaseName>),
    /// Names, ascending.
    Collections(Vec<CollectionName>),
    /// Aliases and the collections that they point to, ascending by alias.
    Aliases(Vec<(CollectionName, CollectionName)>),
    /// Whether it exists.
    Exists(bool),
    /// A collection's schema and state.
    Collection(Box<CollectionInfo>),
    /// A collection's schema.
    Schema(Arc<Schema>),
    /// How large a collection is.
    Size(CollectionSize),
    /// Background work of a collection.
    Upkeep(Box<Upkeep>),
    /// What a database keeps for its dialects.
    Attributes(Arc<Object>),
    /// Points.
    Records(Vec<Record>),
    /// Names of payload fields, ascending.
    Fields(Vec<String>),
    /// Ids, ascending.
    Ids(Vec<PointId>),
    /// One page of a scroll.
    Page {
        /// The points, each with its `order_value` when ordered by one.
        records: Vec<(Record, Option<OrderValue>)>,
        /// First id of the next page; `None` on the last page and when ordered by a value.
        next: Option<PointId>,
    },
    /// A number of points.
    Count(u64),
    /// Search results, best first.
    Scored(Vec<ScoredPoint>),
    /// One reply per query of a batch.
    Batch(Vec<Reply>),
    /// Groups of search results, best first.
    Groups(Vec<Group>),
    /// Values and how many points have each.
    Facet(Vec<FacetHit>),
    /// Neighbours within a sample.
    Matrix(MatrixRows),
    /// Kept snapshots, oldest first.
    Snapshots(Vec<SnapshotInfo>),
    /// Bytes that are kept with a collection; `None` when there are none.
    Attachment(Option<Bytes>),
}

impl Reply {
    /// The error that a caller reports when a reply is not of the expected variant.
    pub fn unexpected(&self) -> Error {
        Error::internal("the executor answered with another kind of reply")
    }
}

/// A stored point, as far as the query selected it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The point's id.
    pub id: PointId,
    /// Number of the operation that last wrote the point.
    pub version: u64,
    /// `None` when not selected.
    pub payload: Option<Object>,
    /// `None` when not selected.
    pub vectors: Option<NamedVectors>,
}

/// A search result.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPoint {
    /// The point.
    pub record: Record,
    /// Internal similarity: larger is better (see [`Metric`](crate::Metric)).
    pub score: f32,
    /// The value that ordered it, when ordered by one.
    pub order_value: Option<OrderValue>,
}

/// A payload value that ordered a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrderValue {
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A date.
    Datetime(Timestamp),
}

/// A collection's schema and state.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionInfo {
    /// Its own name, not the alias.
    pub name: CollectionName,
    /// Its schema.
    pub schema: Schema,
    /// Health.
    pub status: Status,
    /// Live points.
    pub points: u64,
    /// Live vectors by field, in the order of the schema.
    pub vectors: Vec<u64>,
    /// Bytes that they and the payloads take.
    pub size: CollectionSize,
    /// Writes that wait to be applied.
    pub queued: u64,
    /// Live vectors that an index covers.
    pub indexed_vectors: u64,
    /// Growing and sealed segments.
    pub segments: u64,
    /// Points with a value per payload index.
    pub index_points: Vec<(FieldPath, u64)>,
    /// Number of the last operation.
    pub operation: u64,
}

/// How large a collection is. Deleted rows that still take room are left out by their share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CollectionSize {
    /// Live points.
    pub points: u64,
    /// Bytes of their vectors.
    pub vector_bytes: u64,
    /// Bytes of their payloads, as they are stored.
    pub payload_bytes: u64,
}

/// Health of a collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// Everything is indexed as configured.
    Ready,
    /// Sealing, indexing or merging is under way.
    Optimizing,
    /// Something is to be sealed, indexed or merged, and nothing does it.
    Pending,
    /// Background work fails and is tried again, with the reason. Reads and writes go on.
    Failing(String),
    /// Readable but not writable, with the reason.
    ReadOnly(String),
}

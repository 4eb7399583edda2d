//! The neutral vocabulary of Skerry: ids, vectors, values, schema, filters, commands, queries,
//! replies and errors.
//!
//! Every dialect translates its wire format to and from these types, and the engine knows nothing
//! else. Nothing here can be serialised: exactly one outer layer knows JSON, and formats on disk
//! are written by hand in the storage layer. The crate is `no_std` with `alloc`, has no clock, no
//! randomness and does no I/O.
#![no_std]
extern crate alloc;

pub mod aggregate;
pub mod attachment;
pub mod command;
pub mod datetime;
pub mod error;
pub mod executor;
pub mod filter;
pub mod formula;
pub mod id;
pub mod metric;
pub mod name;
pub mod packed;
pub mod path;
pub mod placement;
pub mod quantization;
pub mod query;
pub mod rank;
pub mod reply;
pub mod schema;
pub mod snapshot;
pub mod term;
pub mod text;
pub mod upkeep;
pub mod value;
pub mod vector;

pub use aggregate::{Facet, FacetHit, FacetValue, Group, GroupKey, Groups, Matrix, MatrixRows};
pub use attachment::{Attachment, AttachmentKey, AttachmentRange};
pub use command::{AliasChange, Command, Point, Target, UpsertMode, Visibility, WriteOp};
pub use datetime::Timestamp;
pub use error::{Error, ErrorKind, Subject};
pub use executor::{BoxFuture, Executor};
pub use filter::{Filter, GeoPoint, Scalar, Test};
pub use formula::{Decay, Expression, Formula};
pub use id::PointId;
pub use metric::Metric;
pub use name::{CollectionName, CollectionRef, DatabaseName, VectorName};
pub use packed::{Packed, ValueRef};
pub use path::{FieldPath, Step};
pub use placement::Placement;
pub use quantization::{CodeBits, ProductRatio, Quantization, QueryBits};
pub use query::{
    CodeUse, Direction, LookupFrom, OrderBy, Prefetch, Query, Search, SearchParams, Select,
    StartFrom,
};
pub use rank::{ContextPair, Feedback, Fusion, Rank, Strategy, VectorQuery};
pub use reply::{CollectionInfo, CollectionSize, Outcome, Record, Reply, ScoredPoint, Status};
pub use schema::{
    ClusterCount, Comparator, ConfigChange, Dim, Element, FieldIndex, FieldKind, HnswConfig,
    IndexChoice, IndexParams, IvfConfig, Modifier, PostingsConfig, Residency, Schema, VectorField,
    VectorKind,
};
pub use snapshot::{
    Archive, ArchiveOf, ByteSource, SnapshotInfo, SnapshotLocation, SnapshotRecovery,
    SnapshotScope, Waiting,
};
pub use term::{Function, TERM_DEPTH_MAX, Term};
pub use text::{Language, Stopwords, TextOptions, Tokenizer};
pub use upkeep::{PlannedTask, SegmentSize, Task, TaskEnd, TaskFailure, Upkeep};
pub use value::{Object, Value};
pub use vector::{MultiVector, NamedVectors, Shape, SparseVector, Vector};

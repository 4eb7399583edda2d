//! Questions whose answers are about many points at once: counts per value, distances within a
//! sample, results in groups.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{CollectionRef, FieldPath, Filter, PointId, ScoredPoint, Search, VectorName};

/// How many points have each value at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// Collection or alias.
    pub collection: CollectionRef,
    /// A path with a payload index of texts, integers, truth values or UUIDs.
    pub path: FieldPath,
    /// Only points that match.
    pub filter: Option<Filter>,
    /// Values to return.
    pub limit: usize,
}

/// A value and the number of points that have it; a point counts once however often it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetHit {
    /// The value.
    pub value: FacetValue,
    /// Points, at least 1.
    pub count: u64,
}

/// A value that points are counted by. Ordered within its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FacetValue {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A UUID, big-endian bytes.
    Uuid([u8; 16]),
    /// Text.
    Text(String),
}

/// The nearest neighbours of each point of a random sample, within the sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Collection or alias.
    pub collection: CollectionRef,
    /// The vector field that is compared.
    pub field: VectorName,
    /// Only points that match, and that carry the vector.
    pub filter: Option<Filter>,
    /// Points in the sample; fewer when not so many match.
    pub sample: usize,
    /// Neighbours of each.
    pub limit: usize,
}

/// The rows of a sparse matrix of similarities.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MatrixRows {
    /// The sample, ascending; empty when it would have fewer than two points.
    pub ids: Vec<PointId>,
    /// For each of `ids` its neighbours, best first: position in `ids` and internal similarity.
    pub rows: Vec<Vec<(usize, f32)>>,
}

/// A search whose results are put into groups by a payload value.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// How points are ranked and what is returned of each; its limit and offset do not count.
    pub search: Search,
    /// Whose values are the groups: texts and integers. A point with several values joins the
    /// group of each; one with a value of another kind among them joins none.
    pub by: FieldPath,
    /// Groups to return.
    pub groups: usize,
    /// Points per group, at most.
    pub per_group: usize,
}

/// One group of results.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The value that its points share.
    pub key: GroupKey,
    /// Its best points, best first; never empty.
    pub hits: Vec<ScoredPoint>,
}

/// What the points of a group share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    /// An integer that fits `i64`.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// Text.
    Text(String),
}

//! What a collection looks like: vector fields, payload indexes, settings.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::{Error, FieldPath, Metric, Object, Quantization, TextOptions, VectorName};

/// Number of components of a dense vector or bits of a binary one, in `1..=65_536`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim(NonZeroU32);

impl Dim {
    /// Largest dimension.
    pub const MAX: u32 = 65_536;

    /// # Errors
    /// `Invalid` outside `1..=65_536`.
    pub fn new(n: u64) -> Result<Self, Error> {
        u32::try_from(n)
            .ok()
            .filter(|&n| n <= Self::MAX)
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or_else(|| {
                let max = Self::MAX;
                Error::invalid(alloc::format!(
                    "a dimension must be from 1 to {max}, got {n}"
                ))
            })
    }

    /// As a count of components or bits.
    pub fn get(self) -> usize {
        self.0.get() as usize
    }

    /// Bytes of so many bits, packed eight to a byte.
    pub fn bit_bytes(self) -> usize {
        self.get().div_ceil(8)
    }
}

/// The schema and settings of a collection.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schema {
    /// Vector fields, ascending by name, names unique.
    pub vectors: Vec<VectorField>,
    /// Payload indexes, ascending by path, paths unique.
    pub indexes: Vec<FieldIndex>,
    /// Default graph parameters of fields that name none.
    pub hnsw: HnswConfig,
    /// Default codes of fields that name none; `None`: what the engine likes best.
    pub quantization: Option<Quantization>,
    /// When segments are sealed, indexed and merged.
    pub segments: SegmentConfig,
    /// What dialects must be able to give back and the engine does not read, one object per
    /// dialect name.
    pub attributes: Object,
}

impl Schema {
    /// The vector field called `name`.
    pub fn vector(&self, name: &VectorName) -> Option<&VectorField> {
        self.vectors.iter().find(|field| field.name == *name)
    }

    /// The payload index at `path`.
    pub fn index(&self, path: &FieldPath) -> Option<&FieldIndex> {
        self.indexes.iter().find(|index| index.path == *path)
    }

    /// The index that holds for `field`, where its kind has one: what it chooses, or what suits
    /// its kind with the parameters of the collection. A graph of no links is
    /// [`IndexChoice::Exact`].
    pub fn index_of(&self, field: &VectorField) -> IndexChoice {
        let default = match field.kind {
            VectorKind::Dense { .. } => IndexChoice::Graph(self.hnsw),
            VectorKind::Sparse { .. } => IndexChoice::Postings(PostingsConfig::default()),
            VectorKind::Multi { .. } | VectorKind::Binary { .. } => IndexChoice::Exact,
        };
        match field.index.unwrap_or(default) {
            IndexChoice::Graph(config) if config.m == 0 => IndexChoice::Exact,
            choice => choice,
        }
    }

    /// The codes that were asked for `field`.
    pub fn quantization_of(&self, field: &VectorField) -> Option<Quantization> {
        field.quantization.or(self.quantization)
    }
}

/// One vector field.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorField {
    /// Unique in the schema.
    pub name: VectorName,
    /// Number of the operation that added the field; 0 when the collection was created with it.
    /// It tells a field from an earlier one of the same name.
    pub since: u64,
    /// Shape and metric.
    pub kind: VectorKind,
    /// How its nearest rows are found; `None`: as [`Schema::index_of`] says.
    pub index: Option<IndexChoice>,
    /// What a graph or lists are built for, where that is not the field's own metric. Searches by
    /// this metric use them then, and those by the field's compare every row. Of dense fields; not
    /// one of bits.
    pub index_metric: Option<Metric>,
    /// Codes where they differ from the collection's.
    pub quantization: Option<Quantization>,
    /// Where the full-precision rows of sealed segments live.
    pub residency: Residency,
}

/// Shape and metric of a vector field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorKind {
    /// One dense vector per point.
    Dense {
        /// Components.
        dim: Dim,
        /// Comparison; not a binary one.
        metric: Metric,
        /// How components are stored.
        element: Element,
    },
    /// Several dense rows per point, at least one (late interaction).
    Multi {
        /// Components of each row.
        dim: Dim,
        /// Comparison of two rows; not a binary one.
        metric: Metric,
        /// How components are stored.
        element: Element,
        /// How the comparisons of rows become one score.
        comparator: Comparator,
    },
    /// Few non-zero components of a very wide vector, compared by inner product.
    Sparse {
        /// What is done to the weights of a query.
        modifier: Modifier,
    },
    /// One vector of bits per point, packed as [`Vector::Binary`](crate::Vector) says; bits beyond
    /// the dimension are 0. Searches by `Substructure` and `Superstructure` find only rows whose
    /// distance is 0.
    Binary {
        /// Bits.
        dim: Dim,
        /// Comparison; a binary one.
        metric: Metric,
    },
}

impl VectorKind {
    /// How two vectors, or rows of them, are compared.
    pub fn metric(self) -> Metric {
        match self {
            Self::Dense { metric, .. }
            | Self::Multi { metric, .. }
            | Self::Binary { metric, .. } => metric,
            Self::Sparse { .. } => Metric::Dot,
        }
    }
}

/// How a component of a dense row is stored. Stored components are what queries see: they are
/// given back and compared as they were rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Element {
    /// Four bytes, as given.
    #[default]
    F32,
    /// Two bytes: the nearest half-precision float, ties to even (IEEE 754 binary16).
    F16,
    /// One byte: the fraction is cut off, what lies outside `0..=255` becomes the nearer end.
    /// Cosine rows are stored as they are and normalised when they are compared.
    U8,
}

impl Element {
    /// Bytes of one component.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::U8 => 1,
        }
    }
}

/// How the comparisons of a query's rows with a point's rows become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Comparator {
    /// The sum over the query's rows of the best similarity to any row of the point (ColBERT,
    /// Khattab & Zaharia 2020).
    #[default]
    MaxSim,
}

/// What is done to the weights of a sparse query before they are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Modifier {
    /// Nothing.
    #[default]
    None,
    /// Each is multiplied by `ln(1 + (n - df + 0.5) / (df + 0.5))`: `n` vectors in the collection,
    /// `df` of them with that index.
    Idf,
}

/// Where bytes of sealed segments live, such as the full-precision rows of a vector field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Residency {
    /// In the memory-mapped file; in memory in stores that cannot map.
    #[default]
    Mapped,
    /// Read into memory when the segment is opened.
    Resident,
}

/// How the nearest rows of a vector field are found in a sealed segment that is large enough for
/// an index. Growing rows are compared one by one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IndexChoice {
    /// Every row is compared. Of every kind.
    Exact,
    /// A graph is walked. Of dense fields; on fields of several rows it is accepted and not built.
    Graph(HnswConfig),
    /// The lists of the nearest clusters are looked through. Of dense fields.
    Ivf(IvfConfig),
    /// Postings of the indices of a query are added up; exact. Of sparse fields.
    Postings(PostingsConfig),
}

/// Parameters of inverted lists (Sivic & Zisserman 2003). With a [`Quantization`] the rows of a
/// list are compared by its codes and the best of them again by their vectors; without one by
/// their vectors alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IvfConfig {
    /// How many clusters.
    pub clusters: ClusterCount,
}

/// How many clusters the rows of a segment are put into; never more than there are rows, and at
/// least one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClusterCount {
    /// So many, in `1..=65_536`.
    Fixed(u32),
    /// So many times the square root of the number of rows; positive and finite, and no more than
    /// 65,536 come of it.
    PerRoot(f32),
}

impl ClusterCount {
    /// Most clusters.
    pub const MAX: u32 = 65_536;

    /// The number of clusters of `rows` rows.
    pub fn of(self, rows: usize) -> usize {
        let wanted = match self {
            Self::Fixed(count) => count as usize,
            Self::PerRoot(ratio) => {
                // A whole root: equal on every platform, and fine enough.
                let wanted = f64::from(ratio) * rows.isqrt() as f64;
                // A float-to-integer cast truncates and saturates.
                (wanted + 0.5) as usize
            }
        };
        wanted.min(Self::MAX as usize).min(rows).max(1)
    }

    /// Whether it says a number of clusters.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Fixed(count) => (1..=Self::MAX).contains(&count),
            Self::PerRoot(ratio) => ratio > 0.0 && ratio.is_finite(),
        }
    }
}

/// Parameters of postings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostingsConfig {
    /// Fewer rows than this, of a segment or left by a filter, are scanned.
    pub full_scan_rows: u32,
}

impl Default for PostingsConfig {
    fn default() -> Self {
        Self {
            full_scan_rows: 5_000,
        }
    }
}

/// Parameters of the graph. Names as in Malkov & Yashunin 2016.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HnswConfig {
    /// Links per node above layer 0; layer 0 has twice as many. 0: no graph, exact scans.
    pub m: u16,
    /// Candidates looked at while a node is linked.
    pub ef_construct: u32,
    /// Sets of fewer candidate bytes (stored rows) than this many KiB are scanned exactly; the
    /// collection's holds for fields with inverted lists too.
    pub full_scan_threshold_kb: u32,
}

impl Default for HnswConfig {
    fn default() -> Self {
        Self {
            m: 16,
            ef_construct: 100,
            full_scan_threshold_kb: 10_000,
        }
    }
}

/// When segments are sealed, indexed and merged. Sizes count f32 vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentConfig {
    /// A segment of more KiB of vectors gets a graph or inverted lists; 0: never any index.
    pub indexing_threshold_kb: u32,
    /// Segments are not merged beyond this many KiB of vectors.
    pub segment_kb_max: u32,
    /// A segment is rewritten when more than this share of its rows is deleted, 0.0 to 1.0 …
    pub vacuum_deleted_share: f64,
    /// … and it has at least this many rows.
    pub vacuum_rows_min: u32,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            indexing_threshold_kb: 10_000,
            segment_kb_max: 4_000_000,
            vacuum_deleted_share: 0.2,
            vacuum_rows_min: 1_000,
        }
    }
}

/// A payload index.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldIndex {
    /// The indexed values.
    pub path: FieldPath,
    /// Their type and options.
    pub params: IndexParams,
}

/// Type and options of a payload index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexParams {
    /// Type of the indexed values; values of other types are not in the index.
    pub kind: FieldKind,
    /// How texts are cut into tokens; looked at when the kind is [`FieldKind::Text`] only.
    pub text: TextOptions,
    /// Options as the dialect gave them, to be shown again.
    pub attributes: Object,
}

impl IndexParams {
    /// An index of `kind` without options.
    pub fn new(kind: FieldKind) -> Self {
        Self {
            kind,
            text: TextOptions::default(),
            attributes: Object::new(),
        }
    }

    /// Whether an index of these and one of the `other` parameters hold the same.
    pub fn is_same_index(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.kind != FieldKind::Text || self.text == other.text)
    }
}

/// Type of the values in a payload index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldKind {
    /// Text, compared whole.
    Keyword,
    /// `i64`: equality and ranges.
    Integer,
    /// `f64`: ranges.
    Float,
    /// Truth values.
    Bool,
    /// Dates: ranges.
    Datetime,
    /// UUIDs: equality and order.
    Uuid,
    /// `{lon, lat}`.
    Geo,
    /// Text, by the tokens in it.
    Text,
}

/// A change of a collection's settings; `None` leaves a setting as it is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ConfigChange {
    /// New default graph parameters.
    pub hnsw: Option<HnswConfig>,
    /// New default codes, or none.
    pub quantization: Option<Option<Quantization>>,
    /// New segment settings.
    pub segments: Option<SegmentConfig>,
    /// New settings of single vector fields.
    pub vectors: Vec<VectorChange>,
    /// New attributes, replacing all.
    pub attributes: Option<Object>,
    /// The attributes that the change was derived from: when the collection has others by now, it
    /// fails with `Conflict`. No part of what is logged, since only successes are.
    pub derived_from: Option<Object>,
}

/// A change of one vector field's settings; `None` leaves a setting as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorChange {
    /// The field.
    pub name: VectorName,
    /// New index, or that which follows from the collection's settings.
    pub index: Option<Option<IndexChoice>>,
    /// New metric of the index, or the field's.
    pub index_metric: Option<Option<Metric>>,
    /// New codes, or those of the collection.
    pub quantization: Option<Option<Quantization>>,
    /// New residency.
    pub residency: Option<Residency>,
    /// New modifier of a sparse field; `Invalid` for others.
    pub modifier: Option<Modifier>,
}

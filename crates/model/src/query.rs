//! Everything that reads state.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::VectorName;
use crate::aggregate::{Facet, Groups, Matrix};
use crate::attachment::{AttachmentKey, AttachmentRange};
use crate::snapshot::SnapshotScope;
use crate::{
    CollectionRef, DatabaseName, Error, FieldPath, Filter, Metric, PointId, Rank, Timestamp,
};

/// A question to the database; each variant names its [`Reply`](crate::Reply).
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// `Reply::Databases`: all databases, in the order in which they were created;
    /// [`DatabaseName::DEFAULT`] first.
    ListDatabases,
    /// `Reply::Collections`: collections of a database, ascending by name.
    ListCollections(DatabaseName),
    /// `Reply::Aliases`: all aliases of a database.
    ListAliases(DatabaseName),
    /// `Reply::Snapshots`: what is kept of a scope.
    ListSnapshots(SnapshotScope),
    /// `Reply::Exists`; aliases resolve.
    CollectionExists(CollectionRef),
    /// `Reply::Collection`.
    DescribeCollection(CollectionRef),
    /// `Reply::Schema`: the schema alone, in constant time; dialects ask it before a search, whose
    /// scores they report as the metric demands.
    ReadSchema(CollectionRef),
    /// `Reply::Size`, cheaper than a description.
    MeasureCollection(CollectionRef),
    /// `Reply::Upkeep`.
    WatchUpkeep(CollectionRef),
    /// `Reply::Attributes`: what [`SetAttributes`](crate::Command::SetAttributes) left.
    ReadAttributes(DatabaseName),
    /// `Reply::Records`, in the order of `ids`; unknown ids are left out, repeated ones answered
    /// once.
    Retrieve {
        /// Collection or alias.
        collection: CollectionRef,
        /// Which points.
        ids: Vec<PointId>,
        /// What to return of each.
        select: Select,
    },
    /// `Reply::Page`: points ascending by id, or by a payload value.
    Scroll {
        /// Collection or alias.
        collection: CollectionRef,
        /// Only points that match.
        filter: Option<Filter>,
        /// First id of the page, inclusive; not together with `order_by`.
        from: Option<PointId>,
        /// Points per page, at least 1.
        limit: usize,
        /// Order by a payload value instead of the id; needs an index that has an order. Points
        /// without a value are left out, points with several appear once for each.
        order_by: Option<OrderBy>,
        /// What to return of each.
        select: Select,
    },
    /// `Reply::Records`: the last points before an id, descending by id.
    ScrollBack {
        /// Collection or alias.
        collection: CollectionRef,
        /// Only points with smaller ids; `None`: all.
        before: Option<PointId>,
        /// Points to return.
        limit: usize,
        /// What to return of each.
        select: Select,
    },
    /// `Reply::Fields`: names of the top-level fields of the payloads, ascending.
    ListFields(CollectionRef),
    /// `Reply::Ids`: the concealed points, ascending.
    ListConcealed(CollectionRef),
    /// `Reply::Attachment`: bytes that are kept with a collection. `Invalid` when `range` begins
    /// behind their end.
    ReadAttachment {
        /// Collection or alias.
        collection: CollectionRef,
        /// Their key.
        key: AttachmentKey,
        /// Which of them.
        range: AttachmentRange,
    },
    /// The reply of `query`, as if no point were concealed; see
    /// [`WriteOp::Conceal`](crate::WriteOp).
    WithConcealed(Box<Query>),
    /// `Reply::Count`.
    Count {
        /// Collection or alias.
        collection: CollectionRef,
        /// Only points that match.
        filter: Option<Filter>,
        /// Otherwise an estimate may be given.
        exact: bool,
    },
    /// `Reply::Scored`.
    Search(Box<Search>),
    /// `Reply::Batch`, one `Reply::Scored` each, in order; all on the same state of a collection.
    SearchBatch(Vec<Search>),
    /// The reply of `query`; `Timeout` when it takes longer than `ms` milliseconds. Looked at
    /// between the steps of a query, the last time when its reply is ready.
    Within {
        /// Milliseconds.
        ms: u64,
        /// What is asked.
        query: Box<Query>,
    },
    /// `Reply::Groups`, best group first.
    Groups(Box<Groups>),
    /// `Reply::Facet`: the most frequent values first, equal counts ascending by value. `Invalid`
    /// about the field when no fitting payload index is at the path.
    Facet(Facet),
    /// `Reply::Matrix`.
    Matrix(Matrix),
}

/// Levels of prefetches inside prefetches, at most.
pub const PREFETCH_DEPTH_MAX: usize = 64;

/// A search in one collection.
///
/// Without prefetches, `rank` orders all points that match. With them, it orders what they found.
/// Points named as inputs anywhere in the search are never found by it, unless they were looked up
/// in another collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Collection or alias.
    pub collection: CollectionRef,
    /// Searches whose results are what this one ranks, in order.
    pub prefetch: Vec<Prefetch>,
    /// How points are ranked; `None`: ascending by id, score 1. Never `None` with prefetches.
    pub rank: Option<Rank>,
    /// Where points named in `rank` are looked up; `None`: here, in the field that is searched.
    pub lookup_from: Option<LookupFrom>,
    /// Only points that match; with prefetches, a condition of each of them.
    pub filter: Option<Filter>,
    /// Speed against recall.
    pub params: SearchParams,
    /// Only better scores; see [`Prefetch::score_bound`].
    pub score_bound: Option<f32>,
    /// Results to return.
    pub limit: usize,
    /// Results to skip first; a sample skips none.
    pub offset: usize,
    /// What to return of each.
    pub select: Select,
}

/// A search inside a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefetch {
    /// Searches whose results are what this one ranks.
    pub prefetch: Vec<Prefetch>,
    /// As [`Search::rank`].
    pub rank: Option<Rank>,
    /// As [`Search::lookup_from`].
    pub lookup_from: Option<LookupFrom>,
    /// Only points that match, and that match the filters of the searches around it.
    pub filter: Option<Filter>,
    /// Speed against recall.
    pub params: SearchParams,
    /// Results end before the first that is not better. A bound is a similarity or, for
    /// [`Metric::L2`](crate::Metric::L2) and [`Metric::L1`](crate::Metric::L1), a distance. Ranks
    /// that compare vectors ask for scores strictly above a similarity or below a distance, fusion
    /// and formulas for scores at least as large. Samples ignore it; `Invalid` without a score.
    pub score_bound: Option<f32>,
    /// Results to keep.
    pub limit: usize,
}

/// Where the vectors of points that are inputs are found.
#[derive(Clone, Debug, PartialEq)]
pub struct LookupFrom {
    /// Collection or alias.
    pub collection: CollectionRef,
    /// The vector field; `None`: one of the same name as the field that is searched.
    pub vector: Option<VectorName>,
}

/// What is done to each rank of a search and to where its ids are looked up.
type Visit<'a> = &'a mut dyn FnMut(&mut Rank, &mut Option<LookupFrom>) -> Result<(), Error>;

impl Search {
    /// Calls `visit` with each ranking of the search, those of prefetches included, and where its
    /// inputs are looked up.
    ///
    /// # Errors
    /// The first that `visit` gives.
    pub fn try_each_rank(&mut self, visit: Visit<'_>) -> Result<(), Error> {
        if let Some(rank) = &mut self.rank {
            visit(rank, &mut self.lookup_from)?;
        }
        let mut inner = self.prefetch.iter_mut();
        inner.try_for_each(|prefetch| prefetch.try_each_rank(visit))
    }
}

impl Prefetch {
    fn try_each_rank(&mut self, visit: Visit<'_>) -> Result<(), Error> {
        if let Some(rank) = &mut self.rank {
            visit(rank, &mut self.lookup_from)?;
        }
        let mut inner = self.prefetch.iter_mut();
        inner.try_for_each(|prefetch| prefetch.try_each_rank(visit))
    }

    /// Levels of prefetches, this one included.
    pub fn depth(&self) -> usize {
        1 + self.prefetch.iter().map(Self::depth).max().unwrap_or(0)
    }
}

/// Speed against recall, per query.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SearchParams {
    /// Candidates kept by the graph walk; `None`: chosen for recall of at least 0.99 on usual
    /// data.
    pub ef: Option<u32>,
    /// Lists that are looked through where a field has inverted lists, at least one; `None`: chosen
    /// for recall on usual data. More are looked through while fewer points than wanted are found.
    pub nprobe: Option<u32>,
    /// Compare with every allowed point.
    pub exact: bool,
    /// Leave out points that no index covers yet.
    pub indexed_only: bool,
    /// The points whose vectors are counted for [`Modifier::Idf`](crate::Modifier); `None`: all.
    pub idf_corpus: Option<Filter>,
    /// How the codes of a quantised field are used; of no effect on other fields.
    pub codes: CodeUse,
    /// Compare rows of floats by this metric instead of the field's, with every allowed point;
    /// `None`: by the field's. Rows are compared as they are stored, so those of a cosine field
    /// are normalised. [`Metric::Hamming`] and [`Metric::Jaccard`] take a component above one half
    /// as a set bit; `Unsupported` for the other metrics of bits, and of no effect on other kinds
    /// of fields.
    pub metric: Option<Metric>,
}

/// How a search uses the codes of a quantised field.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct CodeUse {
    /// Compare the vectors themselves on the whole way, not their codes.
    pub ignore: bool,
    /// Whether the best candidates are compared again by their vectors; if not, codes give the
    /// scores. `None`: they are.
    pub rescore: Option<bool>,
    /// So many candidates per wanted point are compared again, at least 1.0; `None`: as many as
    /// the codes need.
    pub oversampling: Option<f64>,
}

/// Order by a payload value.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// An indexed path.
    pub path: FieldPath,
    /// Ascending or descending.
    pub direction: Direction,
    /// First value, inclusive.
    pub start_from: Option<StartFrom>,
}

/// Ascending or descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// Where an ordered scroll starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StartFrom {
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A point in time.
    Datetime(Timestamp),
}

/// What to return of each point.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Select {
    /// Payload fields.
    pub payload: PayloadSelect,
    /// Vectors.
    pub vectors: VectorSelect,
}

/// Which part of a payload to return.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum PayloadSelect {
    /// None of it; `Record::payload` is `None`.
    #[default]
    Nothing,
    /// The whole.
    All,
    /// What the paths reach, at their places.
    Include(Vec<FieldPath>),
    /// The whole without what the paths reach.
    Exclude(Vec<FieldPath>),
}

/// Which vectors to return.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum VectorSelect {
    /// None; `Record::vectors` is `None`.
    #[default]
    Nothing,
    /// All that the point has.
    All,
    /// Those of these names that the point has.
    Named(Vec<VectorName>),
}

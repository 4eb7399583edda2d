//! The state of one collection: an immutable value.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    Attachment, AttachmentKey, ClusterCount, Error, FieldKind, HnswConfig, IndexChoice, IvfConfig,
    PointId, Schema, VectorField, VectorKind,
};
use rows::RowId;

use crate::ids::IdRef;
use crate::prepared::shape;
use crate::segment::LiveSegment;

/// Schema, growing rows and sealed segments of one collection at one moment.
///
/// A value: writes ([`Collection::apply`]) and finished jobs ([`Collection::install`]) give a new
/// one and leave this as it was, so a reader that holds one sees a consistent state for as long
/// as it likes. Cloning copies pointers. A live point is a row of exactly one segment.
#[derive(Clone, Debug)]
pub struct Collection {
    pub(crate) schema: Arc<Schema>,
    pub(crate) operation: u64,
    /// Oldest first.
    pub(crate) sealed: Vec<LiveSegment>,
    /// Oldest first; the newest rows come last.
    pub(crate) growing: Vec<LiveSegment>,
    /// Bytes that are kept with it and lie elsewhere.
    pub(crate) attachments: Arc<Attachments>,
}

/// What is attached to a collection, by key.
pub type Attachments = BTreeMap<AttachmentKey, Attachment>;

/// Where a live point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Position among [`Collection::segments`].
    pub(crate) segment: usize,
    pub(crate) row: RowId,
}

/// How much growing data there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct GrowingStats {
    /// Rows that are not gone.
    pub rows: u64,
    /// Bytes in memory.
    pub bytes: u64,
}

impl Collection {
    /// An empty collection.
    ///
    /// # Errors
    /// `Invalid` when fields or indexes are not ascending and unique, or a metric does not fit its
    /// vectors.
    pub fn create(schema: Schema) -> Result<Self, Error> {
        check_schema(&schema)?;
        Ok(Self {
            schema: Arc::new(schema),
            operation: 0,
            sealed: Vec::new(),
            growing: Vec::new(),
            attachments: Arc::default(),
        })
    }

    /// Bytes that are kept with it.
    pub fn attachments(&self) -> &Arc<Attachments> {
        &self.attachments
    }

    /// The state after `change` of what is attached.
    pub(crate) fn with_attachments(
        &self,
        change: impl FnOnce(&mut Attachments) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut new = self.clone();
        change(Arc::make_mut(&mut new.attachments))?;
        new.operation += 1;
        Ok(new)
    }

    /// The schema.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Number of operations applied so far.
    pub fn operation(&self) -> u64 {
        self.operation
    }

    /// Number of live points.
    pub fn points(&self) -> u64 {
        self.segments()
            .map(|segment| u64::from(segment.live_rows()))
            .sum()
    }

    /// How much growing data there is.
    pub fn growing(&self) -> GrowingStats {
        GrowingStats {
            rows: self.growing.iter().map(|s| u64::from(s.kept_rows())).sum(),
            bytes: self
                .growing
                .iter()
                .map(|s| s.segment.block.bytes_len() as u64)
                .sum(),
        }
    }

    /// Number of segments, sealed and growing.
    pub fn segment_count(&self) -> usize {
        self.sealed.len() + self.growing.len()
    }

    /// Sealed, then growing segments.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &LiveSegment> + Clone {
        self.sealed.iter().chain(&self.growing)
    }

    /// The segment at a position of [`Collection::segments`].
    pub(crate) fn segment(&self, at: usize) -> &LiveSegment {
        match self.sealed.get(at) {
            Some(segment) => segment,
            None => &self.growing[at - self.sealed.len()],
        }
    }

    /// Where the live point `id` is. Newest rows are looked through first.
    pub(crate) fn locate(&self, id: IdRef<'_>) -> Option<Place> {
        let count = self.sealed.len() + self.growing.len();
        (0..count).rev().find_map(|at| {
            let live = self.segment(at);
            let row = live.segment.block.ids.find(id)?;
            live.is_live(row).then_some(Place { segment: at, row })
        })
    }

    /// As [`Collection::locate`], of concealed points too.
    pub(crate) fn locate_kept(&self, id: IdRef<'_>) -> Option<Place> {
        let count = self.sealed.len() + self.growing.len();
        (0..count).rev().find_map(|at| {
            let live = self.segment(at);
            let row = live.segment.block.ids.find(id)?;
            let kept = live.is_live(row) || live.deleted.concealed().contains(row);
            kept.then_some(Place { segment: at, row })
        })
    }

    /// As [`Collection::locate`].
    ///
    /// # Errors
    /// `NotFound` when no live point has the id.
    pub(crate) fn must_locate(&self, id: &PointId) -> Result<Place, Error> {
        self.locate(id.into()).ok_or_else(|| Error::no_point(id))
    }

    /// Position of a vector field in the schema.
    ///
    /// # Errors
    /// `Invalid` about the field when the schema has none of that name.
    pub(crate) fn field(&self, name: &model::VectorName) -> Result<usize, Error> {
        let at = self
            .schema
            .vectors
            .iter()
            .position(|field| field.name == *name);
        at.ok_or_else(|| Error::no_vector_field(name.as_str()))
    }
}

pub(crate) fn check_schema(schema: &Schema) -> Result<(), Error> {
    if !schema.vectors.is_sorted_by(|a, b| a.name < b.name) {
        return Err(Error::invalid(
            "vector fields must ascend by name, names must be unique",
        ));
    }
    if !schema.indexes.is_sorted_by(|a, b| a.path < b.path) {
        return Err(Error::invalid(
            "payload indexes must ascend by path, paths must be unique",
        ));
    }
    for field in &schema.vectors {
        let bits = match field.kind {
            VectorKind::Dense { .. } | VectorKind::Multi { .. } | VectorKind::Sparse { .. } => {
                false
            }
            VectorKind::Binary { .. } => true,
        };
        if field.kind.metric().is_binary() != bits {
            let (compared, held) = if bits {
                ("components", "bits")
            } else {
                ("bits", "components")
            };
            return Err(Error::unsupported(format!(
                "the metric of `{}` compares {compared}, but its vectors are {held}",
                field.name
            )));
        }
        check_index(field)?;
    }
    Ok(())
}

/// Whether the index that a field asks for is one of its kind.
fn check_index(field: &VectorField) -> Result<(), Error> {
    let name = &field.name;
    let by_components = matches!(field.kind, VectorKind::Dense { .. });
    if field
        .index_metric
        .is_some_and(|metric| metric.is_binary() || !by_components)
    {
        return Err(Error::invalid(format!(
            "an index of `{name}` cannot be built for another metric"
        )));
    }
    let fits = match (field.index, field.kind) {
        (None | Some(IndexChoice::Exact), _) => true,
        // No links are no graph.
        (Some(IndexChoice::Graph(HnswConfig { m: 0, .. })), _) => true,
        (Some(IndexChoice::Graph(_)), VectorKind::Dense { .. } | VectorKind::Multi { .. }) => true,
        (Some(IndexChoice::Ivf(IvfConfig { clusters })), VectorKind::Dense { .. }) => {
            if !clusters.is_valid() {
                return Err(Error::invalid(format!(
                    "`{name}` must have from 1 to {} clusters, or a positive share of the root of \
                     its rows",
                    ClusterCount::MAX
                )));
            }
            true
        }
        (Some(IndexChoice::Postings(_)), VectorKind::Sparse { .. }) => true,
        (
            Some(IndexChoice::Graph(_) | IndexChoice::Ivf(_) | IndexChoice::Postings(_)),
            VectorKind::Dense { .. }
            | VectorKind::Multi { .. }
            | VectorKind::Sparse { .. }
            | VectorKind::Binary { .. },
        ) => false,
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the index chosen for `{name}` is not one of {} vectors",
        shape(field.kind)
    )))
}

/// Whether an index of `kind` gives its values an order that can be asked for.
pub(crate) fn has_order(kind: FieldKind) -> bool {
    match kind {
        FieldKind::Integer | FieldKind::Float | FieldKind::Datetime => true,
        FieldKind::Keyword
        | FieldKind::Bool
        | FieldKind::Uuid
        | FieldKind::Geo
        | FieldKind::Text => false,
    }
}

//! A segment: one immutable block of rows with the indexes that it has so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use filter::Column;
use index::DenseBlock;
use model::{Error, FieldIndex, FieldPath, Schema};
use rows::{RowId, RowSet};

use crate::block::RowBlock;
use crate::deleted::Deleted;
use crate::filter_cache::FilterCache;
use crate::part::{Blocks, PartKind, PartRef, SegmentId};
use crate::source::Source;
use crate::vector_index::{VectorIndex, Wanted};
use crate::vectors::Vectors;

/// Rows and indexes; never changes.
#[derive(Debug)]
pub(crate) struct Segment {
    /// `None` while its rows are growing data, which the log alone makes durable.
    pub(crate) id: Option<SegmentId>,
    pub(crate) block: Arc<RowBlock>,
    /// Parallel to the schema's vector fields.
    indexes: Vec<Option<Arc<VectorIndex>>>,
    columns: Columns,
    parts: Vec<PartRef>,
    /// Columns that queries wanted and no part holds, kept for the next query. It is no part of
    /// the segment's value: with or without them every answer is the same.
    derived: Mutex<Columns>,
    /// As `derived`.
    pub(crate) filters: FilterCache,
    /// As `derived`: which rows have a payload field of a name, at the top level.
    fields: OnceLock<BTreeMap<Box<str>, RowSet>>,
}

type Columns = Vec<(FieldPath, Arc<Column>)>;

impl Segment {
    /// Growing rows.
    pub(crate) fn growing(block: RowBlock) -> Self {
        let indexes = vec![None; block.vectors.len()];
        Self::assemble(None, Arc::new(block), indexes, Vec::new(), Vec::new())
    }

    fn assemble(
        id: Option<SegmentId>,
        block: Arc<RowBlock>,
        indexes: Vec<Option<Arc<VectorIndex>>>,
        columns: Columns,
        parts: Vec<PartRef>,
    ) -> Self {
        Self {
            id,
            block,
            indexes,
            columns,
            parts,
            derived: Mutex::default(),
            filters: FilterCache::default(),
            fields: OnceLock::new(),
        }
    }

    /// Opens a sealed segment from its parts, the rows first among them or not.
    ///
    /// # Errors
    /// `Corrupt` when a part is missing, damaged or contradicts the rows.
    pub(crate) fn open(
        id: SegmentId,
        parts: &[(PartRef, Blocks)],
        schema: &Schema,
    ) -> Result<Self, Error> {
        let rows = parts.iter().find(|(part, _)| part.kind == PartKind::Rows);
        let (_, blocks) = rows.ok_or_else(|| Error::corrupt("a segment lacks its rows"))?;
        let block = RowBlock::open(blocks, schema)?;
        let indexes = vec![None; block.vectors.len()];
        Self::assemble(Some(id), Arc::new(block), indexes, Vec::new(), Vec::new())
            .extended(parts, schema)
    }

    /// This segment with more parts; a part of a kind that it has already replaces that.
    ///
    /// # Errors
    /// `Corrupt` when a part is damaged or contradicts the rows.
    pub(crate) fn extended(
        &self,
        parts: &[(PartRef, Blocks)],
        schema: &Schema,
    ) -> Result<Self, Error> {
        let mut indexes = self.indexes.clone();
        let mut columns = self.columns.clone();
        let mut refs = self.parts.clone();
        for (part, blocks) in parts {
            match &part.kind {
                PartKind::Rows => {}
                PartKind::Hnsw(name) | PartKind::Lists(name) | PartKind::Postings(name) => {
                    let at = schema.vectors.iter().position(|field| field.name == *name);
                    let at = at.ok_or_else(|| Error::corrupt("an index of no vector field"))?;
                    let opened = VectorIndex::open(&part.kind, blocks, &self.block.vectors[at])?;
                    indexes[at] = opened.map(Arc::new);
                }
                PartKind::Column(path) => {
                    let column = Column::open(&|name| blocks.get(name))?;
                    if column.rows() != self.block.len() {
                        return Err(Error::corrupt(format!(
                            "the column of `{path}` belongs to other rows"
                        )));
                    }
                    columns.retain(|(other, _)| other != path);
                    columns.push((path.clone(), Arc::new(column)));
                }
            }
            refs.retain(|other| !part.kind.replaces(&other.kind));
            refs.push(part.clone());
        }
        Ok(Self::assemble(
            self.id,
            Arc::clone(&self.block),
            indexes,
            columns,
            refs,
        ))
    }

    /// This segment with the parts of these kinds that `other`, of the same rows and vector
    /// fields, has.
    pub(crate) fn adopting(&self, other: &Self, kinds: &[PartKind], schema: &Schema) -> Self {
        let mut indexes = self.indexes.clone();
        let mut columns = self.columns.clone();
        let mut parts = self.parts.clone();
        for kind in kinds {
            let adopted: Vec<&PartRef> = other.parts.iter().filter(|p| p.kind == *kind).collect();
            if adopted.is_empty() {
                continue;
            }
            match kind {
                PartKind::Rows => {}
                PartKind::Hnsw(name) | PartKind::Lists(name) | PartKind::Postings(name) => {
                    for (at, field) in schema.vectors.iter().enumerate() {
                        if field.name == *name {
                            indexes[at].clone_from(&other.indexes[at]);
                        }
                    }
                }
                PartKind::Column(path) => {
                    columns.retain(|(old, _)| old != path);
                    let new = other.columns.iter().filter(|(new, _)| new == path);
                    columns.extend(new.cloned());
                }
            }
            parts.retain(|part| !kind.replaces(&part.kind));
            parts.extend(adopted.into_iter().cloned());
        }
        Self::assemble(self.id, Arc::clone(&self.block), indexes, columns, parts)
    }

    /// This segment with the vector fields of `schema`, without indexes and columns that it no
    /// longer declares; `None` when that is what it is.
    ///
    /// # Errors
    /// `Invalid` when `schema` has a field that cannot be.
    pub(crate) fn under(&self, schema: &Schema) -> Result<Option<Self>, Error> {
        let wanted = |path: &FieldPath, column: &Column| {
            schema
                .index(path)
                .is_some_and(|index| column.is_of(&index.params))
        };
        let (kept, stale): (Columns, Columns) = self
            .columns
            .iter()
            .cloned()
            .partition(|(path, column)| wanted(path, column));
        let same_fields = self.block.is_under(schema);
        if stale.is_empty() && same_fields {
            return Ok(None);
        }
        let block = if same_fields {
            Arc::clone(&self.block)
        } else {
            Arc::new(self.block.under(schema)?)
        };
        let places = self.block.fields_of(schema);
        let index = |place: &Option<usize>| place.and_then(|at| self.indexes[at].clone());
        let indexes: Vec<_> = places.iter().map(index).collect();
        let mut parts = self.parts.clone();
        parts.retain(|part| match &part.kind {
            PartKind::Rows => true,
            PartKind::Column(path) => kept.iter().any(|(other, _)| other == path),
            PartKind::Hnsw(name) | PartKind::Lists(name) | PartKind::Postings(name) => {
                let mut fields = schema.vectors.iter().zip(&indexes);
                fields.any(|(field, index)| field.name == *name && index.is_some())
            }
        });
        Ok(Some(Self::assemble(self.id, block, indexes, kept, parts)))
    }

    /// Names of the top-level payload fields, each with the rows that have it.
    pub(crate) fn payload_fields(&self) -> &BTreeMap<Box<str>, RowSet> {
        self.fields.get_or_init(|| {
            let mut fields: BTreeMap<Box<str>, RowSet> = BTreeMap::new();
            for row in (0..self.block.len()).map(RowId) {
                for (name, _) in self.block.payload(row).iter() {
                    match fields.get_mut(name) {
                        Some(rows) => rows.insert(row),
                        None => fields
                            .insert(name.into(), RowSet::from_iter([row]))
                            .is_none(),
                    };
                }
            }
            fields
        })
    }

    /// Whether some rows are read where they are asked for.
    pub(crate) fn is_paged(&self) -> bool {
        let mut dense = self.block.vectors.iter().filter_map(Vectors::dense);
        dense.any(DenseBlock::is_paged)
    }

    /// The stored parts.
    pub(crate) fn parts(&self) -> &[PartRef] {
        &self.parts
    }

    /// The index of the vector field at position `field` of the schema.
    pub(crate) fn index(&self, field: usize) -> Option<&VectorIndex> {
        self.indexes[field].as_deref()
    }

    /// As [`Segment::index`], unless `schema` asks for none by now. One of other settings serves
    /// until another is built.
    pub(crate) fn index_in_use(&self, schema: &Schema, field: usize) -> Option<&VectorIndex> {
        self.index(field)
            .filter(|_| Wanted::of(schema, field).is_some())
    }

    /// The stored column of `index`.
    pub(crate) fn column(&self, index: &FieldIndex) -> Option<Arc<Column>> {
        let mut columns = self.columns.iter();
        let (_, column) = columns.find(|(path, _)| *path == index.path)?;
        column.is_of(&index.params).then(|| Arc::clone(column))
    }

    /// The column of `index`: the stored one, or one built now and kept for later queries.
    pub(crate) fn column_or_build(&self, index: &FieldIndex, schema: &Schema) -> Arc<Column> {
        if let Some(column) = self.column(index) {
            return column;
        }
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let found = derived
            .iter()
            .find(|(path, column)| *path == index.path && column.is_of(&index.params));
        if let Some((_, column)) = found {
            return Arc::clone(column);
        }
        let column = Arc::new(Column::build(
            &index.params,
            &index.path,
            &Source::without_columns(self, schema),
        ));
        derived.retain(|(path, _)| *path != index.path);
        derived.push((index.path.clone(), Arc::clone(&column)));
        column
    }
}

/// A segment and which of its rows are deleted: one state.
#[derive(Clone, Debug)]
pub(crate) struct LiveSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) deleted: Arc<Deleted>,
}

impl LiveSegment {
    /// A segment all of whose rows live.
    pub(crate) fn new(segment: Segment) -> Self {
        Self {
            segment: Arc::new(segment),
            deleted: Arc::default(),
        }
    }

    /// Number of rows that are live or concealed.
    pub(crate) fn kept_rows(&self) -> u32 {
        self.live_rows() + self.deleted.concealed().len() as u32
    }

    /// The rows that are live or concealed.
    pub(crate) fn kept(&self) -> RowSet {
        self.deleted.gone().complement(self.segment.block.len())
    }

    /// The same segment with exactly these of its kept rows concealed.
    pub(crate) fn concealing(&self, concealed: RowSet) -> Self {
        Self {
            segment: Arc::clone(&self.segment),
            deleted: Arc::new(self.deleted.concealing(concealed)),
        }
    }

    /// Number of live rows.
    pub(crate) fn live_rows(&self) -> u32 {
        self.segment.block.len() - self.deleted.rows().len() as u32
    }

    /// Whether `row` is live.
    pub(crate) fn is_live(&self, row: RowId) -> bool {
        !self.deleted.rows().contains(row)
    }

    /// The live rows.
    pub(crate) fn live(&self) -> RowSet {
        self.deleted.rows().complement(self.segment.block.len())
    }

    /// The same segment with `rows` deleted too.
    pub(crate) fn without(&self, rows: impl IntoIterator<Item = RowId>) -> Self {
        Self {
            segment: Arc::clone(&self.segment),
            deleted: Arc::new(self.deleted.with(rows)),
        }
    }

    /// Other rows or indexes under the same deletions.
    pub(crate) fn with_segment(&self, segment: Segment) -> Self {
        Self {
            segment: Arc::new(segment),
            deleted: Arc::clone(&self.deleted),
        }
    }

    /// Bytes of the stored vectors of a field that live, deleted ones taken off by their share.
    pub(crate) fn vector_bytes(&self, at: usize) -> u64 {
        let rows = self.segment.block.len().max(1);
        let stored = self.segment.block.vectors[at].component_bytes();
        stored as u64 * u64::from(self.live_rows()) / u64::from(rows)
    }

    /// Bytes of the live stored vectors of all fields.
    pub(crate) fn all_vector_bytes(&self) -> u64 {
        let fields = 0..self.segment.block.vectors.len();
        fields.map(|at| self.vector_bytes(at)).sum()
    }
}

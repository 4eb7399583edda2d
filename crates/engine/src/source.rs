//! A segment as filters see it.

use std::sync::{Arc, OnceLock};

use filter::{Column, RowSource};
use model::packed::ObjectRef;
use model::{FieldIndex, FieldPath, IndexParams, PointId, Schema, VectorName};
use rows::RowId;

use crate::segment::Segment;

/// Smaller segments are filtered by reading payloads: building a column would take longer.
const DERIVE_ROWS_MIN: u32 = 512;

/// One segment under one schema.
pub(crate) struct Source<'a> {
    segment: &'a Segment,
    schema: &'a Schema,
    /// Parallel to the schema's payload indexes, looked up when first asked for.
    columns: Vec<OnceLock<Option<Arc<Column>>>>,
}

impl<'a> Source<'a> {
    /// `segment` with the columns that `schema` declares; missing ones are built when a filter
    /// first asks for them, if the segment is large enough for that to pay.
    pub(crate) fn new(segment: &'a Segment, schema: &'a Schema) -> Self {
        let columns = schema.indexes.iter().map(|_| OnceLock::new()).collect();
        Self {
            segment,
            schema,
            columns,
        }
    }

    /// `segment` without any column.
    pub(crate) fn without_columns(segment: &'a Segment, schema: &'a Schema) -> Self {
        Self {
            segment,
            schema,
            columns: Vec::new(),
        }
    }

    fn look_up(&self, index: &FieldIndex) -> Option<Arc<Column>> {
        if self.segment.block.len() < DERIVE_ROWS_MIN {
            return self.segment.column(index);
        }
        Some(self.segment.column_or_build(index, self.schema))
    }
}

impl RowSource for Source<'_> {
    fn len(&self) -> u32 {
        self.segment.block.len()
    }

    fn id(&self, row: RowId) -> PointId {
        self.segment.block.ids.get(row).into()
    }

    fn payload(&self, row: RowId) -> ObjectRef<'_> {
        self.segment.block.payload(row)
    }

    fn has_vector(&self, row: RowId, name: &VectorName) -> bool {
        let field = self
            .schema
            .vectors
            .iter()
            .position(|field| field.name == *name);
        field.is_some_and(|field| self.segment.block.vectors[field].has(row))
    }

    fn column(&self, path: &FieldPath) -> Option<&Column> {
        let at = self
            .schema
            .indexes
            .iter()
            .position(|index| index.path == *path)?;
        self.columns
            .get(at)?
            .get_or_init(|| self.look_up(&self.schema.indexes[at]))
            .as_deref()
    }

    fn declared(&self, path: &FieldPath) -> Option<&IndexParams> {
        self.schema.index(path).map(|index| &index.params)
    }

    fn find(&self, id: &PointId) -> Option<RowId> {
        self.segment.block.ids.find(id.into())
    }
}

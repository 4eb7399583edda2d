//! What a filter is evaluated on: the rows of one block or segment.

use model::packed::ObjectRef;
use model::{FieldPath, IndexParams, PointId, VectorName};
use rows::RowId;

use crate::Column;

/// The rows `0..len` of one immutable block or segment.
///
/// Rows are numbered densely. Deleted rows may be among them: who evaluates a filter takes them
/// away. Every method answers the same for as long as the source lives.
pub trait RowSource: Send + Sync {
    /// Number of rows, deleted ones included.
    fn len(&self) -> u32;

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of a row.
    fn id(&self, row: RowId) -> PointId;

    /// The payload of a row, [`ObjectRef::empty`] when it has none.
    fn payload(&self, row: RowId) -> ObjectRef<'_>;

    /// Whether a row carries the vector `name`.
    fn has_vector(&self, row: RowId, name: &VectorName) -> bool;

    /// The column over the values at `path`, when one was built for the index that is declared.
    fn column(&self, path: &FieldPath) -> Option<&Column>;

    /// The payload index that the schema declares at `path`, whether or not this source has its
    /// column yet. It matters for UUIDs, which an index compares as UUIDs, and for texts, which an
    /// index compares by their tokens.
    fn declared(&self, path: &FieldPath) -> Option<&IndexParams>;

    /// The row that holds `id`, when one does.
    fn find(&self, id: &PointId) -> Option<RowId>;
}

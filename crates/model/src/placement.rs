//! Where the bytes of sealed segments live.

use alloc::collections::BTreeMap;

use crate::{FieldPath, Residency, VectorName};

/// What the settings of a collection say of the bytes of its sealed segments, beside the rows of
/// vector fields, which say it themselves. What is absent is up to the database.
///
/// It is no part of a schema: a dialect tells it from the attributes that it keeps there. It holds
/// when a segment is opened, so a change is felt after the next start, or when a segment is built
/// anew.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Placement {
    /// Payloads.
    pub payloads: Option<Residency>,
    /// Graphs, inverted lists and postings, by vector field.
    pub indexes: BTreeMap<VectorName, Residency>,
    /// The codes beside them, by vector field.
    pub codes: BTreeMap<VectorName, Residency>,
    /// Columns of payload indexes.
    pub columns: BTreeMap<FieldPath, Residency>,
}

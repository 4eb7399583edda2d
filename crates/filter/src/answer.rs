//! What a column knows about a test.

use rows::RowSet;

/// The rows that pass a test, as far as a column can tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// These pass.
    pub(crate) sure: RowSet,
    /// These may pass: their payload decides. None of them is in `sure`.
    pub(crate) maybe: RowSet,
}

impl Answer {
    /// Only sure rows.
    pub(crate) fn exact(sure: RowSet) -> Self {
        Self {
            sure,
            maybe: RowSet::new(),
        }
    }

    /// `maybe` may overlap `sure`.
    pub(crate) fn new(sure: RowSet, maybe: &RowSet) -> Self {
        let maybe = maybe.difference(&sure);
        Self { sure, maybe }
    }
}

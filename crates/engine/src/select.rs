//! From a row to the record that a query asked for.

use filter::payload;
use model::query::VectorSelect;
use model::{Error, Record, Select};

use crate::collection::{Collection, Place};

impl Collection {
    /// Whether every vector that `select` names is a field of the schema.
    ///
    /// # Errors
    /// `Invalid` about the first that is not.
    pub(crate) fn check_select(&self, select: &Select) -> Result<(), Error> {
        match &select.vectors {
            VectorSelect::Nothing | VectorSelect::All => Ok(()),
            VectorSelect::Named(names) => {
                names.iter().try_for_each(|name| self.field(name).map(drop))
            }
        }
    }

    /// What `select` wants of the point at `place`.
    ///
    /// # Errors
    /// `Corrupt` when the stored payload is malformed.
    pub(crate) fn record(&self, place: Place, select: &Select) -> Result<Record, Error> {
        let block = &self.segment(place.segment).segment.block;
        let row = place.row;
        let wanted = |name: &model::VectorName| match &select.vectors {
            VectorSelect::Nothing => false,
            VectorSelect::All => true,
            VectorSelect::Named(names) => names.contains(name),
        };
        let vectors = match &select.vectors {
            VectorSelect::Nothing => None,
            VectorSelect::All | VectorSelect::Named(_) => Some(
                self.schema
                    .vectors
                    .iter()
                    .zip(&block.vectors)
                    .filter(|(field, _)| wanted(&field.name))
                    .filter_map(|(field, vectors)| {
                        let vector = vectors.get(row)?;
                        Some((field.name.clone(), vector))
                    })
                    .collect(),
            ),
        };
        Ok(Record {
            id: block.ids.get(row).into(),
            version: block.version(row),
            payload: payload::project(block.payload(row), &select.payload)?,
            vectors,
        })
    }
}

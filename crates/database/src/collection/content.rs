//! The state of a collection's journal.

use std::sync::Arc;

use engine::{Collection, Installed};
use model::{Error, WriteOp};
use storage::{Ulid, attached};

use super::garbage::Files;
use super::part_file::{PartFile, PartSet};
use crate::journal::State;

/// Writers wait when the growing rows take so many times the bytes at which they are sealed.
const SATURATION: u64 = 4;

/// The engine's collection and the files it is made of.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) collection: Collection,
    pub(crate) parts: Arc<PartSet>,
    /// Growing rows of more bytes are sealed.
    pub(crate) seal_bytes: u64,
}

impl Content {
    /// The content with the result of a job, whose new files are `files`.
    ///
    /// # Errors
    /// Those of [`Collection::install`].
    pub(crate) fn install(
        &self,
        installed: &Installed,
        files: &[Arc<PartFile>],
    ) -> Result<Self, Error> {
        let mut next = self.clone();
        next.collection = self.collection.install(installed)?;
        let added = files.iter().map(|file| (file.id, Arc::clone(file)));
        next.parts = Arc::new(self.parts.iter().map(copied).chain(added).collect());
        next.drop_unnamed_parts();
        Ok(next)
    }

    /// The names of all its files.
    pub(crate) fn files(&self) -> Files {
        let attached = self.collection.attachments().values();
        Files {
            parts: self.parts.keys().copied().collect(),
            attached: attached.map(attached::file).collect(),
        }
    }

    /// Leaves out the files that no segment names any more.
    fn drop_unnamed_parts(&mut self) {
        let named = self.collection.parts().filter_map(|(_, part)| {
            self.parts
                .get_key_value(&Ulid::parse(&part.key)?)
                .map(copied)
        });
        let named: PartSet = named.collect();
        if named.len() < self.parts.len() {
            self.parts = Arc::new(named);
        }
    }
}

fn copied((id, file): (&Ulid, &Arc<PartFile>)) -> (Ulid, Arc<PartFile>) {
    (*id, Arc::clone(file))
}

impl State for Content {
    type Change = Vec<WriteOp>;
    type Answer = u64;

    fn apply(&self, operations: &Vec<WriteOp>) -> Result<(Self, u64), Error> {
        let mut next = self.clone();
        for operation in operations {
            next.collection = next.collection.apply(operation)?;
        }
        // Dropping an index drops its columns.
        if next.collection.parts().count() < next.parts.len() {
            next.drop_unnamed_parts();
        }
        let operation = next.collection.operation();
        Ok((next, operation))
    }

    fn tidied(&self) -> Option<Self> {
        let collection = self.collection.tidied().unwrap_or_else(|error| {
            // The rows stay where they are, which is slower and nothing else.
            tracing::error!(%error, "growing rows were not laid together");
            None
        });
        collection.map(|collection| Self {
            collection,
            ..self.clone()
        })
    }

    fn is_saturated(&self) -> bool {
        let growing = self.collection.growing();
        // Without live rows there is nothing to seal, and nothing to wait for.
        growing.rows > 0 && growing.bytes > SATURATION.saturating_mul(self.seal_bytes)
    }
}

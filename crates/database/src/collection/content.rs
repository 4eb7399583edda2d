//! The state of a collection's journal.

use std::sync::Arc;

use engine::Collection;
use model::{Error, WriteOp};

use super::parts::PartSet;
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

impl State for Content {
    type Change = Vec<WriteOp>;
    type Answer = u64;

    fn apply(&self, operations: &Vec<WriteOp>) -> Result<(Self, u64), Error> {
        let mut next = self.clone();
        for operation in operations {
            next.collection = next.collection.apply(operation)?;
        }
        let operation = next.collection.operation();
        Ok((next, operation))
    }

    fn is_saturated(&self) -> bool {
        self.collection.growing().bytes as u64 > SATURATION * self.seal_bytes
    }
}

//! An open part file and its blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use engine::{Blocks, PartKind};
use model::Error;
use storage::Ulid;
use storage::container::{BlockInfo, Container, Directory, EAGER_BYTES_MAX};

use crate::pages::PagedBlock;

/// An open part file.
pub(crate) struct PartFile {
    /// Its name.
    pub(crate) id: Ulid,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    pub(super) held: Held,
}

/// The part files that a view is made of. While a reader holds the view, it holds this.
pub(crate) type PartSet = BTreeMap<Ulid, Arc<PartFile>>;

/// What there is of a part file.
pub(super) enum Held {
    /// All of it, in memory or mapped.
    Whole {
        container: Container,
        /// Blocks that are in memory although the file is mapped, by name.
        copies: BTreeMap<String, Bytes>,
    },
    /// The blocks that were read, and those that are read by pages.
    InParts {
        directory: Directory,
        /// Verified.
        read: Vec<(String, Bytes)>,
        paged: Vec<(String, PagedBlock)>,
    },
}

impl PartFile {
    /// Names, places and checksums of its blocks.
    pub(crate) fn directory(&self) -> &Directory {
        match &self.held {
            Held::Whole { container, .. } => container.directory(),
            Held::InParts { directory, .. } => directory,
        }
    }

    /// Checks all of it that is at hand. Pages are checked when they are read.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn verify(&self) -> Result<(), Error> {
        match &self.held {
            Held::Whole { container, .. } => container.verify().map_err(Error::from),
            Held::InParts { .. } => Ok(()),
        }
    }

    /// The blocks that opening has not read and nobody has checked since.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &BlockInfo> {
        let container = match &self.held {
            Held::Whole { container, .. } => Some(container),
            Held::InParts { .. } => None,
        };
        let is_unread = |container: &Container, block: &BlockInfo| {
            block.length > EAGER_BYTES_MAX && !container.is_verified(&block.name)
        };
        let blocks = self.directory().blocks().iter();
        blocks.filter(move |block| container.is_some_and(|held| is_unread(held, block)))
    }

    /// The blocks of a part of this kind, checked unless they are left unread.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn blocks(&self, kind: &PartKind) -> Result<Blocks, Error> {
        let (container, copies) = match &self.held {
            Held::Whole { container, copies } => (container, copies),
            Held::InParts { read, paged, .. } => {
                let paged = paged.iter().map(|(name, block)| {
                    let block: Arc<dyn engine::Pages> = Arc::new(block.clone());
                    (name.clone(), block)
                });
                return Ok(Blocks::new(read.clone()).with_paged(paged.collect()));
            }
        };
        let open = |name: &str| match copies.get(name) {
            Some(copy) => Ok(copy.clone()),
            None if kind.is_content(name) => container.block_unverified(name),
            None => container.block(name),
        };
        let blocks = container.directory().blocks().iter();
        let blocks = blocks.map(|block| Ok((block.name.clone(), open(&block.name)?)));
        blocks.collect::<Result<Vec<_>, Error>>().map(Blocks::new)
    }
}

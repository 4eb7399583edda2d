//! Parts: the immutable files that a sealed segment consists of.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use index::Pages;
use model::{FieldPath, VectorName};

use crate::block::PAYLOADS;
use crate::vectors::vectors_of;

/// A sealed segment's name: a ULID chosen by whoever stores its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u128);

/// What a part holds. Parts are added to a segment without touching those it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// Ids, versions, vectors and payloads; every segment has exactly one.
    Rows,
    /// Graph and codes of a vector field.
    Hnsw(VectorName),
    /// Inverted lists, and codes if any, of a vector field.
    Lists(VectorName),
    /// Postings of a sparse field.
    Postings(VectorName),
    /// The column of a payload index.
    Column(FieldPath),
}

/// What a block of a part is, for who decides where it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRole {
    /// Ids, versions and vectors.
    Rows,
    /// Payloads.
    Payloads,
    /// A graph, lists or postings.
    Index,
    /// The codes beside them.
    Codes,
    /// The column of a payload index.
    Column,
}

impl PartKind {
    /// What its block called `name` is.
    pub fn role(&self, name: &str) -> BlockRole {
        match self {
            Self::Rows if name == PAYLOADS => BlockRole::Payloads,
            Self::Rows => BlockRole::Rows,
            Self::Hnsw(_) | Self::Lists(_) if name == index::CODES_BLOCK => BlockRole::Codes,
            Self::Hnsw(_) | Self::Lists(_) | Self::Postings(_) => BlockRole::Index,
            Self::Column(_) => BlockRole::Column,
        }
    }

    /// Whether its block called `name` is content that nothing is looked up by: large, touched for
    /// few rows, and trusted for no position. Damage in it gives a wrong answer and nothing worse.
    pub fn is_content(&self, name: &str) -> bool {
        *self == Self::Rows && (name == PAYLOADS || vectors_of(name).is_some())
    }

    /// The vector field whose rows its block called `name` holds.
    pub fn rows_of<'n>(&self, name: &'n str) -> Option<&'n str> {
        vectors_of(name).filter(|_| *self == Self::Rows)
    }

    /// What its blocks can be.
    pub fn roles(&self) -> &'static [BlockRole] {
        match self {
            Self::Rows => &[BlockRole::Rows, BlockRole::Payloads],
            Self::Hnsw(_) | Self::Lists(_) => &[BlockRole::Index, BlockRole::Codes],
            Self::Postings(_) => &[BlockRole::Index],
            Self::Column(_) => &[BlockRole::Column],
        }
    }

    /// The vector field that the part is an index of.
    pub fn indexed(&self) -> Option<&VectorName> {
        match self {
            Self::Rows | Self::Column(_) => None,
            Self::Hnsw(field) | Self::Lists(field) | Self::Postings(field) => Some(field),
        }
    }

    /// Whether a part of this kind takes the place of one of the `other`: a vector field has one
    /// index at most.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        self == other || (self.indexed().is_some() && self.indexed() == other.indexed())
    }
}

impl fmt::Display for PartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows => f.write_str("rows"),
            Self::Hnsw(field) => write!(f, "graph of `{field}`"),
            Self::Lists(field) => write!(f, "lists of `{field}`"),
            Self::Postings(field) => write!(f, "postings of `{field}`"),
            Self::Column(path) => write!(f, "column of `{path}`"),
        }
    }
}

/// A stored part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRef {
    /// What it holds.
    pub kind: PartKind,
    /// Under which key it is stored; the engine only remembers it.
    pub key: String,
}

/// A part that a job made, to be stored.
#[derive(Clone, Debug)]
pub struct NewPart {
    /// What it holds.
    pub kind: PartKind,
    /// Its blocks in the order to be stored; names are unique within the part.
    pub blocks: Vec<(String, Bytes)>,
}

/// The opened blocks of one part.
///
/// Blocks should begin at addresses that are multiples of 64 (others are copied). Bytes that
/// change afterwards give wrong answers, never undefined behaviour.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    whole: Vec<(String, Bytes)>,
    paged: Vec<(String, Arc<dyn Pages>)>,
}

impl Blocks {
    /// Blocks by name; of equal names the first counts.
    pub fn new(blocks: Vec<(String, Bytes)>) -> Self {
        let paged = Vec::new();
        Self {
            whole: blocks,
            paged,
        }
    }

    /// These blocks, and others that are not all in memory: vectors that have an index.
    #[must_use]
    pub fn with_paged(self, paged: Vec<(String, Arc<dyn Pages>)>) -> Self {
        Self { paged, ..self }
    }

    /// The block called `name`.
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.whole
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, bytes)| bytes.clone())
    }

    /// The block called `name`, if it is one that is not all in memory.
    pub(crate) fn paged(&self, name: &str) -> Option<Arc<dyn Pages>> {
        let mut paged = self.paged.iter();
        let (_, pages) = paged.find(|(other, _)| other == name)?;
        Some(Arc::clone(pages))
    }

    /// All blocks that are in memory.
    pub(crate) fn all(&self) -> &[(String, Bytes)] {
        &self.whole
    }
}

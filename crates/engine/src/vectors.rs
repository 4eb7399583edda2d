//! The vectors of one field in one block, of every kind.
//!
//! | kind | arrays |
//! |---|---|
//! | dense, binary | one row per row of the block |
//! | multi | the rows of all points one after the other, and where those of each end |
//! | sparse | indices and values of all points, and where those of each end |
//!
//! Which rows of the block carry the vector is a bit each, left out when all do.

mod bits;
mod builder;
mod multi;
mod sparse;

use std::borrow::Cow;

use bytes::Bytes;
use index::DenseBlock;
use model::{MultiVector, SparseVector, Vector, VectorField, VectorKind, VectorName};
use rows::{BitSet, RowId};

use crate::array::Array;
use crate::block_error::BlockError;
use crate::part::Blocks;

pub(crate) use bits::BitRows;
pub(crate) use builder::{Incoming, VectorsBuilder, byte_of, half_of};
pub(crate) use multi::MultiRows;
pub(crate) use sparse::SparseRows;

/// The vectors of one field, and which rows carry one.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    of: FieldKey,
    pub(crate) stored: Stored,
    /// Rows that carry the vector; `None`: all do.
    pub(crate) present: Option<BitSet>,
    rows: usize,
}

/// What tells a field from all that there ever were: its name, and the operation that added it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldKey {
    name: VectorName,
    since: u64,
}

impl FieldKey {
    pub(crate) fn of(field: &VectorField) -> Self {
        Self {
            name: field.name.clone(),
            since: field.since,
        }
    }

    /// The name of a block of this field; `array` has no dot in it.
    fn block(&self, array: &str) -> String {
        let Self { name, since } = self;
        match since {
            0 => format!("{array}.{name}"),
            since => format!("{array}@{since}.{name}"),
        }
    }
}

/// The field whose components the block called `block` holds.
pub(crate) fn vectors_of(block: &str) -> Option<&str> {
    let rest = block.strip_prefix("vectors")?;
    let (_since, field) = rest.split_once('.')?;
    (rest.starts_with('.') || rest.starts_with('@')).then_some(field)
}

/// The arrays of one field.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    /// A row for every row of the block, of any content where it carries none; no row at all when
    /// none carries one.
    Dense(DenseBlock),
    Multi(MultiRows),
    Sparse(SparseRows),
    /// As `Dense`.
    Binary(BitRows),
}

/// A stored vector in place, to be copied into another block of the same field.
pub(crate) enum StoredRow<'a> {
    /// Components as stored.
    Dense(Cow<'a, [u8]>),
    /// Components of all rows as stored.
    Multi(Cow<'a, [u8]>),
    Sparse(&'a [u32], &'a [f32]),
    /// Packed bits.
    Binary(&'a [u8]),
}

impl Vectors {
    /// The vectors of a field that no row carries.
    pub(crate) fn absent(field: &VectorField, rows: usize) -> Result<Self, model::Error> {
        let mut builder = VectorsBuilder::new(field, 0);
        for _ in 0..rows {
            builder.push(None);
        }
        builder.finish()
    }

    /// Which field they are of.
    pub(crate) fn key(&self) -> &FieldKey {
        &self.of
    }

    /// Whether `row` carries the vector.
    pub(crate) fn has(&self, row: RowId) -> bool {
        self.present
            .as_ref()
            .is_none_or(|present| present.contains(row))
    }

    /// The vector of `row` as it is stored: normalised for cosine, rounded to its element type.
    pub(crate) fn get(&self, row: RowId) -> Option<Vector> {
        if !self.has(row) {
            return None;
        }
        match &self.stored {
            Stored::Dense(dense) => Some(Vector::Dense(dense.row(row, &mut Vec::new()).to_vec())),
            Stored::Multi(multi) => {
                let vector = MultiVector::new(multi.dim(), multi.floats(row));
                vector.ok().map(Vector::Multi)
            }
            Stored::Sparse(sparse) => {
                let (indices, values) = sparse.row(row);
                let vector = SparseVector::new(indices.to_vec(), values.to_vec());
                vector.ok().map(Vector::Sparse)
            }
            Stored::Binary(bits) => Some(Vector::Binary(bits.row(row).to_vec())),
        }
    }

    /// The vector of `row` in place.
    pub(crate) fn stored(&self, row: RowId) -> Option<StoredRow<'_>> {
        if !self.has(row) {
            return None;
        }
        Some(match &self.stored {
            Stored::Dense(dense) => StoredRow::Dense(dense.stored(row)),
            Stored::Multi(multi) => StoredRow::Multi(multi.stored(row)),
            Stored::Sparse(sparse) => {
                let (indices, values) = sparse.row(row);
                StoredRow::Sparse(indices, values)
            }
            Stored::Binary(bits) => StoredRow::Binary(bits.row(row)),
        })
    }

    /// The block of a dense field.
    pub(crate) fn dense(&self) -> Option<&DenseBlock> {
        match &self.stored {
            Stored::Dense(dense) => Some(dense),
            Stored::Multi(_) | Stored::Sparse(_) | Stored::Binary(_) => None,
        }
    }

    /// Bytes of the stored vectors.
    pub(crate) fn bytes_len(&self) -> usize {
        match &self.stored {
            Stored::Dense(dense) => dense.bytes_len(),
            Stored::Multi(multi) => multi.bytes_len(),
            Stored::Sparse(sparse) => sparse.bytes_len(),
            Stored::Binary(bits) => bits.bytes().len(),
        }
    }

    /// Bytes of the components of the vectors that rows carry.
    pub(crate) fn component_bytes(&self) -> usize {
        match &self.stored {
            Stored::Dense(dense) => self.count() * dense.dim() * dense.element().bytes(),
            Stored::Multi(multi) => multi.rows().bytes_len(),
            Stored::Sparse(sparse) => sparse.bytes_len(),
            Stored::Binary(bits) => self.count() * bits.row_bytes(),
        }
    }

    /// Number of rows, with the vector or without.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of rows that carry the vector.
    pub(crate) fn count(&self) -> usize {
        self.present.as_ref().map_or(self.rows, BitSet::count)
    }

    /// The stored form, for [`Vectors::open`].
    pub(crate) fn encode(&self) -> Vec<(String, Bytes)> {
        let name = |array: &str| self.of.block(array);
        let mut blocks = match &self.stored {
            Stored::Dense(dense) => vec![(name("vectors"), whole(dense))],
            Stored::Multi(multi) => vec![
                (name("vectors"), whole(multi.rows())),
                (name("ends"), multi.ends().bytes().clone()),
            ],
            Stored::Sparse(sparse) => vec![
                (name("vectors"), sparse.values().bytes().clone()),
                (name("indices"), sparse.indices().bytes().clone()),
                (name("ends"), sparse.ends().bytes().clone()),
            ],
            Stored::Binary(bits) => vec![(name("vectors"), bits.bytes().clone())],
        };
        if let Some(present) = &self.present {
            let words: Array<u64> = present.words().to_vec().into();
            blocks.push((name("present"), words.bytes().clone()));
        }
        blocks
    }

    /// Opens what [`Vectors::encode`] gave for a block of `rows` rows. A field that was added
    /// later than the block was written is one that no row carries.
    pub(crate) fn open(
        blocks: &Blocks,
        field: &VectorField,
        rows: usize,
    ) -> Result<Self, model::Error> {
        let of = FieldKey::of(field);
        let block = |array: &str| {
            let name = of.block(array);
            blocks.get(&name).ok_or(BlockError::Missing { name })
        };
        let pages = blocks.paged(&of.block("vectors"));
        if of.since > 0 && pages.is_none() && block("vectors").is_err() {
            return Self::absent(field, rows);
        }
        let damaged = || BlockError::Vectors {
            field: field.name.as_str().to_owned(),
        };
        let bits = blocks.get(&of.block("present"));
        let present = bits
            .map(|bytes| present(bytes, rows).ok_or_else(damaged))
            .transpose()?;
        // Rows that carry nothing are not kept when there is no other.
        let none = present.as_ref().is_some_and(BitSet::is_empty);
        let rows_of = |stored: usize| if none && stored == 0 { rows } else { stored };
        let (stored, len) = match field.kind {
            VectorKind::Dense {
                dim,
                metric,
                element,
            } => {
                let dense = match pages {
                    Some(pages) => DenseBlock::paged(element, pages, dim.get(), metric)?,
                    None => DenseBlock::of(element, block("vectors")?, dim.get(), metric)?,
                };
                let len = rows_of(dense.len());
                (Stored::Dense(dense), len)
            }
            VectorKind::Multi {
                dim,
                metric,
                element,
                comparator: model::Comparator::MaxSim,
            } => {
                let all = DenseBlock::of(element, block("vectors")?, dim.get(), metric)?;
                let multi = MultiRows::open(all, block("ends")?).ok_or_else(damaged)?;
                let len = multi.len();
                (Stored::Multi(multi), len)
            }
            VectorKind::Sparse { modifier: _ } => {
                let sparse = SparseRows::open(block("indices")?, block("vectors")?, block("ends")?)
                    .ok_or_else(damaged)?;
                let len = sparse.len();
                (Stored::Sparse(sparse), len)
            }
            VectorKind::Binary { dim, metric } => {
                let bits = BitRows::open(block("vectors")?, dim, metric).ok_or_else(damaged)?;
                let len = rows_of(bits.len());
                (Stored::Binary(bits), len)
            }
        };
        if len != rows {
            return Err(damaged().into());
        }
        Ok(Self {
            of,
            stored,
            present,
            rows,
        })
    }
}

/// The bytes of rows that are to be stored.
fn whole(rows: &DenseBlock) -> Bytes {
    let bytes = rows.bytes().cloned();
    bytes.expect("who reads rows by pages reads only, and stores nothing")
}

/// Which of `rows` rows carry the vector; `None` when the bits are of another number of rows.
fn present(bytes: Bytes, rows: usize) -> Option<BitSet> {
    let words = Array::<u64>::open(bytes)?;
    let words = words.as_slice();
    (words.len() == rows.div_ceil(64)).then(|| from_words(words, rows))
}

/// The set of rows below `rows` whose bit is set.
pub(crate) fn from_words(words: &[u64], rows: usize) -> BitSet {
    let set_bits = words.iter().enumerate().flat_map(|(at, &word)| {
        (0..64_u32)
            .filter(move |bit| word >> bit & 1 == 1)
            .map(move |bit| at as u32 * 64 + bit)
    });
    BitSet::from_rows(rows, set_bits.map(RowId))
}

/// Where the part of `row` lies, given where each part ends.
fn span(ends: &[u64], row: RowId) -> std::ops::Range<usize> {
    let start = match row.index() {
        0 => 0,
        at => ends[at - 1] as usize,
    };
    start..ends[row.index()] as usize
}

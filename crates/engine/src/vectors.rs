//! The vectors of one field in one block.

use bytes::Bytes;
use index::DenseBlock;
use model::{VectorField, VectorKind};
use rows::{BitSet, RowId};

use crate::array::{AlignedFloats, Array};
use crate::block_error::BlockError;

/// One row of `f32` per row of the block, and which of them count.
#[derive(Clone, Debug)]
pub(crate) struct Vectors {
    pub(crate) dense: DenseBlock,
    /// Rows that carry the vector; `None`: all do.
    pub(crate) present: Option<BitSet>,
}

impl Vectors {
    /// Whether `row` carries the vector.
    pub(crate) fn has(&self, row: RowId) -> bool {
        self.present
            .as_ref()
            .is_none_or(|present| present.contains(row))
    }

    /// The vector of `row` as it is stored: normalised for cosine.
    pub(crate) fn get(&self, row: RowId) -> Option<&[f32]> {
        self.has(row).then(|| self.dense.row(row))
    }

    /// Bytes of the stored vectors that count.
    pub(crate) fn bytes_len(&self) -> usize {
        self.dense.bytes().len()
    }

    /// Number of rows that carry the vector.
    pub(crate) fn count(&self) -> usize {
        self.present
            .as_ref()
            .map_or(self.dense.len(), BitSet::count)
    }

    /// The stored form, for [`Vectors::open`].
    pub(crate) fn encode(&self, field: &VectorField) -> Vec<(String, Bytes)> {
        let mut blocks = vec![(rows_name(field), self.dense.bytes().clone())];
        if let Some(present) = &self.present {
            let words: Array<u64> = present.words().to_vec().into();
            blocks.push((present_name(field), words.bytes().clone()));
        }
        blocks
    }

    /// Opens what [`Vectors::encode`] gave for a block of `rows` rows.
    pub(crate) fn open(
        find: &dyn Fn(&str) -> Option<Bytes>,
        field: &VectorField,
        rows: usize,
    ) -> Result<Self, model::Error> {
        let VectorKind::Dense { dim, metric } = field.kind;
        let name = rows_name(field);
        let bytes = find(&name).ok_or(BlockError::Missing { name })?;
        let dense = DenseBlock::new(bytes, dim.get(), metric)?;
        let damaged = || BlockError::Vectors {
            field: field.name.as_str().to_owned(),
        };
        if dense.len() != rows {
            return Err(damaged().into());
        }
        let present = match find(&present_name(field)) {
            None => None,
            Some(bytes) => {
                let words = Array::<u64>::open(bytes).ok_or_else(damaged)?;
                if words.as_slice().len() != rows.div_ceil(64) {
                    return Err(damaged().into());
                }
                Some(from_words(words.as_slice(), rows))
            }
        };
        Ok(Self { dense, present })
    }
}

fn rows_name(field: &VectorField) -> String {
    format!("vectors.{}", field.name)
}

fn present_name(field: &VectorField) -> String {
    format!("present.{}", field.name)
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

/// Collects the vectors of one field, row by row.
pub(crate) struct VectorsBuilder {
    floats: AlignedFloats,
    kind: VectorKind,
    absent: Vec<RowId>,
    rows: u32,
}

impl VectorsBuilder {
    pub(crate) fn new(kind: VectorKind, rows: usize) -> Self {
        let VectorKind::Dense { dim, .. } = kind;
        Self {
            floats: AlignedFloats::with_capacity(rows * dim.get()),
            kind,
            absent: Vec::new(),
            rows: 0,
        }
    }

    /// Appends the vector of the next row and returns its place, to be prepared for the metric.
    pub(crate) fn push(&mut self, vector: Option<&[f32]>) -> Option<&mut [f32]> {
        let VectorKind::Dense { dim, .. } = self.kind;
        let row = RowId(self.rows);
        self.rows += 1;
        match vector {
            Some(vector) => {
                debug_assert_eq!(vector.len(), dim.get());
                Some(self.floats.push_row(vector))
            }
            None => {
                self.absent.push(row);
                self.floats.push_zeros(dim.get());
                None
            }
        }
    }

    pub(crate) fn finish(self) -> Result<Vectors, model::Error> {
        let VectorKind::Dense { dim, metric } = self.kind;
        let dense = DenseBlock::new(self.floats.into_bytes(), dim.get(), metric)?;
        let present = (!self.absent.is_empty()).then(|| {
            let mut present = BitSet::full(self.rows as usize);
            for row in self.absent {
                present.remove(row);
            }
            present
        });
        Ok(Vectors { dense, present })
    }
}

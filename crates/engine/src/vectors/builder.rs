//! Collects the vectors of one field, row by row.

use half::f16;
use index::DenseBlock;
use model::{Dim, Element, Metric, Vector, VectorField, VectorKind};
use rows::{BitSet, RowId};

use super::{BitRows, FieldKey, MultiRows, SparseRows, Stored, StoredRow, Vectors};
use crate::array::{Aligned, Array};

/// A vector on its way into a block.
pub(crate) enum Incoming<'a> {
    /// As a caller brought it, checked against its field.
    Raw(&'a Vector),
    /// As a block of the same field stores it already.
    Stored(StoredRow<'a>),
}

/// Collects the vectors of one field, row by row.
pub(crate) struct VectorsBuilder {
    of: FieldKey,
    arrays: Arrays,
    absent: Vec<RowId>,
    rows: u32,
}

enum Arrays {
    Dense(Rows),
    Multi {
        rows: Rows,
        ends: Vec<u64>,
    },
    Sparse {
        indices: Vec<u32>,
        values: Vec<f32>,
        ends: Vec<u64>,
    },
    Binary {
        bits: Aligned<u8>,
        dim: Dim,
        metric: Metric,
    },
}

/// Dense rows of one element type.
struct Rows {
    components: Components,
    dim: usize,
    metric: Metric,
    len: u64,
    /// Working memory of conversions.
    scratch: Vec<f32>,
}

enum Components {
    F32(Aligned<f32>),
    F16(Aligned<u16>),
    U8(Aligned<u8>),
}

impl Rows {
    fn new(element: Element, dim: usize, metric: Metric, rows: usize) -> Self {
        let room = rows * dim;
        Self {
            components: match element {
                Element::F32 => Components::F32(Aligned::with_capacity(room)),
                Element::F16 => Components::F16(Aligned::with_capacity(room)),
                Element::U8 => Components::U8(Aligned::with_capacity(room)),
            },
            dim,
            metric,
            len: 0,
            scratch: Vec::new(),
        }
    }

    /// Appends rows as a caller brought them, row-major.
    fn push(&mut self, given: &[f32]) {
        for row in given.chunks_exact(self.dim) {
            self.len += 1;
            let normalised = self.metric == Metric::Cosine;
            match &mut self.components {
                Components::F32(floats) => {
                    let place = floats.push_row(row);
                    if normalised {
                        kernels::float::normalize(place);
                    }
                }
                Components::F16(halves) => {
                    self.scratch.clear();
                    self.scratch.extend_from_slice(row);
                    if normalised {
                        kernels::float::normalize(&mut self.scratch);
                    }
                    halves.extend(self.scratch.iter().map(|&x| half_of(x).to_bits()));
                }
                Components::U8(bytes) => bytes.extend(row.iter().map(|&x| byte_of(x))),
            }
        }
    }

    /// Appends rows as another block stores them.
    fn push_stored(&mut self, stored: &[u8]) {
        let element = match &mut self.components {
            Components::F32(floats) => {
                floats.push_bytes(stored);
                Element::F32
            }
            Components::F16(halves) => {
                halves.push_bytes(stored);
                Element::F16
            }
            Components::U8(bytes) => {
                bytes.push_bytes(stored);
                Element::U8
            }
        };
        self.len += (stored.len() / (self.dim * element.bytes())) as u64;
    }

    fn push_zeros(&mut self) {
        self.len += 1;
        match &mut self.components {
            Components::F32(floats) => floats.push_zeros(self.dim),
            Components::F16(halves) => halves.push_zeros(self.dim),
            Components::U8(bytes) => bytes.push_zeros(self.dim),
        }
    }

    fn finish(self) -> Result<DenseBlock, model::Error> {
        let (element, bytes) = match self.components {
            Components::F32(floats) => (Element::F32, floats.into_bytes()),
            Components::F16(halves) => (Element::F16, halves.into_bytes()),
            Components::U8(bytes) => (Element::U8, bytes.into_bytes()),
        };
        DenseBlock::of(element, bytes, self.dim, self.metric)
    }
}

/// The component that is stored for `x` where there are two bytes.
pub(crate) fn half_of(x: f32) -> f16 {
    f16::from_f32(x)
}

/// The component that is stored for `x` where there is one byte.
pub(crate) fn byte_of(x: f32) -> u8 {
    // A float-to-integer cast truncates and saturates.
    x as u8
}

impl VectorsBuilder {
    /// A builder with room for `rows` rows.
    pub(crate) fn new(field: &VectorField, rows: usize) -> Self {
        let arrays = match field.kind {
            VectorKind::Dense {
                dim,
                metric,
                element,
            } => Arrays::Dense(Rows::new(element, dim.get(), metric, rows)),
            VectorKind::Multi {
                dim,
                metric,
                element,
                comparator: _,
            } => Arrays::Multi {
                rows: Rows::new(element, dim.get(), metric, rows),
                ends: Vec::with_capacity(rows),
            },
            VectorKind::Sparse { modifier: _ } => Arrays::Sparse {
                indices: Vec::new(),
                values: Vec::new(),
                ends: Vec::with_capacity(rows),
            },
            VectorKind::Binary { dim, metric } => Arrays::Binary {
                bits: Aligned::with_capacity(rows * dim.bit_bytes()),
                dim,
                metric,
            },
        };
        Self {
            of: FieldKey::of(field),
            arrays,
            absent: Vec::new(),
            rows: 0,
        }
    }

    /// Appends the vector of the next row.
    pub(crate) fn push(&mut self, vector: Option<Incoming<'_>>) {
        let row = RowId(self.rows);
        self.rows += 1;
        if vector.is_none() {
            self.absent.push(row);
        }
        match &mut self.arrays {
            Arrays::Dense(rows) => match vector {
                Some(Incoming::Raw(Vector::Dense(given))) => rows.push(given),
                Some(Incoming::Stored(StoredRow::Dense(stored))) => rows.push_stored(&stored),
                Some(Incoming::Raw(_) | Incoming::Stored(_)) => unchecked(),
                None => rows.push_zeros(),
            },
            Arrays::Multi { rows, ends } => {
                match vector {
                    Some(Incoming::Raw(Vector::Multi(given))) => rows.push(given.flat()),
                    Some(Incoming::Raw(Vector::Dense(given))) => rows.push(given),
                    Some(Incoming::Stored(StoredRow::Multi(stored))) => rows.push_stored(&stored),
                    Some(Incoming::Raw(_) | Incoming::Stored(_)) => unchecked(),
                    None => {}
                }
                ends.push(rows.len);
            }
            Arrays::Sparse {
                indices,
                values,
                ends,
            } => {
                let (new, of_new) = match vector {
                    Some(Incoming::Raw(Vector::Sparse(given))) => (given.indices(), given.values()),
                    Some(Incoming::Stored(StoredRow::Sparse(stored, of_stored))) => {
                        (stored, of_stored)
                    }
                    Some(Incoming::Raw(_) | Incoming::Stored(_)) => unchecked(),
                    None => (&[][..], &[][..]),
                };
                indices.extend_from_slice(new);
                values.extend_from_slice(of_new);
                ends.push(indices.len() as u64);
            }
            Arrays::Binary { bits, dim, .. } => match vector {
                Some(Incoming::Raw(Vector::Binary(given))) => bits.push_bytes(given),
                Some(Incoming::Stored(StoredRow::Binary(stored))) => bits.push_bytes(stored),
                Some(Incoming::Raw(_) | Incoming::Stored(_)) => unchecked(),
                None => bits.push_zeros(dim.bit_bytes()),
            },
        }
    }

    /// The vectors of all rows pushed.
    pub(crate) fn finish(self) -> Result<Vectors, model::Error> {
        let rows = self.rows as usize;
        let nothing = self.absent.len() == rows && rows > 0;
        let stored = match self.arrays {
            Arrays::Dense(mut dense) => {
                if nothing {
                    // Zeros of rows that carry nothing need not be kept when there is no other.
                    let element = match &dense.components {
                        Components::F32(_) => Element::F32,
                        Components::F16(_) => Element::F16,
                        Components::U8(_) => Element::U8,
                    };
                    dense = Rows::new(element, dense.dim, dense.metric, 0);
                }
                Stored::Dense(dense.finish()?)
            }
            Arrays::Multi { rows, ends } => {
                let ends: Array<u64> = ends.into();
                let multi = MultiRows::open(rows.finish()?, ends.bytes().clone());
                Stored::Multi(multi.expect("an end was noted with every row"))
            }
            Arrays::Sparse {
                indices,
                values,
                ends,
            } => {
                let (indices, values): (Array<u32>, Array<f32>) = (indices.into(), values.into());
                let ends: Array<u64> = ends.into();
                let bytes = |bytes: &bytes::Bytes| bytes.clone();
                let sparse = SparseRows::open(
                    bytes(indices.bytes()),
                    bytes(values.bytes()),
                    bytes(ends.bytes()),
                );
                Stored::Sparse(sparse.expect("an end was noted with every row"))
            }
            Arrays::Binary { bits, dim, metric } => {
                let bits = if nothing {
                    bytes::Bytes::new()
                } else {
                    bits.into_bytes()
                };
                let bits = BitRows::open(bits, dim, metric);
                Stored::Binary(bits.expect("a whole row of a binary metric was pushed"))
            }
        };
        let present = (!self.absent.is_empty()).then(|| {
            let mut present = BitSet::full(rows);
            for row in self.absent {
                present.remove(row);
            }
            present
        });
        Ok(Vectors {
            of: self.of,
            stored,
            present,
            rows,
        })
    }
}

/// Vectors are checked against their field before a block is begun.
fn unchecked() -> ! {
    panic!("a vector of another kind than its field")
}

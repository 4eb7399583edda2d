//! An immutable block of rows: ids, versions, vectors, payloads.
//!
//! Growing data and sealed segments keep their rows in this one form. The arrays lie in shared
//! bytes exactly as they are stored, so sealing copies nothing and opening reads nothing. Rows
//! ascend by id: finding an id is a binary search, a scroll walks the rows, and ties of scores
//! fall in the order of ids.

use bytes::Bytes;
use model::Schema;
use model::packed::ObjectRef;
use rows::{RowId, RowSet};

use crate::array::Array;
use crate::block_error::BlockError;
use crate::ids::{IdRef, Ids, IdsBuilder};
use crate::part::Blocks;
use crate::vectors::{FieldKey, Incoming, Vectors, VectorsBuilder};

/// Version of the stored form.
const FORMAT_VERSION: u32 = 1;

/// Rows `0..len`, ascending by id.
#[derive(Clone, Debug)]
pub(crate) struct RowBlock {
    pub(crate) ids: Ids,
    versions: Array<u64>,
    /// Parallel to the schema's vector fields.
    pub(crate) vectors: Vec<Vectors>,
    /// Where the payload of each row ends in `payloads`.
    payload_ends: Array<u64>,
    payloads: Bytes,
}

/// The block that holds the payloads.
pub(crate) const PAYLOADS: &str = "payloads";

impl RowBlock {
    /// Number of rows.
    pub(crate) fn len(&self) -> u32 {
        self.versions.as_slice().len() as u32
    }

    /// Number of the operation that wrote `row`.
    pub(crate) fn version(&self, row: RowId) -> u64 {
        self.versions.as_slice()[row.index()]
    }

    /// The packed payload of `row`; no bytes when it has no field.
    pub(crate) fn payload_bytes(&self, row: RowId) -> &[u8] {
        let ends = self.payload_ends.as_slice();
        let start = if row.index() == 0 {
            0
        } else {
            ends[row.index() - 1]
        };
        self.payloads
            .get(start as usize..ends[row.index()] as usize)
            .unwrap_or(&[])
    }

    /// The payload of `row`, read in place.
    pub(crate) fn payload(&self, row: RowId) -> ObjectRef<'_> {
        ObjectRef::read(self.payload_bytes(row)).unwrap_or_else(ObjectRef::empty)
    }

    /// Bytes of all payloads.
    pub(crate) fn payloads_len(&self) -> usize {
        self.payloads.len()
    }

    /// Bytes in memory or in the store, without the directory.
    pub(crate) fn bytes_len(&self) -> usize {
        let vectors: usize = self.vectors.iter().map(Vectors::bytes_len).sum();
        self.ids.bytes_len() + vectors + self.payloads.len() + 16 * self.len() as usize
    }

    /// The stored form, for [`RowBlock::open`]; shares the bytes.
    pub(crate) fn encode(&self) -> Vec<(String, Bytes)> {
        let head: Array<u32> = vec![FORMAT_VERSION, self.len()].into();
        let mut blocks = vec![("rows".to_owned(), head.bytes().clone())];
        blocks.extend(self.ids.encode());
        blocks.push(("versions".to_owned(), self.versions.bytes().clone()));
        blocks.push(("payload_ends".to_owned(), self.payload_ends.bytes().clone()));
        blocks.push((PAYLOADS.to_owned(), self.payloads.clone()));
        blocks.extend(self.vectors.iter().flat_map(Vectors::encode));
        blocks
    }

    /// For each vector field of `schema` its position in this block; `None` where the block was
    /// made before the field.
    pub(crate) fn fields_of(&self, schema: &Schema) -> Vec<Option<usize>> {
        let place = |key: &FieldKey| self.vectors.iter().position(|held| held.key() == key);
        let keys = schema.vectors.iter().map(FieldKey::of);
        keys.map(|key| place(&key)).collect()
    }

    /// Whether the block has exactly the vector fields of `schema`, in their order.
    pub(crate) fn is_under(&self, schema: &Schema) -> bool {
        self.vectors.len() == schema.vectors.len()
            && schema
                .vectors
                .iter()
                .zip(&self.vectors)
                .all(|(field, held)| *held.key() == FieldKey::of(field))
    }

    /// The block with the vector fields of `schema`: others are dropped, and no row carries those
    /// that it lacks.
    pub(crate) fn under(&self, schema: &Schema) -> Result<Self, model::Error> {
        let rows = self.len() as usize;
        let places = self.fields_of(schema).into_iter().zip(&schema.vectors);
        let vectors = places.map(|(place, field)| match place {
            Some(at) => Ok(self.vectors[at].clone()),
            None => Vectors::absent(field, rows),
        });
        Ok(Self {
            vectors: vectors.collect::<Result<_, _>>()?,
            ..self.clone()
        })
    }

    /// Opens what [`RowBlock::encode`] gave, in place.
    ///
    /// # Errors
    /// `Corrupt` when a block is missing or contradicts another.
    pub(crate) fn open(blocks: &Blocks, schema: &Schema) -> Result<Self, model::Error> {
        let block = |name: &'static str| {
            blocks.get(name).ok_or(BlockError::Missing {
                name: name.to_owned(),
            })
        };
        let damaged = |name| BlockError::Damaged { name };
        let head = Array::<u32>::open(block("rows")?).ok_or(damaged("rows"))?;
        let &[version, rows] = head.as_slice() else {
            return Err(damaged("rows").into());
        };
        if version != FORMAT_VERSION {
            return Err(BlockError::Version { version }.into());
        }
        let rows = rows as usize;
        let versions = Array::<u64>::open(block("versions")?).ok_or(damaged("versions"))?;
        let payload_ends =
            Array::<u64>::open(block("payload_ends")?).ok_or(damaged("payload_ends"))?;
        let payloads = block(PAYLOADS)?;
        let ids = Ids::open(&block)?;
        for (name, got) in [
            ("ids.num", ids.len()),
            ("versions", versions.as_slice().len()),
            ("payload_ends", payload_ends.as_slice().len()),
        ] {
            if got != rows {
                return Err(BlockError::Rows {
                    name,
                    got,
                    expected: rows,
                }
                .into());
            }
        }
        let ends = payload_ends.as_slice();
        if !ends.is_sorted() || ends.last().copied().unwrap_or(0) != payloads.len() as u64 {
            return Err(damaged("payload_ends").into());
        }
        let vectors = schema
            .vectors
            .iter()
            .map(|field| Vectors::open(blocks, field, rows))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            ids,
            versions,
            vectors,
            payload_ends,
            payloads,
        })
    }

    /// The live rows of all `sources` as one block; an id is live in at most one of them.
    pub(crate) fn merge(
        sources: &[(&RowBlock, &RowSet)],
        schema: &Schema,
    ) -> Result<Self, model::Error> {
        let order = live_by_id(sources);
        let payload_bytes = sources.iter().map(|(block, _)| block.payloads.len()).sum();
        let mut builder = BlockBuilder::new(schema, order.len());
        builder.payloads.reserve(payload_bytes);
        for (at, row) in order {
            let block = sources[at].0;
            let payload = block.payload_bytes(row);
            builder.push(block.ids.get(row), block.version(row), payload, |field| {
                block.vectors[field].stored(row).map(Incoming::Stored)
            });
        }
        builder.finish()
    }
}

/// Source and row of every live row, ascending by id.
fn live_by_id(sources: &[(&RowBlock, &RowSet)]) -> Vec<(usize, RowId)> {
    let mut order = Vec::new();
    for (at, (block, deleted)) in sources.iter().enumerate() {
        let rows = (0..block.len()).map(RowId);
        if deleted.is_empty() {
            order.extend(rows.map(|row| (at, row)));
        } else {
            let live = deleted.complement(block.len());
            order.extend(live.iter().map(|row| (at, row)));
        }
    }
    // Each source is one ascending run, and the stable sort merges runs in linear passes.
    order.sort_by_key(|&(at, row)| sources[at].0.ids.get(row));
    order
}

/// Collects rows that come in strictly ascending order of ids.
pub(crate) struct BlockBuilder {
    ids: IdsBuilder,
    versions: Vec<u64>,
    vectors: Vec<VectorsBuilder>,
    payload_ends: Vec<u64>,
    payloads: Vec<u8>,
}

impl BlockBuilder {
    /// A builder with room for `rows` rows.
    pub(crate) fn new(schema: &Schema, rows: usize) -> Self {
        let fields = schema.vectors.iter();
        Self {
            ids: IdsBuilder::default(),
            versions: Vec::with_capacity(rows),
            vectors: fields.map(|f| VectorsBuilder::new(f, rows)).collect(),
            payload_ends: Vec::with_capacity(rows),
            payloads: Vec::new(),
        }
    }

    /// Appends a row. `payload` is packed (or nothing), `vector` gives the vector of each field by
    /// its position in the schema.
    pub(crate) fn push<'v>(
        &mut self,
        id: IdRef<'_>,
        version: u64,
        payload: &[u8],
        mut vector: impl FnMut(usize) -> Option<Incoming<'v>>,
    ) {
        self.ids.push(id);
        self.versions.push(version);
        self.payloads.extend_from_slice(payload);
        self.payload_ends.push(self.payloads.len() as u64);
        for (field, vectors) in self.vectors.iter_mut().enumerate() {
            vectors.push(vector(field));
        }
    }

    /// The block of all rows pushed.
    pub(crate) fn finish(self) -> Result<RowBlock, model::Error> {
        Ok(RowBlock {
            ids: self.ids.finish(),
            versions: self.versions.into(),
            vectors: self
                .vectors
                .into_iter()
                .map(VectorsBuilder::finish)
                .collect::<Result<_, _>>()?,
            payload_ends: self.payload_ends.into(),
            payloads: self.payloads.into(),
        })
    }
}

//! The ids of a block, ascending: a row's position is its rank.

use bytes::Bytes;
use model::PointId;
use rows::RowId;

use crate::array::Array;
use crate::block_error::BlockError;

/// A borrowed [`PointId`], in the same order: numbers, UUIDs, texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IdRef<'a> {
    /// An unsigned integer.
    Num(u64),
    /// A UUID, big-endian bytes.
    Uuid([u8; 16]),
    /// Any other text.
    Text(&'a str),
}

impl<'a> From<&'a PointId> for IdRef<'a> {
    fn from(id: &'a PointId) -> Self {
        match id {
            PointId::Num(n) => Self::Num(*n),
            PointId::Uuid(bytes) => Self::Uuid(*bytes),
            PointId::Text(text) => Self::Text(text),
        }
    }
}

impl From<IdRef<'_>> for PointId {
    fn from(id: IdRef<'_>) -> Self {
        match id {
            IdRef::Num(n) => Self::Num(n),
            IdRef::Uuid(bytes) => Self::Uuid(bytes),
            IdRef::Text(text) => Self::Text(text.into()),
        }
    }
}

/// Ids in strictly ascending order, one array per kind.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    nums: Array<u64>,
    uuids: Array<[u8; 16]>,
    /// Where each text ends in `texts`.
    text_ends: Array<u64>,
    texts: Bytes,
}

/// Collects ids that come in strictly ascending order.
#[derive(Default)]
pub(crate) struct IdsBuilder {
    nums: Vec<u64>,
    uuids: Vec<[u8; 16]>,
    text_ends: Vec<u64>,
    texts: Vec<u8>,
}

impl IdsBuilder {
    pub(crate) fn push(&mut self, id: IdRef<'_>) {
        match id {
            IdRef::Num(n) => self.nums.push(n),
            IdRef::Uuid(bytes) => self.uuids.push(bytes),
            IdRef::Text(text) => {
                self.texts.extend_from_slice(text.as_bytes());
                self.text_ends.push(self.texts.len() as u64);
            }
        }
    }

    pub(crate) fn finish(self) -> Ids {
        Ids {
            nums: self.nums.into(),
            uuids: self.uuids.into(),
            text_ends: self.text_ends.into(),
            texts: self.texts.into(),
        }
    }
}

impl Ids {
    /// Number of ids.
    pub(crate) fn len(&self) -> usize {
        let (nums, uuids, ends) = self.slices();
        nums.len() + uuids.len() + ends.len()
    }

    fn slices(&self) -> (&[u64], &[[u8; 16]], &[u64]) {
        (
            self.nums.as_slice(),
            self.uuids.as_slice(),
            self.text_ends.as_slice(),
        )
    }

    fn text(&self, at: usize) -> &str {
        let ends = self.text_ends.as_slice();
        let start = if at == 0 { 0 } else { ends[at - 1] };
        // Checked when opened; stored bytes that changed since then must not panic.
        let bytes = self
            .texts
            .get(start as usize..ends[at] as usize)
            .unwrap_or(&[]);
        std::str::from_utf8(bytes).unwrap_or("")
    }

    /// The id of `row`.
    ///
    /// # Panics
    /// When there is no such row.
    pub(crate) fn get(&self, row: RowId) -> IdRef<'_> {
        let (nums, uuids, _) = self.slices();
        let at = row.index();
        if let Some(&n) = nums.get(at) {
            return IdRef::Num(n);
        }
        let at = at - nums.len();
        match uuids.get(at) {
            Some(&bytes) => IdRef::Uuid(bytes),
            None => IdRef::Text(self.text(at - uuids.len())),
        }
    }

    /// The first row whose id is not below `id`; the number of rows when all are below.
    pub(crate) fn lower_bound(&self, id: IdRef<'_>) -> u32 {
        let (nums, uuids, ends) = self.slices();
        let row = match id {
            IdRef::Num(n) => nums.partition_point(|&other| other < n),
            IdRef::Uuid(bytes) => nums.len() + uuids.partition_point(|other| *other < bytes),
            IdRef::Text(text) => {
                let (mut low, mut high) = (0, ends.len());
                while low < high {
                    let middle = usize::midpoint(low, high);
                    if self.text(middle) < text {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                nums.len() + uuids.len() + low
            }
        };
        row as u32
    }

    /// The row with `id`.
    pub(crate) fn find(&self, id: IdRef<'_>) -> Option<RowId> {
        let row = RowId(self.lower_bound(id));
        (row.index() < self.len() && self.get(row) == id).then_some(row)
    }

    /// Bytes in memory.
    pub(crate) fn bytes_len(&self) -> usize {
        let (nums, uuids, ends) = self.slices();
        size_of_val(nums) + size_of_val(uuids) + size_of_val(ends) + self.texts.len()
    }

    /// The stored form, for [`Ids::open`].
    pub(crate) fn encode(&self) -> Vec<(String, Bytes)> {
        [
            ("ids.num", self.nums.bytes()),
            ("ids.uuid", self.uuids.bytes()),
            ("ids.text_ends", self.text_ends.bytes()),
            ("ids.texts", &self.texts),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes.clone()))
        .into()
    }

    /// Opens what [`Ids::encode`] gave and checks that the ids ascend.
    pub(crate) fn open(
        block: &dyn Fn(&'static str) -> Result<Bytes, BlockError>,
    ) -> Result<Self, BlockError> {
        let damaged = |name| BlockError::Damaged { name };
        let ids = Self {
            nums: Array::open(block("ids.num")?).ok_or(damaged("ids.num"))?,
            uuids: Array::open(block("ids.uuid")?).ok_or(damaged("ids.uuid"))?,
            text_ends: Array::open(block("ids.text_ends")?).ok_or(damaged("ids.text_ends"))?,
            texts: block("ids.texts")?,
        };
        let (nums, uuids, ends) = ids.slices();
        if !nums.is_sorted_by(|a, b| a < b) {
            return Err(damaged("ids.num"));
        }
        if !uuids.is_sorted_by(|a, b| a < b) {
            return Err(damaged("ids.uuid"));
        }
        let last = ends.last().copied().unwrap_or(0);
        if !ends.is_sorted() || last != ids.texts.len() as u64 {
            return Err(damaged("ids.text_ends"));
        }
        let mut start = 0;
        for &end in ends {
            std::str::from_utf8(&ids.texts[start..end as usize])
                .map_err(|_| damaged("ids.texts"))?;
            start = end as usize;
        }
        if (1..ends.len()).any(|at| ids.text(at - 1) >= ids.text(at)) {
            return Err(damaged("ids.texts"));
        }
        Ok(ids)
    }
}

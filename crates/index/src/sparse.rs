//! Postings: an inverted index over sparse vectors, searched exactly with block-max pruning.
//!
//! Rows are cut into blocks of 256. For every dimension the index lists the blocks in which it
//! occurs, the largest value there, and the rows with their values. A search adds up the bounds of
//! every block that shares a dimension with the query, takes the blocks in descending order of
//! their bounds, and stops at the first that cannot hold a result any more (Mallia, Suel &
//! Tonellotto 2024, block-max pruning; bounds per block as in Ding & Suel 2011).
//!
//! Inside a block the dimensions of the query are added in ascending order, each product rounded
//! before it is added: the very order of [`kernels::sparse::dot`], so scores have the same bits
//! however much was pruned. Bounds are summed in `f64` with room for every rounding of the scores.
//!
//! Layout, all numbers 32-bit little-endian, every part starting on a 64-byte line:
//!
//! | part | content |
//! |---|---|
//! | header | magic, rows, rows with an index, dimensions, lists, postings |
//! | dimensions | ascending |
//! | ends | for each dimension the end of its lists; for each the end of its rows |
//! | lowest | for each dimension its smallest value (`f32`) |
//! | blocks, tails, largest | per list: its block, the end of its postings, its largest value |
//! | values | for each posting its value (`f32`) |
//! | places | for each posting one byte: the row within its block |

use bytes::Bytes;
use model::Error;
use rows::{RowId, Scored, TopK};

use crate::Allowed;
use crate::aligned::{AlignedBytes, LINE_BYTES, le_bytes, viewable, whole_lines};
use crate::open_error::{self, OpenError};

/// Name of the stored block.
pub const BLOCK: &str = "postings";

const MAGIC: [u8; 8] = *b"SKSPARS1";
const HEADER_BYTES: usize = LINE_BYTES;
/// Rows of a block: as many as a byte tells apart.
const BLOCK_ROWS: usize = 256;

/// A sparse vector: indices ascend strictly, each value belongs to the index at its place.
#[derive(Clone, Copy, Debug)]
pub struct SparseRow<'a> {
    /// Dimensions that are not zero.
    pub indices: &'a [u32],
    /// Their values.
    pub values: &'a [f32],
}

/// What is asked of postings.
#[derive(Clone, Copy)]
pub struct SparseProbe<'a> {
    /// The query; values may be negative.
    pub query: SparseRow<'a>,
    /// Rows wanted, at most.
    pub k: usize,
    /// Which rows may be returned.
    pub allowed: Allowed<'a>,
}

/// Builds the postings of `rows` rows and returns the bytes to store, for [`Postings::open`].
///
/// `vector` gives the vector of a row; `None`: the row has none and is never found. A row with a
/// vector of no indices is as one without. Equal input gives equal bytes.
///
/// # Errors
/// `Invalid` when the values are more than 32 bits can count.
pub fn build<'v>(
    rows: usize,
    vector: impl Fn(RowId) -> Option<SparseRow<'v>>,
) -> Result<Bytes, Error> {
    let mut present = 0;
    let mut postings: Vec<(u32, u32, f32)> = Vec::new();
    for row in 0..rows as u32 {
        let Some(SparseRow { indices, values }) = vector(RowId(row)) else {
            continue;
        };
        present += u32::from(!indices.is_empty());
        let pairs = indices.iter().zip(values);
        postings.extend(pairs.map(|(&index, &value)| (index, row, value)));
    }
    if u32::try_from(postings.len()).is_err() {
        return Err(Error::invalid("a segment holds too many sparse values"));
    }
    // Pushed row by row, so the stable sort leaves rows ascending within a dimension.
    postings.sort_by_key(|posting| posting.0);
    Ok(Draft::of(&postings).encode(rows as u32, present))
}

/// The parts while they are built.
#[derive(Default)]
struct Draft {
    dims: Vec<u32>,
    ends: Vec<u32>,
    lowest: Vec<f32>,
    blocks: Vec<u32>,
    tails: Vec<u32>,
    largest: Vec<f32>,
    values: Vec<f32>,
    places: Vec<u8>,
}

impl Draft {
    /// The parts of postings that ascend by dimension, then row.
    fn of(postings: &[(u32, u32, f32)]) -> Self {
        let mut draft = Self::default();
        for list in postings.chunk_by(|a, b| a.0 == b.0) {
            let lowest = list.iter().fold(f32::INFINITY, |low, p| low.min(p.2));
            let block_of = |row: u32| row / BLOCK_ROWS as u32;
            for part in list.chunk_by(|a, b| block_of(a.1) == block_of(b.1)) {
                for &(_, row, value) in part {
                    draft.places.push((row % BLOCK_ROWS as u32) as u8);
                    draft.values.push(value);
                }
                let largest = part.iter().fold(f32::NEG_INFINITY, |top, p| top.max(p.2));
                draft.blocks.push(block_of(part[0].1));
                draft.tails.push(draft.values.len() as u32);
                draft.largest.push(largest);
            }
            draft.dims.push(list[0].0);
            draft.ends.push(draft.blocks.len() as u32);
            draft.lowest.push(lowest);
        }
        draft
    }

    fn encode(&self, rows: u32, present: u32) -> Bytes {
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
        let parts = [
            self.dims.clone(),
            self.ends.clone(),
            bits(&self.lowest),
            self.blocks.clone(),
            self.tails.clone(),
            bits(&self.largest),
            bits(&self.values),
        ];
        let counts = Counts {
            dims: self.dims.len(),
            lists: self.blocks.len(),
            postings: self.values.len(),
        };
        let mut bytes = AlignedBytes::zeroed(counts.layout().1);
        bytes[..8].copy_from_slice(&MAGIC);
        let header = [
            rows,
            present,
            counts.dims as u32,
            counts.lists as u32,
            counts.postings as u32,
        ];
        bytes[8..][..size_of_val(&header)].copy_from_slice(&le_bytes(&header));
        let (starts, _) = counts.layout();
        for (part, at) in parts.iter().zip(starts) {
            bytes[at..][..size_of_val(&part[..])].copy_from_slice(&le_bytes(part));
        }
        bytes[starts[7]..][..self.places.len()].copy_from_slice(&self.places);
        bytes.into_bytes()
    }
}

/// How many there are of each; from it follows where every part lies.
#[derive(Clone, Copy, Debug)]
struct Counts {
    dims: usize,
    lists: usize,
    postings: usize,
}

impl Counts {
    /// Where the eight parts start, and the length of all.
    fn layout(self) -> ([usize; 8], usize) {
        let words = [
            self.dims,
            self.dims,
            self.dims,
            self.lists,
            self.lists,
            self.lists,
            self.postings,
        ];
        let mut starts = [HEADER_BYTES; 8];
        for (at, words) in words.into_iter().enumerate() {
            starts[at + 1] = starts[at] + whole_lines(words * size_of::<u32>());
        }
        (starts, starts[7] + whole_lines(self.postings))
    }
}

/// Postings over stored bytes, checked and ready to search.
#[derive(Clone, Debug)]
pub struct Postings {
    bytes: Bytes,
    /// The last part: bytes as they are stored, whatever the order of bytes in numbers.
    places: Bytes,
    rows: usize,
    present: usize,
    counts: Counts,
    starts: [usize; 8],
}

/// The lists of one dimension.
#[derive(Clone, Copy)]
struct Lists<'a> {
    /// Of the query.
    weight: f32,
    lowest: f32,
    /// Position of the first list among all.
    first: usize,
    blocks: &'a [u32],
}

impl Postings {
    /// Opens what [`build`] gave for `rows` rows, in place.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are damaged or of other rows.
    pub fn open(bytes: Bytes, rows: usize) -> Result<Self, Error> {
        let [stored, present, dims, lists] = open_error::header(&bytes, BLOCK)?;
        if bytes[..8] != MAGIC {
            return Err(OpenError::Format { name: BLOCK }.into());
        }
        open_error::same("length", stored as usize, rows)?;
        let postings = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
        let counts = Counts {
            dims: dims as usize,
            lists: lists as usize,
            postings: postings as usize,
        };
        let (starts, expected) = counts.layout();
        open_error::whole(BLOCK, bytes.len(), expected)?;
        let postings = Self {
            places: bytes.slice(starts[7]..starts[7] + counts.postings),
            bytes: viewable(bytes)?,
            rows,
            present: present as usize,
            counts,
            starts,
        };
        postings.check()?;
        Ok(postings)
    }

    fn words(&self, part: usize, count: usize) -> &[u32] {
        bytemuck::cast_slice(&self.bytes[self.starts[part]..][..count * size_of::<u32>()])
    }

    fn floats(&self, part: usize, count: usize) -> &[f32] {
        bytemuck::cast_slice(&self.bytes[self.starts[part]..][..count * size_of::<f32>()])
    }

    fn dims(&self) -> &[u32] {
        self.words(0, self.counts.dims)
    }

    fn ends(&self) -> &[u32] {
        self.words(1, self.counts.dims)
    }

    fn blocks(&self) -> &[u32] {
        self.words(3, self.counts.lists)
    }

    fn tails(&self) -> &[u32] {
        self.words(4, self.counts.lists)
    }

    fn largest(&self) -> &[f32] {
        self.floats(5, self.counts.lists)
    }

    fn values(&self) -> &[f32] {
        self.floats(6, self.counts.postings)
    }

    fn places(&self) -> &[u8] {
        &self.places
    }

    /// Checks everything that a search follows or trusts, bounds included.
    fn check(&self) -> Result<(), OpenError> {
        let wrong = |what| OpenError::Value {
            what,
            value: f64::NAN,
        };
        let whole = |ends: &[u32], all: usize, what| {
            let ascending = ends.is_sorted_by(|a, b| a < b) && ends.first() != Some(&0);
            let complete = ends.last().map_or(0, |&end| end as usize) == all;
            if ascending && complete {
                Ok(())
            } else {
                Err(wrong(what))
            }
        };
        whole(self.ends(), self.counts.lists, "end of lists")?;
        whole(self.tails(), self.counts.postings, "end of postings")?;
        if !self.dims().is_sorted_by(|a, b| a < b) || self.present > self.rows {
            return Err(wrong("dimension"));
        }
        let mut list = 0;
        for (&end, &lowest) in self.ends().iter().zip(self.floats(2, self.counts.dims)) {
            if !self.blocks()[list..end as usize].is_sorted_by(|a, b| a < b) {
                return Err(wrong("block"));
            }
            for at in list..end as usize {
                self.check_list(at, lowest)?;
            }
            list = end as usize;
        }
        Ok(())
    }

    fn check_list(&self, list: usize, lowest: f32) -> Result<(), OpenError> {
        let (places, values) = self.list(list);
        let largest = self.largest()[list];
        let last = self.blocks()[list] as usize * BLOCK_ROWS;
        let last = last + places.last().map_or(0, |&place| usize::from(place));
        let bounded = values.iter().all(|&x| lowest <= x && x <= largest);
        if bounded && last < self.rows && places.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        Err(OpenError::Value {
            what: "posting",
            value: last as f64,
        })
    }

    /// Places and values of one list.
    fn list(&self, list: usize) -> (&[u8], &[f32]) {
        let tails = self.tails();
        let from = list
            .checked_sub(1)
            .map_or(0, |before| tails[before] as usize);
        let to = tails[list] as usize;
        (&self.places()[from..to], &self.values()[from..to])
    }

    /// The lists of `dimension`.
    fn lists(&self, dimension: u32) -> Option<std::ops::Range<usize>> {
        let at = self.dims().binary_search(&dimension).ok()?;
        let from = at.checked_sub(1).map_or(0, |before| self.ends()[before]);
        Some(from as usize..self.ends()[at] as usize)
    }

    /// Number of rows whose vector has an index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.present
    }

    /// Whether no row has a vector with an index.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Number of rows whose vector has `dimension`.
    #[must_use]
    pub fn df(&self, dimension: u32) -> usize {
        self.lists(dimension).map_or(0, |lists| {
            let before = lists.start.checked_sub(1).map_or(0, |at| self.tails()[at]);
            (self.tails()[lists.end - 1] - before) as usize
        })
    }

    /// The rows whose vector has `dimension`, ascending.
    pub fn rows_with(&self, dimension: u32) -> impl Iterator<Item = RowId> + '_ {
        let lists = self.lists(dimension).unwrap_or(0..0);
        lists.flat_map(|list| {
            let first = self.blocks()[list] * BLOCK_ROWS as u32;
            let places = self.list(list).0.iter();
            places.map(move |&place| RowId(first + u32::from(place)))
        })
    }

    /// Size of the stored postings in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The `k` allowed rows with the largest dot product, best first; ties by ascending row. Rows
    /// that share no dimension with the query, or whose product is zero, are none of them. Exact,
    /// with the scores of [`kernels::sparse::dot`] to the bit.
    #[must_use]
    pub fn search(&self, probe: &SparseProbe<'_>) -> Vec<Scored> {
        let lists = self.query_lists(probe.query);
        let mut top = TopK::new(probe.k);
        if probe.k == 0 {
            return Vec::new();
        }
        let (bounds, slack) = self.bounds(&lists);
        for (bound, block) in bounds {
            // Rounded to `f32` as scores are: one that overflows has the bound of infinity.
            if top
                .threshold()
                .is_some_and(|least| ((bound + slack) as f32) < least)
            {
                break;
            }
            self.score_block(block, &lists, &probe.allowed, &mut top);
        }
        top.into_sorted()
    }

    /// The lists of the query's dimensions, ascending by dimension.
    fn query_lists(&self, query: SparseRow<'_>) -> Vec<Lists<'_>> {
        let weights = query.indices.iter().zip(query.values);
        let found = weights.filter_map(|(&dimension, &weight)| {
            let at = self.dims().binary_search(&dimension).ok()?;
            let range = self.lists(dimension)?;
            Some(Lists {
                weight,
                lowest: self.floats(2, self.counts.dims)[at],
                first: range.start,
                blocks: &self.blocks()[range],
            })
        });
        found.collect()
    }

    /// An upper bound of the scores in every block that shares a dimension with the query, the
    /// largest first; and how much larger than a bound a score may come out by rounding.
    fn bounds(&self, lists: &[Lists<'_>]) -> (Vec<(f64, u32)>, f64) {
        let mut sums = vec![None; self.rows.div_ceil(BLOCK_ROWS)];
        let mut sizes = 0.0;
        for list in lists {
            let (weight, lowest) = (f64::from(list.weight), f64::from(list.lowest));
            let mut size = (weight * lowest).abs();
            for (at, &block) in list.blocks.iter().enumerate() {
                let largest = f64::from(self.largest()[list.first + at]);
                let term = if weight >= 0.0 {
                    weight * largest
                } else {
                    weight * lowest
                };
                // A row of the block need not have the dimension.
                *sums[block as usize].get_or_insert(0.0) += term.max(0.0);
                size = size.max((weight * largest).abs());
            }
            sizes += size;
        }
        let mut bounds: Vec<(f64, u32)> = sums
            .into_iter()
            .zip(0..)
            .filter_map(|(sum, block)| sum.map(|sum| (sum, block)))
            .collect();
        bounds.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // A sum of n terms is off by at most n roundings of at most all sizes together.
        let roundings = 2.0 * (lists.len() + 1) as f64 * f64::from(f32::EPSILON);
        (bounds, sizes * roundings)
    }

    /// Scores all rows of `block` and offers those that are allowed.
    fn score_block(&self, block: u32, lists: &[Lists<'_>], allowed: &Allowed<'_>, top: &mut TopK) {
        let first = block * BLOCK_ROWS as u32;
        if let Allowed::Set(set) = allowed
            && !any_in_block(set.words(), block as usize)
        {
            return;
        }
        let mut scores = [0.0_f32; BLOCK_ROWS];
        let mut met = [false; BLOCK_ROWS];
        for list in lists {
            let Ok(at) = list.blocks.binary_search(&block) else {
                continue;
            };
            let (places, values) = self.list(list.first + at);
            for (&place, &value) in places.iter().zip(values) {
                // In the order of the factors of the plain dot product, query second: a product
                // is the same either way.
                scores[usize::from(place)] += value * list.weight;
                met[usize::from(place)] = true;
            }
        }
        for (place, (&score, met)) in scores.iter().zip(met).enumerate() {
            let row = RowId(first + place as u32);
            let hopeful = met
                && score != 0.0
                && top
                    .threshold()
                    .is_none_or(|least| score >= least || score.is_nan());
            if hopeful && allowed.contains(row) {
                top.offer(row, score);
            }
        }
    }
}

/// Whether the set has a row of the block.
fn any_in_block(words: &[u64], block: usize) -> bool {
    const WORDS: usize = BLOCK_ROWS / 64;
    let from = (block * WORDS).min(words.len());
    let to = (from + WORDS).min(words.len());
    words[from..to].iter().any(|&word| word != 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rows::BitSet;

    use super::*;

    type Row = Option<(Vec<u32>, Vec<f32>)>;

    fn split(map: BTreeMap<u32, f32>) -> (Vec<u32>, Vec<f32>) {
        map.into_iter().unzip()
    }

    fn vectors(len: usize) -> impl Strategy<Value = BTreeMap<u32, f32>> {
        let value = prop_oneof![3 => 0.0_f32..4.0, 1 => -4.0_f32..4.0, 1 => Just(1.0)];
        proptest::collection::btree_map(0_u32..24, value, 0..len)
    }

    fn some(row: &(Vec<u32>, Vec<f32>)) -> SparseRow<'_> {
        SparseRow {
            indices: &row.0,
            values: &row.1,
        }
    }

    fn open(rows: &[Row]) -> Postings {
        let vector = |row: RowId| rows[row.index()].as_ref().map(some);
        Postings::open(build(rows.len(), vector).unwrap(), rows.len()).unwrap()
    }

    fn brute(
        rows: &[Row],
        query: SparseRow<'_>,
        k: usize,
        passes: &dyn Fn(u32) -> bool,
    ) -> Vec<(u32, u32)> {
        let mut top = TopK::new(k);
        for (at, row) in rows.iter().enumerate().filter(|(at, _)| passes(*at as u32)) {
            let Some((indices, values)) = row else {
                continue;
            };
            let score = kernels::sparse::dot(query.indices, query.values, indices, values);
            if let Some(score) = score.filter(|&score| score != 0.0) {
                top.offer(RowId(at as u32), score);
            }
        }
        let sorted = top.into_sorted();
        sorted
            .iter()
            .map(|hit| (hit.row.0, hit.score.to_bits()))
            .collect()
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_dot_product_to_the_bit(
            few in proptest::collection::vec(proptest::option::weighted(0.9, vectors(8)), 1..30),
            times in 1_usize..40,
            query in vectors(10),
            k in 0_usize..12,
            modulus in 1_u32..5,
        ) {
            // Repeated rows fill several blocks and give many equal scores.
            let rows: Vec<Row> = (0..few.len() * times)
                .map(|at| few[at * 7 % few.len()].clone().map(split))
                .collect();
            let query = split(query);
            let postings = open(&rows);
            let passes = |row: u32| row.is_multiple_of(modulus);
            let expected = brute(&rows, some(&query), k, &passes);
            let found = |allowed| -> Vec<(u32, u32)> {
                let probe = SparseProbe { query: some(&query), k, allowed };
                let hits = postings.search(&probe);
                hits.iter().map(|hit| (hit.row.0, hit.score.to_bits())).collect()
            };
            let test = |row: RowId| passes(row.0);
            let set = BitSet::from_rows(
                rows.len(),
                (0..rows.len() as u32).filter(|&row| passes(row)).map(RowId),
            );
            prop_assert_eq!(found(Allowed::Test(&test)), expected.clone());
            prop_assert_eq!(found(Allowed::Set(&set)), expected.clone());
            if modulus == 1 {
                prop_assert_eq!(found(Allowed::All), expected);
            }
            let with_index = rows.iter().flatten().filter(|row| !row.0.is_empty());
            prop_assert_eq!(postings.len(), with_index.count());
            for dimension in 0..25 {
                let having: Vec<u32> = (0..rows.len() as u32)
                    .filter(|&row| {
                        rows[row as usize].as_ref().is_some_and(|row| row.0.contains(&dimension))
                    })
                    .collect();
                prop_assert_eq!(postings.df(dimension), having.len());
                let listed: Vec<u32> = postings.rows_with(dimension).map(|row| row.0).collect();
                prop_assert_eq!(listed, having);
            }
        }

        #[test]
        fn damage_is_refused_or_harmless(at in 0_usize..4000, flip in 1_u8..=255) {
            let rows: Vec<Row> = (0..300_u32)
                .map(|row| Some((vec![row % 3, 10 + row % 5], vec![row as f32, 1.0])))
                .collect();
            let vector = |row: RowId| rows[row.index()].as_ref().map(some);
            let mut bytes = build(rows.len(), vector).unwrap().to_vec();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            if let Ok(postings) = Postings::open(Bytes::from(bytes), rows.len()) {
                let query = SparseRow { indices: &[0, 1, 2, 12], values: &[1.0; 4] };
                let hits = postings.search(&SparseProbe { query, k: 5, allowed: Allowed::All });
                prop_assert!(hits.iter().all(|hit| hit.row.index() < rows.len()));
            }
        }
    }

    #[test]
    fn blocks_without_hope_are_left_out() {
        // One row far above the others: its block is scored, no other.
        let rows: Vec<Row> = (0..2000_u32)
            .map(|row| Some((vec![1], vec![if row == 700 { 9.0 } else { 1.0 }])))
            .collect();
        let asked = std::cell::Cell::new(0);
        let count = |_: RowId| {
            asked.set(asked.get() + 1);
            true
        };
        let query = SparseRow {
            indices: &[1],
            values: &[2.0],
        };
        let hits = open(&rows).search(&SparseProbe {
            query,
            k: 1,
            allowed: Allowed::Test(&count),
        });
        assert_eq!((hits[0].row, hits[0].score), (RowId(700), 18.0));
        assert!(asked.get() <= BLOCK_ROWS);
    }
}

//! Rows as product codes: one byte per group of components, the nearest of 256 centroids.
//!
//! Jégou, Douze & Schmid 2011. A query is compared with every centroid of every group once; the
//! distance of a row is then a sum of table entries (their "asymmetric distance"). The centroids
//! are trained by Lloyd's algorithm on a sample; each group is trained on its own, so the result
//! does not depend on threads, and nothing is drawn by chance.
//!
//! Layout, little-endian: a header of 64 bytes (magic; rows, dimension, components per group as
//! `u32`), the centroids (group by group, 256 of them, `f32`; a last group that is not full is
//! filled with zeros) to a multiple of 64 bytes, then one byte per group for each row.

use bytes::Bytes;
use kernels::prefetch;
use model::{Metric, ProductRatio};
use rayon::prelude::*;

use crate::DenseBlock;
use crate::aligned::{AlignedBytes, LINE_BYTES, whole_lines};
use crate::block::BlockShape;
use crate::open_error::{self, OpenError};
use crate::space::{Scoring, Space, distance_of_score, score_of_distance};

/// First bytes of the block.
pub(crate) const MAGIC: [u8; 8] = *b"SKPRODU1";

const BLOCK: &str = crate::codes::BLOCK;
const HEADER_BYTES: usize = LINE_BYTES;
/// Centroids of a group: as many as a byte tells apart.
const CENTROIDS: usize = 256;
/// Rows that centroids are trained on, at most: sixteen for each.
const SAMPLE_ROWS: usize = 16 * CENTROIDS;
/// Improvements of the centroids; later ones change little.
const ROUNDS: usize = 8;
const RATIOS: [ProductRatio; 5] = [
    ProductRatio::X4,
    ProductRatio::X8,
    ProductRatio::X16,
    ProductRatio::X32,
    ProductRatio::X64,
];
/// Rows encoded by one task.
const TASK_ROWS: usize = 256;

/// The rows of a block as product codes.
#[derive(Clone, Debug)]
pub(crate) struct ProductCodes {
    bytes: Bytes,
    len: usize,
    dim: usize,
    ratio: ProductRatio,
    metric: Metric,
}

impl ProductCodes {
    /// Trains the centroids and encodes the rows of `block`.
    pub(crate) fn encode(block: &DenseBlock, ratio: ProductRatio) -> Self {
        let (len, dim, width) = (block.len(), block.dim(), ratio.components());
        let groups = dim.div_ceil(width);
        let rows_at = rows_at(groups, width);
        let mut bytes = AlignedBytes::zeroed(rows_at + len * groups);
        bytes[..8].copy_from_slice(&MAGIC);
        let header = [len as u32, dim as u32, width as u32];
        for (place, word) in bytes[8..].chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let books: Vec<Vec<f32>> = (0..groups)
            .into_par_iter()
            .map(|group| train(block, group, width))
            .collect();
        let flat = books.iter().flatten();
        for (place, component) in bytes[HEADER_BYTES..].chunks_exact_mut(4).zip(flat) {
            place.copy_from_slice(&component.to_le_bytes());
        }
        bytes[rows_at..]
            .par_chunks_mut(TASK_ROWS * groups)
            .zip(block.matrix().par_chunks(TASK_ROWS * dim))
            .for_each(|(codes, rows)| {
                let mut part = vec![0.0; width];
                for (code, row) in codes.chunks_exact_mut(groups).zip(rows.chunks_exact(dim)) {
                    for (group, (code, book)) in code.iter_mut().zip(&books).enumerate() {
                        take(row, group, &mut part);
                        *code = nearest(book, &part) as u8;
                    }
                }
            });
        Self {
            bytes: bytes.into_bytes(),
            len,
            dim,
            ratio,
            metric: block.metric(),
        }
    }

    /// Opens stored codes as those of a block of this shape.
    pub(crate) fn open(bytes: Bytes, of: BlockShape) -> Result<Self, OpenError> {
        let [len, dim, width, _] = open_error::header(&bytes, BLOCK)?;
        open_error::same("length", len as usize, of.len)?;
        open_error::same("dimension", dim as usize, of.dim)?;
        let ratio = RATIOS
            .iter()
            .find(|ratio| ratio.components() == width as usize);
        let &ratio = ratio.ok_or(OpenError::Value {
            what: "group of components",
            value: width.into(),
        })?;
        let width = ratio.components();
        let groups = of.dim.div_ceil(width);
        let expected = rows_at(groups, width) + of.len * groups;
        open_error::whole(BLOCK, bytes.len(), expected)?;
        Ok(Self {
            bytes,
            len: of.len,
            dim: of.dim,
            ratio,
            metric: of.metric,
        })
    }

    /// The codes as stored.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Components per byte.
    pub(crate) fn ratio(&self) -> ProductRatio {
        self.ratio
    }

    fn groups(&self) -> usize {
        self.dim.div_ceil(self.ratio.components())
    }

    /// The rows seen from `query`, whose table is written into `code`.
    pub(crate) fn space<'a>(
        &'a self,
        query: &[f32],
        code: &'a mut AlignedBytes,
    ) -> ProductSpace<'a> {
        let (groups, width) = (self.groups(), self.ratio.components());
        code.resize(groups * CENTROIDS * size_of::<f32>());
        let mut part = vec![0.0; width];
        let book_bytes = CENTROIDS * width * size_of::<f32>();
        let tables = code.chunks_exact_mut(CENTROIDS * size_of::<f32>());
        for (group, table) in tables.enumerate() {
            take(query, group, &mut part);
            let book = &self.bytes[HEADER_BYTES + group * book_bytes..][..book_bytes];
            let centroids = book.chunks_exact(width * size_of::<f32>());
            for (entry, centroid) in table.chunks_exact_mut(4).zip(centroids) {
                let terms = centroid.as_chunks::<4>().0.iter().zip(&part);
                let sum = terms.fold(0.0, |sum, (&bytes, &x)| {
                    sum + self.term(x, f32::from_le_bytes(bytes))
                });
                entry.copy_from_slice(&sum.to_ne_bytes());
            }
        }
        ProductSpace {
            table: bytemuck::cast_slice(code),
            rows: &self.bytes[self.bytes.len() - self.len * groups..],
            groups,
        }
    }

    /// What a pair of components adds to the score.
    fn term(&self, query: f32, row: f32) -> f32 {
        match self.metric {
            Metric::Dot | Metric::Cosine => query * row,
            Metric::L1 => -(query - row).abs(),
            Metric::L2
            | Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => -(query - row) * (query - row),
        }
    }
}

/// Where the codes of the rows begin.
fn rows_at(groups: usize, width: usize) -> usize {
    HEADER_BYTES + whole_lines(groups * CENTROIDS * width * size_of::<f32>())
}

/// The components of `group`, zeros behind the last.
fn take(vector: &[f32], group: usize, part: &mut [f32]) {
    let from = &vector[group * part.len()..];
    let there = from.len().min(part.len());
    part[..there].copy_from_slice(&from[..there]);
    part[there..].fill(0.0);
}

/// The centroid nearest to `part`; of equally near ones the first.
fn nearest(book: &[f32], part: &[f32]) -> usize {
    if let &[component] = part {
        return nearest_of_sorted(book, component);
    }
    let mut best = (f32::INFINITY, 0);
    for (at, centroid) in book.chunks_exact(part.len()).enumerate() {
        let pairs = centroid.iter().zip(part);
        let apart: f32 = pairs.map(|(c, x)| (c - x) * (c - x)).sum();
        if apart < best.0 {
            best = (apart, at);
        }
    }
    best.1
}

/// As [`nearest`], of single components in ascending order.
fn nearest_of_sorted(book: &[f32], component: f32) -> usize {
    let above = book.partition_point(|&centroid| centroid < component);
    match above {
        0 => 0,
        at if at == book.len() => at - 1,
        at if component - book[at - 1] <= book[at] - component => at - 1,
        at => at,
    }
}

/// The centroids of one group.
fn train(block: &DenseBlock, group: usize, width: usize) -> Vec<f32> {
    let sampled = block.len().min(SAMPLE_ROWS);
    let mut sample = vec![0.0; sampled * width];
    for (at, part) in sample.chunks_exact_mut(width).enumerate() {
        let row = at * block.len() / sampled;
        take(
            &block.matrix()[row * block.dim()..][..block.dim()],
            group,
            part,
        );
        for component in part {
            // What is not a number belongs nowhere.
            *component = if component.is_finite() {
                *component
            } else {
                0.0
            };
        }
    }
    if width == 1 {
        sample.sort_unstable_by(f32::total_cmp);
    }
    let mut book = first_centroids(&sample, width);
    for _ in 0..ROUNDS {
        improve(&mut book, &sample, width);
    }
    book
}

/// Rows spread evenly over the sample; without any, zeros.
fn first_centroids(sample: &[f32], width: usize) -> Vec<f32> {
    let sampled = sample.len() / width;
    let mut book = vec![0.0; CENTROIDS * width];
    if sampled > 0 {
        for (at, centroid) in book.chunks_exact_mut(width).enumerate() {
            let row = (2 * at + 1) * sampled / (2 * CENTROIDS);
            centroid.copy_from_slice(&sample[row * width..][..width]);
        }
    }
    book
}

/// Moves every centroid to the mean of the rows nearest to it; one without rows stays.
fn improve(book: &mut [f32], sample: &[f32], width: usize) {
    let mut sums = vec![0.0_f64; book.len()];
    let mut counts = vec![0_u32; CENTROIDS];
    for part in sample.chunks_exact(width) {
        let at = nearest(book, part);
        counts[at] += 1;
        for (sum, &component) in sums[at * width..].iter_mut().zip(part) {
            *sum += f64::from(component);
        }
    }
    let means = sums.chunks_exact(width).zip(&counts);
    for (centroid, (sum, &count)) in book.chunks_exact_mut(width).zip(means) {
        if count > 0 {
            for (component, sum) in centroid.iter_mut().zip(sum) {
                *component = (sum / f64::from(count)) as f32;
            }
        }
    }
    if width == 1 {
        // Means of neighbouring cells keep their order, but one without rows may be overtaken.
        book.sort_unstable_by(f32::total_cmp);
    }
}

/// Product codes seen from a query.
pub(crate) struct ProductSpace<'a> {
    table: &'a [f32],
    rows: &'a [u8],
    groups: usize,
}

impl ProductSpace<'_> {
    #[inline(always)]
    fn row(&self, row: u32) -> &[u8] {
        &self.rows[row as usize * self.groups..][..self.groups]
    }

    #[inline]
    fn estimate(&self, row: u32) -> f32 {
        // Four sums: an addition waits for the one before it.
        let mut sums = [0.0_f32; 4];
        let (codes, rest) = self.row(row).as_chunks::<4>();
        let (tables, last) = self.table.as_chunks::<{ 4 * CENTROIDS }>();
        for (table, codes) in tables.iter().zip(codes) {
            for (lane, &code) in codes.iter().enumerate() {
                sums[lane] += table[lane * CENTROIDS + usize::from(code)];
            }
        }
        for (lane, &code) in rest.iter().enumerate() {
            sums[lane] += last[lane * CENTROIDS + usize::from(code)];
        }
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }
}

impl Space for ProductSpace<'_> {
    #[inline]
    fn distance(&self, row: u32) -> u32 {
        distance_of_score(self.estimate(row))
    }

    #[inline]
    fn distances(&self, rows: [u32; 4]) -> [u32; 4] {
        rows.map(|row| self.distance(row))
    }

    #[inline]
    fn prefetch(&self, row: u32) {
        prefetch(self.row(row));
    }
}

impl Scoring for ProductSpace<'_> {
    fn score(&self, distance: u32) -> f32 {
        score_of_distance(distance)
    }
}

//! Rows as a few bits per component, kept as planes of bits: distances are counts of bits.
//!
//! A component (of the row minus the mean of all rows, rotated or not) becomes a sum of weighted
//! signs, `u = Σ wⱼ·±1`: one plane gives its sign, two give four steps, four give sixteen. "One
//! and a half" bits keep the sign of every component and, for two components, one bit that says
//! which of them is larger. A query becomes eight such planes (or fewer, when asked). The inner
//! product of two sums of signs is `Σ wⱼ·2ⁱ·(dim - 2·|planeⱼ ⊕ planeᵢ|)`: nothing but counting.
//!
//! Each row keeps two numbers besides: `factor`, which makes `factor · ⟨query, u⟩` an unbiased
//! estimate of its inner product (Gao & Long 2024, RaBitQ, section 3), and its squared length,
//! from which distances follow. The mean goes out of an inner product as one constant per query.
//!
//! Layout, little-endian: a header of 64 bytes (magic; rows, dimension, bits, rotated as `u32`),
//! the mean (`f32` per component, zeros to a multiple of 64 bytes), then per row: factor, squared
//! length (`f32`), planes of whole 64-bit words, the plane of the largest weight first.

use bytes::Bytes;
use kernels::bits::BitKernels;
use kernels::{float, prefetch};
use model::{CodeBits, Metric, QueryBits};
use rayon::prelude::*;

use crate::DenseBlock;
use crate::aligned::{AlignedBytes, LINE_BYTES, whole_lines};
use crate::block::BlockShape;
use crate::code_kind::{CodeKind, bits_code};
use crate::open_error::{self, OpenError};
use crate::rotation::rotate;
use crate::space::{Scoring, Space, distance_of_score, score_of_distance};

/// First bytes of the block.
pub(crate) const MAGIC: [u8; 8] = *b"SKPLANE1";

const BLOCK: &str = crate::codes::BLOCK;
const HEADER_BYTES: usize = LINE_BYTES;
/// Bytes of the two numbers before each row's planes.
const NUMBERS_BYTES: usize = 8;
/// Rows encoded by one task.
const TASK_ROWS: usize = 256;
/// `√(2/π)`: the mean of a normal variable without its sign.
const MEAN_OF_ABSOLUTE: f32 = 0.797_884_6;

/// How components become planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    bits: CodeBits,
    dim: usize,
}

impl Shape {
    /// Bytes of one plane.
    fn plane_bytes(self) -> usize {
        match self.bits {
            // The order of pairs fills half a plane, which must be whole words too.
            CodeBits::OneAndHalf => self.dim.div_ceil(128) * 16,
            CodeBits::One | CodeBits::Two | CodeBits::Four => self.dim.div_ceil(64) * 8,
        }
    }

    /// Bytes of all planes of a row.
    fn row_bytes(self) -> usize {
        let plane = self.plane_bytes();
        match self.bits {
            CodeBits::One => plane,
            CodeBits::OneAndHalf => plane + plane / 2,
            CodeBits::Two => 2 * plane,
            CodeBits::Four => 4 * plane,
        }
    }

    /// The weight of each plane. Those of pairs are near the means of the larger and the smaller
    /// of two normal variables, which are as 2.4 to 1.
    fn weights(self) -> &'static [i32] {
        match self.bits {
            CodeBits::One => &[1],
            CodeBits::OneAndHalf => &[5, 2],
            CodeBits::Two => &[2, 1],
            CodeBits::Four => &[8, 4, 2, 1],
        }
    }

    /// Components behind the last that lie in the second half of a plane of pairs; there, and
    /// only there, a plane without bits is not seen as one.
    fn surplus(self) -> usize {
        let places = self.plane_bytes() * 8;
        places - self.dim.max(places / 2)
    }
}

/// The step between the levels of a normal variable of deviation 1 with the least squared error
/// (Max 1960, table II; of 256 levels, one that reaches four deviations far).
fn normal_step(planes: usize) -> f32 {
    match planes {
        1 => 1.596,
        2 => 0.9957,
        3 => 0.586,
        4 => 0.3352,
        _ => 0.0308,
    }
}

/// The level of `component` among `2^planes` around zero, `step` apart, lowest 0.
fn level(component: f32, step: f32, planes: usize) -> u32 {
    let half = (1_u32 << planes) / 2;
    let shifted = libm::floorf(component / step) + half as f32;
    // The cast brings what is below zero (and NaN) to zero.
    (shifted as u32).min(2 * half - 1)
}

/// The deviation of components around zero.
fn deviation(vector: &[f32]) -> f32 {
    let deviation = libm::sqrtf(float::dot(vector, vector) / vector.len() as f32);
    if deviation > 0.0 && deviation.is_finite() {
        deviation
    } else {
        1.0
    }
}

fn set(plane: &mut [u8], at: usize) {
    plane[at / 8] |= 1 << (at % 8);
}

/// The rows of a block as planes of bits.
#[derive(Clone, Debug)]
pub(crate) struct PlaneCodes {
    bytes: Bytes,
    mean: Vec<f32>,
    len: usize,
    shape: Shape,
    rotated: bool,
    metric: Metric,
    kernels: &'static BitKernels,
}

impl PlaneCodes {
    /// Encodes the rows of `block`.
    pub(crate) fn encode(block: &DenseBlock, bits: CodeBits, rotated: bool) -> Self {
        let (len, dim) = (block.len(), block.dim());
        let shape = Shape { bits, dim };
        let mean = mean(block);
        let rows_at = HEADER_BYTES + whole_lines(dim * size_of::<f32>());
        let stride = NUMBERS_BYTES + shape.row_bytes();
        let mut bytes = AlignedBytes::zeroed(rows_at + len * stride);
        bytes[..8].copy_from_slice(&MAGIC);
        let header = [len as u32, dim as u32, bits_code(bits), rotated.into()];
        for (place, word) in bytes[8..].chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        for (place, component) in bytes[HEADER_BYTES..].chunks_exact_mut(4).zip(&mean) {
            place.copy_from_slice(&component.to_le_bytes());
        }
        let matrix = block.matrix();
        bytes[rows_at..]
            .par_chunks_mut(TASK_ROWS * stride)
            .zip(matrix.par_chunks(TASK_ROWS * dim))
            .for_each(|(codes, rows)| {
                let mut around = vec![0.0; dim];
                for (code, row) in codes.chunks_exact_mut(stride).zip(rows.chunks_exact(dim)) {
                    centre(row, &mean, rotated, &mut around);
                    encode_row(&around, shape, code);
                }
            });
        Self {
            bytes: bytes.into_bytes(),
            mean,
            len,
            shape,
            rotated,
            metric: block.metric(),
            kernels: BitKernels::best(),
        }
    }

    /// Opens stored codes as those of a block of this shape.
    pub(crate) fn open(bytes: Bytes, of: BlockShape) -> Result<Self, OpenError> {
        let [len, dim, bits, rotated] = open_error::header(&bytes, BLOCK)?;
        open_error::same("length", len as usize, of.len)?;
        open_error::same("dimension", dim as usize, of.dim)?;
        let value = |what, value: u32| OpenError::Value {
            what,
            value: value.into(),
        };
        let bits = match bits {
            0 => CodeBits::One,
            1 => CodeBits::OneAndHalf,
            2 => CodeBits::Two,
            3 => CodeBits::Four,
            other => return Err(value("number of bits", other)),
        };
        if rotated > 1 {
            return Err(value("rotation", rotated));
        }
        let shape = Shape { bits, dim: of.dim };
        let mean_bytes = shape.dim * size_of::<f32>();
        let rows_at = HEADER_BYTES + whole_lines(mean_bytes);
        let expected = rows_at + of.len * (NUMBERS_BYTES + shape.row_bytes());
        open_error::whole(BLOCK, bytes.len(), expected)?;
        let mean = bytes[HEADER_BYTES..][..mean_bytes].as_chunks::<4>().0;
        Ok(Self {
            mean: mean
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect(),
            bytes,
            len: of.len,
            shape,
            rotated: rotated == 1,
            metric: of.metric,
            kernels: BitKernels::best(),
        })
    }

    /// What they are.
    pub(crate) fn kind(&self) -> CodeKind {
        CodeKind::Planes {
            bits: self.shape.bits,
            rotated: self.rotated,
        }
    }

    /// The codes as stored.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The rows seen from `query`, whose planes are written into `code`.
    pub(crate) fn space<'a>(
        &'a self,
        query: &[f32],
        bits: QueryBits,
        code: &'a mut AlignedBytes,
    ) -> PlaneSpace<'a> {
        let planes = match bits {
            QueryBits::One => 1,
            QueryBits::Four => 4,
            // Counting bits is so quick that the finest query is worth it.
            QueryBits::Auto | QueryBits::Eight => 8,
        };
        let by_product = match self.metric {
            Metric::Dot | Metric::Cosine => true,
            Metric::L2
            | Metric::L1
            | Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => false,
        };
        let nothing = vec![0.0; if by_product { query.len() } else { 0 }];
        let mean = if by_product { &nothing } else { &self.mean };
        let mut around = vec![0.0; query.len()];
        centre(query, mean, self.rotated, &mut around);
        let unit = encode_query(&around, self.shape, planes, code);
        let levels = (1 << planes) - 1;
        let stride = NUMBERS_BYTES + self.shape.row_bytes();
        PlaneSpace {
            planes: code,
            rows: &self.bytes[self.bytes.len() - self.len * stride..],
            stride,
            plane_bytes: self.shape.plane_bytes(),
            weights: self.shape.weights(),
            dim_levels: self.shape.dim as i32 * levels,
            surplus: match self.shape.bits {
                CodeBits::OneAndHalf => self.shape.surplus() as i32 * levels,
                CodeBits::One | CodeBits::Two | CodeBits::Four => 0,
            },
            paired: self.shape.bits == CodeBits::OneAndHalf,
            unit,
            estimate: match self.metric {
                Metric::L1 => Estimate::Absolute {
                    square: float::dot(&around, &around),
                    share: MEAN_OF_ABSOLUTE * libm::sqrtf(self.shape.dim as f32),
                },
                _ if by_product => Estimate::Product {
                    of_mean: float::dot(query, &self.mean),
                },
                _ => Estimate::Square {
                    square: float::dot(&around, &around),
                },
            },
            kernels: self.kernels,
        }
    }
}

/// The mean of all rows.
fn mean(block: &DenseBlock) -> Vec<f32> {
    let mut sums = vec![0.0_f64; block.dim()];
    for row in block.matrix().chunks_exact(block.dim()) {
        for (sum, &component) in sums.iter_mut().zip(row) {
            *sum += f64::from(component);
        }
    }
    let rows = block.len().max(1) as f64;
    let finite = |mean: f32| if mean.is_finite() { mean } else { 0.0 };
    sums.iter().map(|sum| finite((sum / rows) as f32)).collect()
}

/// `vector - mean`, rotated when asked.
fn centre(vector: &[f32], mean: &[f32], rotated: bool, around: &mut [f32]) {
    for ((place, component), mean) in around.iter_mut().zip(vector).zip(mean) {
        *place = component - mean;
    }
    if rotated {
        rotate(around);
    }
}

/// Writes numbers and planes of a centred row; `code` is zeroed.
fn encode_row(around: &[f32], shape: Shape, code: &mut [u8]) {
    let (numbers, planes) = code.split_at_mut(NUMBERS_BYTES);
    let plane_bytes = shape.plane_bytes();
    let steps = match shape.bits {
        CodeBits::OneAndHalf => encode_pairs(around, planes, plane_bytes),
        CodeBits::One | CodeBits::Two | CodeBits::Four => {
            let count = shape.weights().len();
            encode_levels(around, count, planes.chunks_exact_mut(plane_bytes))
        }
    };
    let square = float::dot(around, around);
    let along = float::dot(around, &steps);
    let factor = square / along;
    let factor = if factor.is_finite() { factor } else { 0.0 };
    numbers[..4].copy_from_slice(&factor.to_le_bytes());
    numbers[4..].copy_from_slice(&square.to_le_bytes());
}

/// Writes levels as planes, the highest bit into the first plane; returns the sums of signs.
fn encode_levels<'p>(
    around: &[f32],
    count: usize,
    planes: impl Iterator<Item = &'p mut [u8]>,
) -> Vec<f32> {
    let step = normal_step(count) * deviation(around);
    let levels: Vec<u32> = around.iter().map(|&x| level(x, step, count)).collect();
    for (at, plane) in planes.take(count).enumerate() {
        let bit = count - 1 - at;
        for (place, level) in levels.iter().enumerate() {
            if level >> bit & 1 == 1 {
                set(plane, place);
            }
        }
    }
    let highest = (1 << count) - 1;
    levels
        .iter()
        .map(|&level| (2 * level as i32 - highest) as f32)
        .collect()
}

/// Writes signs, and which component of each pair (half a plane apart) is larger; returns the
/// sums of signs. A component without a partner is the larger.
fn encode_pairs(around: &[f32], code: &mut [u8], plane_bytes: usize) -> Vec<f32> {
    let (signs, order) = code.split_at_mut(plane_bytes);
    let half = plane_bytes * 4;
    let mut steps = vec![0.0; around.len()];
    for (at, &component) in around.iter().enumerate() {
        if component >= 0.0 {
            set(signs, at);
        }
        let partner = around.get(at + half).map_or(0.0, |x| x.abs());
        if at < half && component.abs() >= partner {
            set(order, at);
        }
    }
    for at in around.len()..half {
        // Places of no component: with this bit the first half counts as empty.
        set(order, at);
    }
    for (at, step) in steps.iter_mut().enumerate() {
        let first_is_larger = order[at % half / 8] >> (at % half % 8) & 1 == 1;
        let size = if first_is_larger == (at < half) {
            7.0
        } else {
            3.0
        };
        *step = if around[at] >= 0.0 { size } else { -size };
    }
    steps
}

/// Writes the planes of a query, lowest first, and returns what one step is worth.
fn encode_query(around: &[f32], shape: Shape, planes: usize, code: &mut AlignedBytes) -> f32 {
    let plane_bytes = shape.plane_bytes();
    code.resize(planes * plane_bytes);
    code.fill(0);
    let steps = encode_levels(around, planes, code.chunks_exact_mut(plane_bytes).rev());
    let unit = float::dot(around, &steps) / float::dot(&steps, &steps);
    if unit.is_finite() { unit } else { 0.0 }
}

/// What an inner product of codes says about the score.
#[derive(Clone, Copy)]
enum Estimate {
    Product {
        of_mean: f32,
    },
    Square {
        square: f32,
    },
    /// Of normal differences, the absolute ones sum up to `√(2·dim/π)` times their length.
    Absolute {
        square: f32,
        share: f32,
    },
}

/// Planes of bits seen from a query.
pub(crate) struct PlaneSpace<'a> {
    planes: &'a [u8],
    rows: &'a [u8],
    stride: usize,
    plane_bytes: usize,
    weights: &'static [i32],
    /// The inner product of two planes that agree in every component.
    dim_levels: i32,
    /// What the places behind the last component add to a distance of pairs.
    surplus: i32,
    paired: bool,
    unit: f32,
    estimate: Estimate,
    kernels: &'static BitKernels,
}

impl PlaneSpace<'_> {
    #[inline(always)]
    fn row(&self, row: u32) -> &[u8] {
        &self.rows[row as usize * self.stride..][..self.stride]
    }

    /// `⟨query, u⟩` in steps of both.
    #[inline]
    fn product(&self, planes: &[u8]) -> i32 {
        let agree = |distance: u32| self.dim_levels - 2 * distance as i32;
        if self.paired {
            let (signs, order) = planes.split_at(self.plane_bytes);
            let apart = (self.kernels.plane_distance)(self.planes, signs);
            let pairs = (self.kernels.paired_distance)(self.planes, signs, order);
            let pairs = pairs as i32 - self.surplus;
            return self.weights[0] * agree(apart) + self.weights[1] * agree(pairs as u32);
        }
        let mut product = 0;
        for (weight, plane) in self
            .weights
            .iter()
            .zip(planes.chunks_exact(self.plane_bytes))
        {
            product += weight * agree((self.kernels.plane_distance)(self.planes, plane));
        }
        product
    }

    fn estimate(&self, row: u32) -> f32 {
        let (numbers, planes) = self.row(row).split_at(NUMBERS_BYTES);
        let number = |at: usize| {
            f32::from_le_bytes(numbers[at..at + 4].try_into().expect("four of eight bytes"))
        };
        let product = self.product(planes) as f32 * self.unit * number(0);
        let apart = |square: f32| (square + number(4) - 2.0 * product).max(0.0);
        match self.estimate {
            Estimate::Product { of_mean } => of_mean + product,
            Estimate::Square { square } => -apart(square),
            Estimate::Absolute { square, share } => -share * libm::sqrtf(apart(square)),
        }
    }
}

impl Space for PlaneSpace<'_> {
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

impl Scoring for PlaneSpace<'_> {
    fn score(&self, distance: u32) -> f32 {
        score_of_distance(distance)
    }
}

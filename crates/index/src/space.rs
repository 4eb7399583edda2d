//! Distances from one query to rows, as integers that a walk can sort.

use std::cell::RefCell;
use std::marker::PhantomData;

use kernels::code::CodeKernels;
use kernels::prefetch;
use rows::{RowId, rank_key, rank_score};

use crate::DenseBlock;
use crate::codes::Codes;
use crate::flat::Rows;

/// Distances of rows from one query; smaller is nearer.
///
/// Distances of two queries are comparable too when both queries are rows of the same codes, which
/// is what the neighbour heuristic of a builder needs.
pub(crate) trait Space {
    /// Distance of one row.
    fn distance(&self, row: u32) -> u32;

    /// Distances of four rows, for less than four times the price of one.
    fn distances(&self, rows: [u32; 4]) -> [u32; 4];

    /// Says that `row` will be compared soon.
    fn prefetch(&self, row: u32);
}

/// A space whose distances stand for scores.
pub(crate) trait Scoring: Space {
    /// The score that a distance stands for, as near as this space knows it.
    fn score(&self, distance: u32) -> f32;
}

/// The worth of a step where nobody asks for scores.
pub(crate) const UNSCORED: f32 = 1.0;

/// A score as a distance: the largest becomes the smallest. NaN is the farthest.
#[inline]
pub(crate) fn distance_of_score(score: f32) -> u32 {
    // The upper half of the rank is the score as an ordered integer.
    !((rank_key(RowId(0), score) >> 32) as u32)
}

/// The score that [`distance_of_score`] turned into `distance`.
#[inline]
pub(crate) fn score_of_distance(distance: u32) -> f32 {
    rank_score(u64::from(!distance) << 32)
}

/// One integer measure, as a type: a walk is compiled for each, so none is chosen inside a loop.
pub(crate) trait CodeMeasure {
    /// A constant of the query that [`CodeMeasure::one`] subtracts.
    fn bias(query: &[u8]) -> i32;
    /// Distance of one row.
    fn one(kernels: &CodeKernels, bias: i32, query: &[u8], row: &[u8]) -> u32;
    /// Distances of four rows.
    fn four(kernels: &CodeKernels, bias: i32, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4];
    /// The score of a distance, in steps.
    fn steps(distance: u32) -> f32 {
        -(distance as f32)
    }
}

/// `Measure::Dot`: the larger the product, the nearer.
pub(crate) struct ByDot;
/// `Measure::L2`.
pub(crate) struct ByL2;
/// `Measure::L1`.
pub(crate) struct ByL1;

impl CodeMeasure for ByDot {
    /// Rows mean `code - 128`, the kernel multiplies `code`.
    fn bias(query: &[u8]) -> i32 {
        query.iter().map(|&code| i32::from(code as i8)).sum::<i32>() * 128
    }

    #[inline]
    fn one(kernels: &CodeKernels, bias: i32, query: &[u8], row: &[u8]) -> u32 {
        near_first(kernels.dot(query, row), bias)
    }

    #[inline]
    fn four(kernels: &CodeKernels, bias: i32, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4] {
        let [a, b, c, d] = kernels.dot4(query, rows);
        [
            near_first(a, bias),
            near_first(b, bias),
            near_first(c, bias),
            near_first(d, bias),
        ]
    }

    fn steps(distance: u32) -> f32 {
        (1_i32 << 30).wrapping_sub(distance as i32) as f32
    }
}

/// The largest product becomes the smallest distance. The true product of two codes is within
/// `±2³⁰`, so nothing is lost.
#[inline]
fn near_first(product: i32, bias: i32) -> u32 {
    (1_i32 << 30).wrapping_sub(product.wrapping_sub(bias)) as u32
}

impl CodeMeasure for ByL2 {
    fn bias(_query: &[u8]) -> i32 {
        0
    }

    #[inline]
    fn one(kernels: &CodeKernels, _bias: i32, query: &[u8], row: &[u8]) -> u32 {
        kernels.squared_l2(query, row)
    }

    #[inline]
    fn four(kernels: &CodeKernels, _bias: i32, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4] {
        kernels.squared_l2x4(query, rows)
    }
}

impl CodeMeasure for ByL1 {
    fn bias(_query: &[u8]) -> i32 {
        0
    }

    #[inline]
    fn one(kernels: &CodeKernels, _bias: i32, query: &[u8], row: &[u8]) -> u32 {
        kernels.l1(query, row)
    }

    #[inline]
    fn four(kernels: &CodeKernels, _bias: i32, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4] {
        kernels.l1x4(query, rows)
    }
}

/// Codes seen from an encoded query.
pub(crate) struct CodeSpace<'a, M> {
    kernels: &'static CodeKernels,
    query: &'a [u8],
    matrix: &'a [u8],
    bias: i32,
    /// What a step of a distance is worth as a score.
    unit: f32,
    measure: PhantomData<M>,
}

impl<'a, M: CodeMeasure> CodeSpace<'a, M> {
    pub(crate) fn new(
        codes: &'a Codes,
        query: &'a [u8],
        unit: f32,
        kernels: &'static CodeKernels,
    ) -> Self {
        debug_assert_eq!(query.len(), codes.stride());
        let bias = M::bias(query);
        Self {
            kernels,
            query,
            matrix: codes.matrix(),
            bias,
            unit,
            measure: PhantomData,
        }
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &'a [u8] {
        &self.matrix[row as usize * self.query.len()..][..self.query.len()]
    }
}

impl<M: CodeMeasure> Space for CodeSpace<'_, M> {
    #[inline]
    fn distance(&self, row: u32) -> u32 {
        M::one(self.kernels, self.bias, self.query, self.row(row))
    }

    #[inline]
    fn distances(&self, rows: [u32; 4]) -> [u32; 4] {
        M::four(
            self.kernels,
            self.bias,
            self.query,
            rows.map(|row| self.row(row)),
        )
    }

    #[inline]
    fn prefetch(&self, row: u32) {
        prefetch(self.row(row));
    }
}

impl<M: CodeMeasure> Scoring for CodeSpace<'_, M> {
    #[inline]
    fn score(&self, distance: u32) -> f32 {
        M::steps(distance) * self.unit
    }
}

/// The rows themselves, for queries that the codes cannot express.
pub(crate) struct FloatSpace<'a> {
    block: &'a DenseBlock,
    rows: RefCell<Rows<'a>>,
}

impl<'a> FloatSpace<'a> {
    pub(crate) fn new(block: &'a DenseBlock, query: &'a [f32]) -> Self {
        Self {
            block,
            rows: RefCell::new(Rows::new(block, query)),
        }
    }
}

impl Space for FloatSpace<'_> {
    #[inline]
    fn distance(&self, row: u32) -> u32 {
        distance_of_score(self.rows.borrow_mut().score(RowId(row)))
    }

    fn distances(&self, rows: [u32; 4]) -> [u32; 4] {
        rows.map(|row| self.distance(row))
    }

    #[inline]
    fn prefetch(&self, row: u32) {
        self.block.prefetch(RowId(row));
    }
}

impl Scoring for FloatSpace<'_> {
    fn score(&self, distance: u32) -> f32 {
        score_of_distance(distance)
    }
}

/// Runs `$body` with `$space` bound to the [`CodeSpace`] of `$codes` seen from `$query`.
///
/// A macro, because the body is compiled once per measure and closures cannot be generic.
macro_rules! with_code_space {
    ($codes:expr, $query:expr, $unit:expr, $kernels:expr, |$space:ident| $body:expr) => {
        match $codes.measure() {
            $crate::codes::Measure::Dot => {
                let $space = &$crate::space::CodeSpace::<$crate::space::ByDot>::new(
                    $codes, $query, $unit, $kernels,
                );
                $body
            }
            $crate::codes::Measure::L2 => {
                let $space = &$crate::space::CodeSpace::<$crate::space::ByL2>::new(
                    $codes, $query, $unit, $kernels,
                );
                $body
            }
            $crate::codes::Measure::L1 => {
                let $space = &$crate::space::CodeSpace::<$crate::space::ByL1>::new(
                    $codes, $query, $unit, $kernels,
                );
                $body
            }
        }
    };
}
pub(crate) use with_code_space;

#[cfg(test)]
mod tests {
    use model::Metric;

    use super::*;
    use crate::aligned::AlignedBytes;

    fn order(distances: &[u32]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..distances.len()).collect();
        order.sort_by_key(|&row| distances[row]);
        order
    }

    #[test]
    fn codes_and_floats_order_rows_alike() {
        // Rows far enough apart that eight bits tell them apart.
        let rows: Vec<f32> = (0..10)
            .flat_map(|r| [r as f32 - 4.0, (r * 7 % 10) as f32])
            .collect();
        for metric in [Metric::Dot, Metric::L2, Metric::L1] {
            let block = DenseBlock::from_rows(&rows, 2, metric).unwrap();
            let codes = Codes::encode(&block, None);
            let query = [2.3, 4.9];
            let float = FloatSpace::new(&block, &query);
            let exact: Vec<u32> = (0..10).map(|row| float.distance(row)).collect();
            let mut code = AlignedBytes::default();
            let unit = codes.encode_query(&query, &mut code);
            let kernels = CodeKernels::best();
            let coded: Vec<u32> = with_code_space!(&codes, &code, unit, kernels, |space| {
                assert_eq!(
                    space.distances([3, 1, 4, 1]),
                    [3, 1, 4, 1].map(|r| space.distance(r))
                );
                (0..10).map(|row| space.distance(row)).collect()
            });
            assert_eq!(order(&coded), order(&exact), "{metric:?}");
        }
    }

    #[test]
    fn rows_as_queries_measure_symmetrically() {
        let rows: Vec<f32> = (0..40)
            .map(|x| ((x * 37 % 23) as f32 - 11.0) / 9.0)
            .collect();
        for metric in [Metric::Dot, Metric::L2, Metric::L1] {
            let codes = Codes::encode(&DenseBlock::from_rows(&rows, 4, metric).unwrap(), None);
            let from = |a: u32, b: u32| {
                let mut code = AlignedBytes::default();
                codes.row_as_query(a, &mut code);
                with_code_space!(&codes, &code, UNSCORED, CodeKernels::best(), |space| space
                    .distance(b))
            };
            for (a, b) in [(0, 1), (2, 9), (5, 5)] {
                assert_eq!(from(a, b), from(b, a), "{metric:?}");
            }
        }
    }
}

//! Rows as 8-bit codes: a quarter of the memory, and integer distances that are equal everywhere.
//!
//! All rows share one affine scale, `component ≈ low + step·code`, so that a distance of codes is
//! a distance of components up to a constant factor. Where the range should end is a trade: a wide
//! one keeps outliers and rounds everything else coarsely. The range is chosen among quantiles by
//! the smallest absolute error on a sample, and data that are whole numbers in `0..=255` keep
//! `step = 1`, which is exact.
//!
//! A query of an inner product is scaled by itself (its step is a constant factor of all its
//! scores), a query of a distance by the scale of the rows.

use bytes::Bytes;
use kernels::code::{BLOCK_BYTES, COMPONENTS_MAX};
use model::Metric;

use crate::DenseBlock;
use crate::aligned::{AlignedBytes, LINE_BYTES};
use crate::block::BlockShape;
use crate::open_error::{self, OpenError};

/// Name of the block that holds the codes beside a graph or lists.
pub const BLOCK: &str = "codes";

pub(crate) const MAGIC: [u8; 8] = *b"SKCODES1";
const HEADER_BYTES: usize = LINE_BYTES;
/// A code in the middle of the range: zero, for inner products.
const MIDDLE: f32 = 128.0;
/// Number of components that the range is fitted to.
const SAMPLE_COMPONENTS: usize = 1 << 16;
/// Shares of the sample that may fall outside the range, on either side.
const CLIPPED_SHARES: [f64; 6] = [0.0, 1e-5, 1e-4, 5e-4, 2e-3, 1e-2];

/// Which integer distance compares the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Inner product of `code - 128`.
    Dot,
    /// Squared difference of codes.
    L2,
    /// Absolute difference of codes.
    L1,
}

impl Measure {
    /// The measure that orders codes as `metric` orders vectors; `None` for metrics on bits.
    pub(crate) fn for_metric(metric: Metric) -> Option<Self> {
        match metric {
            Metric::Dot | Metric::Cosine => Some(Self::Dot),
            Metric::L2 => Some(Self::L2),
            Metric::L1 => Some(Self::L1),
            Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => None,
        }
    }
}

/// `component ≈ low + step·code`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f32,
    pub(crate) step: f32,
}

impl Scale {
    /// The code nearest to `component`; components outside the range get its ends.
    #[inline]
    fn encode(self, component: f32) -> u8 {
        // A float-to-integer cast truncates and saturates: with the half added it rounds.
        ((component - self.low) * (1.0 / self.step) + 0.5) as u8
    }

    fn symmetric(bound: f32) -> Self {
        let step = if bound > 0.0 && bound.is_finite() {
            bound / 127.0
        } else {
            1.0
        };
        Self {
            low: -MIDDLE * step,
            step,
        }
    }

    fn between(low: f32, high: f32) -> Self {
        let step = (high - low) / 255.0;
        if step > 0.0 && step.is_finite() {
            Self { low, step }
        } else {
            Self { low, step: 1.0 }
        }
    }

    /// Absolute error of the sample under this scale. Not squared: the error of a single far
    /// outlier would then outweigh that of everything else.
    fn error(self, sample: &[f32]) -> f64 {
        let error = |x: &f32| f64::from(x - (self.low + self.step * f32::from(self.encode(*x))));
        sample.iter().map(|x| error(x).abs()).sum()
    }

    /// The scale for the rows of `block` under `measure`.
    fn fit(block: &DenseBlock, measure: Measure, quantile: Option<f32>) -> Self {
        let matrix = block.matrix();
        if measure != Measure::Dot && matrix.iter().all(|&x| x == f32::from(x as u8)) {
            return Self {
                low: 0.0,
                step: 1.0,
            };
        }
        // An odd stride visits every dimension, whatever their number.
        let stride = (matrix.len() / SAMPLE_COMPONENTS) | 1;
        let mut sample: Vec<f32> = matrix
            .iter()
            .step_by(stride)
            .copied()
            .filter(|x| x.is_finite())
            .collect();
        if sample.is_empty() {
            return Self::symmetric(0.0);
        }
        if measure == Measure::Dot {
            for component in &mut sample {
                *component = component.abs();
            }
        }
        sample.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| sample[((sample.len() - 1) as f64 * share) as usize];
        let clipping = |share: f64| match measure {
            Measure::Dot => Self::symmetric(at(1.0 - share)),
            Measure::L2 | Measure::L1 => Self::between(at(share), at(1.0 - share)),
        };
        if let Some(quantile) = quantile {
            let clipped = 1.0 - f64::from(quantile);
            // Magnitudes have one end, components two.
            let ends = if measure == Measure::Dot { 1.0 } else { 2.0 };
            return clipping(clipped / ends);
        }
        let scales = CLIPPED_SHARES.map(clipping);
        scales
            .into_iter()
            .min_by(|a, b| a.error(&sample).total_cmp(&b.error(&sample)))
            .expect("there are several shares")
    }
}

/// The codes of all rows of a block, each padded to whole cache lines.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    bytes: Bytes,
    len: usize,
    dim: usize,
    scale: Scale,
    measure: Measure,
}

impl Codes {
    /// Encodes the rows of `block`; `quantile` is the share of components that the range must
    /// hold, instead of the share with the least error.
    pub(crate) fn encode(block: &DenseBlock, quantile: Option<f32>) -> Self {
        let measure = Measure::for_metric(block.metric()).expect("a block refuses bit metrics");
        let scale = Scale::fit(block, measure, quantile);
        let (len, dim) = (block.len(), block.dim());
        assert!(dim <= COMPONENTS_MAX, "a vector of {dim} components");
        let stride = dim.next_multiple_of(BLOCK_BYTES);
        let mut bytes = AlignedBytes::zeroed(HEADER_BYTES + len * stride);
        let header = [
            len as u32,
            dim as u32,
            scale.low.to_bits(),
            scale.step.to_bits(),
        ];
        bytes[..8].copy_from_slice(&MAGIC);
        for (place, word) in bytes[8..].chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let codes = bytes[HEADER_BYTES..].chunks_exact_mut(stride);
        for (row, vector) in codes.zip(block.matrix().chunks_exact(dim)) {
            for (code, &component) in row.iter_mut().zip(vector) {
                *code = scale.encode(component);
            }
            // The middle is the zero of inner products, and equal in all rows for distances.
            row[dim..].fill(MIDDLE as u8);
        }
        Self {
            bytes: bytes.into_bytes(),
            len,
            dim,
            scale,
            measure,
        }
    }

    /// The codes as stored.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Opens stored codes as those of a block of this shape.
    pub(crate) fn open(bytes: Bytes, of: BlockShape) -> Result<Self, OpenError> {
        let [len, dim, low, step] = open_error::header(&bytes, BLOCK)?;
        if bytes[..8] != MAGIC {
            return Err(OpenError::Format { name: BLOCK });
        }
        let (len, dim) = (len as usize, dim as usize);
        open_error::same("length", len, of.len)?;
        open_error::same("dimension", dim, of.dim.min(COMPONENTS_MAX))?;
        let expected = HEADER_BYTES + len * dim.next_multiple_of(BLOCK_BYTES);
        open_error::whole(BLOCK, bytes.len(), expected)?;
        let scale = Scale {
            low: f32::from_bits(low),
            step: f32::from_bits(step),
        };
        if !(scale.step > 0.0 && scale.step.is_finite() && scale.low.is_finite()) {
            return Err(OpenError::Value {
                what: "scale",
                value: scale.step.into(),
            });
        }
        let measure = Measure::for_metric(of.metric).expect("a block refuses bit metrics");
        Ok(Self {
            bytes,
            len,
            dim,
            scale,
            measure,
        })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes per row.
    pub(crate) fn stride(&self) -> usize {
        self.dim.next_multiple_of(BLOCK_BYTES)
    }

    /// How codes are compared.
    pub(crate) fn measure(&self) -> Measure {
        self.measure
    }

    /// All codes, row-major, each row of [`Codes::stride`] bytes.
    pub(crate) fn matrix(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The code of one row.
    #[inline]
    pub(crate) fn row(&self, row: u32) -> &[u8] {
        &self.matrix()[row as usize * self.stride()..][..self.stride()]
    }

    /// Encodes `query` into `code` for comparison with the rows: signed for inner products,
    /// unsigned for distances. Returns what a step of the integer distance is worth as a score.
    pub(crate) fn encode_query(&self, query: &[f32], code: &mut AlignedBytes) -> f32 {
        code.resize(self.stride());
        match self.measure {
            Measure::Dot => {
                let bound = query.iter().fold(0.0_f32, |bound, x| bound.max(x.abs()));
                let scale = Scale::symmetric(bound);
                for (code, &component) in code.iter_mut().zip(query) {
                    *code = scale.encode(component) ^ SIGN;
                }
                code[query.len()..].fill(0);
                scale.step * self.scale.step
            }
            Measure::L2 | Measure::L1 => {
                for (code, &component) in code.iter_mut().zip(query) {
                    *code = self.scale.encode(component);
                }
                code[query.len()..].fill(MIDDLE as u8);
                match self.measure {
                    Measure::L1 => self.scale.step,
                    Measure::L2 | Measure::Dot => self.scale.step * self.scale.step,
                }
            }
        }
    }

    /// Turns the code of a row into a query, as [`Codes::encode_query`] would.
    pub(crate) fn row_as_query(&self, row: u32, code: &mut AlignedBytes) {
        code.resize(self.stride());
        code.copy_from_slice(self.row(row));
        if self.measure == Measure::Dot {
            for code in code.iter_mut() {
                *code ^= SIGN;
            }
        }
    }

    /// Share of the query's energy that lies outside the range of the rows' codes, in `0..=1`.
    /// Near zero the walk sees the query as it is. Always zero for inner products.
    pub(crate) fn clipped_share(&self, query: &[f32]) -> f32 {
        if self.measure == Measure::Dot {
            return 0.0;
        }
        let (low, high) = (self.scale.low, self.scale.low + 255.0 * self.scale.step);
        let width = high - low;
        let outside = |x: &f32| (x - x.clamp(low, high)) / width;
        query.iter().map(outside).map(|out| out * out).sum::<f32>() / query.len() as f32
    }
}

/// Flips an unsigned code around 128 into a signed one around 0, and back.
const SIGN: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(rows: &[f32], dim: usize, metric: Metric) -> DenseBlock {
        DenseBlock::from_rows(rows, dim, metric).unwrap()
    }

    #[test]
    fn whole_bytes_are_kept_exactly() {
        let rows: Vec<f32> = (0..=255).map(|x| x as f32).collect();
        let codes = Codes::encode(&block(&rows, 64, Metric::L2), None);
        assert_eq!(
            codes.scale,
            Scale {
                low: 0.0,
                step: 1.0
            }
        );
        assert_eq!(codes.row(1), (64..128).collect::<Vec<u8>>());
    }

    #[test]
    fn a_few_outliers_do_not_coarsen_the_rest() {
        let mut rows: Vec<f32> = (0..60_000)
            .map(|x| (x % 201) as f32 / 100.0 - 1.0)
            .collect();
        rows[77] = 100.0;
        for metric in [Metric::Dot, Metric::L2] {
            let codes = Codes::encode(&block(&rows, 100, metric), None);
            // The outlier alone would make the step 100 / 127.
            assert!(codes.scale.step < 0.02, "{metric:?}: {:?}", codes.scale);
        }
    }

    #[test]
    fn damaged_codes_are_refused() {
        let block = block(&[1.0, 2.0, 3.0, 4.0], 2, Metric::L2);
        let codes = Codes::encode(&block, None);
        assert!(Codes::open(codes.bytes().clone(), block.shape()).is_ok());
        let broken = |at: usize, byte: u8| {
            let mut bytes = codes.bytes().to_vec();
            bytes[at] = byte;
            Codes::open(Bytes::from(bytes), block.shape()).unwrap_err()
        };
        assert!(matches!(broken(0, 0), OpenError::Format { .. }));
        assert!(matches!(broken(8, 9), OpenError::Mismatch { .. }));
        assert!(matches!(broken(12, 9), OpenError::Mismatch { .. }));
        assert!(matches!(broken(23, 0xff), OpenError::Value { .. }));
        for cut in [0, 63, 64, codes.bytes().len() - 1] {
            assert!(matches!(
                Codes::open(codes.bytes().slice(..cut), block.shape()),
                Err(OpenError::Short { .. })
            ));
        }
    }

    #[test]
    fn queries_outside_the_range_are_noticed() {
        let codes = Codes::encode(&block(&[0.0, 10.0, 20.0, 255.0], 2, Metric::L2), None);
        assert_eq!(codes.clipped_share(&[0.0, 255.0]), 0.0);
        assert!(codes.clipped_share(&[1000.0, 0.0]) > 1.0);
    }

    proptest! {
        // Rounding moves a component by at most half a step (and an ulp or two of its size).
        #[test]
        fn codes_are_near_their_components(
            rows in proptest::collection::vec(-5.0_f32..5.0, 8..200),
            metric in prop_oneof![Just(Metric::Dot), Just(Metric::L2), Just(Metric::L1)],
        ) {
            let codes = Codes::encode(&block(&rows[..rows.len() / 8 * 8], 8, metric), None);
            let Scale { low, step } = codes.scale;
            for (row, vector) in rows.chunks_exact(8).enumerate() {
                for (&code, &x) in codes.row(row as u32).iter().zip(vector) {
                    let back = low + step * f32::from(code);
                    let ends = code == 0 || code == 255;
                    prop_assert!(ends || (back - x).abs() <= step * 0.501, "{} as {}", x, back);
                }
            }
        }
    }
}

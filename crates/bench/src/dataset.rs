//! Vectors to measure on: read from files, or generated when there are none.

use std::io;
use std::path::Path;

use model::Metric;

use crate::npy::{Matrix, read_fvecs, read_npy, read_npz};

/// Queries taken from a data set.
const QUERIES: usize = 2000;

/// Rows to index and queries to ask.
pub(crate) struct Dataset {
    /// File name without its extension, or `generated`.
    pub(crate) name: String,
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// Components per vector.
    pub(crate) dim: usize,
    /// Rows, row-major.
    pub(crate) base: Vec<f32>,
    /// Queries, row-major.
    pub(crate) queries: Vec<f32>,
}

impl Dataset {
    /// Number of rows to index.
    pub(crate) fn rows(&self) -> usize {
        self.base.len() / self.dim
    }

    /// The queries one by one.
    pub(crate) fn each_query(&self) -> impl Iterator<Item = &[f32]> {
        self.queries.chunks_exact(self.dim)
    }

    /// The data set in the file `path`, or all data sets of the folder `path`.
    pub(crate) fn load(path: &Path) -> io::Result<Vec<Self>> {
        if !path.is_dir() {
            return Ok(vec![Self::read(path)?]);
        }
        let mut files: Vec<_> = std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<_>>()?;
        files.sort();
        let known = |path: &Path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("npy" | "npz" | "fvecs"))
        };
        files
            .iter()
            .filter(|path| known(path))
            .map(|path| Self::read(path))
            .collect()
    }

    /// Rows around random centres, for machines without data.
    pub(crate) fn generate(rows: usize, dim: usize) -> Self {
        let mut random = Random(1);
        let centres: Vec<f32> = (0..1000 * dim).map(|_| random.component()).collect();
        let mut vectors = |count: usize| -> Vec<f32> {
            let mut matrix = Vec::with_capacity(count * dim);
            for _ in 0..count {
                let centre = (random.next() % 1000) as usize;
                let mut vector: Vec<f32> = centres[centre * dim..][..dim]
                    .iter()
                    .map(|c| c + random.component())
                    .collect();
                kernels::float::normalize(&mut vector);
                matrix.extend(vector);
            }
            matrix
        };
        let (base, queries) = (vectors(rows), vectors(QUERIES));
        Self {
            name: "generated".into(),
            metric: Metric::Cosine,
            dim,
            base,
            queries,
        }
    }

    fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let (base, queries) = match extension {
            Some("npz") => (read_npz(&bytes, "train")?, read_npz(&bytes, "test")?),
            Some("fvecs") => split(read_fvecs(&bytes)?),
            Some(_) | None => split(read_npy(&bytes)?),
        };
        Ok(Self::prepare(name, base, queries))
    }

    /// Unit vectors are compared by cosine, all others by L2.
    fn prepare(name: String, base: Matrix, queries: Matrix) -> Self {
        let dim = base.dim;
        let length = |vector: &[f32]| kernels::float::dot(vector, vector);
        let unit = base
            .values
            .chunks_exact(dim)
            .take(100)
            .all(|v| (length(v) - 1.0).abs() < 0.01);
        let metric = if unit { Metric::Cosine } else { Metric::L2 };
        let (mut base, mut queries) = (base.values, queries.values);
        queries.truncate(QUERIES * dim);
        if unit {
            for vector in base
                .chunks_exact_mut(dim)
                .chain(queries.chunks_exact_mut(dim))
            {
                kernels::float::normalize(vector);
            }
        }
        Self {
            name,
            metric,
            dim,
            base,
            queries,
        }
    }
}

/// The first rows are the queries.
fn split(matrix: Matrix) -> (Matrix, Matrix) {
    let Matrix { mut values, dim } = matrix;
    let queries = QUERIES.min(values.len() / dim / 10) * dim;
    let base = values.split_off(queries);
    (Matrix { values: base, dim }, Matrix { values, dim })
}

/// SplitMix64: the same data on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `-1..1`.
    fn component(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_the_first_rows_and_not_indexed() {
        let values: Vec<f32> = (0..100).map(|x| x as f32).collect();
        let (base, queries) = split(Matrix { values, dim: 2 });
        assert_eq!(
            queries.values,
            (0..10).map(|x| x as f32).collect::<Vec<_>>()
        );
        assert_eq!(base.values.len(), 90);
    }

    #[test]
    fn generated_data_are_unit_vectors_and_repeatable() {
        let (a, b) = (Dataset::generate(50, 8), Dataset::generate(50, 8));
        assert_eq!(a.base, b.base);
        assert_eq!((a.rows(), a.each_query().count()), (50, QUERIES));
        assert!((kernels::float::dot(&a.base[..8], &a.base[..8]) - 1.0).abs() < 1e-5);
    }
}

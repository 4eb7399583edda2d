//! Clusters of the rows of a block: k-means, the same on every processor.
//!
//! Lloyd's algorithm on a sample of the rows, from centroids drawn by a fixed seed. Rows are
//! compared by kernels with a fixed order of summation and sums are taken in `f64` in the order of
//! the rows, so neither threads nor processors change the result. A cluster that lost all its rows
//! takes half of the largest one (as Faiss does; Johnson, Douze & Jégou 2019).

use model::Metric;
use rayon::prelude::*;

use crate::mix::mix;
use crate::{DenseBlock, Similarity};

/// Rows per cluster that centroids are trained on, at most.
const SAMPLE_PER_CLUSTER: usize = 64;
/// Improvements of the centroids, at most; later ones change little.
const ROUNDS: usize = 10;
/// What the halves of a divided cluster are moved apart by, as a share of each component.
const APART: f32 = 1.0 / 1024.0;
/// Rows compared by one task.
const TASK_ROWS: usize = 256;
const SEED: u64 = 0x5eed;

/// Centroids, and which is nearest to a vector.
pub(crate) struct Clusters {
    /// Row-major.
    centroids: Vec<f32>,
    dim: usize,
    similarity: Similarity,
    /// Whether centroids have length one, as the rows have.
    normalised: bool,
}

impl Clusters {
    /// Clusters of `rows` of `block`, which is widened; `count` is from 1 to the number of rows.
    /// `report` is called with the rounds done so far and those there may be.
    pub(crate) fn train(
        block: &DenseBlock,
        rows: &[u32],
        count: usize,
        report: &dyn Fn(usize, usize),
    ) -> Self {
        let sample = sample(rows, count * SAMPLE_PER_CLUSTER);
        let dim = block.dim();
        let matrix = block.matrix();
        let first = sample.iter().take(count).flat_map(|&row| {
            let start = row as usize * dim;
            matrix[start..start + dim].iter().copied()
        });
        let mut clusters = Self {
            centroids: first.collect(),
            dim,
            similarity: similarity(block.metric()),
            normalised: block.metric() == Metric::Cosine,
        };
        let mut before = Vec::new();
        for round in 0..ROUNDS {
            report(round, ROUNDS);
            let nearest = clusters.nearest_of(block, &sample);
            if nearest == before {
                break;
            }
            clusters.improve(block, &sample, &nearest);
            before = nearest;
        }
        clusters
    }

    /// The centroids, row-major.
    pub(crate) fn centroids(&self) -> &[f32] {
        &self.centroids
    }

    /// The nearest cluster of each of `rows`.
    pub(crate) fn nearest_of(&self, block: &DenseBlock, rows: &[u32]) -> Vec<u32> {
        let matrix = block.matrix();
        let near = |&row: &u32| self.nearest(&matrix[row as usize * self.dim..][..self.dim]);
        let tasks = rows.par_chunks(TASK_ROWS);
        let each: Vec<Vec<u32>> = tasks.map(|rows| rows.iter().map(near).collect()).collect();
        each.concat()
    }

    /// The nearest cluster; of equally near ones the first.
    fn nearest(&self, vector: &[f32]) -> u32 {
        let (mut best, mut best_score) = (0, f32::NEG_INFINITY);
        for (at, centroid) in self.centroids.chunks_exact(self.dim).enumerate() {
            let score = self.similarity.between(vector, centroid);
            if score > best_score {
                (best, best_score) = (at as u32, score);
            }
        }
        best
    }

    /// Moves every centroid to the mean of its rows.
    fn improve(&mut self, block: &DenseBlock, rows: &[u32], nearest: &[u32]) {
        let dim = self.dim;
        let count = self.centroids.len() / dim;
        let mut sums = vec![0.0_f64; count * dim];
        let mut sizes = vec![0_u32; count];
        for (&row, &cluster) in rows.iter().zip(nearest) {
            sizes[cluster as usize] += 1;
            let vector = &block.matrix()[row as usize * dim..][..dim];
            for (sum, &component) in sums[cluster as usize * dim..].iter_mut().zip(vector) {
                *sum += f64::from(component);
            }
        }
        for (cluster, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            let mean = sums[cluster * dim..][..dim].iter();
            let centroid = &mut self.centroids[cluster * dim..][..dim];
            for (component, sum) in centroid.iter_mut().zip(mean) {
                *component = (sum / f64::from(size)) as f32;
            }
        }
        for empty in 0..count {
            if sizes[empty] == 0 {
                self.divide(empty, &mut sizes);
            }
        }
        if self.normalised {
            for centroid in self.centroids.chunks_exact_mut(dim) {
                kernels::float::normalize(centroid);
            }
        }
    }

    /// Gives cluster `empty` half of the largest.
    fn divide(&mut self, empty: usize, sizes: &mut [u32]) {
        let largest = (0..sizes.len()).max_by_key(|&at| (sizes[at], std::cmp::Reverse(at)));
        let largest = largest.expect("there is a cluster");
        sizes[empty] = sizes[largest] / 2;
        sizes[largest] -= sizes[empty];
        for at in 0..self.dim {
            let component = self.centroids[largest * self.dim + at];
            let apart = if at % 2 == 0 { APART } else { -APART };
            self.centroids[largest * self.dim + at] = component * (1.0 - apart);
            self.centroids[empty * self.dim + at] = component * (1.0 + apart);
        }
    }
}

/// How rows are assigned to clusters: by distance, but for directions.
fn similarity(metric: Metric) -> Similarity {
    let by = match metric {
        // The cluster of the largest product would be that of the longest centroid.
        Metric::Dot => Metric::L2,
        Metric::Cosine
        | Metric::L2
        | Metric::L1
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => metric,
    };
    Similarity::for_metric(by).expect("a block refuses metrics on bits")
}

/// At most `wanted` of `rows`, in an order without a pattern.
fn sample(rows: &[u32], wanted: usize) -> Vec<u32> {
    let mut sample = rows.to_vec();
    let wanted = wanted.min(sample.len());
    for at in 0..wanted {
        let left = (sample.len() - at) as u64;
        let other = at + (mix(SEED + at as u64) % left) as usize;
        sample.swap(at, other);
    }
    sample.truncate(wanted);
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_clusters_are_found_and_none_is_empty() {
        // Four corners, a hundred rows around each.
        let rows: Vec<f32> = (0..400_u64)
            .flat_map(|at| {
                let noise = |salt| (mix(at * 2 + salt) % 1000) as f32 / 1000.0;
                let corner = [(at % 2) as f32 * 50.0, (at / 2 % 2) as f32 * 50.0];
                [corner[0] + noise(0), corner[1] + noise(1)]
            })
            .collect();
        let block = DenseBlock::from_rows(&rows, 2, Metric::L2).unwrap();
        let all: Vec<u32> = (0..400).collect();
        for count in [4, 9] {
            let clusters = Clusters::train(&block, &all, count, &|_, _| ());
            let nearest = clusters.nearest_of(&block, &all);
            for (at, cluster) in nearest.iter().enumerate() {
                let mut alike = (0..400).filter(|other| nearest[*other] == *cluster);
                assert!(count > 4 || alike.all(|other| other % 4 == at % 4));
            }
            for cluster in 0..count as u32 {
                assert!(nearest.contains(&cluster), "{cluster} of {count}");
            }
        }
    }

    #[test]
    fn equal_rows_make_equal_clusters() {
        let block = DenseBlock::from_rows(&[1.0; 30], 3, Metric::Cosine).unwrap();
        let rows: Vec<u32> = (0..10).collect();
        let clusters = Clusters::train(&block, &rows, 5, &|_, _| ());
        assert!(clusters.centroids().iter().all(|x| x.is_finite()));
        assert_eq!(clusters.nearest_of(&block, &rows).len(), 10);
    }
}

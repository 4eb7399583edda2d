//! Exact neighbours of the queries, computed once and kept outside the repository.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use index::{Allowed, DenseBlock, Probe, flat};
use rayon::prelude::*;

use crate::dataset::Dataset;

/// The rows of the `k` nearest neighbours of each query, nearest first, `k` per query.
pub(crate) fn exact(
    dataset: &Dataset,
    block: &DenseBlock,
    k: usize,
    cache: &Path,
) -> io::Result<Vec<u32>> {
    let file = cache_file(dataset, k, cache);
    if let Ok(bytes) = std::fs::read(&file) {
        let (words, _) = bytes.as_chunks::<4>();
        return Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect());
    }
    eprintln!(
        "{}: computing exact neighbours (kept in {})",
        dataset.name,
        file.display()
    );
    let queries: Vec<&[f32]> = dataset.each_query().collect();
    let found: Vec<Vec<u32>> = queries
        .par_iter()
        .map(|vector| {
            let probe = Probe {
                vector,
                k,
                ef: 0,
                allowed: Allowed::All,
            };
            flat::search(block, &probe)
                .iter()
                .map(|hit| hit.row.0)
                .collect()
        })
        .collect();
    let truth = found.concat();
    std::fs::create_dir_all(cache)?;
    std::fs::write(
        &file,
        truth
            .iter()
            .flat_map(|row| row.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    Ok(truth)
}

/// Named after the content: other data never meet a stale answer.
fn cache_file(dataset: &Dataset, k: usize, cache: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (k, dataset.dim, format!("{:?}", dataset.metric)).hash(&mut hasher);
    bytemuck::cast_slice::<f32, u8>(&dataset.base).hash(&mut hasher);
    bytemuck::cast_slice::<f32, u8>(&dataset.queries).hash(&mut hasher);
    cache.join(format!(
        "{}-{:016x}.neighbours",
        dataset.name,
        hasher.finish()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_cached_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let mut dataset = Dataset::generate(200, 4);
        dataset.queries.truncate(12);
        let block = DenseBlock::from_rows(&dataset.base, 4, dataset.metric).unwrap();
        let first = exact(&dataset, &block, 5, folder.path()).unwrap();
        assert_eq!(first.len(), 15);
        // The second time the cache answers: the block is no longer asked.
        let other = DenseBlock::from_rows(&[0.0; 8], 4, dataset.metric).unwrap();
        assert_eq!(exact(&dataset, &other, 5, folder.path()).unwrap(), first);
        dataset.queries[0] += 1.0;
        assert_ne!(cache_file(&dataset, 5, folder.path()), folder.path());
        assert_eq!(exact(&dataset, &other, 5, folder.path()).unwrap().len(), 6);
    }
}

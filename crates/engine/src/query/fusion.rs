//! Several orders become one.

use std::collections::BTreeMap;

use model::{Error, Fusion};

use super::{Found, Hit};
use crate::collection::Place;

/// Standard deviations on either side of the mean that become the range from 0 to 1.
const DEVIATIONS: f32 = 3.0;

/// What a list says of its only element, or of elements that are all alike.
const UNDECIDED: f32 = 0.5;

/// The fused score of every point of `sources`, in no order.
///
/// # Errors
/// `Invalid` when there are no sources, or weights for another number of them.
pub(super) fn fuse(method: &Fusion, sources: &[Found]) -> Result<Vec<Hit>, Error> {
    if sources.is_empty() {
        return Err(Error::invalid("a fusion needs prefetches"));
    }
    let mut fused: BTreeMap<Place, f32> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate() {
        let scores = match method {
            Fusion::Reciprocal { k, weights } => {
                if !weights.is_empty() && weights.len() != sources.len() {
                    return Err(Error::invalid(format!(
                        "RRF weights length ({}) does not match number of prefetches ({})",
                        weights.len(),
                        sources.len()
                    )));
                }
                let weight = weights.get(at).copied().unwrap_or(1.0);
                let places = 0..source.hits.len();
                places.map(|place| reciprocal(place, *k, weight)).collect()
            }
            Fusion::Distribution => {
                let told = source.hits.iter().map(|hit| source.told.of(hit.score));
                normalised(told.collect())
            }
        };
        for (hit, score) in source.hits.iter().zip(scores) {
            *fused.entry(hit.place).or_default() += score;
        }
    }
    let hit = |(place, score)| Hit::scored(place, score);
    Ok(fused.into_iter().map(hit).collect())
}

fn reciprocal(place: usize, k: usize, weight: f32) -> f32 {
    if weight <= 0.0 {
        return 0.0;
    }
    1.0 / ((place as f32 + 1.0) / weight + k as f32 - 1.0)
}

/// Moves the mean to one half and three standard deviations to either end of `0..=1`.
fn normalised(scores: Vec<f32>) -> Vec<f32> {
    if scores.len() < 2 {
        return vec![UNDECIDED; scores.len()];
    }
    let (mean, variance) = moments(&scores);
    let deviation = variance.sqrt();
    let min = mean - DEVIATIONS * deviation;
    let max = mean + DEVIATIONS * deviation;
    if min == max {
        return vec![UNDECIDED; scores.len()];
    }
    let place = |score: f32| (score - min) / (max - min);
    scores.into_iter().map(place).collect()
}

/// Mean and sample variance in one pass (Welford 1962). At least two scores.
fn moments(scores: &[f32]) -> (f32, f32) {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (count, score) in (1_u32..).zip(scores) {
        let before = score - mean;
        mean += before / count as f32;
        squares += before * (score - mean);
    }
    (mean, squares / (scores.len() as f32 - 1.0))
}

#[cfg(test)]
mod tests {
    use rows::RowId;

    use super::*;
    use crate::query::Told;

    fn found(told: Told, scores: &[(u32, f32)]) -> Found {
        let place = |row| Place {
            segment: 0,
            row: RowId(row),
        };
        let hit = |&(row, score)| Hit::scored(place(row), score);
        Found {
            hits: scores.iter().map(hit).collect(),
            told,
        }
    }

    fn scores(method: &Fusion, sources: &[Found]) -> Vec<(u32, f32)> {
        let fused = fuse(method, sources).expect("a fusion of sources");
        fused
            .iter()
            .map(|hit| (hit.place.row.0, hit.score))
            .collect()
    }

    #[test]
    fn places_add_up() {
        let plain = Fusion::Reciprocal {
            k: 2,
            weights: vec![],
        };
        let sources = [
            found(Told::Score, &[(1, 9.0), (2, 8.0)]),
            found(Told::Score, &[(2, 0.1)]),
        ];
        let third = 1.0 / 3.0;
        assert_eq!(scores(&plain, &sources), [(1, 0.5), (2, third + 0.5)]);
        let weighted = Fusion::Reciprocal {
            k: 2,
            weights: vec![0.0, 2.0],
        };
        assert_eq!(scores(&weighted, &sources), [(1, 0.0), (2, 1.0 / 1.5)]);
        let short = Fusion::Reciprocal {
            k: 2,
            weights: vec![1.0],
        };
        assert!(fuse(&short, &sources).is_err());
        assert!(fuse(&plain, &[]).is_err());
    }

    #[test]
    fn distances_put_the_farthest_first() {
        let of = |scores: &[(u32, f32)]| {
            let fused = fuse(&Fusion::Distribution, &[found(Told::Root, scores)]);
            fused.expect("one source")
        };
        let fused = of(&[(1, -1.0), (2, -9.0)]);
        assert!(fused[0].score < 0.5 && fused[1].score > 0.5);
        assert!(fused[0].score + fused[1].score - 1.0 < 1e-6);
        assert_eq!(of(&[(1, -4.0)])[0].score, 0.5);
        assert!(of(&[(1, -4.0), (2, -4.0)]).iter().all(|h| h.score == 0.5));
    }
}

//! Scores that depend on several vectors.
//!
//! Every score is a function of the similarities of a row to the examples, so a scorer needs to
//! know nothing of vectors: it compares with each example in turn and combines what comes out.
//! All arithmetic is `f32` in a fixed order.

use std::collections::BTreeMap;

use index::{Blend, promise_of};
use model::{Error, Metric, MultiVector, Rank, SparseVector, Strategy, Vector, VectorQuery};
use rows::RowId;

use crate::prepared::{Comparison, Prepared};
use crate::vectors::Vectors;

/// A row equally near to both sides of a pair is a little on the wrong side.
const MARGIN: f32 = f32::EPSILON;

/// Walks keep so many times the candidates of a nearest search for what lies where no example is:
/// along a direction, or on one side of pairs.
const EFFORT: usize = 3;

/// As [`EFFORT`], for what lies at the far end of the rows.
const EFFORT_FAR: usize = 6;

/// Pairs of a discovery that a walk with [`EFFORT`] finds its way between.
const PAIRS_FEW: usize = 3;

/// Pairs of a discovery that one with [`EFFORT_FAR`] does.
const PAIRS_MAX: usize = 6;

/// Examples, and how the similarities to them become one score.
pub(crate) struct Scorer {
    examples: Vec<Prepared>,
    combine: Combine,
}

/// How similarities become a score. Those of pairs alternate: positive, negative.
#[derive(Clone, Debug, PartialEq)]
enum Combine {
    /// The first so many are wanted, the others are not.
    Best(usize),
    /// As `Best`.
    Sum(usize),
    /// A target, then pairs.
    Discover,
    /// Pairs.
    Context,
    /// A target and its weight, then pairs: positions and weight.
    Feedback {
        target: f32,
        pairs: Vec<(usize, usize, f32)>,
    },
}

impl Scorer {
    /// The scorer of a rank by several vectors; `None` when there is nothing to compare with.
    ///
    /// # Errors
    /// Those of `prepare`.
    pub(super) fn new(
        rank: &Rank,
        prepare: &mut dyn FnMut(&VectorQuery) -> Result<Prepared, Error>,
    ) -> Result<Option<Self>, Error> {
        let combine = match rank {
            Rank::Recommend {
                like,
                unlike,
                strategy,
                ..
            } => {
                if like.is_empty() && unlike.is_empty() {
                    return Ok(None);
                }
                match strategy {
                    Strategy::BestScore => Combine::Best(like.len()),
                    Strategy::AverageVector | Strategy::SumScores => Combine::Sum(like.len()),
                }
            }
            Rank::Discover { .. } => Combine::Discover,
            Rank::Context { .. } => Combine::Context,
            Rank::Feedback(feedback) => {
                let ratings: Vec<f32> = feedback.rated.iter().map(|(_, rating)| *rating).collect();
                Combine::Feedback {
                    target: feedback.a,
                    pairs: pairs(&ratings, feedback.b, feedback.c),
                }
            }
            Rank::Nearest { .. }
            | Rank::Diverse { .. }
            | Rank::Fusion(_)
            | Rank::Formula(_)
            | Rank::OrderBy(_)
            | Rank::Sample { .. } => return Ok(None),
        };
        let examples = rank.inputs().into_iter().map(prepare);
        Ok(Some(Self {
            examples: examples.collect::<Result<_, _>>()?,
            combine,
        }))
    }

    /// The rows of one block seen from each example.
    pub(crate) fn compare<'a>(&'a self, vectors: &'a Vectors) -> Comparisons<'a> {
        let compare = |example| Comparison::new(example, vectors);
        Comparisons {
            each: self.examples.iter().map(compare).collect(),
            similarities: Vec::with_capacity(self.examples.len()),
        }
    }

    /// The examples as single rows; `None` when there are none or they are not such.
    pub(crate) fn rows(&self) -> Option<Vec<&[f32]>> {
        let rows: Option<Vec<&[f32]>> = self.examples.iter().map(Prepared::row).collect();
        rows.filter(|rows| !rows.is_empty())
    }

    /// How many times the candidates of a nearest search a walk over rows compared by `metric`
    /// has to keep to find about 95 of 100 of the best rows; `None` when more would be needed
    /// than a scan costs. The figures are those of `docs/decisions/0110-ranks-on-graphs.md`.
    pub(crate) fn effort(&self, metric: Metric) -> Option<usize> {
        let lengths_differ = metric == Metric::Dot;
        // The farthest rows are the nearest ones of the opposite direction, where there is one.
        let far = (metric == Metric::Cosine).then_some(EFFORT_FAR);
        match &self.combine {
            Combine::Best(0) => far,
            Combine::Best(_) if lengths_differ => Some(2),
            Combine::Best(_) | Combine::Context => Some(1),
            Combine::Sum(wanted) if 2 * wanted <= self.examples.len() => far,
            Combine::Sum(_) if lengths_differ => Some(EFFORT_FAR),
            Combine::Feedback { target, .. } if *target <= 0.0 => far,
            Combine::Sum(_) | Combine::Feedback { .. } => Some(EFFORT),
            Combine::Discover => match self.examples.len() / 2 {
                pairs if pairs > PAIRS_MAX || (pairs > 1 && lengths_differ) => None,
                pairs if pairs > PAIRS_FEW => Some(EFFORT_FAR),
                _ => Some(EFFORT),
            },
        }
    }

    /// How the similarities to them become a score.
    pub(crate) fn blend(&self) -> &dyn Blend {
        &self.combine
    }

    /// The score of `row`, which carries a vector.
    pub(crate) fn score(&self, comparisons: &mut Comparisons<'_>, row: RowId) -> f32 {
        let Comparisons { each, similarities } = comparisons;
        similarities.clear();
        // Nothing in common is no similarity.
        let of = |comparison: &mut Comparison<'_>| comparison.of(row).unwrap_or(0.0);
        similarities.extend(each.iter_mut().map(of));
        self.combine.score(similarities)
    }
}

/// Rows seen from the examples of one [`Scorer`].
pub(crate) struct Comparisons<'a> {
    each: Vec<Comparison<'a>>,
    similarities: Vec<f32>,
}

impl Blend for Combine {
    fn score(&self, similarities: &[f32]) -> f32 {
        match self {
            Self::Best(wanted) => {
                let (like, unlike) = best_of(similarities, *wanted);
                if like > unlike {
                    sigmoid(like)
                } else {
                    -sigmoid(unlike)
                }
            }
            Self::Sum(wanted) => {
                let (like, unlike) = similarities.split_at(*wanted);
                like.iter().sum::<f32>() - unlike.iter().sum::<f32>()
            }
            Self::Discover => {
                let (target, context) = similarities.split_at(1);
                sides(context) + sigmoid(target[0])
            }
            Self::Context => {
                let loss = |pair: &[f32]| soft_sign((pair[0] - pair[1] - MARGIN).min(0.0));
                similarities.chunks_exact(2).map(loss).sum()
            }
            Self::Feedback { target, pairs } => {
                let first = target * similarities[0];
                pairs.iter().fold(first, |sum, &(x, y, weight)| {
                    sum + weight * (similarities[1 + x] - similarities[1 + y])
                })
            }
        }
    }

    /// Where a score is a squashed similarity, the similarity itself: of long vectors the squashed
    /// ones are rounded to a few numbers.
    fn promise(&self, similarities: &[f32]) -> u32 {
        match self {
            Self::Best(wanted) => {
                let (like, unlike) = best_of(similarities, *wanted);
                if like > unlike {
                    1 << 31 | promise_of(like) >> 1
                } else {
                    !promise_of(unlike) >> 1
                }
            }
            Self::Discover => {
                let (target, context) = similarities.split_at(1);
                let pairs = context.len() / 2;
                let right = (sides(context) as i64 + pairs as i64) as usize;
                // One of up to 256 steps of the sides, and within it the target.
                let step = if pairs < 128 {
                    right
                } else {
                    right * 255 / (2 * pairs)
                };
                (step as u32) << 24 | promise_of(target[0]) >> 8
            }
            Self::Sum(_) | Self::Context | Self::Feedback { .. } => {
                promise_of(self.score(similarities))
            }
        }
    }

    /// The best of several wanted examples are near one of them each, and of a walk that begins
    /// near all only the rows near the most crowded are kept. What is looked for on the right
    /// side of pairs is near the target, but not among the nearest: behind the other sides.
    fn share(&self, at: usize) -> f64 {
        match self {
            Self::Best(wanted) if at < *wanted => 0.25,
            Self::Discover if at == 0 => 2.0,
            Self::Best(_)
            | Self::Sum(_)
            | Self::Discover
            | Self::Context
            | Self::Feedback { .. } => 0.0,
        }
    }

    fn ceiling(&self) -> Option<u32> {
        match self {
            Self::Context => Some(promise_of(0.0)),
            Self::Best(_) | Self::Sum(_) | Self::Discover | Self::Feedback { .. } => None,
        }
    }
}

/// The largest of the first `wanted` similarities and the largest of the others; minus infinity of
/// none.
fn best_of(similarities: &[f32], wanted: usize) -> (f32, f32) {
    let (like, unlike) = similarities.split_at(wanted);
    let max = |of: &[f32]| of.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (max(like), max(unlike))
}

/// On how many more right sides than wrong ones of pairs a row is.
fn sides(context: &[f32]) -> f32 {
    let side = |pair: &[f32]| match pair[0].total_cmp(&pair[1]) {
        core::cmp::Ordering::Greater => 1.0,
        core::cmp::Ordering::Equal => 0.0,
        core::cmp::Ordering::Less => -1.0,
    };
    context.chunks_exact(2).map(side).sum()
}

/// Between -1 and 1, without a division by zero and without an exponential.
fn soft_sign(x: f32) -> f32 {
    x / (1.0 + x.abs())
}

/// Between 0 and 1.
fn sigmoid(x: f32) -> f32 {
    0.5 * (soft_sign(x) + 1.0)
}

/// The pairs of differently rated examples, the better one first, best ratings first.
fn pairs(ratings: &[f32], power: f32, weight: f32) -> Vec<(usize, usize, f32)> {
    let mut order: Vec<usize> = (0..ratings.len()).collect();
    order.sort_by(|&x, &y| ratings[y].total_cmp(&ratings[x]));
    let mut pairs = Vec::new();
    for (place, &better) in order.iter().enumerate() {
        for &worse in &order[place + 1..] {
            let difference = ratings[better] - ratings[worse];
            if difference > 0.0 {
                pairs.push((better, worse, libm::powf(difference, power) * weight));
            }
        }
    }
    pairs
}

/// Twice the mean of `like` minus the mean of `unlike`, or the mean of `like` alone. Of sparse
/// vectors by index; of several rows all of them, those of `unlike` negated.
///
/// # Errors
/// `Invalid` when `like` is empty, or the vectors are not of one shape or are bits.
pub(super) fn average(like: &[&Vector], unlike: &[&Vector]) -> Result<Vector, Error> {
    let mixed = || Error::invalid("examples must be vectors of the field");
    match like.first() {
        None => Err(Error::invalid(
            "at least one example of what is wanted is needed for an average",
        )),
        Some(Vector::Dense(_)) => {
            let row = |vector: &&Vector| match vector {
                Vector::Dense(row) => Ok(row.iter().copied().enumerate().collect()),
                Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_) => Err(mixed()),
            };
            let average = weighed(like, unlike, &row)?;
            Ok(Vector::Dense(average.into_values().collect()))
        }
        Some(Vector::Sparse(_)) => {
            let pairs = |vector: &&Vector| match vector {
                Vector::Sparse(sparse) => {
                    let indices = sparse.indices().iter().map(|&index| index as usize);
                    Ok(indices.zip(sparse.values().iter().copied()).collect())
                }
                Vector::Dense(_) | Vector::Multi(_) | Vector::Binary(_) => Err(mixed()),
            };
            let average = weighed(like, unlike, &pairs)?;
            let (indices, values) = average.into_iter().map(|(at, x)| (at as u32, x)).unzip();
            Ok(Vector::Sparse(SparseVector::new(indices, values)?))
        }
        Some(Vector::Multi(first)) => {
            let mut rows = Vec::new();
            for (vectors, sign) in [(like, 1.0), (unlike, -1.0)] {
                for vector in vectors {
                    match vector {
                        Vector::Multi(multi) => rows.extend(multi.flat().iter().map(|x| x * sign)),
                        Vector::Dense(row) => rows.extend(row.iter().map(|x| x * sign)),
                        Vector::Sparse(_) | Vector::Binary(_) => return Err(mixed()),
                    }
                }
            }
            Ok(Vector::Multi(MultiVector::new(first.dim(), rows)?))
        }
        Some(Vector::Binary(_)) => Err(Error::invalid("vectors of bits have no average")),
    }
}

type Components = Vec<(usize, f32)>;

/// The average by position; absent components are zero.
fn weighed(
    like: &[&Vector],
    unlike: &[&Vector],
    components: &dyn Fn(&&Vector) -> Result<Components, Error>,
) -> Result<BTreeMap<usize, f32>, Error> {
    let mean = |vectors: &[&Vector]| -> Result<BTreeMap<usize, f32>, Error> {
        let mut sum = BTreeMap::new();
        for vector in vectors {
            for (at, x) in components(vector)? {
                *sum.entry(at).or_insert(0.0) += x;
            }
        }
        let count = vectors.len() as f32;
        sum.values_mut().for_each(|x| *x /= count);
        Ok(sum)
    };
    let mut average = mean(like)?;
    if !unlike.is_empty() {
        average.values_mut().for_each(|x| *x += *x);
        for (at, y) in mean(unlike)? {
            *average.entry(at).or_insert(0.0) -= y;
        }
    }
    Ok(average)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_example_decides_and_its_side_the_sign() {
        let best = Combine::Best(2);
        assert_eq!(best.score(&[1.0, 3.0, 2.0]), sigmoid(3.0));
        assert_eq!(best.score(&[1.0, 2.0, 3.0]), -sigmoid(3.0));
        assert_eq!(best.score(&[1.0, 3.0, 3.0]), -sigmoid(3.0));
        assert!((Combine::Best(1).score(&[-4.0]) - 0.1).abs() < 1e-6);
        assert_eq!(Combine::Best(0).score(&[0.0]), -0.5);
        assert_eq!(Combine::Sum(1).score(&[-4.0, 1.0, 2.0]), -7.0);
    }

    #[test]
    fn sides_count_before_the_target() {
        let score = |of: &[f32]| Combine::Discover.score(of);
        assert_eq!(score(&[0.0, 2.0, 1.0]), 1.5);
        assert_eq!(score(&[1.0, 1.0, 2.0, 2.0, 2.0]), -1.0 + 0.75);
        assert_eq!(score(&[0.0]), 0.5);
    }

    #[test]
    fn the_right_side_of_every_pair_is_as_good_as_can_be() {
        let score = |of: &[f32]| Combine::Context.score(of);
        assert_eq!(score(&[3.0, 1.0, 5.0, 4.0]), 0.0);
        assert_eq!(score(&[0.0, 1.0]), -(1.0 + MARGIN) / (2.0 + MARGIN));
        let tie = score(&[1.0, 1.0]);
        assert!(tie < 0.0 && tie > -1e-6);
    }

    proptest::proptest! {
        // A walk goes by promises, and what it finds is ranked by scores.
        #[test]
        fn promises_are_in_the_order_of_scores(
            a in proptest::collection::vec(-9_i8..9, 5),
            b in proptest::collection::vec(-9_i8..9, 5),
            combine in proptest::sample::select(vec![
                Combine::Best(0),
                Combine::Best(3),
                Combine::Sum(2),
                Combine::Discover,
                Combine::Feedback { target: 0.5, pairs: vec![(0, 1, 2.0)] },
            ]),
        ) {
            let [a, b] = [a, b].map(|of| of.into_iter().map(f32::from).collect::<Vec<_>>());
            let scores = combine.score(&a).partial_cmp(&combine.score(&b));
            let promises = combine.promise(&a).cmp(&combine.promise(&b));
            proptest::prop_assert_eq!(Some(promises), scores);
        }
    }

    #[test]
    fn nothing_is_better_than_the_right_side() {
        let ceiling = Combine::Context.ceiling().expect("context has one");
        assert_eq!(Combine::Context.promise(&[3.0, 1.0]), ceiling);
        assert!(Combine::Context.promise(&[1.0, 1.0]) < ceiling);
        // More pairs than there are steps of sides.
        let many = |side: f32| {
            let pairs = (0..300).flat_map(|_| [side, 0.0]);
            Combine::Discover.promise(&[&[1.0][..], &pairs.collect::<Vec<_>>()].concat())
        };
        assert!(many(1.0) > many(0.0) && many(0.0) > many(-1.0));
    }

    #[test]
    fn ratings_weigh_the_pairs_they_order() {
        assert_eq!(pairs(&[0.5, 0.5], 1.0, 1.0), []);
        assert_eq!(
            pairs(&[0.0, 2.0, 1.0], 2.0, 0.5),
            [(1, 2, 0.5), (1, 0, 2.0), (2, 0, 0.5)]
        );
        let feedback = Combine::Feedback {
            target: 2.0,
            pairs: vec![(1, 0, 3.0)],
        };
        assert_eq!(feedback.score(&[1.0, 4.0, 5.0]), 2.0 + 3.0);
    }

    #[test]
    fn averages_are_arithmetic() {
        let row = |x: f32| Vector::Dense(vec![x, 0.0]);
        let (a, b, c) = (row(1.0), row(2.0), row(5.0));
        assert_eq!(average(&[&a, &b], &[]), Ok(row(1.5)));
        assert_eq!(average(&[&a, &b], &[&c]), Ok(row(-2.0)));
        assert!(average(&[], &[&c]).is_err());
    }
}

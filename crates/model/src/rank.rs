//! How points are ranked.
//!
//! Scores inside are similarities, larger is better (see [`Metric`](crate::Metric)); `s(v)` below
//! is the similarity of a point to the vector `v`, and `σ(x) = ½ (x / (1 + |x|) + 1)`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{Formula, OrderBy, PointId, Vector, VectorName};

/// How points are ranked, best first.
#[derive(Clone, Debug, PartialEq)]
pub enum Rank {
    /// By similarity to a vector.
    Nearest {
        /// The vector field.
        field: VectorName,
        /// What to compare with.
        to: VectorQuery,
    },
    /// The nearest, but unlike each other (maximal marginal relevance; Carbonell & Goldstein
    /// 1998): one point after the other is chosen whose
    /// `(1 − diversity) · s(to) − diversity · max s(chosen)` is largest. Scores are `s(to)`.
    Diverse {
        /// The vector field.
        field: VectorName,
        /// What to compare with.
        to: VectorQuery,
        /// From 0, as `Nearest`, to 1, as unlike each other as can be.
        diversity: f32,
        /// The nearest that are chosen among; `None`: as many as the limit.
        candidates: Option<usize>,
    },
    /// By similarity to examples.
    Recommend {
        /// The vector field.
        field: VectorName,
        /// Points should be like these.
        like: Vec<VectorQuery>,
        /// Points should be unlike these.
        unlike: Vec<VectorQuery>,
        /// How the examples become one score.
        strategy: Strategy,
    },
    /// By the sides of pairs that points are on, then by similarity to a target:
    /// `Σ sign(s(positive) − s(negative)) + σ(s(target))`.
    Discover {
        /// The vector field.
        field: VectorName,
        /// What to be near to.
        target: VectorQuery,
        /// Which side to be on.
        context: Vec<ContextPair>,
    },
    /// By how far points are on the wrong side of pairs:
    /// `Σ f(min(s(positive) − s(negative) − ε, 0))`
    /// with `f(x) = x / (1 + |x|)` and `ε` that of `f32`.
    Context {
        /// The vector field.
        field: VectorName,
        /// Which side to be on.
        context: Vec<ContextPair>,
    },
    /// By similarity to a target, corrected by what was said of earlier results.
    Feedback(Feedback),
    /// What several prefetches found, in one order.
    Fusion(Fusion),
    /// By an expression over the scores of prefetches and payloads.
    Formula(Box<Formula>),
    /// By a payload value.
    OrderBy(OrderBy),
    /// At random, each order as likely as any other; score 1.
    Sample {
        /// What the choice depends on. `None`: the database takes fresh random bits.
        seed: Option<u64>,
    },
}

/// A vector, given or looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum VectorQuery {
    /// Given.
    Vector(Vector),
    /// The stored vector of a point. `NotFound` when the point or its vector does not exist.
    Point(PointId),
}

/// How examples become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// By similarity to one vector: twice the mean of `like` minus the mean of `unlike`, or the
    /// mean of `like` alone when there is no `unlike`. At least one `like`.
    #[default]
    AverageVector,
    /// With `s⁺ = max s(like)` and `s⁻ = max s(unlike)`: `σ(s⁺)` if `s⁺ > s⁻`, else `−σ(s⁻)`.
    BestScore,
    /// `Σ s(like) − Σ s(unlike)`.
    SumScores,
}

/// Two examples: points should be nearer to the first.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextPair {
    /// The side to be on.
    pub positive: VectorQuery,
    /// The other side.
    pub negative: VectorQuery,
}

/// `a · s(target) + Σ (x − y)^b · c · (s(p) − s(n))` over the pairs of examples `p`, `n` with
/// ratings `x > y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The vector field.
    pub field: VectorName,
    /// What was searched for.
    pub target: VectorQuery,
    /// Earlier results and their ratings; larger is better.
    pub rated: Vec<(VectorQuery, f32)>,
    /// Weight of the target.
    pub a: f32,
    /// Power of the difference of two ratings.
    pub b: f32,
    /// Weight of each pair.
    pub c: f32,
}

/// How several orders become one.
#[derive(Clone, Debug, PartialEq)]
pub enum Fusion {
    /// By place: `Σ 1 / ((place + 1) / weight + k − 1)`, places from 0 (reciprocal rank fusion;
    /// Cormack, Clarke & Büttcher 2009).
    Reciprocal {
        /// How much less later places count; at least 1.
        k: usize,
        /// Of each prefetch, in order; a weight that is not positive counts as no result. Empty: 1
        /// each.
        weights: Vec<f32>,
    },
    /// By score: `Σ (x − (μ − 3s)) / 6s`, with mean and standard deviation of each prefetch.
    /// Scores of [`Metric::L2`](crate::Metric::L2) and [`Metric::L1`](crate::Metric::L1) are
    /// distances here, so that their farthest points come first.
    Distribution,
}

impl Rank {
    /// The vector field that is compared, when one is.
    pub fn field(&self) -> Option<&VectorName> {
        match self {
            Self::Nearest { field, .. }
            | Self::Diverse { field, .. }
            | Self::Recommend { field, .. }
            | Self::Discover { field, .. }
            | Self::Context { field, .. } => Some(field),
            Self::Feedback(feedback) => Some(&feedback.field),
            Self::Fusion(_) | Self::Formula(_) | Self::OrderBy(_) | Self::Sample { .. } => None,
        }
    }

    /// Whether scores are similarities to one vector, which have a distance where the metric has
    /// one.
    pub fn is_similarity(&self) -> bool {
        match self {
            Self::Nearest { .. }
            | Self::Diverse { .. }
            | Self::Recommend {
                strategy: Strategy::AverageVector,
                ..
            } => true,
            Self::Recommend {
                strategy: Strategy::BestScore | Strategy::SumScores,
                ..
            }
            | Self::Discover { .. }
            | Self::Context { .. }
            | Self::Feedback(_)
            | Self::Fusion(_)
            | Self::Formula(_)
            | Self::OrderBy(_)
            | Self::Sample { .. } => false,
        }
    }

    /// The vectors that points are compared with.
    pub fn inputs(&self) -> Vec<&VectorQuery> {
        match self {
            Self::Nearest { to, .. } | Self::Diverse { to, .. } => alloc::vec![to],
            Self::Recommend { like, unlike, .. } => like.iter().chain(unlike).collect(),
            Self::Discover {
                target, context, ..
            } => core::iter::once(target)
                .chain(context.iter().flat_map(ContextPair::inputs))
                .collect(),
            Self::Context { context, .. } => context.iter().flat_map(ContextPair::inputs).collect(),
            Self::Feedback(feedback) => core::iter::once(&feedback.target)
                .chain(feedback.rated.iter().map(|(example, _)| example))
                .collect(),
            Self::Fusion(_) | Self::Formula(_) | Self::OrderBy(_) | Self::Sample { .. } => {
                Vec::new()
            }
        }
    }

    /// As [`Rank::inputs`].
    pub fn inputs_mut(&mut self) -> Vec<&mut VectorQuery> {
        match self {
            Self::Nearest { to, .. } | Self::Diverse { to, .. } => alloc::vec![to],
            Self::Recommend { like, unlike, .. } => like.iter_mut().chain(unlike).collect(),
            Self::Discover {
                target, context, ..
            } => core::iter::once(target)
                .chain(context.iter_mut().flat_map(ContextPair::inputs_mut))
                .collect(),
            Self::Context { context, .. } => {
                let pairs = context.iter_mut();
                pairs.flat_map(ContextPair::inputs_mut).collect()
            }
            Self::Feedback(feedback) => core::iter::once(&mut feedback.target)
                .chain(feedback.rated.iter_mut().map(|(example, _)| example))
                .collect(),
            Self::Fusion(_) | Self::Formula(_) | Self::OrderBy(_) | Self::Sample { .. } => {
                Vec::new()
            }
        }
    }
}

impl ContextPair {
    fn inputs(&self) -> [&VectorQuery; 2] {
        [&self.positive, &self.negative]
    }

    fn inputs_mut(&mut self) -> [&mut VectorQuery; 2] {
        [&mut self.positive, &mut self.negative]
    }
}

//! Rankings by several vectors: recommendations, discovery, context, relevance feedback.

use model::{ContextPair, Feedback, Rank, Strategy, VectorName, VectorQuery};
use serde::Deserialize;

use crate::error::Failure;
use crate::list::OneOrMany;
use crate::ranking::WireInput;
use crate::request::BODY;

/// `recommend`.
#[derive(Deserialize)]
pub(crate) struct WireRecommend {
    positive: Option<Vec<WireInput>>,
    negative: Option<Vec<WireInput>>,
    strategy: Option<WireStrategy>,
}

/// How examples become one score.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WireStrategy {
    AverageVector,
    BestScore,
    SumScores,
}

/// `discover`.
#[derive(Deserialize)]
pub(crate) struct WireDiscover {
    target: WireInput,
    context: Option<OneOrMany<WirePair>>,
}

/// Two examples.
#[derive(Deserialize)]
pub(crate) struct WirePair {
    positive: WireInput,
    negative: WireInput,
}

/// `relevance_feedback`.
#[derive(Deserialize)]
pub(crate) struct WireFeedback {
    target: WireInput,
    feedback: Vec<WireRated>,
    strategy: WireFeedbackStrategy,
}

#[derive(Deserialize)]
struct WireRated {
    example: WireInput,
    score: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireFeedbackStrategy {
    Naive { a: f32, b: f32, c: f32 },
}

fn inputs(inputs: Vec<WireInput>) -> Result<Vec<VectorQuery>, Failure> {
    inputs.into_iter().map(WireInput::decode).collect()
}

pub(crate) fn pairs(pairs: Vec<WirePair>) -> Result<Vec<ContextPair>, Failure> {
    let decode = |pair: WirePair| {
        Ok(ContextPair {
            positive: pair.positive.decode()?,
            negative: pair.negative.decode()?,
        })
    };
    pairs.into_iter().map(decode).collect()
}

/// A recommendation.
///
/// # Errors
/// When an example is malformed, or the strategy needs one that is wanted.
pub(crate) fn recommend(
    field: VectorName,
    positive: Vec<WireInput>,
    negative: Vec<WireInput>,
    strategy: Option<WireStrategy>,
) -> Result<Rank, Failure> {
    let strategy = match strategy {
        None | Some(WireStrategy::AverageVector) => Strategy::AverageVector,
        Some(WireStrategy::BestScore) => Strategy::BestScore,
        Some(WireStrategy::SumScores) => Strategy::SumScores,
    };
    if strategy == Strategy::AverageVector && positive.is_empty() {
        return Err(Failure::bad_request(
            "Positive vectors should not be empty with `average` strategy",
        ));
    }
    Ok(Rank::Recommend {
        field,
        like: inputs(positive)?,
        unlike: inputs(negative)?,
        strategy,
    })
}

impl WireRecommend {
    /// `at` is its place in the body.
    pub(crate) fn decode(self, field: VectorName, at: &str) -> Result<Rank, Failure> {
        let positive = self.positive.unwrap_or_default();
        let negative = self.negative.unwrap_or_default();
        if positive.is_empty() && negative.is_empty() {
            return Err(Failure::validation(
                BODY,
                format_args!("{at}.recommend.positives, negatives"),
                "At least one positive or negative vector/id must be provided",
            ));
        }
        recommend(field, positive, negative, self.strategy)
    }
}

impl WireDiscover {
    pub(crate) fn decode(self, field: VectorName) -> Result<Rank, Failure> {
        Ok(Rank::Discover {
            field,
            target: self.target.decode()?,
            context: pairs(self.context.map_or_else(Vec::new, |context| context.0))?,
        })
    }
}

impl WireFeedback {
    /// `at` is its place in the body.
    pub(crate) fn decode(self, field: VectorName, at: &str) -> Result<Rank, Failure> {
        let WireFeedbackStrategy::Naive { a, b, c } = self.strategy;
        if b < 0.0 {
            return Err(Failure::validation(
                BODY,
                format_args!("{at}.relevance_feedback.strategy.naive.b"),
                format_args!("value {b:?} invalid, must be 0.0 or larger"),
            ));
        }
        let rated = |rated: WireRated| Ok((rated.example.decode()?, rated.score));
        Ok(Rank::Feedback(Feedback {
            field,
            target: self.target.decode()?,
            rated: self
                .feedback
                .into_iter()
                .map(rated)
                .collect::<Result<_, Failure>>()?,
            a,
            b,
            c,
        }))
    }
}

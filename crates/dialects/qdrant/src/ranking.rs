//! What `query` says: the grammar of the universal query.

use core::fmt;

use model::{Fusion, PointId, Rank, VectorName, VectorQuery};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Failure;
use crate::examples::{self, WireDiscover, WireFeedback, WirePair, WireRecommend};
use crate::formula::WireFormula;
use crate::ids::WireId;
use crate::inference::InferenceFields;
use crate::list::OneOrMany;
use crate::order::WireOrderBy;
use crate::request::BODY;
use crate::value::{WireObject, WireValue};
use crate::vectors::{self, WireVector};

/// What points are compared with.
#[derive(Debug)]
pub(crate) enum WireInput {
    Vector(WireVector),
    Id(PointId),
}

/// How points are ranked.
pub(crate) enum WireRanking {
    Nearest { to: WireInput, mmr: Option<WireMmr> },
    Recommend(WireRecommend),
    Discover(WireDiscover),
    Context(OneOrMany<WirePair>),
    Feedback(WireFeedback),
    Fusion(WireFusion),
    Reciprocal(WireReciprocal),
    Formula(WireFormula),
    OrderBy(WireOrderBy),
    Sample(WireSample),
}

/// Results unlike each other.
#[derive(Deserialize)]
pub(crate) struct WireMmr {
    diversity: Option<f32>,
    candidates_limit: Option<usize>,
}

/// `fusion`.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireFusion {
    Rrf,
    Dbsf,
}

/// `rrf`.
#[derive(Deserialize)]
pub(crate) struct WireReciprocal {
    k: Option<usize>,
    weights: Option<Vec<f32>>,
}

/// `sample`.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireSample {
    Random,
}

/// How much less later places count when a fusion does not say.
const RECIPROCAL_K_DEFAULT: usize = 2;

/// Most points that unlike ones are chosen among.
const CANDIDATES_MAX: usize = 16_384;

impl WireInput {
    pub(crate) fn decode(self) -> Result<VectorQuery, Failure> {
        Ok(match self {
            Self::Vector(vector) => VectorQuery::Vector(vector.decode_query()?),
            Self::Id(id) => VectorQuery::Point(id),
        })
    }
}

impl WireMmr {
    fn decode(self, field: VectorName, to: VectorQuery, at: &str) -> Result<Rank, Failure> {
        let invalid = |name: &str, text: String| {
            Err(Failure::validation(
                BODY,
                format_args!("{at}.mmr.{name}"),
                text,
            ))
        };
        let diversity = self.diversity.unwrap_or(0.5);
        if !(0.0..=1.0).contains(&diversity) {
            let text = format!("value {diversity:?} invalid, must be from 0.0 to 1.0");
            return invalid("diversity", text);
        }
        if let Some(limit) = self.candidates_limit
            && limit > CANDIDATES_MAX
        {
            let text = format!("value {limit} invalid, must be {CANDIDATES_MAX} or smaller");
            return invalid("candidates_limit", text);
        }
        Ok(Rank::Diverse {
            field,
            to,
            diversity,
            candidates: self.candidates_limit,
        })
    }
}

impl WireReciprocal {
    fn decode(self, at: &str) -> Result<Fusion, Failure> {
        if self.k == Some(0) {
            let text = "value 0 invalid, must be 1 or larger";
            return Err(Failure::validation(BODY, format_args!("{at}.rrf.k"), text));
        }
        Ok(Fusion::Reciprocal {
            k: self.k.unwrap_or(RECIPROCAL_K_DEFAULT),
            weights: self.weights.unwrap_or_default(),
        })
    }
}

impl WireRanking {
    /// `at` is the path of the query in the body, for validation errors.
    ///
    /// # Errors
    /// When a vector is malformed, a number out of its bounds, or a fusion names a field.
    pub(crate) fn decode(self, using: Option<String>, at: &str) -> Result<Rank, Failure> {
        let field = VectorName::new(using.unwrap_or_default())?;
        let fusion = |method: Fusion| {
            if field.is_unnamed() {
                Ok(Rank::Fusion(method))
            } else {
                let text = "Fusion queries cannot be combined with the 'using' field.";
                Err(Failure::bad_request(text))
            }
        };
        match self {
            Self::Nearest { to, mmr: Some(mmr) } => mmr.decode(field, to.decode()?, at),
            Self::Nearest { to, mmr: None } => Ok(Rank::Nearest {
                field,
                to: to.decode()?,
            }),
            Self::Recommend(recommend) => recommend.decode(field, at),
            Self::Discover(discover) => discover.decode(field),
            Self::Context(OneOrMany(pairs)) => Ok(Rank::Context {
                field,
                context: examples::pairs(pairs)?,
            }),
            Self::Feedback(feedback) => feedback.decode(field, at),
            Self::Fusion(WireFusion::Rrf) => fusion(Fusion::Reciprocal {
                k: RECIPROCAL_K_DEFAULT,
                weights: Vec::new(),
            }),
            Self::Fusion(WireFusion::Dbsf) => fusion(Fusion::Distribution),
            Self::Reciprocal(reciprocal) => fusion(reciprocal.decode(at)?),
            Self::Formula(formula) => formula.decode(at),
            Self::OrderBy(order_by) => Ok(Rank::OrderBy(order_by.decode()?)),
            Self::Sample(WireSample::Random) => Ok(Rank::Sample { seed: None }),
        }
    }
}

fn id<E: Error>(id: Result<WireId, E>) -> Result<WireInput, E> {
    id.map(|id| WireInput::Id(id.0))
}

/// Reads the fields of `{indices, values}` or of an object to be embedded.
#[derive(Default)]
struct ObjectVector {
    indices: Option<Vec<u32>>,
    values: Option<Vec<f32>>,
    inference: InferenceFields,
}

impl ObjectVector {
    /// Reads the value of `name`; whether the name belongs to a vector at all.
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        fields: &mut A,
    ) -> Result<bool, A::Error> {
        match name {
            "indices" => self.indices = Some(fields.next_value()?),
            "values" => self.values = Some(fields.next_value::<vectors::Numbers>()?.0),
            name => return self.inference.read(name, fields),
        }
        Ok(true)
    }

    fn finish<E: Error>(self) -> Result<Option<WireVector>, E> {
        if let (Some(indices), Some(values)) = (self.indices, self.values) {
            return Ok(Some(WireVector::Sparse { indices, values }));
        }
        if self.inference.is_empty() {
            return Ok(None);
        }
        let object = self.inference.finish().map_err(|_: E| no_query())?;
        Ok(Some(WireVector::Inference(Box::new(object))))
    }
}

/// What Qdrant says of a query of no known kind.
fn no_query<E: Error>() -> E {
    E::custom("data did not match any variant of untagged enum QueryInterface")
}

struct InputVisitor;

impl<'de> Visitor<'de> for InputVisitor {
    type Value = WireInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector or a point ID")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<WireInput, E> {
        Ok(WireInput::Id(PointId::Num(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<WireInput, E> {
        id(WireId::deserialize(serde::de::value::I64Deserializer::new(
            number,
        )))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<WireInput, E> {
        id(WireId::deserialize(serde::de::value::F64Deserializer::new(
            number,
        )))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireInput, E> {
        id(WireId::deserialize(serde::de::value::StrDeserializer::new(
            text,
        )))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<WireInput, A::Error> {
        vectors::read_list(elements).map(WireInput::Vector)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WireInput, A::Error> {
        let mut object = ObjectVector::default();
        while let Some(name) = fields.next_key::<String>()? {
            if !object.read(&name, &mut fields)? {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        object.finish()?.map(WireInput::Vector).ok_or_else(no_query)
    }
}

impl<'de> Deserialize<'de> for WireInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputVisitor)
    }
}

struct RankingVisitor;

fn nearest(to: WireInput) -> WireRanking {
    WireRanking::Nearest { to, mmr: None }
}

impl<'de> Visitor<'de> for RankingVisitor {
    type Value = WireRanking;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a vector, a point ID or a query object")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<WireRanking, E> {
        InputVisitor.visit_u64(number).map(nearest)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<WireRanking, E> {
        InputVisitor.visit_i64(number).map(nearest)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<WireRanking, E> {
        InputVisitor.visit_f64(number).map(nearest)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WireRanking, E> {
        InputVisitor.visit_str(text).map(nearest)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<WireRanking, A::Error> {
        InputVisitor.visit_seq(elements).map(nearest)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<WireRanking, A::Error> {
        let mut kind = None;
        let (mut near, mut mmr, mut formula, mut defaults) = (None, None, None, None);
        let mut object = ObjectVector::default();
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                // Read as it comes, without a copy in between.
                "nearest" => near = Some(fields.next_value::<WireInput>()?),
                "mmr" => mmr = read(&mut fields, |mmr: Option<WireMmr>| mmr)?,
                "formula" => formula = read(&mut fields, Some::<WireValue>)?,
                "defaults" => defaults = read(&mut fields, |of: Option<WireObject>| of)?,
                name if object.read(name, &mut fields)? => {}
                name => kind = read_kind(name, &mut fields)?.or(kind),
            }
        }
        let vector = object.finish()?.map(WireInput::Vector);
        let formula =
            formula.map(|formula| WireRanking::Formula(WireFormula { formula, defaults }));
        near.map(|to| WireRanking::Nearest { to, mmr })
            .or(vector.map(nearest))
            .or(kind)
            .or(formula)
            .ok_or_else(no_query)
    }
}

/// Reads a value whose errors Qdrant does not name.
fn read<'de, A: MapAccess<'de>, T: Deserialize<'de>, U>(
    fields: &mut A,
    wrap: impl FnOnce(T) -> U,
) -> Result<U, A::Error> {
    fields.next_value().map(wrap).map_err(|_| no_query())
}

/// The ranking that the field `name` is, if it is one.
fn read_kind<'de, A: MapAccess<'de>>(
    name: &str,
    fields: &mut A,
) -> Result<Option<WireRanking>, A::Error> {
    Ok(Some(match name {
        "recommend" => read(fields, WireRanking::Recommend)?,
        "discover" => read(fields, WireRanking::Discover)?,
        "context" => {
            let pairs = read(fields, |pairs: Option<OneOrMany<WirePair>>| pairs)?;
            WireRanking::Context(pairs.unwrap_or(OneOrMany(Vec::new())))
        }
        "relevance_feedback" => read(fields, WireRanking::Feedback)?,
        "fusion" => read(fields, WireRanking::Fusion)?,
        "rrf" => read(fields, WireRanking::Reciprocal)?,
        "order_by" => read(fields, WireRanking::OrderBy)?,
        "sample" => read(fields, WireRanking::Sample)?,
        _ => {
            fields.next_value::<IgnoredAny>()?;
            return Ok(None);
        }
    }))
}

impl<'de> Deserialize<'de> for WireRanking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RankingVisitor)
    }
}

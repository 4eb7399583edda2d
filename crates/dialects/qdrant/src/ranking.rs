//! What `query` says: the grammar of the universal query.

use core::fmt;

use model::{PointId, Rank, VectorName, VectorQuery};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Failure;
use crate::ids::WireId;
use crate::inference::InferenceFields;
use crate::order::WireOrderBy;
use crate::vectors::{self, WireVector};

/// What points are compared with.
#[derive(Debug)]
pub(crate) enum WireInput {
    Vector(WireVector),
    Id(PointId),
}

/// How points are ranked.
pub(crate) enum WireRanking {
    Nearest {
        to: WireInput,
        mmr: bool,
    },
    OrderBy(WireOrderBy),
    /// Something that Qdrant ranks by and this build does not, by its name.
    Unsupported(&'static str),
}

impl WireInput {
    fn decode(self) -> Result<VectorQuery, Failure> {
        Ok(match self {
            Self::Vector(vector) => VectorQuery::Vector(vector.decode_query()?),
            Self::Id(id) => VectorQuery::Point(id),
        })
    }
}

impl WireRanking {
    /// # Errors
    /// When the ranking is not supported or its vector malformed.
    pub(crate) fn decode(self, using: Option<String>) -> Result<Rank, Failure> {
        match self {
            Self::Nearest { mmr: true, .. } => Err(Failure::unsupported("`mmr` in a query")),
            Self::Nearest { to, mmr: false } => Ok(Rank::Nearest {
                field: VectorName::new(using.unwrap_or_default())?,
                to: to.decode()?,
            }),
            Self::OrderBy(order_by) => Ok(Rank::OrderBy(order_by.decode()?)),
            Self::Unsupported(what) => {
                Err(Failure::unsupported(format_args!("the query `{what}`")))
            }
        }
    }
}

fn id<E: Error>(id: Result<WireId, E>) -> Result<WireInput, E> {
    id.map(|id| WireInput::Id(id.0))
}

/// The rankings of Qdrant that are read as objects and not supported.
const UNSUPPORTED: &[&str] = &[
    "recommend",
    "discover",
    "context",
    "fusion",
    "rrf",
    "formula",
    "sample",
    "relevance_feedback",
];

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
    WireRanking::Nearest { to, mmr: false }
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
        let (mut near, mut mmr, mut order_by, mut unsupported) = (None, false, None, None);
        let mut object = ObjectVector::default();
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                "nearest" => near = Some(fields.next_value::<WireInput>()?),
                "mmr" => mmr = fields.next_value::<Option<IgnoredAny>>()?.is_some(),
                "order_by" => order_by = Some(fields.next_value::<WireOrderBy>()?),
                name if object.read(name, &mut fields)? => {}
                name => {
                    fields.next_value::<IgnoredAny>()?;
                    let known = UNSUPPORTED.iter().find(|known| **known == name);
                    unsupported = unsupported.or(known.copied());
                }
            }
        }
        let vector = object
            .finish()?
            .map(|vector| nearest(WireInput::Vector(vector)));
        near.map(|to| WireRanking::Nearest { to, mmr })
            .or(order_by.map(WireRanking::OrderBy))
            .or(unsupported.map(WireRanking::Unsupported))
            .or(vector)
            .ok_or_else(no_query)
    }
}

impl<'de> Deserialize<'de> for WireRanking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RankingVisitor)
    }
}

//! Ids of points as Milvus writes them: signed integers of 64 bits, in JSON as text.
//!
//! Skerry's numbers are unsigned. A negative id is the number with the same bits, so that every id
//! of Milvus has a place and comes back as it was.

use gateway::Call;
use model::{CollectionRef, PointId, Query, Reply, Select};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::{Code, Failure};
use crate::memory::Remembered;

/// A point's id in this dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) i64);

impl Id {
    /// The id of a stored point.
    ///
    /// # Errors
    /// 12 when another interface wrote it with an id that is no number.
    pub(crate) fn of(id: &PointId) -> Result<Self, Failure> {
        match id {
            PointId::Num(number) => Ok(Self(number.cast_signed())),
            PointId::Uuid(_) | PointId::Text(_) => Err(Failure::new(
                Code::IllegalVectorId,
                format!("The collection has the id {id}, which is no 64-bit integer"),
            )),
        }
    }

    /// The id of the point.
    pub(crate) fn point(self) -> PointId {
        PointId::Num(self.0.cast_unsigned())
    }

    /// The id that `text` writes.
    ///
    /// # Errors
    /// 12.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        text.trim().parse().map(Self).map_err(|_| not_an_id(text))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn not_an_id(text: impl core::fmt::Display) -> Failure {
    Failure::new(
        Code::IllegalVectorId,
        format!("{text} is no vector id: ids are integers of 64 bits"),
    )
}

/// Whatever stands where ids are expected.
pub(crate) struct WireIds(Value);

impl<'de> Deserialize<'de> for WireIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl WireIds {
    /// The ids, written as text or as numbers.
    ///
    /// # Errors
    /// 35 when it is no array, 12 when an element is no id.
    pub(crate) fn read(&self) -> Result<Vec<Id>, Failure> {
        let Value::Array(elements) = &self.0 else {
            return Err(Failure::not_a("ids", "an array"));
        };
        elements
            .iter()
            .map(|element| match element {
                Value::String(text) => Id::parse(text),
                other => other.as_i64().map(Id).ok_or_else(|| not_an_id(other)),
            })
            .collect()
    }
}

/// Largest id that is ever given away.
const ID_MAX: u64 = i64::MAX as u64;

/// Ids for `count` new points: the time in nanoseconds and what follows, as Milvus gives them.
///
/// # Errors
/// 12 when the collection has ids up to the very end.
pub(crate) async fn fresh(
    call: &Call<'_>,
    collection: &CollectionRef,
    count: usize,
) -> Result<Vec<Id>, Failure> {
    let count = count as u64;
    let remembered = Remembered::of(call);
    let mut floor = call.context.clock.unix_ms().saturating_mul(1_000_000);
    loop {
        let first = remembered.take_ids(floor, count);
        if first.saturating_add(count) > ID_MAX {
            let message = "The collection has no free ids behind its last one";
            return Err(Failure::new(Code::IllegalVectorId, message));
        }
        // A clock that was set back, or ids of someone else.
        match taken_from(call, collection, first).await? {
            Some(taken) if (first..first + count).contains(&taken) => floor = taken + 1,
            Some(_) | None => {
                let ids = first..first + count;
                return Ok(ids.map(|id| Id(id.cast_signed())).collect());
            }
        }
    }
}

/// The smallest id from `first` on that a point has.
async fn taken_from(
    call: &Call<'_>,
    collection: &CollectionRef,
    first: u64,
) -> Result<Option<u64>, Failure> {
    let query = Query::Scroll {
        collection: collection.clone(),
        filter: None,
        from: Some(PointId::Num(first)),
        limit: 1,
        order_by: None,
        select: Select::default(),
    };
    match call.executor.query(query).await? {
        Reply::Page { records, .. } => {
            Ok(records.first().and_then(|(record, _)| match record.id {
                PointId::Num(number) => Some(number),
                PointId::Uuid(_) | PointId::Text(_) => None,
            }))
        }
        other => Err(other.unexpected().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_has_a_place_and_comes_back() {
        for number in [0, 1, -1, i64::MIN, i64::MAX] {
            let id = Id::parse(&number.to_string()).unwrap();
            assert_eq!(Id::of(&id.point()).unwrap(), id);
        }
        assert_eq!(Id(-1).point(), PointId::Num(u64::MAX));
        for wrong in ["", "x", "1.5", "9223372036854775808", "1 2"] {
            assert_eq!(Id::parse(wrong).unwrap_err().code, Code::IllegalVectorId);
        }
    }

    #[test]
    fn ids_are_text_or_numbers_and_nothing_else() {
        let read = |json: &str| serde_json::from_str::<WireIds>(json).unwrap().read();
        assert_eq!(read("[\"1\", 2, -3]").unwrap(), [Id(1), Id(2), Id(-3)]);
        assert_eq!(read("{}").unwrap_err().code, Code::IllegalBody);
        for wrong in [
            "[1.5]",
            "[null]",
            "[\"a\"]",
            "[[1]]",
            "[18446744073709551615]",
        ] {
            assert_eq!(
                read(wrong).unwrap_err().code,
                Code::IllegalVectorId,
                "{wrong}"
            );
        }
    }
}

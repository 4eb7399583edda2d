//! Rows, ids and fields as one binary body, in the newer protocol.
//!
//! `n · dim` components, then ids (eight bytes each, unless the request says that they are a
//! range), then fields or nothing. Fields begin with `LDBF1` and a `u32` count; each is 0, or 1 and
//! an object: a `u32` count of names (`u32` length, UTF-8) and values. A value is a tag: 0 null, 1
//! false, 2 true, 3 `i64`, 4 `u64`, 5 `f64`, 6 text, 7 list (`u32` count), 8 object.

use gateway::Call;
use model::PointId;
use serde_json::{Map, Number, Value as Json};

use crate::error::Failure;
use crate::frame::Rows;
use crate::reply::{Answer, success};
use crate::request::Pairs;
use crate::value::{WireId, id_json};
use crate::write::{Item, add, replace};

const MAGIC: &[u8] = b"LDBF1";

/// Deepest nesting of values.
const DEPTH_MAX: usize = 64;

/// Reads from the front of some bytes.
struct Cursor<'a>(&'a [u8]);

fn ended() -> Failure {
    Failure::argument("unexpected end of binary fields payload")
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Failure> {
        let (head, rest) = self.0.split_at_checked(bytes).ok_or_else(ended)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(ended)?;
        self.0 = rest;
        Ok(*head)
    }

    fn count(&mut self) -> Result<usize, Failure> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        // Each thing takes at least a byte, so more cannot come.
        if count > self.0.len() {
            return Err(ended());
        }
        Ok(count)
    }

    fn text(&mut self) -> Result<String, Failure> {
        let length = self.count()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| Failure::argument("a text of the fields is no UTF-8"))
    }

    fn object(&mut self, depth: usize) -> Result<Map<String, Json>, Failure> {
        let mut object = Map::new();
        for _ in 0..self.count()? {
            let name = self.text()?;
            object.insert(name, self.value(depth)?);
        }
        Ok(object)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Failure> {
        if depth == DEPTH_MAX {
            return Err(Failure::argument(
                "binary fields payload is nested too deeply",
            ));
        }
        let [tag] = self.array()?;
        Ok(match tag {
            0 => Json::Null,
            1 => Json::Bool(false),
            2 => Json::Bool(true),
            3 => Json::from(i64::from_le_bytes(self.array()?)),
            4 => Json::from(u64::from_le_bytes(self.array()?)),
            5 => {
                let x = f64::from_le_bytes(self.array()?);
                Number::from_f64(x).map_or(Json::Null, Json::Number)
            }
            6 => Json::String(self.text()?),
            7 => {
                let count = self.count()?;
                let values = (0..count).map(|_| self.value(depth + 1));
                Json::Array(values.collect::<Result<_, _>>()?)
            }
            8 => Json::Object(self.object(depth + 1)?),
            _ => {
                return Err(Failure::argument(format_args!(
                    "unknown tag {tag} in binary fields payload"
                )));
            }
        })
    }
}

/// Fields of `rows` rows; none of them where there is nothing.
fn fields(bytes: &[u8], rows: usize) -> Result<Vec<Option<Map<String, Json>>>, Failure> {
    if bytes.is_empty() {
        return Ok(vec![None; rows]);
    }
    let body = bytes.strip_prefix(MAGIC);
    let body = body.ok_or_else(|| Failure::argument("unknown binary fields payload"))?;
    let mut cursor = Cursor(body);
    let count = cursor.count()?;
    if count != rows {
        return Err(Failure::bad("vectors length must match fields length"));
    }
    let mut all = Vec::with_capacity(rows);
    for _ in 0..rows {
        let [given] = cursor.array()?;
        all.push(match given {
            0 => None,
            _ => Some(cursor.object(0)?),
        });
    }
    match cursor.0 {
        [] => Ok(all),
        _ => Err(Failure::argument("trailing bytes in binary fields payload")),
    }
}

/// The ids of the rows, and what follows them.
fn ids<'a>(pairs: &Pairs, rows: &Rows<'a>) -> Result<(Vec<PointId>, &'a [u8]), Failure> {
    match pairs.text("ids_encoding") {
        Some("range") => {
            let start: u64 = pairs.must("ids_start")?;
            let full = || Failure::argument("no larger id is left");
            let end = start.checked_add(rows.count as u64).ok_or_else(full)?;
            Ok(((start..end).map(PointId::Num).collect(), rows.rest))
        }
        None | Some("raw") => {
            let bytes = rows.count.saturating_mul(8);
            let split = rows.rest.split_at_checked(bytes);
            let (raw, rest) =
                split.ok_or_else(|| Failure::bad("the body ends before its last id"))?;
            let words = raw.chunks_exact(8).map(|word| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(word);
                PointId::Num(u64::from_le_bytes(bytes))
            });
            Ok((words.collect(), rest))
        }
        Some(other) => Err(Failure::argument(format_args!(
            "unsupported ids_encoding: {other}"
        ))),
    }
}

fn items(call: &Call<'_>, pairs: &Pairs) -> Result<Vec<Item>, Failure> {
    let rows = Rows::begin(call, pairs)?;
    let (ids, rest) = ids(pairs, &rows)?;
    let fields = fields(rest, rows.count)?;
    let items = rows.vectors()?.zip(ids).zip(fields);
    Ok(items
        .map(|((vector, id), field)| Item {
            vector,
            id: Some(WireId(id)),
            field,
        })
        .collect())
}

pub(crate) async fn add_records(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let at = pairs.at()?;
    let ids = add(call, &at, items(call, &pairs)?).await?;
    let ids: Vec<Json> = ids.iter().map(id_json).collect();
    Ok(success(at.echo_with("ids", ids)))
}

pub(crate) async fn upsert_records(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let at = pairs.at()?;
    let ids = replace(call, &at, items(call, &pairs)?).await?;
    let ids: Vec<Json> = ids.iter().map(id_json).collect();
    Ok(success(at.echo_with("ids", ids)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What a client sends for `{"n": 5}` and `{"z": null, "b": true, "l": [1], "f": 1.5}`.
    const SENT: &[u8] = b"LDBF1\x02\0\0\0\
        \x01\x01\0\0\0\x01\0\0\0n\x04\x05\0\0\0\0\0\0\0\
        \x01\x04\0\0\0\x01\0\0\0z\0\x01\0\0\0b\x02\
        \x01\0\0\0l\x07\x01\0\0\0\x04\x01\0\0\0\0\0\0\0\
        \x01\0\0\0f\x05\0\0\0\0\0\0\xf8\x3f";

    #[test]
    fn fields_are_read_as_clients_write_them() {
        let read = fields(SENT, 2).unwrap();
        let shown: Vec<String> = read
            .into_iter()
            .map(|fields| Json::Object(fields.unwrap()).to_string())
            .collect();
        assert_eq!(shown[0], r#"{"n":5}"#);
        let second: Json = serde_json::from_str(&shown[1]).unwrap();
        let expected = r#"{"z":null,"b":true,"l":[1],"f":1.5}"#;
        assert_eq!(second, serde_json::from_str::<Json>(expected).unwrap());
        assert_eq!(fields(&[], 1).unwrap(), [None]);
        assert_eq!(fields(b"LDBF1\x01\0\0\0\0", 1).unwrap(), [None]);
    }

    #[test]
    fn cut_and_endless_fields_are_refused() {
        for cut in 1..SENT.len() {
            assert!(fields(&SENT[..cut], 2).is_err(), "{cut}");
        }
        assert!(fields(SENT, 1).is_err());
        assert!(fields(b"LDBF1\xff\xff\xff\xff", 1).is_err());
        let mut deep = b"LDBF1\x01\0\0\0\x01\x01\0\0\0\x01\0\0\0n".to_vec();
        for _ in 0..1_000 {
            deep.extend_from_slice(b"\x07\x01\0\0\0");
        }
        deep.push(0);
        assert!(fields(&deep, 1).is_err());
    }
}

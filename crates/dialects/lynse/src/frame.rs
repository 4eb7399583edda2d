//! Binary frames, little-endian: rows coming in, hits and rows going out.
//!
//! | frame | bytes |
//! |---|---|
//! | rows in | `n` times `dim` components; in the newer protocol ids behind them |
//! | hits | `u32` n, n `u64` ids, n `f32` scores, `u32` length, so many bytes of JSON |
//! | several | `u32` count, a frame of hits each |
//! | rows out | `u32` n, `u32` dim, n · dim `f32`, n `u64` ids, `u32` length, bytes of JSON |

use gateway::Call;
use model::PointId;
use serde_json::{Map, Value as Json};

use crate::error::Failure;
use crate::request::Pairs;
use crate::search::Hit;

/// How components are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Float32,
    Float16,
}

impl Encoding {
    /// As the parameter `vector_encoding` says.
    fn of(pairs: &Pairs) -> Result<Self, Failure> {
        match pairs.text("vector_encoding") {
            None | Some("float32" | "f32") => Ok(Self::Float32),
            Some("float16" | "f16") => Ok(Self::Float16),
            Some(other) => Err(Failure::argument(format_args!(
                "unsupported vector_encoding: {other}"
            ))),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }

    fn read(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Float32 => {
                let words = bytes.chunks_exact(4);
                words
                    .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
                    .collect()
            }
            Self::Float16 => {
                let words = bytes.chunks_exact(2);
                words
                    .map(|word| half_to_single(u16::from_le_bytes([word[0], word[1]])))
                    .collect()
            }
        }
    }
}

/// The value of a half-precision float (IEEE 754 binary16).
fn half_to_single(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1F;
    let fraction = u32::from(half) & 0x3FF;
    match (exponent, fraction) {
        (0, _) => {
            // 2^-24 times the fraction, which is exact.
            let value = fraction as f32 / 16_777_216.0;
            f32::from_bits(value.to_bits() | sign)
        }
        (0x1F, _) => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// Rows of a body, and what is behind them.
pub(crate) struct Rows<'a> {
    pub(crate) count: usize,
    dim: usize,
    encoding: Encoding,
    rows: &'a [u8],
    /// What follows the rows.
    pub(crate) rest: &'a [u8],
}

impl<'a> Rows<'a> {
    /// The rows of `call`, and nothing behind them.
    ///
    /// # Errors
    /// When the body has another length.
    pub(crate) fn read(call: &'a Call<'_>, pairs: &Pairs) -> Result<Self, Failure> {
        let rows = Self::begin(call, pairs)?;
        if rows.rest.is_empty() {
            return Ok(rows);
        }
        Err(rows.another_length(call.body.len()))
    }

    /// The rows that a body begins with.
    ///
    /// # Errors
    /// When the body is too short.
    pub(crate) fn begin(call: &'a Call<'_>, pairs: &Pairs) -> Result<Self, Failure> {
        let (dim, count) = (pairs.must("dim")?, pairs.must("n_vectors")?);
        let mut rows = Self {
            count,
            dim,
            encoding: Encoding::of(pairs)?,
            rows: &[],
            rest: &[],
        };
        crate::request::batch_limited(count)?;
        let bytes = rows.bytes();
        let split = bytes.and_then(|bytes| call.body.split_at_checked(bytes));
        let Some((head, rest)) = split else {
            return Err(rows.another_length(call.body.len()));
        };
        rows.rows = head;
        rows.rest = rest;
        Ok(rows)
    }

    fn bytes(&self) -> Option<usize> {
        let components = self.count.checked_mul(self.dim)?;
        components.checked_mul(self.encoding.bytes())
    }

    fn another_length(&self, got: usize) -> Failure {
        let (count, dim, each) = (self.count, self.dim, self.encoding.bytes());
        let expected = self.bytes().map_or("too many".into(), |n| n.to_string());
        Failure::bad(format!(
            "Expected {expected} bytes ({count} vectors × {dim} dim × {each}), got {got}"
        ))
    }

    /// The rows one by one.
    ///
    /// # Errors
    /// When they have no components.
    pub(crate) fn vectors(&self) -> Result<impl Iterator<Item = Vec<f32>> + '_, Failure> {
        if self.dim == 0 {
            return Err(Failure::argument("dimension must be greater than 0"));
        }
        let bytes = self.dim * self.encoding.bytes();
        let rows = self.rows.chunks_exact(bytes);
        Ok(rows.map(|row| self.encoding.read(row)))
    }
}

/// Query vectors of a body: `n` of `dim` components.
///
/// # Errors
/// A line of text when the body has another length.
pub(crate) fn queries(body: &[u8], n: usize, dim: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let bytes = n.checked_mul(dim).and_then(|c| c.checked_mul(4));
    if bytes != Some(body.len()) {
        let expected = bytes.map_or("too many".into(), |n| n.to_string());
        let got = body.len();
        return Err(Failure::line(format!(
            "Expected {expected} bytes, got {got}"
        )));
    }
    if dim == 0 {
        return Ok(vec![Vec::new(); n]);
    }
    let rows = body.chunks_exact(dim * 4);
    Ok(rows.map(|row| Encoding::Float32.read(row)).collect())
}

/// A frame of hits, appended to `out`.
///
/// # Errors
/// When an id is no number: such points are found by the JSON routes.
pub(crate) fn hits(out: &mut Vec<u8>, hits: &[Hit], fields: bool) -> Result<(), Failure> {
    count(out, hits.len());
    for hit in hits {
        out.extend_from_slice(&number(&hit.id)?.to_le_bytes());
    }
    for hit in hits {
        out.extend_from_slice(&hit.score.to_le_bytes());
    }
    let shown: Vec<&Map<String, Json>> = hits.iter().map(|hit| &hit.fields).collect();
    json(out, if fields { &shown } else { &[] });
    Ok(())
}

/// A frame of rows.
///
/// # Errors
/// When an id is no number.
pub(crate) fn rows(
    dim: usize,
    rows: &[(PointId, Vec<f32>, Map<String, Json>)],
) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    count(&mut out, rows.len());
    count(&mut out, dim);
    for (_, vector, _) in rows {
        for x in vector {
            out.extend_from_slice(&x.to_le_bytes());
        }
    }
    for (id, _, _) in rows {
        out.extend_from_slice(&number(id)?.to_le_bytes());
    }
    let fields: Vec<&Map<String, Json>> = rows.iter().map(|(_, _, fields)| fields).collect();
    json(&mut out, &fields);
    Ok(out)
}

/// A count, or a length: requests are limited far below what fits.
pub(crate) fn count(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

/// Fields as JSON with their length before them; nothing for none.
fn json(out: &mut Vec<u8>, fields: &[&Map<String, Json>]) {
    if fields.is_empty() {
        return count(out, 0);
    }
    let mut text = String::from("[");
    for (at, fields) in fields.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let fields: Map<String, Json> = Map::clone(fields);
        text.push_str(&Json::Object(fields).to_string());
    }
    text.push(']');
    count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn number(id: &PointId) -> Result<u64, Failure> {
    match id {
        PointId::Num(number) => Ok(*number),
        PointId::Uuid(_) | PointId::Text(_) => Err(Failure::argument(format_args!(
            "id {id} is no integer, which binary frames cannot say"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hit(id: u64, score: f32) -> Hit {
        Hit {
            id: PointId::Num(id),
            score,
            fields: Map::new(),
        }
    }

    #[test]
    fn a_frame_of_hits_is_laid_out_as_clients_read_it() {
        let mut out = Vec::new();
        let found = [hit(20, 2.0), hit(1, 1.0), hit(5, 0.75)];
        hits(&mut out, &found, false).unwrap();
        let expected = "03000000\
                        1400000000000000\
                        0100000000000000\
                        0500000000000000\
                        000000400000803f0000403f\
                        00000000";
        assert_eq!(hex(&out), expected);
        let text = Hit {
            id: PointId::Text("a".into()),
            ..hit(0, 0.0)
        };
        assert!(hits(&mut out, &[text], false).is_err());
    }

    #[test]
    fn a_frame_of_rows_ends_with_fields() {
        let fields: Map<String, Json> = serde_json::from_str(r#"{"a":1}"#).unwrap();
        let one = [(PointId::Num(3), vec![1.0, 2.0], fields)];
        let bytes = rows(2, &one).unwrap();
        let expected = "01000000020000000000803f0000004003000000000000000900000";
        assert!(hex(&bytes).starts_with(expected), "{}", hex(&bytes));
        assert!(bytes.ends_with(b"[{\"a\":1}]"));
    }

    #[test]
    fn half_floats_are_read_exactly() {
        for (half, single) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x7BFF, 65_504.0),
            (0x0000, 0.0),
        ] {
            assert_eq!(half_to_single(half), single, "{half:04x}");
        }
        assert!(half_to_single(0x7C00).is_infinite());
        assert!(half_to_single(0x7E00).is_nan());
    }
}

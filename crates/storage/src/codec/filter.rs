//! Filters.

use model::filter::Range;
use model::{Error, Filter, GeoPoint, Scalar, Test, Timestamp};

use super::{Codec, DecodeError, Reader, Writer};

impl Codec for Filter {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.nested(|out| match self {
            Self::All(filters) => {
                out.u8(0);
                filters.encode(out)
            }
            Self::Any(filters) => {
                out.u8(1);
                filters.encode(out)
            }
            Self::Not(filter) => {
                out.u8(2);
                filter.encode(out)
            }
            Self::AtLeast { count, of } => {
                out.u8(3);
                out.varint(*count as u64);
                of.encode(out)
            }
            Self::Field { path, test } => {
                out.u8(4);
                path.encode(out)?;
                test.encode(out)
            }
            Self::HasId(ids) => {
                out.u8(5);
                ids.encode(out)
            }
            Self::HasVector(name) => {
                out.u8(6);
                name.encode(out)
            }
            Self::Slice { total, index } => {
                out.u8(7);
                out.u32(*total);
                out.u32(*index);
                Ok(())
            }
            Self::Nested { path, filter } => {
                out.u8(8);
                path.encode(out)?;
                filter.encode(out)
            }
            Self::Where(term) => {
                out.u8(9);
                term.encode(out)
            }
        })
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.nested(|input| match input.u8()? {
            0 => Vec::decode(input).map(Self::All),
            1 => Vec::decode(input).map(Self::Any),
            2 => Ok(Self::Not(Box::new(Self::decode(input)?))),
            3 => {
                let count = usize::try_from(input.varint()?)
                    .map_err(|_| input.malformed("a count for this machine"))?;
                Ok(Self::AtLeast {
                    count,
                    of: Vec::decode(input)?,
                })
            }
            4 => Ok(Self::Field {
                path: Codec::decode(input)?,
                test: Codec::decode(input)?,
            }),
            5 => Vec::decode(input).map(Self::HasId),
            6 => Codec::decode(input).map(Self::HasVector),
            7 => Ok(Self::Slice {
                total: input.u32()?,
                index: input.u32()?,
            }),
            8 => {
                let path = Codec::decode(input)?;
                Ok(Self::Nested {
                    path,
                    filter: Box::new(Self::decode(input)?),
                })
            }
            9 => Codec::decode(input).map(Self::Where),
            _ => Err(input.malformed("a kind of filter")),
        })
    }
}

impl Codec for Test {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u8(test_code(self));
        match self {
            Self::Equals(scalar) => scalar.encode(out),
            Self::In(scalars) | Self::NotIn(scalars) => scalars.encode(out),
            Self::Range(range) => range.encode(out),
            Self::DateRange(range) => range.encode(out),
            Self::Contains(text)
            | Self::Prefix(text)
            | Self::Text(text)
            | Self::TextAny(text)
            | Self::Phrase(text) => {
                out.text(text);
                Ok(())
            }
            Self::GeoBox {
                top_left,
                bottom_right,
            } => {
                top_left.encode(out)?;
                bottom_right.encode(out)
            }
            Self::GeoRadius { center, radius_m } => {
                center.encode(out)?;
                out.f64(*radius_m);
                Ok(())
            }
            Self::GeoPolygon {
                exterior,
                interiors,
            } => {
                exterior.encode(out)?;
                interiors.encode(out)
            }
            Self::ValuesCount(range) => range.encode(out),
            Self::IsEmpty(wanted) | Self::IsNull(wanted) => {
                out.bool(*wanted);
                Ok(())
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Self::Equals(Codec::decode(input)?),
            1 => Self::In(Codec::decode(input)?),
            2 => Self::NotIn(Codec::decode(input)?),
            3 => Self::Range(Codec::decode(input)?),
            4 => Self::DateRange(Codec::decode(input)?),
            5 => Self::Contains(input.text()?.into()),
            6 => Self::Prefix(input.text()?.into()),
            7 => Self::GeoBox {
                top_left: Codec::decode(input)?,
                bottom_right: Codec::decode(input)?,
            },
            8 => Self::GeoRadius {
                center: Codec::decode(input)?,
                radius_m: input.f64()?,
            },
            9 => Self::GeoPolygon {
                exterior: Codec::decode(input)?,
                interiors: Codec::decode(input)?,
            },
            10 => Self::ValuesCount(Codec::decode(input)?),
            11 => Self::IsEmpty(input.bool()?),
            12 => Self::IsNull(input.bool()?),
            13 => Self::Text(input.text()?.into()),
            14 => Self::TextAny(input.text()?.into()),
            15 => Self::Phrase(input.text()?.into()),
            _ => return Err(input.malformed("a kind of test")),
        })
    }
}

fn test_code(test: &Test) -> u8 {
    match test {
        Test::Equals(_) => 0,
        Test::In(_) => 1,
        Test::NotIn(_) => 2,
        Test::Range(_) => 3,
        Test::DateRange(_) => 4,
        Test::Contains(_) => 5,
        Test::Prefix(_) => 6,
        Test::GeoBox { .. } => 7,
        Test::GeoRadius { .. } => 8,
        Test::GeoPolygon { .. } => 9,
        Test::ValuesCount(_) => 10,
        Test::IsEmpty(_) => 11,
        Test::IsNull(_) => 12,
        Test::Text(_) => 13,
        Test::TextAny(_) => 14,
        Test::Phrase(_) => 15,
    }
}

impl Codec for Scalar {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Str(text) => {
                out.u8(0);
                out.text(text);
            }
            Self::Int(n) => {
                out.u8(1);
                out.i64(*n);
            }
            Self::Bool(value) => {
                out.u8(2);
                out.bool(*value);
            }
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Str(input.text()?.into())),
            1 => input.i64().map(Self::Int),
            2 => input.bool().map(Self::Bool),
            _ => Err(input.malformed("a kind of scalar")),
        }
    }
}

impl<T: Codec + Copy> Codec for Range<T> {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        [self.gt, self.gte, self.lt, self.lte]
            .iter()
            .try_for_each(|bound| bound.encode(out))
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            gt: Codec::decode(input)?,
            gte: Codec::decode(input)?,
            lt: Codec::decode(input)?,
            lte: Codec::decode(input)?,
        })
    }
}

impl Codec for GeoPoint {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.f64(self.lon);
        out.f64(self.lat);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            lon: input.f64()?,
            lat: input.f64()?,
        })
    }
}

impl Codec for Timestamp {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.i64(self.0);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.i64().map(Self)
    }
}

impl Codec for f64 {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.f64(*self);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.f64()
    }
}

impl Codec for u64 {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.varint(*self);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.varint()
    }
}

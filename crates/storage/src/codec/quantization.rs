//! The codes of vector fields.

use model::{CodeBits, Error, ProductRatio, Quantization, QueryBits};

use super::schema::unit_codes;
use super::{Codec, DecodeError, Reader, Writer};

impl Codec for Quantization {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Scalar { quantile } => {
                out.u8(0);
                quantile.map(Bits).encode(out)
            }
            Self::Product(ratio) => {
                out.u8(1);
                ratio.encode(out)
            }
            Self::Binary { bits, query } => {
                out.u8(2);
                bits.encode(out)?;
                query.encode(out)
            }
            Self::Rotated { bits } => {
                out.u8(3);
                bits.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => {
                let quantile = Option::<Bits>::decode(input)?.map(|Bits(share)| share);
                if quantile.is_some_and(|share| !(0.5..=1.0).contains(&share)) {
                    return Err(input.malformed("a quantile from 0.5 to 1.0"));
                }
                Ok(Self::Scalar { quantile })
            }
            1 => Ok(Self::Product(Codec::decode(input)?)),
            2 => Ok(Self::Binary {
                bits: Codec::decode(input)?,
                query: Codec::decode(input)?,
            }),
            3 => Ok(Self::Rotated {
                bits: Codec::decode(input)?,
            }),
            _ => Err(input.malformed("a kind of quantization")),
        }
    }
}

/// An `f32`, as the four bytes it is in memory.
struct Bits(f32);

impl Codec for Bits {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u32(self.0.to_bits());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.u32().map(f32::from_bits).map(Self)
    }
}

unit_codes!(
    ProductRatio,
    "a ratio of product codes",
    [X4 = 0, X8 = 1, X16 = 2, X32 = 3, X64 = 4]
);

unit_codes!(
    CodeBits,
    "a number of bits per component",
    [One = 0, OneAndHalf = 1, Two = 2, Four = 3]
);

unit_codes!(
    QueryBits,
    "a number of bits of a query",
    [Auto = 0, One = 1, Four = 2, Eight = 3]
);

//! Operations on the points and settings of a collection: the items of its log entries.

use model::{Error, Point, Target, UpsertMode, Vector, WriteOp};

use super::schema::unit_codes;
use super::{Codec, DecodeError, Reader, Writer};

impl Codec for WriteOp {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u8(code(self));
        match self {
            Self::Upsert {
                points,
                mode,
                condition,
            } => {
                out.reserve(points.iter().map(bytes_hint).sum());
                points.encode(out)?;
                mode.encode(out)?;
                condition.encode(out)
            }
            Self::Delete { target } | Self::ClearPayload { target } => target.encode(out),
            Self::SetPayload {
                target,
                payload,
                at,
            } => {
                target.encode(out)?;
                payload.encode(out)?;
                at.encode(out)
            }
            Self::OverwritePayload { target, payload } => {
                target.encode(out)?;
                payload.encode(out)
            }
            Self::DeletePayload { target, paths } => {
                target.encode(out)?;
                paths.encode(out)
            }
            Self::UpdateVectors { points, condition } => {
                points.encode(out)?;
                condition.encode(out)
            }
            Self::DeleteVectors { target, names } => {
                target.encode(out)?;
                names.encode(out)
            }
            Self::CreateIndex(index) => index.encode(out),
            Self::DropIndex(path) => path.encode(out),
            Self::AddVector(field) => field.encode(out),
            Self::DropVector(name) => name.encode(out),
            Self::Configure(change) => change.encode(out),
            Self::Conceal { ids } | Self::Reveal { ids } => ids.encode(out),
            Self::Purge => Ok(()),
            Self::Attach { key, attachment } => {
                key.encode(out)?;
                attachment.encode(out)
            }
            Self::Detach { key } => key.encode(out),
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Self::Upsert {
                points: Codec::decode(input)?,
                mode: Codec::decode(input)?,
                condition: Codec::decode(input)?,
            },
            1 => Self::Delete {
                target: Codec::decode(input)?,
            },
            2 => Self::SetPayload {
                target: Codec::decode(input)?,
                payload: Codec::decode(input)?,
                at: Codec::decode(input)?,
            },
            3 => Self::OverwritePayload {
                target: Codec::decode(input)?,
                payload: Codec::decode(input)?,
            },
            4 => Self::DeletePayload {
                target: Codec::decode(input)?,
                paths: Codec::decode(input)?,
            },
            5 => Self::ClearPayload {
                target: Codec::decode(input)?,
            },
            6 => Self::UpdateVectors {
                points: Codec::decode(input)?,
                condition: Codec::decode(input)?,
            },
            7 => Self::DeleteVectors {
                target: Codec::decode(input)?,
                names: Codec::decode(input)?,
            },
            8 => Self::CreateIndex(Codec::decode(input)?),
            9 => Self::DropIndex(Codec::decode(input)?),
            10 => Self::Configure(Codec::decode(input)?),
            11 => Self::AddVector(Codec::decode(input)?),
            12 => Self::DropVector(Codec::decode(input)?),
            13 => Self::Conceal {
                ids: Codec::decode(input)?,
            },
            14 => Self::Reveal {
                ids: Codec::decode(input)?,
            },
            15 => Self::Purge,
            16 => Self::Attach {
                key: Codec::decode(input)?,
                attachment: Codec::decode(input)?,
            },
            17 => Self::Detach {
                key: Codec::decode(input)?,
            },
            _ => return Err(input.malformed("a kind of operation")),
        })
    }
}

/// About how many bytes `point` takes: large batches are then written into one allocation.
fn bytes_hint(point: &Point) -> usize {
    let vector = |vector: &Vector| match vector {
        Vector::Dense(components) => 4 * components.len(),
        Vector::Sparse(sparse) => 8 * sparse.indices().len(),
        Vector::Multi(multi) => 4 * multi.flat().len(),
        Vector::Binary(bits) => bits.len(),
    };
    let vectors: usize = point
        .vectors
        .iter()
        .map(|(name, v)| name.as_str().len() + vector(v))
        .sum();
    // Id, counts, and a guess at a field of payload.
    vectors + 32 + 24 * point.payload.len()
}

fn code(operation: &WriteOp) -> u8 {
    match operation {
        WriteOp::Upsert { .. } => 0,
        WriteOp::Delete { .. } => 1,
        WriteOp::SetPayload { .. } => 2,
        WriteOp::OverwritePayload { .. } => 3,
        WriteOp::DeletePayload { .. } => 4,
        WriteOp::ClearPayload { .. } => 5,
        WriteOp::UpdateVectors { .. } => 6,
        WriteOp::DeleteVectors { .. } => 7,
        WriteOp::CreateIndex(_) => 8,
        WriteOp::DropIndex(_) => 9,
        WriteOp::Configure(_) => 10,
        WriteOp::AddVector(_) => 11,
        WriteOp::DropVector(_) => 12,
        WriteOp::Conceal { .. } => 13,
        WriteOp::Reveal { .. } => 14,
        WriteOp::Purge => 15,
        WriteOp::Attach { .. } => 16,
        WriteOp::Detach { .. } => 17,
    }
}

unit_codes!(
    UpsertMode,
    "a mode of upsert",
    [Upsert = 0, InsertOnly = 1, UpdateOnly = 2, InsertNew = 3]
);

impl Codec for Target {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Ids(ids) => {
                out.u8(0);
                ids.encode(out)
            }
            Self::Filter(filter) => {
                out.u8(1);
                filter.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Codec::decode(input).map(Self::Ids),
            1 => Codec::decode(input).map(Self::Filter),
            _ => Err(input.malformed("a kind of target")),
        }
    }
}

impl Codec for Point {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.id.encode(out)?;
        self.vectors.encode(out)?;
        self.payload.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: Codec::decode(input)?,
            vectors: Codec::decode(input)?,
            payload: Codec::decode(input)?,
        })
    }
}

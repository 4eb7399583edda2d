//! Schemas, settings and their changes.

use model::schema::{SegmentConfig, VectorChange};
use model::{
    ClusterCount, Comparator, ConfigChange, Dim, Element, Error, FieldIndex, FieldKind, HnswConfig,
    IndexChoice, IndexParams, IvfConfig, Metric, Modifier, PostingsConfig, Residency, Schema,
    VectorField, VectorKind,
};

use super::{Codec, DecodeError, Reader, Writer};

impl Codec for Schema {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.vectors.encode(out)?;
        self.indexes.encode(out)?;
        self.hnsw.encode(out)?;
        self.quantization.encode(out)?;
        self.segments.encode(out)?;
        self.attributes.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            vectors: Codec::decode(input)?,
            indexes: Codec::decode(input)?,
            hnsw: Codec::decode(input)?,
            quantization: Codec::decode(input)?,
            segments: Codec::decode(input)?,
            attributes: Codec::decode(input)?,
        })
    }
}

impl Codec for VectorField {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.name.encode(out)?;
        out.varint(self.since);
        self.kind.encode(out)?;
        self.index.encode(out)?;
        self.index_metric.encode(out)?;
        self.quantization.encode(out)?;
        self.residency.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: Codec::decode(input)?,
            since: input.varint()?,
            kind: Codec::decode(input)?,
            index: Codec::decode(input)?,
            index_metric: Codec::decode(input)?,
            quantization: Codec::decode(input)?,
            residency: Codec::decode(input)?,
        })
    }
}

impl Codec for VectorKind {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Dense {
                dim,
                metric,
                element,
            } => {
                out.u8(0);
                dim.encode(out)?;
                metric.encode(out)?;
                element.encode(out)
            }
            Self::Multi {
                dim,
                metric,
                element,
                comparator,
            } => {
                out.u8(1);
                dim.encode(out)?;
                metric.encode(out)?;
                element.encode(out)?;
                comparator.encode(out)
            }
            Self::Sparse { modifier } => {
                out.u8(2);
                modifier.encode(out)
            }
            Self::Binary { dim, metric } => {
                out.u8(3);
                dim.encode(out)?;
                metric.encode(out)
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Dense {
                dim: Codec::decode(input)?,
                metric: Codec::decode(input)?,
                element: Codec::decode(input)?,
            }),
            1 => Ok(Self::Multi {
                dim: Codec::decode(input)?,
                metric: Codec::decode(input)?,
                element: Codec::decode(input)?,
                comparator: Codec::decode(input)?,
            }),
            2 => Ok(Self::Sparse {
                modifier: Codec::decode(input)?,
            }),
            3 => Ok(Self::Binary {
                dim: Codec::decode(input)?,
                metric: Codec::decode(input)?,
            }),
            _ => Err(input.malformed("a kind of vector field")),
        }
    }
}

impl Codec for Dim {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.varint(self.get() as u64);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(input.varint()?).map_err(|_| input.malformed("a dimension"))
    }
}

/// A closed set of unit variants and their codes, one byte each.
macro_rules! unit_codes {
    ($type:ty, $what:literal, [$($variant:ident = $code:literal),+ $(,)?]) => {
        impl Codec for $type {
            fn encode(&self, out: &mut Writer) -> Result<(), Error> {
                out.u8(match self { $(Self::$variant => $code),+ });
                Ok(())
            }

            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match input.u8()? {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(input.malformed($what)),
                }
            }
        }
    };
}
pub(super) use unit_codes;

unit_codes!(
    Metric,
    "a metric",
    [
        Dot = 0,
        Cosine = 1,
        L2 = 2,
        L1 = 3,
        Hamming = 4,
        Jaccard = 5,
        Tanimoto = 6,
        Substructure = 7,
        Superstructure = 8,
    ]
);

unit_codes!(Element, "a component type", [F32 = 0, F16 = 1, U8 = 2]);

unit_codes!(Comparator, "a comparator", [MaxSim = 0]);

unit_codes!(Modifier, "a modifier", [None = 0, Idf = 1]);

unit_codes!(Residency, "a residency", [Mapped = 0, Resident = 1]);

unit_codes!(
    FieldKind,
    "a kind of payload index",
    [
        Keyword = 0,
        Integer = 1,
        Float = 2,
        Bool = 3,
        Datetime = 4,
        Uuid = 5,
        Geo = 6,
        Text = 7,
    ]
);

impl Codec for IndexChoice {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Exact => out.u8(0),
            Self::Graph(config) => {
                out.u8(1);
                config.encode(out)?;
            }
            Self::Ivf(IvfConfig { clusters }) => {
                out.u8(2);
                let (way, number) = match *clusters {
                    ClusterCount::Fixed(count) => (0, count),
                    ClusterCount::PerRoot(ratio) => (1, ratio.to_bits()),
                };
                out.u8(way);
                out.u32(number);
            }
            Self::Postings(PostingsConfig { full_scan_rows }) => {
                out.u8(3);
                out.u32(*full_scan_rows);
            }
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Exact),
            1 => Codec::decode(input).map(Self::Graph),
            2 => {
                let clusters = match input.u8()? {
                    0 => ClusterCount::Fixed(input.u32()?),
                    1 => ClusterCount::PerRoot(f32::from_bits(input.u32()?)),
                    _ => return Err(input.malformed("a way to count clusters")),
                };
                Ok(Self::Ivf(IvfConfig { clusters }))
            }
            3 => Ok(Self::Postings(PostingsConfig {
                full_scan_rows: input.u32()?,
            })),
            _ => Err(input.malformed("a choice of an index")),
        }
    }
}

impl Codec for HnswConfig {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u32(u32::from(self.m));
        out.u32(self.ef_construct);
        out.u32(self.full_scan_threshold_kb);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let m = u16::try_from(input.u32()?).map_err(|_| input.malformed("m of 16 bits"))?;
        Ok(Self {
            m,
            ef_construct: input.u32()?,
            full_scan_threshold_kb: input.u32()?,
        })
    }
}

impl Codec for SegmentConfig {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.u32(self.indexing_threshold_kb);
        out.u32(self.segment_kb_max);
        out.f64(self.vacuum_deleted_share);
        out.u32(self.vacuum_rows_min);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            indexing_threshold_kb: input.u32()?,
            segment_kb_max: input.u32()?,
            vacuum_deleted_share: input.f64()?,
            vacuum_rows_min: input.u32()?,
        })
    }
}

impl Codec for FieldIndex {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.path.encode(out)?;
        self.params.kind.encode(out)?;
        self.params.text.encode(out)?;
        self.params.attributes.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let path = Codec::decode(input)?;
        let params = IndexParams {
            kind: Codec::decode(input)?,
            text: Codec::decode(input)?,
            attributes: Codec::decode(input)?,
        };
        Ok(Self { path, params })
    }
}

impl Codec for ConfigChange {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.hnsw.encode(out)?;
        self.quantization.encode(out)?;
        self.segments.encode(out)?;
        self.vectors.encode(out)?;
        self.attributes.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            hnsw: Codec::decode(input)?,
            quantization: Codec::decode(input)?,
            segments: Codec::decode(input)?,
            vectors: Codec::decode(input)?,
            attributes: Codec::decode(input)?,
            derived_from: None,
        })
    }
}

impl Codec for VectorChange {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        self.name.encode(out)?;
        self.index.encode(out)?;
        self.index_metric.encode(out)?;
        self.quantization.encode(out)?;
        self.residency.encode(out)?;
        self.modifier.encode(out)
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: Codec::decode(input)?,
            index: Codec::decode(input)?,
            index_metric: Codec::decode(input)?,
            quantization: Codec::decode(input)?,
            residency: Codec::decode(input)?,
            modifier: Codec::decode(input)?,
        })
    }
}

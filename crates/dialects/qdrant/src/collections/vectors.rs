//! The settings of single vector fields.

use std::collections::BTreeMap;

use model::schema::VectorField;
use model::{Dim, Metric, Residency, VectorKind, VectorName};
use serde::{Deserialize, Serialize};

use super::quantization::{Quantization, QuantizationChange};
use super::settings::{Hnsw, Memory};
use crate::error::Failure;
use crate::request::BODY;

/// `distance`
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(super) enum Distance {
    Cosine,
    Euclid,
    Dot,
    Manhattan,
}

impl Distance {
    fn decode(self) -> Metric {
        match self {
            Self::Cosine => Metric::Cosine,
            Self::Euclid => Metric::L2,
            Self::Dot => Metric::Dot,
            Self::Manhattan => Metric::L1,
        }
    }

    /// # Errors
    /// When Qdrant has no such distance.
    pub(super) fn encode(metric: Metric) -> Result<Self, Failure> {
        match metric {
            Metric::Cosine => Ok(Self::Cosine),
            Metric::L2 => Ok(Self::Euclid),
            Metric::Dot => Ok(Self::Dot),
            Metric::L1 => Ok(Self::Manhattan),
            Metric::Hamming
            | Metric::Jaccard
            | Metric::Tanimoto
            | Metric::Substructure
            | Metric::Superstructure => Err(Failure::wrong_input(
                "the collection has vectors of bits, which this interface cannot describe",
            )),
        }
    }
}

/// `datatype`
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Datatype {
    Float32,
    Float16,
    Uint8,
    Turbo4,
}

/// What a field has besides size and distance.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Extras {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hnsw_config: Option<Hnsw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantization_config: Option<Quantization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datatype: Option<Datatype>,
}

impl Extras {
    /// The codes of this field where it has its own.
    pub(super) fn quantization(&self) -> Option<model::Quantization> {
        self.quantization_config.as_ref().map(Quantization::decode)
    }

    /// Rows stay mapped unless the request says that they should be in memory.
    pub(super) fn residency(&self) -> Residency {
        match (self.memory, self.on_disk) {
            (Some(Memory::Pinned), _) | (None, Some(false)) => Residency::Resident,
            (Some(Memory::Cold | Memory::Cached), _) | (None, Some(true) | None) => {
                Residency::Mapped
            }
        }
    }
}

/// The settings of a new field.
#[derive(Deserialize)]
pub(super) struct NewVector {
    size: u64,
    distance: Distance,
    hnsw_config: Option<Hnsw>,
    quantization_config: Option<Quantization>,
    on_disk: Option<bool>,
    memory: Option<Memory>,
    datatype: Option<Datatype>,
    multivector_config: Option<serde::de::IgnoredAny>,
}

/// `vectors`: one unnamed field, or fields by name.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum VectorsConfig"
)]
pub(super) enum NewVectors {
    Unnamed(NewVector),
    Named(BTreeMap<String, NewVector>),
}

/// The change of a field.
#[derive(Deserialize)]
pub(super) struct VectorChange {
    pub(super) hnsw_config: Option<Hnsw>,
    pub(super) quantization_config: Option<QuantizationChange>,
    pub(super) on_disk: Option<bool>,
    pub(super) memory: Option<Memory>,
}

impl NewVector {
    /// The field and what it has besides; `at` is its path in the body.
    fn decode(
        self,
        name: &str,
        at: &str,
        hnsw: model::HnswConfig,
    ) -> Result<(VectorField, Extras), Failure> {
        let dim = Dim::new(self.size).map_err(|_| {
            let text = format!(
                "value {} invalid, must be from 1 to {}",
                self.size,
                Dim::MAX
            );
            Failure::validation(BODY, format_args!("{at}.size"), text)
        })?;
        if self.multivector_config.is_some() {
            return Err(Failure::unsupported("`multivector_config`"));
        }
        match self.datatype {
            None | Some(Datatype::Float32) => {}
            Some(Datatype::Float16 | Datatype::Uint8 | Datatype::Turbo4) => {
                return Err(Failure::unsupported("a `datatype` other than float32"));
            }
        }
        if let Some(hnsw) = &self.hnsw_config {
            hnsw.check(&format!("{at}.hnsw_config"))?;
        }
        if let Some(quantization) = &self.quantization_config {
            quantization.check(&format!("{at}.quantization_config"))?;
        }
        let extras = Extras {
            hnsw_config: self.hnsw_config,
            quantization_config: self.quantization_config,
            on_disk: self.on_disk,
            memory: self.memory,
            datatype: self.datatype,
        };
        let field = VectorField {
            name: VectorName::new(name)?,
            kind: VectorKind::Dense {
                dim,
                metric: self.distance.decode(),
            },
            hnsw: extras.hnsw_config.as_ref().map(|own| own.over(hnsw)),
            quantization: extras.quantization(),
            residency: extras.residency(),
        };
        Ok((field, extras))
    }
}

impl NewVectors {
    /// Fields ascending by name, and what each has besides.
    pub(super) fn decode(
        self,
        hnsw: model::HnswConfig,
    ) -> Result<Vec<(VectorField, Extras)>, Failure> {
        match self {
            Self::Unnamed(vector) => Ok(vec![vector.decode("", "vectors", hnsw)?]),
            Self::Named(vectors) => vectors
                .into_iter()
                .map(|(name, vector)| vector.decode(&name, &format!("vectors.{name}"), hnsw))
                .collect(),
        }
    }
}

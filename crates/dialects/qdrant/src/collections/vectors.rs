//! The settings of single vector fields.

use std::collections::BTreeMap;

use model::schema::VectorField;
use model::{Comparator, Dim, Element, IndexChoice, Metric, Residency, VectorKind, VectorName};
use serde::{Deserialize, Serialize};

use super::quantization::{Quantization, QuantizationChange};
use super::settings::{Hnsw, Memory};
use super::sparse::{SparseExtras, WireModifier};
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

/// This interface has no word for vectors of bits.
pub(super) fn bits_not_told() -> Failure {
    Failure::wrong_input("the collection has vectors of bits, which this interface cannot describe")
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
            | Metric::Superstructure => Err(bits_not_told()),
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

impl Datatype {
    /// Four bits a component are not stored here: what asks for them keeps whole floats.
    fn element(self) -> Element {
        match self {
            Self::Float32 | Self::Turbo4 => Element::F32,
            Self::Float16 => Element::F16,
            Self::Uint8 => Element::U8,
        }
    }

    /// What a field of another dialect, or one that was added later, is said to be.
    pub(super) fn of(element: Element) -> Option<Self> {
        match element {
            Element::F32 => None,
            Element::F16 => Some(Self::Float16),
            Element::U8 => Some(Self::Uint8),
        }
    }
}

/// `multivector_config`
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(super) struct MultiVectors {
    comparator: WireComparator,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
enum WireComparator {
    MaxSim,
}

impl MultiVectors {
    fn comparator(self) -> Comparator {
        match self.comparator {
            WireComparator::MaxSim => Comparator::MaxSim,
        }
    }

    pub(super) fn of(comparator: Comparator) -> Self {
        let comparator = match comparator {
            Comparator::MaxSim => WireComparator::MaxSim,
        };
        Self { comparator }
    }
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
    /// The index that is asked for; `hnsw` are the collection's parameters.
    pub(super) fn index(&self, hnsw: model::HnswConfig) -> Option<IndexChoice> {
        let own = self.hnsw_config.as_ref()?;
        Some(IndexChoice::Graph(own.over(hnsw)))
    }

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
    multivector_config: Option<MultiVectors>,
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
        let dim = dim(self.size, at)?;
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
            since: 0,
            kind: kind(dim, self.distance, self.datatype, self.multivector_config),
            index: extras.index(hnsw),
            index_metric: None,
            quantization: extras.quantization(),
            residency: extras.residency(),
        };
        Ok((field, extras))
    }
}

fn dim(size: u64, at: &str) -> Result<Dim, Failure> {
    Dim::new(size).map_err(|_| {
        let text = format!("value {size} invalid, must be from 1 to {}", Dim::MAX);
        Failure::validation(BODY, format_args!("{at}.size"), text)
    })
}

fn kind(
    dim: Dim,
    distance: Distance,
    datatype: Option<Datatype>,
    multi: Option<MultiVectors>,
) -> VectorKind {
    let metric = distance.decode();
    let element = datatype.map_or(Element::F32, Datatype::element);
    match multi {
        None => VectorKind::Dense {
            dim,
            metric,
            element,
        },
        Some(multi) => VectorKind::Multi {
            dim,
            metric,
            element,
            comparator: multi.comparator(),
        },
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

/// The body of `PUT …/vectors/{vector_name}`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum VectorNameConfig"
)]
pub(super) enum AddedVector {
    Dense { dense: AddedDense },
    Sparse { sparse: AddedSparse },
}

#[derive(Deserialize)]
pub(super) struct AddedDense {
    size: u64,
    distance: Distance,
    multivector_config: Option<MultiVectors>,
    datatype: Option<Datatype>,
}

#[derive(Deserialize)]
pub(super) struct AddedSparse {
    modifier: Option<WireModifier>,
    datatype: Option<Datatype>,
}

/// What a field has besides its kind.
pub(super) enum AnyExtras {
    Dense(Extras),
    Sparse(SparseExtras),
}

impl AddedVector {
    /// The field, and what is to be remembered of it.
    pub(super) fn decode(self, name: VectorName) -> Result<(VectorField, AnyExtras), Failure> {
        let (kind, extras) = match self {
            Self::Dense { dense } => {
                let dim = dim(dense.size, "dense")?;
                let extras = Extras {
                    datatype: dense.datatype,
                    ..Extras::default()
                };
                let kind = kind(
                    dim,
                    dense.distance,
                    dense.datatype,
                    dense.multivector_config,
                );
                (kind, AnyExtras::Dense(extras))
            }
            Self::Sparse { sparse } => {
                let extras = SparseExtras::new(sparse.modifier, sparse.datatype);
                (extras.kind(), AnyExtras::Sparse(extras))
            }
        };
        let field = VectorField {
            name,
            since: 0,
            kind,
            index: None,
            index_metric: None,
            quantization: None,
            residency: Residency::Mapped,
        };
        Ok((field, extras))
    }
}

//! The settings of sparse vector fields.

use std::collections::BTreeMap;

use model::schema::VectorField;
use model::{IndexChoice, Modifier, PostingsConfig, Residency, VectorKind, VectorName};
use serde::{Deserialize, Serialize};

use super::placement::said;
use super::settings::Memory;
use super::vectors::Datatype;
use crate::error::Failure;

/// `modifier`
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum WireModifier {
    None,
    Idf,
}

impl WireModifier {
    pub(super) fn decode(self) -> Modifier {
        match self {
            Self::None => Modifier::None,
            Self::Idf => Modifier::Idf,
        }
    }

    fn of(modifier: Modifier) -> Option<Self> {
        match modifier {
            Modifier::None => None,
            Modifier::Idf => Some(Self::Idf),
        }
    }
}

/// A sparse field: what is asked for, remembered and shown again.
///
/// Values are kept as they came whatever the datatype of the index, so scores are never rounder
/// than asked for.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct SparseExtras {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<SparseIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modifier: Option<WireModifier>,
}

/// `index`
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct SparseIndex {
    #[serde(skip_serializing_if = "Option::is_none")]
    full_scan_threshold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datatype: Option<Datatype>,
}

impl SparseExtras {
    pub(super) fn new(modifier: Option<WireModifier>, datatype: Option<Datatype>) -> Self {
        let index = datatype.map(|datatype| SparseIndex {
            datatype: Some(datatype),
            ..SparseIndex::default()
        });
        Self { index, modifier }
    }

    /// What a field is said to be of which nothing is remembered.
    pub(super) fn of(modifier: Modifier) -> Self {
        Self::new(WireModifier::of(modifier), None)
    }

    pub(super) fn kind(&self) -> VectorKind {
        VectorKind::Sparse {
            modifier: self.modifier.map_or(Modifier::None, WireModifier::decode),
        }
    }

    /// The index that is asked for, where the request says more than that there is one.
    pub(super) fn postings(&self) -> Option<IndexChoice> {
        let rows = self.index.as_ref()?.full_scan_threshold?;
        let full_scan_rows = u32::try_from(rows).unwrap_or(u32::MAX);
        Some(IndexChoice::Postings(PostingsConfig { full_scan_rows }))
    }

    /// Where the postings should live.
    pub(super) fn place(&self) -> Option<Residency> {
        let index = self.index.as_ref()?;
        said(index.memory, index.on_disk)
    }

    /// Rows stay mapped unless the request says that they should be in memory.
    pub(super) fn residency(&self) -> Residency {
        let Some(index) = &self.index else {
            return Residency::Mapped;
        };
        match (index.memory, index.on_disk) {
            (Some(Memory::Pinned), _) | (None, Some(false)) => Residency::Resident,
            (Some(Memory::Cold | Memory::Cached), _) | (None, Some(true) | None) => {
                Residency::Mapped
            }
        }
    }

    /// What is set in `change` over what is here.
    pub(super) fn changed(&self, change: &Self) -> Self {
        let index = match (&self.index, &change.index) {
            (Some(old), Some(new)) => Some(SparseIndex {
                full_scan_threshold: new.full_scan_threshold.or(old.full_scan_threshold),
                on_disk: new.on_disk.or(old.on_disk),
                memory: new.memory.or(old.memory),
                datatype: new.datatype.or(old.datatype),
            }),
            (old, new) => new.as_ref().or(old.as_ref()).cloned(),
        };
        Self {
            index,
            modifier: change.modifier.or(self.modifier),
        }
    }
}

/// The fields of `sparse_vectors`, ascending by name.
pub(super) fn fields(sparse: &BTreeMap<String, SparseExtras>) -> Result<Vec<VectorField>, Failure> {
    let field = |(name, extras): (&String, &SparseExtras)| {
        Ok(VectorField {
            name: VectorName::new(name)?,
            since: 0,
            kind: extras.kind(),
            index: extras.postings(),
            index_metric: None,
            quantization: None,
            residency: extras.residency(),
        })
    };
    sparse.iter().map(field).collect()
}

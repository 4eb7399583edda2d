//! What is remembered of a collection's settings so that it can be shown again, and the schema
//! that follows from it.
//!
//! The engine reads few of Qdrant's settings. All of them are kept, in the words of the request,
//! in the schema's attributes under the name of this dialect; what the engine reads is derived
//! from them whenever they change.

use std::collections::BTreeMap;

use model::schema::VectorField;
use model::{
    HnswConfig, IndexChoice, Modifier, Object, Residency, Schema, Value, VectorKind, VectorName,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::quantization::Quantization;
use super::settings::{Hnsw, Optimizers, Wal};
use super::sparse::SparseExtras;
use super::vectors::Extras;
use crate::error::Failure;
use crate::value::{Shown, ShownObject, WireObject, WireValue};

/// The name of the attribute.
pub(super) const ATTRIBUTE: &str = "qdrant";

/// `params` without the vectors.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Params {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shard_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sharding_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replication_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_consistency_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_fan_out_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_fan_out_delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_disk_payload: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<serde_json::Value>,
}

/// The settings of a collection in the words of its creator.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Kept {
    #[serde(default)]
    pub(super) params: Params,
    /// Dense fields by name.
    #[serde(default)]
    pub(super) vectors: BTreeMap<String, Extras>,
    /// Sparse fields by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sparse_vectors: BTreeMap<String, SparseExtras>,
    #[serde(default)]
    pub(super) hnsw: Hnsw,
    #[serde(default)]
    pub(super) optimizers: Optimizers,
    #[serde(default)]
    pub(super) wal: Wal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quantization: Option<Quantization>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) strict_mode: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<serde_json::Value>,
}

impl Kept {
    /// What is kept in `schema`, or what follows from it when another dialect made the collection.
    pub(super) fn read(schema: &Schema) -> Result<Self, Failure> {
        let Some(Value::Object(kept)) = schema.attributes.get(ATTRIBUTE) else {
            return Ok(Self::of_foreign(schema));
        };
        read_object(kept)
    }

    fn of_foreign(schema: &Schema) -> Self {
        let extras = |field: &VectorField| Extras {
            hnsw_config: own_graph(schema, field),
            quantization_config: field.quantization.map(Quantization::of),
            on_disk: Some(match field.residency {
                Residency::Mapped => true,
                Residency::Resident => false,
            }),
            ..Extras::default()
        };
        let named = |field: &VectorField| (field.name.as_str().to_owned(), extras(field));
        let (sparse, dense): (Vec<&VectorField>, Vec<&VectorField>) = schema
            .vectors
            .iter()
            .partition(|field| is_sparse(field.kind));
        let sparse = sparse.into_iter().map(|field| {
            let modifier = match field.kind {
                VectorKind::Sparse { modifier } => modifier,
                VectorKind::Dense { .. } | VectorKind::Multi { .. } | VectorKind::Binary { .. } => {
                    Modifier::None
                }
            };
            (field.name.as_str().to_owned(), SparseExtras::of(modifier))
        });
        Self {
            vectors: dense.into_iter().map(named).collect(),
            sparse_vectors: sparse.collect(),
            hnsw: Hnsw::of(schema.hnsw),
            quantization: schema.quantization.map(Quantization::of),
            optimizers: Optimizers::of(schema.segments),
            ..Self::default()
        }
    }

    /// Forgets what is kept of a vector field; whether there was anything.
    pub(super) fn forget(&mut self, name: &str) -> bool {
        let dense = self.vectors.remove(name).is_some();
        self.sparse_vectors.remove(name).is_some() || dense
    }

    /// `attributes` with what is kept here in the place of what was.
    pub(super) fn write(&self, attributes: &Object) -> Result<Object, Failure> {
        let json = serde_json::to_vec(self).map_err(unreadable)?;
        let WireObject(kept) = serde_json::from_slice(&json).map_err(unreadable)?;
        let mut attributes = attributes.clone();
        attributes.insert(ATTRIBUTE, Value::Object(kept));
        Ok(attributes)
    }
}

/// The parameters of a field that another dialect gave a graph of its own, or none at all. Other
/// kinds of index have no words here.
fn own_graph(schema: &Schema, field: &VectorField) -> Option<Hnsw> {
    match field.index? {
        IndexChoice::Graph(config) => Some(Hnsw::of(config)),
        IndexChoice::Exact => Some(Hnsw::of(HnswConfig {
            m: 0,
            ..schema.hnsw
        })),
        IndexChoice::Ivf(_) | IndexChoice::Postings(_) => None,
    }
}

/// Whether a field is listed among `sparse_vectors`.
pub(super) fn is_sparse(kind: VectorKind) -> bool {
    match kind {
        VectorKind::Sparse { .. } => true,
        VectorKind::Dense { .. } | VectorKind::Multi { .. } | VectorKind::Binary { .. } => false,
    }
}

/// The kept settings of strict mode.
pub(crate) fn strict_mode(schema: &Schema) -> Option<&Object> {
    let Some(Value::Object(kept)) = schema.attributes.get(ATTRIBUTE) else {
        return None;
    };
    match kept.get("strict_mode") {
        Some(Value::Object(settings)) => Some(settings),
        _ => None,
    }
}

/// The `payload_m` of a dense field: its own, or that of the collection.
///
/// # Errors
/// When the kept settings cannot be read.
pub(crate) fn payload_m(schema: &Schema, field: &VectorName) -> Result<Option<u64>, Failure> {
    let kept = Kept::read(schema)?;
    let own = kept.vectors.get(field.as_str());
    let own = own.and_then(|extras| extras.hnsw_config.as_ref()?.payload_m);
    Ok(own.or(kept.hnsw.payload_m))
}

/// Kept settings as a `T`.
pub(crate) fn read_object<T: DeserializeOwned>(kept: &Object) -> Result<T, Failure> {
    let json = serde_json::to_vec(&ShownObject(kept)).map_err(unreadable)?;
    serde_json::from_slice(&json).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Failure {
    model::Error::internal(format!("the kept settings cannot be read: {error}")).into()
}

/// Puts what is set in `change` over `settings`; absent settings stay as they are.
pub(super) fn merge<T: Serialize + DeserializeOwned>(
    settings: &T,
    change: &T,
) -> Result<T, Failure> {
    let mut merged = serde_json::to_value(settings).map_err(unreadable)?;
    let change = serde_json::to_value(change).map_err(unreadable)?;
    merge_fields(&mut merged, change, Nulls::Ignored);
    serde_json::from_value(merged).map_err(unreadable)
}

/// What a null in a change means.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Nulls {
    /// Nothing.
    Ignored,
    /// The field goes.
    Remove,
}

/// Puts the top-level fields of `change` over those of `target`.
pub(super) fn merge_fields(
    target: &mut serde_json::Value,
    change: serde_json::Value,
    nulls: Nulls,
) {
    let serde_json::Value::Object(change) = change else {
        return;
    };
    if !target.is_object() {
        *target = serde_json::Value::Object(serde_json::Map::new());
    }
    let serde_json::Value::Object(target) = target else {
        return;
    };
    for (name, value) in change {
        match (value.is_null(), nulls) {
            (true, Nulls::Ignored) => {}
            (true, Nulls::Remove) => {
                target.remove(&name);
            }
            (false, _) => {
                target.insert(name, value);
            }
        }
    }
}

/// A payload index's parameters as the engine keeps them.
pub(crate) fn object_of(json: &serde_json::Value) -> Result<Object, Failure> {
    let json = serde_json::to_vec(json).map_err(unreadable)?;
    let WireValue(value) = serde_json::from_slice(&json).map_err(unreadable)?;
    match value {
        Value::Object(object) => Ok(object),
        other => {
            let shown = serde_json::to_string(&Shown(&other)).map_err(unreadable)?;
            Err(Failure::format(format_args!(
                "expected an object, got {shown}"
            )))
        }
    }
}

//! A collection as `GET` shows it.

use std::collections::BTreeMap;

use model::{CollectionInfo, FieldKind, Schema, Status, VectorKind};
use serde::Serialize;

use super::kept::Kept;
use super::quantization::Quantization;
use super::settings::{Hnsw, Memory, Threads};
use super::sparse::SparseExtras;
use super::vectors::{Datatype, Distance, Extras, MultiVectors, bits_not_told};
use crate::error::Failure;
use crate::value::ShownObject;

/// More bytes of vectors than this had better be indexed.
const UNINDEXED_BYTES_MAX: u64 = 64 << 20;

/// `result` of `GET /collections/{collection_name}`
#[derive(Serialize)]
pub(super) struct Description<'a> {
    status: &'static str,
    optimizer_status: OptimizerStatus,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    indexed_vectors_count: u64,
    points_count: u64,
    segments_count: u64,
    config: ShownConfig,
    payload_schema: BTreeMap<String, Index<'a>>,
    update_queue: UpdateQueue,
}

/// Writes that wait. None is ever hidden: what is applied is seen.
#[derive(Serialize)]
struct UpdateQueue {
    length: u64,
}

/// What needs a person's attention and stops nothing.
#[derive(Serialize)]
struct Warning {
    message: String,
}

/// `optimizer_status`
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OptimizerStatus {
    Ok,
    Error(String),
}

/// `config`
#[derive(Serialize)]
pub(crate) struct ShownConfig {
    pub(crate) params: Params,
    hnsw_config: ShownHnsw,
    optimizer_config: ShownOptimizers,
    wal_config: ShownWal,
    quantization_config: Option<Quantization>,
    strict_mode_config: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
}

/// `params`
#[derive(Serialize)]
pub(crate) struct Params {
    vectors: Vectors,
    shard_number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sharding_method: Option<String>,
    replication_factor: u32,
    write_consistency_factor: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_fan_out_factor: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_fan_out_delay_ms: Option<u64>,
    on_disk_payload: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sparse_vectors: BTreeMap<String, SparseExtras>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vectors {
    Unnamed(ShownVector),
    Named(BTreeMap<String, ShownVector>),
}

#[derive(Serialize)]
struct ShownVector {
    size: usize,
    distance: Distance,
    #[serde(flatten)]
    extras: Extras,
    #[serde(skip_serializing_if = "Option::is_none")]
    multivector_config: Option<MultiVectors>,
}

#[derive(Serialize)]
struct ShownHnsw {
    m: u16,
    ef_construct: u32,
    full_scan_threshold: u32,
    max_indexing_threads: u64,
    on_disk: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_m: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_storage: Option<bool>,
}

#[derive(Serialize)]
struct ShownOptimizers {
    deleted_threshold: f64,
    vacuum_min_vector_number: u32,
    default_segment_number: u64,
    max_segment_size: Option<u64>,
    memmap_threshold: Option<u64>,
    indexing_threshold: u32,
    flush_interval_sec: u64,
    max_optimization_threads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prevent_unoptimized: Option<bool>,
}

#[derive(Serialize)]
struct ShownWal {
    wal_capacity_mb: u64,
    wal_segments_ahead: u64,
    wal_retain_closed: u64,
}

#[derive(Serialize)]
struct Index<'a> {
    data_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<ShownObject<'a>>,
    points: u64,
}

/// What Qdrant calls a kind of index.
pub(crate) fn data_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Keyword => "keyword",
        FieldKind::Integer => "integer",
        FieldKind::Float => "float",
        FieldKind::Bool => "bool",
        FieldKind::Datetime => "datetime",
        FieldKind::Uuid => "uuid",
        FieldKind::Geo => "geo",
        FieldKind::Text => "text",
    }
}

/// The collection in Qdrant's shape.
///
/// # Errors
/// When Qdrant has no words for it.
pub(super) fn describe(info: &CollectionInfo) -> Result<Description<'_>, Failure> {
    let (status, optimizer_status) = status(&info.status);
    let points_of = |index: &model::FieldIndex| {
        let found = info
            .index_points
            .iter()
            .find(|(path, _)| *path == index.path);
        found.map_or(0, |(_, points)| *points)
    };
    let indexes = info.schema.indexes.iter().map(|index| {
        let attributes = &index.params.attributes;
        let shown = Index {
            data_type: data_type(index.params.kind),
            params: (!attributes.is_empty()).then_some(ShownObject(attributes)),
            points: points_of(index),
        };
        (index.path.to_string(), shown)
    });
    Ok(Description {
        status,
        optimizer_status,
        warnings: warnings(info),
        indexed_vectors_count: info.indexed_vectors,
        points_count: info.points,
        segments_count: info.segments,
        config: config(&info.schema)?,
        payload_schema: indexes.collect(),
        update_queue: UpdateQueue {
            length: info.queued,
        },
    })
}

/// Health in Qdrant's words.
pub(crate) fn status(status: &Status) -> (&'static str, OptimizerStatus) {
    match status {
        Status::Ready => ("green", OptimizerStatus::Ok),
        Status::Optimizing => ("yellow", OptimizerStatus::Ok),
        Status::Pending => ("grey", OptimizerStatus::Ok),
        Status::Failing(reason) | Status::ReadOnly(reason) => {
            ("red", OptimizerStatus::Error(reason.clone()))
        }
    }
}

/// Settings that make searches slow and are seldom meant.
fn warnings(info: &CollectionInfo) -> Vec<Warning> {
    let schema = &info.schema;
    let unindexed =
        schema.segments.indexing_threshold_kb == 0 && info.size.vector_bytes > UNINDEXED_BYTES_MAX;
    let message = format!(
        "indexing is off (`indexing_threshold` is 0), and every search compares with all of {} \
         vectors",
        info.vectors.iter().sum::<u64>()
    );
    Vec::from_iter(unindexed.then_some(Warning { message }))
}

/// The settings of a collection in Qdrant's shape.
///
/// # Errors
/// When Qdrant has no words for them.
pub(crate) fn config(schema: &Schema) -> Result<ShownConfig, Failure> {
    let kept = Kept::read(schema)?;
    let params = kept.params;
    Ok(ShownConfig {
        params: Params {
            vectors: vectors(schema, kept.vectors)?,
            shard_number: params.shard_number.unwrap_or(1),
            sharding_method: params.sharding_method,
            replication_factor: params.replication_factor.unwrap_or(1),
            write_consistency_factor: params.write_consistency_factor.unwrap_or(1),
            read_fan_out_factor: params.read_fan_out_factor,
            read_fan_out_delay_ms: params.read_fan_out_delay_ms,
            on_disk_payload: params.on_disk_payload.unwrap_or(true),
            payload: params.payload,
            sparse_vectors: sparse(schema, kept.sparse_vectors),
        },
        hnsw_config: hnsw(schema.hnsw, kept.hnsw),
        optimizer_config: ShownOptimizers {
            deleted_threshold: schema.segments.vacuum_deleted_share,
            vacuum_min_vector_number: schema.segments.vacuum_rows_min,
            default_segment_number: kept.optimizers.default_segment_number.unwrap_or(0),
            max_segment_size: kept.optimizers.max_segment_size,
            memmap_threshold: kept.optimizers.memmap_threshold,
            indexing_threshold: schema.segments.indexing_threshold_kb,
            flush_interval_sec: kept.optimizers.flush_interval_sec.unwrap_or(5),
            max_optimization_threads: match kept.optimizers.max_optimization_threads {
                Some(Threads::Count(count)) => Some(count),
                Some(Threads::Named(_)) | None => None,
            },
            prevent_unoptimized: kept.optimizers.prevent_unoptimized,
        },
        wal_config: ShownWal {
            wal_capacity_mb: kept.wal.wal_capacity_mb.unwrap_or(32),
            wal_segments_ahead: kept.wal.wal_segments_ahead.unwrap_or(0),
            wal_retain_closed: kept.wal.wal_retain_closed.unwrap_or(1),
        },
        quantization_config: kept.quantization,
        strict_mode_config: kept
            .strict_mode
            .unwrap_or_else(|| serde_json::json!({ "enabled": false })),
        metadata: kept.metadata,
    })
}

fn hnsw(config: model::HnswConfig, kept: Hnsw) -> ShownHnsw {
    ShownHnsw {
        m: config.m,
        ef_construct: config.ef_construct,
        full_scan_threshold: config.full_scan_threshold_kb,
        max_indexing_threads: kept.max_indexing_threads.unwrap_or(0),
        on_disk: kept.on_disk.unwrap_or(false),
        memory: kept.memory,
        payload_m: kept.payload_m,
        inline_storage: kept.inline_storage,
    }
}

fn vectors(schema: &Schema, mut kept: BTreeMap<String, Extras>) -> Result<Vectors, Failure> {
    let mut shown = Vec::with_capacity(schema.vectors.len());
    for field in &schema.vectors {
        let (dim, metric, element, comparator) = match field.kind {
            VectorKind::Dense {
                dim,
                metric,
                element,
            } => (dim, metric, element, None),
            VectorKind::Multi {
                dim,
                metric,
                element,
                comparator,
            } => (dim, metric, element, Some(comparator)),
            VectorKind::Sparse { .. } => continue,
            VectorKind::Binary { .. } => return Err(bits_not_told()),
        };
        let mut extras = kept.remove(field.name.as_str()).unwrap_or_default();
        extras.datatype = extras.datatype.or(Datatype::of(element));
        let vector = ShownVector {
            size: dim.get(),
            distance: Distance::encode(metric)?,
            extras,
            multivector_config: comparator.map(MultiVectors::of),
        };
        shown.push((field.name.as_str().to_owned(), vector));
    }
    if shown.len() == 1 && shown[0].0.is_empty() {
        return Ok(Vectors::Unnamed(shown.remove(0).1));
    }
    Ok(Vectors::Named(shown.into_iter().collect()))
}

fn sparse(
    schema: &Schema,
    mut kept: BTreeMap<String, SparseExtras>,
) -> BTreeMap<String, SparseExtras> {
    let shown = schema.vectors.iter().filter_map(|field| match field.kind {
        VectorKind::Sparse { modifier } => {
            let name = field.name.as_str();
            let extras = kept.remove(name);
            let extras = extras.unwrap_or_else(|| SparseExtras::of(modifier));
            Some((name.to_owned(), extras))
        }
        VectorKind::Dense { .. } | VectorKind::Multi { .. } | VectorKind::Binary { .. } => None,
    });
    shown.collect()
}

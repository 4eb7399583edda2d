//! The settings objects of Qdrant, as they are sent and shown again. Absent settings stay absent.

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::request::BODY;

/// A check of one number; `at` is its path in the body.
pub(super) fn bounded<T: PartialOrd + core::fmt::Display>(
    at: &str,
    field: &str,
    value: Option<T>,
    min: T,
    max: Option<T>,
) -> Result<(), Failure> {
    let Some(value) = value else { return Ok(()) };
    if value >= min && max.as_ref().is_none_or(|max| value <= *max) {
        return Ok(());
    }
    let bounds = match max {
        Some(max) => format!("must be from {min} to {max}"),
        None => format!("must be {min} or larger"),
    };
    let field = format!("{at}.{field}");
    Err(Failure::validation(
        BODY,
        field,
        format_args!("value {value} invalid, {bounds}"),
    ))
}

/// Where something lives; `cold` is on disk.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Memory {
    Cold,
    Cached,
    Pinned,
}

/// `hnsw_config`
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Hnsw {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) m: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ef_construct: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) full_scan_threshold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_indexing_threads: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_disk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload_m: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_storage: Option<bool>,
}

impl Hnsw {
    pub(super) fn check(&self, at: &str) -> Result<(), Failure> {
        bounded(at, "m", self.m, 0, Some(u64::from(u16::MAX)))?;
        bounded(at, "ef_construct", self.ef_construct, 4, None)?;
        bounded(
            at,
            "full_scan_threshold",
            self.full_scan_threshold,
            10,
            None,
        )
    }

    /// Settings that say what `config` says.
    pub(super) fn of(config: model::HnswConfig) -> Self {
        Self {
            m: Some(u64::from(config.m)),
            ef_construct: Some(u64::from(config.ef_construct)),
            full_scan_threshold: Some(u64::from(config.full_scan_threshold_kb)),
            ..Self::default()
        }
    }

    /// `config` with what is set here. Numbers that no machine could hold are cut off.
    pub(super) fn over(&self, config: model::HnswConfig) -> model::HnswConfig {
        let saturated = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        model::HnswConfig {
            m: self
                .m
                .map_or(config.m, |m| u16::try_from(m).unwrap_or(u16::MAX)),
            ef_construct: self.ef_construct.map_or(config.ef_construct, saturated),
            full_scan_threshold_kb: self
                .full_scan_threshold
                .map_or(config.full_scan_threshold_kb, saturated),
        }
    }
}

/// A number, or `auto` for the default.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum MaxOptimizationThreads"
)]
pub(super) enum Threads {
    Count(u64),
    Named(Auto),
}

/// `auto`
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Auto {
    Auto,
}

/// `optimizers_config`
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Optimizers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted_threshold: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vacuum_min_vector_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_segment_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_segment_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memmap_threshold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) indexing_threshold: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flush_interval_sec: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_optimization_threads: Option<Threads>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prevent_unoptimized: Option<bool>,
}

impl Optimizers {
    pub(super) fn check(&self, at: &str) -> Result<(), Failure> {
        bounded(
            at,
            "deleted_threshold",
            self.deleted_threshold,
            0.0,
            Some(1.0),
        )?;
        bounded(
            at,
            "vacuum_min_vector_number",
            self.vacuum_min_vector_number,
            100,
            None,
        )?;
        bounded(at, "max_segment_size", self.max_segment_size, 1, None)
    }

    /// Settings that say what `config` says.
    pub(super) fn of(config: model::schema::SegmentConfig) -> Self {
        Self {
            deleted_threshold: Some(config.vacuum_deleted_share),
            vacuum_min_vector_number: Some(u64::from(config.vacuum_rows_min)),
            max_segment_size: Some(u64::from(config.segment_kb_max)),
            indexing_threshold: Some(u64::from(config.indexing_threshold_kb)),
            ..Self::default()
        }
    }

    /// The settings that follow.
    pub(super) fn decode(&self) -> model::schema::SegmentConfig {
        let standard = model::schema::SegmentConfig::default();
        let or = |n: Option<u64>, standard: u32| {
            n.map_or(standard, |n| u32::try_from(n).unwrap_or(u32::MAX))
        };
        model::schema::SegmentConfig {
            indexing_threshold_kb: or(self.indexing_threshold, standard.indexing_threshold_kb),
            segment_kb_max: or(self.max_segment_size, standard.segment_kb_max),
            vacuum_deleted_share: self
                .deleted_threshold
                .unwrap_or(standard.vacuum_deleted_share),
            vacuum_rows_min: or(self.vacuum_min_vector_number, standard.vacuum_rows_min),
        }
    }
}

/// `wal_config`
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(super) struct Wal {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wal_capacity_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wal_segments_ahead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wal_retain_closed: Option<u64>,
}

impl Wal {
    pub(super) fn check(&self, at: &str) -> Result<(), Failure> {
        bounded(at, "wal_capacity_mb", self.wal_capacity_mb, 1, None)
    }
}

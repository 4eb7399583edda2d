//! `strict_mode_config`, as it is sent and shown again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::request::BODY;

/// `strict_mode_config`
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(crate) struct StrictMode {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_query_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unindexed_filtering_retrieve: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unindexed_filtering_update: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_max_hnsw_ef: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_allow_exact: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_max_oversampling: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upsert_max_batchsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_max_batchsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_collection_vector_size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) read_rate_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) write_rate_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_collection_payload_size_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_points_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_max_conditions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition_max_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multivector_config: Option<BTreeMap<String, MultiLimits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sparse_config: Option<BTreeMap<String, SparseLimits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_payload_index_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_resident_memory_percent: Option<u8>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default)]
struct MultiLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_vectors: Option<u64>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default)]
struct SparseLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<u64>,
}

impl StrictMode {
    /// `at` is its path in the body.
    pub(crate) fn check(&self, at: &str) -> Result<(), Failure> {
        let positive = [
            ("max_query_limit", self.max_query_limit),
            ("max_timeout", self.max_timeout),
            ("read_rate_limit", self.read_rate_limit),
            ("write_rate_limit", self.write_rate_limit),
            ("max_points_count", self.max_points_count),
        ];
        for (field, value) in positive {
            if value == Some(0) {
                let field = format!("{at}.{field}");
                return Err(Failure::validation(
                    BODY,
                    field,
                    "value 0 invalid, must be 1 or larger",
                ));
            }
        }
        let percent = self.max_resident_memory_percent;
        if let Some(value) = percent.filter(|percent| !(1..=100).contains(percent)) {
            return Err(Failure::validation(
                BODY,
                format_args!("{at}.max_resident_memory_percent"),
                format_args!("value {value} invalid, must be from 1 to 100"),
            ));
        }
        let multi = self.multivector_config.iter().flatten();
        let sparse = self.sparse_config.iter().flatten();
        let zero = multi
            .map(|(name, of)| ("multivector_config", name, "max_vectors", of.max_vectors))
            .chain(sparse.map(|(name, of)| ("sparse_config", name, "max_length", of.max_length)))
            .find(|(_, _, _, value)| *value == Some(0));
        match zero {
            Some((config, name, field, _)) => Err(Failure::validation(
                BODY,
                format_args!("{at}.{config}.{name}.{field}"),
                "value 0 invalid, must be 1 or larger",
            )),
            None => Ok(()),
        }
    }

    /// Most rows of a vector of the field `name`.
    pub(super) fn multi_rows_max(&self, name: &str) -> Option<u64> {
        self.multivector_config.as_ref()?.get(name)?.max_vectors
    }

    /// Most components of a sparse vector of the field `name`.
    pub(super) fn sparse_length_max(&self, name: &str) -> Option<u64> {
        self.sparse_config.as_ref()?.get(name)?.max_length
    }

    /// As it is kept and shown again.
    pub(crate) fn kept(&self) -> Result<serde_json::Value, Failure> {
        serde_json::to_value(self).map_err(Failure::format)
    }
}

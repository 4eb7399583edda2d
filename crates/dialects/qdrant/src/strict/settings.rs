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
        // A limit that is not watched is worse than none.
        let unwatched = [
            ("read_rate_limit", self.read_rate_limit),
            ("write_rate_limit", self.write_rate_limit),
            (
                "max_collection_vector_size_bytes",
                self.max_collection_vector_size_bytes,
            ),
            (
                "max_collection_payload_size_bytes",
                self.max_collection_payload_size_bytes,
            ),
            (
                "max_resident_memory_percent",
                self.max_resident_memory_percent.map(u64::from),
            ),
        ];
        match unwatched.iter().find(|(_, value)| value.is_some()) {
            Some((field, _)) => Err(Failure::unsupported(format_args!("`{at}.{field}`"))),
            None => Ok(()),
        }
    }

    /// As it is kept and shown again.
    pub(crate) fn kept(&self) -> Result<serde_json::Value, Failure> {
        serde_json::to_value(self).map_err(Failure::format)
    }
}

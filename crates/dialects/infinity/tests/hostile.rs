//! Hostile bodies: nothing panics, and every answer has the dialect's shape.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use gateway::{Config, Dialect};
use model::schema::{VectorField, VectorKind};
use model::{Dim, Element, Metric, Object, Residency, Schema, Vector, VectorName};
use proptest::prelude::*;
use skerry_dialect_infinity::Infinity;
use testkit::dialect::{World, WorldCollection, hostile_json, listener, now};

fn schema() -> Schema {
    Schema {
        vectors: vec![VectorField {
            name: VectorName::new("v").unwrap(),
            since: 0,
            kind: VectorKind::Dense {
                dim: Dim::new(2).unwrap(),
                metric: Metric::L2,
                element: Element::F32,
            },
            index: None,
            index_metric: None,
            quantization: None,
            residency: Residency::default(),
        }],
        ..Schema::default()
    }
}

const WORDS: &[&str] = &[
    "output",
    "filter",
    "search",
    "match_method",
    "dense",
    "sparse",
    "text",
    "tensor",
    "fields",
    "field",
    "query_vector",
    "element_type",
    "float",
    "metric_type",
    "l2",
    "ip",
    "topn",
    "params",
    "fusion_method",
    "rrf",
    "weighted_sum",
    "sort",
    "asc",
    "group_by",
    "having",
    "limit",
    "offset",
    "option",
    "total_hits_count",
    "v",
    "*",
    "v = 1",
    "count(*)",
    "_distance",
    "name",
    "type",
    "integer",
    "vector,2,float",
    "sparse,9,float,int",
    "default",
    "create_option",
    "error",
    "index",
    "hnsw",
    "fulltext",
    "analyzer",
    "update",
    "column_names",
    "role",
    "matching_text",
    "explain_type",
    "physical",
    "analyze",
    "file_path",
    "file_type",
    "csv",
    "columns",
    "snapshot_name",
    "table_name",
    "db_name",
    "books",
    "default_db",
    "new_table_name",
    "optimize_options",
    "minimum_should_match",
    "ef",
    "nprobe",
    "ivf",
    "bmp",
    "metric",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_answer_has_the_shape_of_the_dialect(
        at in any::<prop::sample::Index>(),
        table in prop_oneof!["books", "none", "[a-z0-9-]{1,9}"],
        body in prop_oneof![4 => hostile_json(WORDS), 1 => "[ -~]{0,40}"],
    ) {
        let routes = Infinity.routes();
        let route = &routes[at.index(routes.len())];
        let path = route
            .path
            .replace("{database_name}", "default_db")
            .replace("{table_name}", &table)
            .replace("{segment_id}", "0")
            .replace("{block_id}", "0");
        let path: String = path.split('/').map(|part| match part.starts_with('{') {
            true => "x",
            false => part,
        }).collect::<Vec<_>>().join("/");
        let collection = WorldCollection {
            name: "books",
            listed: true,
            schema: schema(),
            payload: Object::new(),
            vector: Vector::Dense(vec![1.0, 2.0]),
        };
        let world = Arc::new(World::new(vec![collection]));
        let request = http::Request::builder()
            .method(route.method.clone())
            .uri(&path)
            .body(Bytes::from(body))
            .unwrap();
        let response = now(listener(&Infinity, world, Config::default()).serve(request));
        let status = response.status().as_u16();
        let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        let code = answer["error_code"].as_u64().unwrap();
        prop_assert_eq!(status == 200, code == 0, "{} {} {}", route.method, path, answer);
        prop_assert!(status == 200 || status == 500);
        if code != 0 {
            prop_assert!(answer["error_message"].is_string() && answer["error_msg"].is_string());
            prop_assert_ne!(code, 7011, "{}", answer);
        }
    }
}

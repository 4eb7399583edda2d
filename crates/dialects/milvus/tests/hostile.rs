//! Hostile and mutated bodies: nothing panics, the server is never the one to blame, and every
//! refusal has the shape of the dialect.
#![allow(clippy::unwrap_used)]

mod world;

use gateway::Dialect;
use http::Method;
use proptest::prelude::*;
use testkit::dialect::{now, requests};
use world::{listener, world};

/// Exchanges whose bodies are mutated.
const FILES: &[&str] = &[
    include_str!("exchanges/collections.http"),
    include_str!("exchanges/indexes.http"),
    include_str!("exchanges/insert.http"),
    include_str!("exchanges/partitions.http"),
    include_str!("exchanges/search.http"),
    include_str!("exchanges/system.http"),
];

/// Method, path, body.
type Exchange = (Method, String, Vec<u8>);

fn exchanges() -> Vec<Exchange> {
    let all = FILES.iter().flat_map(|file| requests(file));
    all.map(|(_, request)| {
        let (parts, body) = request.into_parts();
        (parts.method, parts.uri.to_string(), body.to_vec())
    })
    .collect()
}

/// What replaces a part of a body.
fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            "null",
            "-1",
            "1e400",
            "\"\"",
            "[]",
            "{}",
            "[[]]",
            "0.5",
            "true",
            "99999999999999999999",
            "\"\\ud800\"",
            ",",
            "\u{fffd}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn mutated() -> impl Strategy<Value = Exchange> {
    let all = exchanges();
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), 0usize..9, part()), 0..3);
    (0..all.len(), cuts).prop_map(move |(which, cuts)| {
        let (method, path, mut body) = all[which].clone();
        for (at, length, part) in cuts {
            let start = at.index(body.len() + 1);
            let end = (start + length).min(body.len());
            body.splice(start..end, part);
        }
        (method, path, body)
    })
}

/// A path with every parameter filled in, and any body.
fn wild() -> impl Strategy<Value = Exchange> {
    let routes = skerry_dialect_milvus::Milvus.routes();
    let name = prop_oneof!["floats", "bits", "none", "%2F%ff", ".{0,300}"];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (1usize..5000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        (1usize..5000).prop_map(|depth| "{\"search\":".repeat(depth).into_bytes()),
    ];
    (0..routes.len(), name, ".{0,20}", body).prop_map(move |(index, name, query, body)| {
        let route = &routes[index];
        let hex = |text: &str| {
            text.bytes()
                .map(|b| format!("%{b:02x}"))
                .collect::<String>()
        };
        let mut path = String::new();
        for part in route.path.split('/').skip(1) {
            path.push('/');
            path.push_str(&if part.starts_with('{') {
                hex(&name)
            } else {
                part.into()
            });
        }
        path = format!("{path}?{}=&offset={}", hex(&query), hex(&query));
        (route.method.clone(), path, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_refusal_has_a_code((method, path, body) in prop_oneof![mutated(), wild()]) {
        let listener = listener(world());
        let request = http::Request::builder().method(method).uri(path);
        let response = now(listener.serve(request.body(body.into()).unwrap()));
        let status = response.status();
        prop_assert!(!status.is_server_error(), "{response:?}");
        if !status.is_success() {
            let told: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            let code = told["code"].as_u64().unwrap_or(0);
            prop_assert!(code > 0, "{told}");
            prop_assert!(told["message"].is_string(), "{told}");
            prop_assert!(status != 404 || [4, 32].contains(&code), "{told}");
        }
    }
}

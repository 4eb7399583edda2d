//! Golden exchanges: requests from `exchanges/*.http`, what the executor is asked, and the
//! response. Further tests check that no route is without one, and that no body, however it was
//! changed, makes the dialect answer in another shape than its own.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::sync::Arc;

use gateway::{Config, Listener, Request};
use http::header::CONTENT_TYPE;
use model::schema::VectorField;
use model::{
    Dim, Element, Metric, Object, Residency, Schema, Value, Vector, VectorKind, VectorName,
};
use proptest::prelude::*;
use skerry_dialect_lynse::Lynse;
use testkit::dialect::{World, WorldCollection, listener, now, requests, routes_without};

const FILES: &[(&str, &str)] = &[
    ("databases", include_str!("exchanges/databases.http")),
    ("collections", include_str!("exchanges/collections.http")),
    ("writes", include_str!("exchanges/writes.http")),
    ("indexes", include_str!("exchanges/indexes.http")),
    ("reads", include_str!("exchanges/reads.http")),
];

fn schema(fields: &[(&str, Metric)]) -> Schema {
    let field = |(name, metric): &(&str, Metric)| VectorField {
        name: VectorName::new(*name).unwrap(),
        since: 0,
        kind: VectorKind::Dense {
            dim: Dim::new(4).unwrap(),
            metric: *metric,
            element: Element::F32,
        },
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    };
    Schema {
        vectors: fields.iter().map(field).collect(),
        ..Schema::default()
    }
}

/// Knows `books` with an unnamed field, and `films` with two named ones.
fn world() -> Arc<World> {
    let payload: Object = [
        ("title", Value::from("Solaris")),
        ("year", Value::Int(1961)),
    ]
    .into_iter()
    .collect();
    let collection = |name, fields: &[_]| WorldCollection {
        name,
        listed: true,
        schema: schema(fields),
        payload: payload.clone(),
        vector: Vector::Dense(vec![1.0, 2.0, 3.0, 4.0]),
    };
    let films = [("image", Metric::L2), ("text", Metric::Cosine)];
    Arc::new(World::new(vec![
        collection("books", &[("", Metric::Dot)]),
        collection("films", &films),
    ]))
}

fn gateway(world: &Arc<World>) -> Listener {
    listener(&Lynse, Arc::clone(world), Config::default())
}

/// A body as text, or the digits of one that is none.
fn shown(body: &[u8], kind: &str) -> String {
    if kind.contains("octet-stream") {
        return body.iter().map(|byte| format!("{byte:02x}")).collect();
    }
    String::from_utf8(body.to_vec()).unwrap()
}

fn exchange(world: &World, listener: &Listener, request: Request) -> String {
    let mut text = format!("> {}\n", String::from_utf8_lossy(request.body()));
    let response = now(listener.serve(request));
    for asked in world.take_asked() {
        writeln!(text, "= {asked}").unwrap();
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    assert!(response.headers().contains_key("x-request-id"));
    let body = shown(response.body(), &kind);
    writeln!(text, "< {} {}", response.status().as_u16(), body.trim_end()).unwrap();
    text
}

fn golden(name: &str) {
    let world = world();
    let listener = gateway(&world);
    let (_, file) = FILES.iter().find(|(file, _)| *file == name).unwrap();
    let mut text = String::new();
    for (line, request) in requests(file) {
        writeln!(text, "{line}\n{}", exchange(&world, &listener, request)).unwrap();
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn databases() {
    golden("databases");
}

#[test]
fn collections() {
    golden("collections");
}

#[test]
fn writes() {
    golden("writes");
}

#[test]
fn indexes() {
    golden("indexes");
}

#[test]
fn reads() {
    golden("reads");
}

fn openapi() -> Request {
    let request = http::Request::builder().uri("/openapi.json");
    request.body(String::new().into()).unwrap()
}

#[test]
fn no_route_is_without_an_exchange() {
    let listener = gateway(&world());
    for (_, file) in FILES {
        for (_, request) in requests(file) {
            now(listener.serve(request));
        }
    }
    now(listener.serve(openapi()));
    let missing = routes_without(&Lynse, &listener);
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_document_has_the_paths_of_version_0_3_0() {
    let response = now(gateway(&world()).serve(openapi()));
    let document: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(document["paths"].as_object().unwrap().len(), 67);
}

/// All requests of all files.
fn known() -> Vec<(http::Method, String, String, Vec<u8>)> {
    let files = FILES.iter().flat_map(|(_, file)| requests(file));
    files
        .map(|(_, request)| {
            let kind = request.headers().get(CONTENT_TYPE);
            let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
            let uri = request.uri().to_string();
            (request.method().clone(), uri, kind, request.body().to_vec())
        })
        .collect()
}

/// What is done to a body.
#[derive(Clone, Debug)]
enum Change {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Replace(Vec<u8>),
}

fn changes() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "null",
        "-1",
        "1e999",
        "[]",
        "{}",
        "\"\"",
        "18446744073709551615",
        "[[1]]",
        "true",
        ",",
    ]);
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Change::Cut),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, by)| Change::Flip(at, by)),
        (any::<prop::sample::Index>(), words)
            .prop_map(|(at, word)| Change::Insert(at, word.into())),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Change::Replace),
    ]
}

fn changed(mut body: Vec<u8>, change: &Change) -> Vec<u8> {
    match change {
        Change::Cut(at) => body.truncate(at.index(body.len() + 1)),
        Change::Flip(at, by) if !body.is_empty() => {
            let at = at.index(body.len());
            body[at] ^= by;
        }
        Change::Flip(..) => {}
        Change::Insert(at, word) => {
            let at = at.index(body.len() + 1);
            body.splice(at..at, word.iter().copied());
        }
        Change::Replace(with) => body.clone_from(with),
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_body_is_answered_in_another_shape(
        which: prop::sample::Index,
        all in prop::collection::vec(changes(), 1..4),
    ) {
        let known = known();
        let (method, uri, kind, body) = known[which.index(known.len())].clone();
        let body = all.iter().fold(body, changed);
        let request = http::Request::builder().method(method).uri(uri);
        let request = request.header(CONTENT_TYPE, kind).body(body.into()).unwrap();
        let response = now(gateway(&world()).serve(request));
        let status = response.status().as_u16();
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap());
        if status == 200 {
            return Ok(());
        }
        if status == 204 {
            prop_assert!(response.body().is_empty());
            return Ok(());
        }
        prop_assert!([400, 404, 409].contains(&status), "{status}");
        if kind == "application/json" {
            let told: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            prop_assert!(told["error"].is_string() && told["code"].is_string(), "{told}");
        } else if status == 404 {
            prop_assert!(response.body().is_empty() || kind.starts_with("text/plain"));
        } else {
            prop_assert!(kind.starts_with("text/plain"), "{kind}");
            prop_assert!(std::str::from_utf8(response.body()).is_ok());
        }
    }
}

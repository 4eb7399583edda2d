//! A request in, a response out: everything joined on a simulated host.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use gateway::Mount;
use http::{Method, StatusCode};
use skerry_app::{App, Config, gateway};
use testkit::{MapStore, SimHost};

fn open(store: &Arc<MapStore>, seed: u64) -> (Arc<SimHost>, Arc<App>) {
    let host = SimHost::new(seed);
    let opened = App::open(
        Arc::clone(store) as _,
        Arc::clone(&host) as _,
        Config::default(),
    );
    let app = host.block_on(opened).unwrap();
    (host, Arc::new(app))
}

fn send(
    (host, app): &(Arc<SimHost>, Arc<App>),
    method: Method,
    path: &str,
    body: &'static str,
) -> (StatusCode, String) {
    let listener = app.gateway().listener(Mount::Only("qdrant")).unwrap();
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
    let response = host.block_on(async move { listener.serve(request).await });
    (
        response.status(),
        String::from_utf8(response.into_body().to_vec()).unwrap(),
    )
}

#[test]
fn what_is_put_through_a_dialect_is_found_through_it_after_a_restart() {
    let store = Arc::new(MapStore::default());
    let app = open(&store, 1);
    let create = r#"{"vectors": {"size": 2, "distance": "Dot"}}"#;
    let (status, answer) = send(&app, Method::PUT, "/collections/towns", create);
    assert_eq!(status, StatusCode::OK, "{answer}");
    let points = r#"{"points": [{"id": 7, "vector": [1, 2], "payload": {"name": "Lund"}}]}"#;
    let (status, answer) = send(
        &app,
        Method::PUT,
        "/collections/towns/points?wait=true",
        points,
    );
    assert_eq!(status, StatusCode::OK, "{answer}");
    app.0.crash();
    let app = open(&store, 2);
    let query = r#"{"vector": [1, 1], "limit": 3, "with_payload": true}"#;
    let (status, answer) = send(
        &app,
        Method::POST,
        "/collections/towns/points/search",
        query,
    );
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(
        answer.contains("Lund") && answer.contains("\"score\":3"),
        "{answer}"
    );
    let closing = Arc::clone(&app.1);
    assert_eq!(app.0.block_on(async move { closing.close().await }), Ok(()));
    let (status, answer) = send(
        &app,
        Method::PUT,
        "/collections/towns/points?wait=true",
        points,
    );
    assert!(status.is_server_error(), "{status} {answer}");
}

#[test]
fn every_dialect_has_a_listener() {
    let (_, app) = open(&Arc::new(MapStore::default()), 1);
    let names = skerry_app::dialect_names();
    assert!(names.contains(&"qdrant"));
    for name in names {
        assert!(
            app.gateway().listener(Mount::Only(name)).is_some(),
            "{name}"
        );
    }
    assert!(app.gateway().listener(Mount::Only("nobody")).is_none());
}

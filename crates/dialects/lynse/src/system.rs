//! The server itself: whether it lives, its metrics, its own document.

use std::fmt::Write;

use bytes::Bytes;
use gateway::Call;
use model::{DatabaseName, Query, Reply};
use serde_json::{Map, Value as Json, json};

use crate::error::Failure;
use crate::reply::{Answer, json as json_reply, with_type};
use crate::request::{ask, greeting};
use crate::routes::ROUTES;

/// The version whose interface this is.
const VERSION: &str = "0.3.0";

/// Paths of the newer protocol, which the document of that version does not have.
pub(crate) const NEWER: &[&str] = &[
    "/add",
    "/upsert",
    "/delete",
    "/restore",
    "/bm25_search",
    "/add_records_binary",
    "/upsert_records_binary",
];

pub(crate) async fn root(_: &Call<'_>) -> Answer {
    Ok(json_reply(greeting()))
}

pub(crate) async fn live(_: &Call<'_>) -> Answer {
    Ok(json_reply(json!({ "status": "ok" }).to_string()))
}

pub(crate) async fn ready(call: &Call<'_>) -> Answer {
    if !call.context.metrics.is_ready() {
        let error = model::Error::new(
            model::ErrorKind::Unavailable,
            model::Subject::Request,
            "the server is starting or stopping",
        );
        return Err(Failure::from(error));
    }
    let body = json!({ "status": "ready", "root_path": "" });
    Ok(json_reply(body.to_string()))
}

/// Databases and their collections.
async fn counts(call: &Call<'_>) -> Result<(usize, usize), Failure> {
    let databases: Vec<DatabaseName> = crate::database::names(call).await?;
    let mut collections = 0;
    for database in &databases {
        // One that is dropped meanwhile has none.
        if let Ok(Reply::Collections(names)) =
            ask(call, Query::ListCollections(database.clone())).await
        {
            collections += names.len();
        }
    }
    Ok((databases.len(), collections))
}

pub(crate) async fn metrics(call: &Call<'_>) -> Answer {
    let (databases, collections) = counts(call).await?;
    let resources = call.context.metrics.resources();
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| {
        // Memory takes whatever is written to it.
        let _ = writeln!(text, "# HELP lynsedb_{name} {help}");
        let _ = writeln!(text, "# TYPE lynsedb_{name} gauge");
        let _ = writeln!(text, "lynsedb_{name} {value}");
    };
    gauge("up", "Whether the server answers.", 1);
    gauge("databases_total", "Databases.", databases as u64);
    gauge("collections_total", "Collections.", collections as u64);
    if let Some(bytes) = resources.disk_used_bytes {
        gauge("storage_disk_bytes", "Bytes in use on the disk.", bytes);
    }
    if let Some(bytes) = resources.resident_bytes {
        gauge(
            "process_resident_memory_bytes",
            "Resident memory of the process.",
            bytes,
        );
    }
    text.push_str("# HELP lynsedb_http_requests_total Requests by route and status.\n");
    text.push_str("# TYPE lynsedb_http_requests_total counter\n");
    for count in call.counters.snapshot() {
        let (method, path) = (&count.method, count.path);
        let (status, requests) = (count.status, count.responses);
        let _ = writeln!(
            text,
            "lynsedb_http_requests_total{{method=\"{method}\",path=\"{path}\",\
             status=\"{status}\"}} {requests}"
        );
    }
    text.push_str(&call.context.metrics.metrics());
    Ok(with_type(
        Bytes::from(text),
        "text/plain; version=0.0.4; charset=utf-8",
    ))
}

fn operation(route: &gateway::Route) -> Json {
    let mut responses = Map::new();
    for (status, text) in [
        ("200", "Success"),
        ("400", "Bad request"),
        ("401", "Unauthorized"),
        ("404", "Not found"),
        ("409", "Already exists"),
        ("500", "Server error"),
    ] {
        responses.insert(status.into(), json!({ "description": text }));
    }
    let mut operation = json!({
        "summary": route.doc,
        "tags": [tag(route.path)],
        "responses": responses,
    });
    let takes_json = route.method == http::Method::POST && !route.path.ends_with("_binary");
    if takes_json {
        let schema = json!({ "type": "object", "additionalProperties": true });
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        });
    }
    operation
}

/// The chapter of a path.
fn tag(path: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| path.contains(word));
    if has(&["search", "query"]) {
        "query"
    } else if has(&["database"]) {
        "database"
    } else if has(&["item", "vector", "head", "tail", "id", "binary"]) {
        "vectors"
    } else if has(&["index"]) {
        "index"
    } else if path.len() > 1 && !has(&["healthz", "readyz", "metrics", "openapi"]) {
        "collection"
    } else {
        "system"
    }
}

pub(crate) async fn openapi(_: &Call<'_>) -> Answer {
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| !is_newer(route.path)) {
        let method = route.method.as_str().to_ascii_lowercase();
        let mut methods = Map::new();
        methods.insert(method, operation(route));
        paths.insert(route.path.into(), methods.into());
    }
    let document = json!({
        "openapi": "3.0.3",
        "info": {
            "title": "LynseDB HTTP API",
            "description": "The interface of LynseDB, as Skerry serves it.",
            "version": VERSION,
        },
        "servers": [{ "url": "http://127.0.0.1:7637" }],
        "security": [{ "ApiKeyAuth": [] }],
        "components": {
            "securitySchemes": { "ApiKeyAuth": { "type": "http", "scheme": "bearer" } },
        },
        "paths": paths,
    });
    Ok(json_reply(document.to_string()))
}

fn is_newer(path: &str) -> bool {
    NEWER.contains(&path) || path.ends_with("_blob")
}

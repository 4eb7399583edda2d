//! Golden exchanges: requests from `exchanges/*.http`, what the executor is asked, and the
//! response. A further test checks that no route is without one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gateway::{Build, Config, Context, Dialect, Files, Gateway, Listener, Mount};
use model::schema::{FieldIndex, VectorField};
use model::{
    BoxFuture, ByteSource, Dim, Element, Error, FieldKind, FieldPath, IndexParams, Metric, Object,
    Residency, Schema, Value, Vector, VectorKind, VectorName,
};
use skerry_dialect_infinity::Infinity;
use testkit::dialect::{
    Silent, Stopped, World, WorldCollection, exchange, now, requests, routes_without,
};

const EXCHANGES: &[(&str, &str)] = &[
    ("schema", include_str!("exchanges/schema.http")),
    ("rows", include_str!("exchanges/rows.http")),
    ("search", include_str!("exchanges/search.http")),
    ("files", include_str!("exchanges/files.http")),
    ("server", include_str!("exchanges/server.http")),
];

/// Files in memory.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Vec<u8>>>);

struct Once(Option<Bytes>);

impl ByteSource for Once {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let piece = self.0.take().filter(|piece| !piece.is_empty());
        Box::pin(async move { Ok(piece) })
    }
}

impl Files for Shelf {
    fn exists<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().contains_key(path)) })
    }

    fn create_directory<'a>(&'a self, _path: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn append<'a>(&'a self, path: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut files = self.0.lock().unwrap();
            files
                .entry(path.to_owned())
                .or_default()
                .extend_from_slice(&bytes);
            Ok(())
        })
    }

    fn open<'a>(
        &'a self,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Box<dyn ByteSource>>, Error>> {
        Box::pin(async move {
            let found = self.0.lock().unwrap().get(path).cloned();
            let source =
                found.map(|bytes| Box::new(Once(Some(bytes.into()))) as Box<dyn ByteSource>);
            Ok(source)
        })
    }
}

fn object(json: serde_json::Value) -> Object {
    match value(json) {
        Value::Object(object) => object,
        _ => panic!("an object"),
    }
}

fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(truth),
        serde_json::Value::Number(n) => Value::Int(n.as_i64().unwrap()),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(list) => Value::Array(list.into_iter().map(value).collect()),
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (name, value(field)));
            let mut object = Object::new();
            for (name, field) in fields {
                object.insert(name.as_str(), field);
            }
            Value::Object(object)
        }
    }
}

/// Knows `books`, a table of this dialect, and `films`, a collection of another one.
fn world() -> Arc<World> {
    let field = VectorField {
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
        residency: Residency::Mapped,
    };
    let attributes = object(serde_json::json!({ "infinity": {
        "columns": [
            { "name": "title", "type": "varchar", "default": "none", "comment": "its name" },
            { "name": "year", "type": "int32" },
            { "name": "v", "type": "vector,2,float" },
        ],
        "indexes": [
            { "name": "words", "type": "fulltext", "column": "title",
              "parameters": [["analyzer", "standard"]], "comment": "" },
            { "name": "near", "type": "hnsw", "column": "v", "comment": "",
              "parameters": [["metric", "l2"], ["encode", "plain"], ["m", "16"]] },
        ],
        "comment": "",
    }}));
    let year = FieldIndex {
        path: FieldPath::field("year"),
        params: IndexParams::new(FieldKind::Integer),
    };
    let payload = object(serde_json::json!({ "title": "Solaris", "year": 1961 }));
    let collection = |name, attributes| WorldCollection {
        name,
        listed: true,
        schema: Schema {
            vectors: vec![field.clone()],
            indexes: vec![year.clone()],
            attributes,
            ..Schema::default()
        },
        payload: payload.clone(),
        vector: Vector::Dense(vec![1.0, 2.0]),
    };
    Arc::new(World::new(vec![
        collection("books", attributes),
        collection("films", Object::new()),
    ]))
}

fn gateway(world: &Arc<World>, files: &Arc<Shelf>) -> Listener {
    let context = Context {
        clock: Arc::new(Stopped),
        metrics: Arc::new(Silent),
        build: Build {
            version: "1.2.3".into(),
            ..Build::default()
        },
        files: Some(Arc::clone(files) as Arc<dyn Files>),
    };
    let gateway = Gateway::new(
        Arc::clone(world) as _,
        &[&Infinity],
        context,
        Config::default(),
    );
    gateway.listener(Mount::Only(Infinity.name())).unwrap()
}

fn golden(name: &str) {
    let (world, files) = (world(), Arc::<Shelf>::default());
    let rows = b"title,year,v\nSolaris,1961,\"[1,2]\"\n";
    files
        .0
        .lock()
        .unwrap()
        .insert("rows.csv".into(), rows.to_vec());
    let listener = gateway(&world, &files);
    let (_, file) = EXCHANGES.iter().find(|(file, _)| *file == name).unwrap();
    let mut text = String::new();
    for (line, request) in requests(file) {
        let exchanged = exchange(&world, &listener, request);
        writeln!(text, "{line}\n{exchanged}").unwrap();
    }
    for (path, bytes) in files.0.lock().unwrap().iter() {
        writeln!(text, "# {path}\n{}", String::from_utf8_lossy(bytes)).unwrap();
    }
    insta::assert_snapshot!(name, text);
}

#[test]
fn schema() {
    golden("schema");
}

#[test]
fn rows() {
    golden("rows");
}

#[test]
fn search() {
    golden("search");
}

#[test]
fn files() {
    golden("files");
}

#[test]
fn server() {
    golden("server");
}

#[test]
fn no_route_is_without_an_exchange() {
    let listener = gateway(&world(), &Arc::default());
    for (_, file) in EXCHANGES {
        for (_, request) in requests(file) {
            now(listener.serve(request));
        }
    }
    let missing = routes_without(&Infinity, &listener);
    let missing: Vec<_> = missing
        .iter()
        .filter(|route| !route.ends_with("openapi.json"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

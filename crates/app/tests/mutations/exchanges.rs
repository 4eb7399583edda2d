//! The corpus as plain requests, and the routes of the table with their parameters filled in.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Exchange {
    fn new(send: &str, body: Option<Value>) -> Self {
        let (method, path) = send.split_once(' ').expect("a method and a path");
        let (method, path) = (method.to_owned(), path.replace(' ', "%20"));
        Self { method, path, body }
    }

    /// The body as it is sent.
    pub(crate) fn text(&self) -> Vec<u8> {
        let text = self.body.as_ref().map(ToString::to_string);
        text.unwrap_or_default().into_bytes()
    }
}

/// One file of the corpus.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) setup: Vec<Exchange>,
    pub(crate) cases: Vec<Exchange>,
}

/// All files, and what they consist of.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) files: Vec<File>,
    pub(crate) cases: Vec<Exchange>,
    /// Every value at every depth of every body, to be put in other places.
    pub(crate) values: Vec<(Option<String>, Value)>,
}

/// The corpus, read once.
pub(crate) fn all() -> &'static Corpus {
    static ALL: OnceLock<Corpus> = OnceLock::new();
    ALL.get_or_init(read)
}

/// A collection that has to keep its points whatever a file does.
pub(crate) fn setup() -> Vec<Exchange> {
    let points: Vec<Value> = (1..=20)
        .map(|i| json!({"id": i, "vector": [i, 1], "payload": {"n": i, "k": "v"}}))
        .collect();
    let create = json!({"vectors": {"size": 2, "distance": "Dot"}});
    vec![
        Exchange::new("PUT /collections/kept", Some(create)),
        Exchange::new(
            "PUT /collections/kept/points?wait=true",
            Some(json!({"points": points})),
        ),
    ]
}

/// Method and path of every route of the dialect, on a collection that the files often have.
pub(crate) fn routes() -> Vec<(String, String)> {
    let dialect = dialects::all()
        .iter()
        .find(|dialect| dialect.name() == "qdrant")
        .expect("the dialect is mounted");
    let filled = |path: &str| {
        let parts = path.split('/').map(|part| match part {
            "{collection_name}" => "c",
            "{id}" => "1",
            "{shard_id}" => "0",
            part if part.starts_with('{') => "a",
            part => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let rows = dialect.routes().iter();
    rows.map(|route| (route.method.to_string(), filled(route.path)))
        .collect()
}

fn read() -> Corpus {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/qdrant");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    let files: Vec<File> = paths.iter().map(|path| file(path)).collect();
    let cases: Vec<Exchange> = files.iter().flat_map(|file| file.cases.clone()).collect();
    let mut values = Vec::new();
    for body in cases.iter().filter_map(|case| case.body.as_ref()) {
        collect(None, body, &mut values);
    }
    Corpus {
        files,
        cases,
        values,
    }
}

fn file(path: &Path) -> File {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let content: Value = serde_json::from_str(&text).expect("a file of the corpus is JSON");
    let list = |key: &str| content[key].as_array().cloned().unwrap_or_default();
    File {
        name: path.display().to_string(),
        setup: list("setup").iter().flat_map(exchanges).collect(),
        cases: list("cases").iter().flat_map(exchanges).collect(),
    }
}

/// The requests of one case, in order: its setup, itself once for each variant, what follows.
fn exchanges(case: &Value) -> Vec<Exchange> {
    let list = |key: &str| case[key].as_array().cloned().unwrap_or_default();
    let mut found: Vec<Exchange> = list("setup").iter().flat_map(exchanges).collect();
    let variants = match case["each"].as_object().and_then(|each| each.iter().next()) {
        Some((name, values)) => {
            let values = values.as_array().cloned().unwrap_or_default();
            values
                .into_iter()
                .map(|v| Some((name.clone(), v)))
                .collect()
        }
        None => vec![None],
    };
    for variant in variants {
        let fill = |value: &Value| match &variant {
            Some((name, with)) => filled(value, &format!("${{{name}}}"), with),
            None => value.clone(),
        };
        let send = fill(&case["send"]);
        let mut body = case.get("body").map(fill);
        if let (Some(Value::Object(body)), Some(more)) = (&mut body, case["merge"].as_object()) {
            body.extend(more.clone());
        }
        found.push(Exchange::new(send.as_str().expect("a text"), body));
        let next = list("then").iter().map(fill).collect::<Vec<_>>();
        found.extend(next.iter().flat_map(exchanges));
    }
    found
}

/// `value` with `name` replaced in all its texts and keys.
fn filled(value: &Value, name: &str, with: &Value) -> Value {
    let plain = with
        .as_str()
        .map_or_else(|| with.to_string(), str::to_owned);
    match value {
        Value::String(text) if text == name => with.clone(),
        Value::String(text) => text.replace(name, &plain).into(),
        Value::Array(all) => all.iter().map(|item| filled(item, name, with)).collect(),
        Value::Object(all) => all
            .iter()
            .map(|(key, item)| (key.replace(name, &plain), filled(item, name, with)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Every value below `value`, with the key that it has.
fn collect(key: Option<&str>, value: &Value, into: &mut Vec<(Option<String>, Value)>) {
    into.push((key.map(str::to_owned), value.clone()));
    match value {
        Value::Array(all) => all.iter().for_each(|item| collect(None, item, into)),
        Value::Object(all) => all
            .iter()
            .for_each(|(key, item)| collect(Some(key), item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

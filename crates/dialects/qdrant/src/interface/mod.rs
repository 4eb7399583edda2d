//! The dialect's own OpenAPI document (3.1): the rows of the route table, and for each what
//! `operations.txt` and `shapes.txt` say of its parameters, its request and its reply.

mod notation;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use gateway::{Access, Call, Route};
use serde_json::{Map, Value, json};

use crate::envelope::{self, Answer};
use crate::routes::ROUTES;
use notation::Fault;

const SHAPES: &str = include_str!("shapes.txt");
const OPERATIONS: &str = include_str!("operations.txt");

/// `GET /openapi.json`
pub(crate) async fn openapi(call: &Call<'_>) -> Answer {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| {
        document(ROUTES, &call.context.build.version).expect("the texts are tested")
    });
    envelope::bare(document)
}

/// What one line of `operations.txt` says.
#[derive(Debug)]
struct Operation {
    parameters: Vec<String>,
    request: Option<String>,
    reply: String,
    accepted: bool,
}

/// The parameters of query strings by name, and the operations by method and path.
#[derive(Debug, Default)]
struct Operations {
    parameters: BTreeMap<String, Value>,
    rows: BTreeMap<(String, String), Operation>,
}

fn operations(text: &str) -> Result<Operations, Fault> {
    let mut operations = Operations::default();
    for line in notation::lines(text) {
        let fault = || Fault(line.clone());
        if let Some(parameter) = line.strip_prefix("param ") {
            let (name, shape) = parameter.split_once(" = ").ok_or_else(fault)?;
            let schema = notation::schema(shape)?;
            operations.parameters.insert(name.to_owned(), schema);
            continue;
        }
        let (request, reply) = line.split_once(" -> ").ok_or_else(fault)?;
        let mut words = request.split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(fault());
        };
        let mut next = words.next();
        let parameters = next.and_then(|word| word.strip_prefix('?'));
        if parameters.is_some() {
            next = words.next();
        }
        let names = parameters.unwrap_or_default().split(',');
        let row = Operation {
            parameters: names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            request: next.map(str::to_owned),
            reply: reply.trim_end_matches(" accepted").to_owned(),
            accepted: reply.ends_with(" accepted"),
        };
        let place = (method.to_owned(), path.to_owned());
        if operations.rows.insert(place, row).is_some() {
            return Err(fault());
        }
    }
    Ok(operations)
}

/// The document of these routes.
fn document(routes: &[Route], version: &str) -> Result<Value, Fault> {
    let operations = operations(OPERATIONS)?;
    let mut paths = Map::new();
    for route in routes {
        let place = (route.method.to_string(), route.path.to_owned());
        let row = operations
            .rows
            .get(&place)
            .ok_or_else(|| Fault(format!("{} {} has no line", place.0, place.1)))?;
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = operation(route, row, &operations)?;
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Skerry, the Qdrant dialect",
            "version": version,
            "summary": "The REST interface of Qdrant 1.19, as this server answers it",
        },
        "security": [{"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": notation::definitions(SHAPES)?,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }))
}

fn operation(route: &Route, row: &Operation, all: &Operations) -> Result<Value, Fault> {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
        })
        .collect();
    for name in &row.parameters {
        let schema = all.parameters.get(name);
        let schema = schema.ok_or_else(|| Fault(format!("no parameter {name}")))?;
        parameters.push(json!({"name": name, "in": "query", "schema": schema}));
    }
    let id = format!("{}{}", route.method.as_str().to_lowercase(), route.path);
    let words = id.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let id: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut operation = json!({
        "operationId": id.join("_"),
        "summary": route.doc,
        "parameters": parameters,
        "responses": responses(route, row)?,
    });
    if let Some(request) = &row.request {
        operation["requestBody"] = json!({"required": true, "content": body(request)?});
    }
    if route.access == Access::Open {
        operation["security"] = json!([]);
    }
    Ok(operation)
}

fn body(request: &str) -> Result<Value, Fault> {
    if request == "archive" {
        let part = json!({"type": "string", "format": "binary"});
        let schema = json!({"type": "object", "properties": {"snapshot": part}});
        return Ok(json!({"multipart/form-data": {"schema": schema}}));
    }
    Ok(json!({"application/json": {"schema": notation::schema(request)?}}))
}

fn responses(route: &Route, row: &Operation) -> Result<Value, Fault> {
    let content = match row.reply.as_str() {
        "text" => json!({"text/plain": {"schema": {"type": "string"}}}),
        "bytes" => json!({"application/octet-stream": {}}),
        reply => {
            let schema = match reply.strip_prefix('=') {
                Some(whole) => notation::schema(whole)?,
                None => envelope_of(notation::schema(reply)?),
            };
            json!({"application/json": {"schema": schema}})
        }
    };
    let problem = json!({"application/json": {"schema": notation::reference("Problem")}});
    let mut responses = json!({
        "200": {"description": "What was asked for", "content": content},
        "4XX": {"description": "What is wrong with the request", "content": problem},
        "5XX": {"description": "What is wrong with the server", "content": problem},
    });
    if row.accepted {
        let schema = notation::schema(r#"{status: "accepted", time: number}"#)?;
        responses["202"] = json!({
            "description": "It is being done",
            "content": {"application/json": {"schema": schema}},
        });
    }
    if route.access != Access::Open {
        responses["401"] = json!({
            "description": "A key is missing or wrong",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        });
    }
    if row.reply == "text" {
        responses["503"] = json!({
            "description": "Not ready",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        });
    }
    Ok(responses)
}

/// `result` as every answer has it around.
fn envelope_of(result: Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "result": result,
            "status": {"type": "string", "enum": ["ok"]},
            "time": {"type": "number"},
            "usage": {"anyOf": [notation::reference("Usage"), {"type": "null"}]},
        },
        "required": ["result", "status", "time"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let described = operations(OPERATIONS).expect("the notation is kept").rows;
        let of_table = |route: &Route| (route.method.to_string(), route.path.to_owned());
        let table: BTreeSet<_> = ROUTES.iter().map(of_table).collect();
        let described: BTreeSet<_> = described.into_keys().collect();
        let missing: Vec<_> = table.difference(&described).collect();
        let extra: Vec<_> = described.difference(&table).collect();
        assert!(missing.is_empty(), "without a line: {missing:#?}");
        assert!(extra.is_empty(), "not in the table: {extra:#?}");
    }

    #[test]
    fn every_shape_that_is_named_exists_and_is_used() {
        let document = document(ROUTES, "0").expect("the notation is kept");
        let text = document.to_string();
        let shapes = document["components"]["schemas"].as_object();
        let names: BTreeSet<&str> = shapes
            .into_iter()
            .flatten()
            .map(|(n, _)| n.as_str())
            .collect();
        let mark = "#/components/schemas/";
        let used: BTreeSet<&str> = text
            .split(mark)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(names, used);
    }
}

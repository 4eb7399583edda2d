//! Columns of a table.

use gateway::Call;
use model::{Filter, Object, Target, WriteOp};
use serde_json::{Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::cells::{self, Cell};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request::{self, Named};
use crate::table::{self, Column, Place, Table};
use crate::{documents, shown, tables};

/// `GET /databases/{database_name}/tables/{table_name}/columns`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let columns: Vec<Out> = table.columns.iter().map(describe).collect();
    ok(json!({
        "columns": columns,
        "table_name": table.collection.name.as_str(),
        "database_name": table.collection.database.as_str(),
    }))
}

/// Both generations' names of everything.
fn describe(column: &Column) -> Out {
    let kind = column.kind.shown();
    let default = match &column.default {
        None | Some(Json::Null) => "Null".to_owned(),
        Some(Json::Text(text)) => text.clone(),
        Some(value) => shown::to_json(&value.to_value()).to_string(),
    };
    json!({
        "name": column.name,
        "type": kind,
        "default": default,
        "comment": column.comment,
        "column_name": column.name,
        "column_type": kind,
        "constraints": column.constraints.join(" "),
    })
}

/// `POST /databases/{database_name}/tables/{table_name}/columns`
pub(crate) async fn add(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let fields = body.get("fields").and_then(Json::as_list);
    let fields = fields.filter(|fields| !fields.is_empty());
    let fields = fields.ok_or_else(|| Failure::new(code::NO_COLUMNS, "No columns are defined."))?;
    let columns = tables::definitions(fields)?;
    if let Some(column) = columns.iter().find(|column| column.default.is_none()) {
        let text = format!("Column {} needs a default value", column.name);
        return Err(Failure::not_supported(text));
    }
    // Vectors of rows that exist must be written one by one, so their ids are needed first.
    let known = Table::of(call).await?;
    let vectors = default_vectors(&columns)?;
    let ids = match vectors.is_empty() {
        true => Vec::new(),
        false => documents::ids(call, &known.collection, None).await?,
    };
    table::change(call, |table| {
        let mut operations = Vec::new();
        let mut payload = Object::new();
        for column in &columns {
            if table.column(&column.name).is_some() {
                let text = format!("Duplicate column name: {}", column.name);
                return Err(Failure::new(code::DUPLICATE_COLUMN, text));
            }
            operations.extend(tables::vector_field(column).map(WriteOp::AddVector));
            let default = column.default.as_ref().unwrap_or(&Json::Null);
            if let Cell::Value(value) = cells::read(column, default)? {
                payload.insert(column.name.as_str(), value);
            }
            table.columns.push(column.clone());
        }
        if payload
            .iter()
            .any(|(_, value)| *value != model::Value::Null)
        {
            operations.push(WriteOp::SetPayload {
                target: Target::Filter(Filter::All(Vec::new())),
                payload,
                at: None,
            });
        }
        if !ids.is_empty() {
            let points = ids.iter().map(|id| (id.clone(), vectors.clone()));
            operations.push(WriteOp::UpdateVectors {
                points: points.collect(),
                condition: None,
            });
        }
        Ok(operations)
    })
    .await?;
    done()
}

/// The vectors that are the defaults of `columns`.
fn default_vectors(columns: &[Column]) -> Result<model::NamedVectors, Failure> {
    let mut vectors = Vec::new();
    for column in columns {
        let default = column.default.as_ref().unwrap_or(&Json::Null);
        if let (Cell::Vector(vector), Place::Vector(name)) =
            (cells::read(column, default)?, &column.place)
        {
            vectors.push((name.clone(), vector));
        }
    }
    Ok(vectors)
}

/// `DELETE /databases/{database_name}/tables/{table_name}/columns`
pub(crate) async fn remove(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let names = body.get("column_names").and_then(Json::as_list);
    let names = names.filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| Failure::json("`column_names` must be a list of names"))?;
    let names: Result<Vec<String>, Failure> = names
        .iter()
        .map(|name| {
            let name = name
                .as_text()
                .ok_or_else(|| Failure::json("a name is a text"))?;
            request::checked_name(name, Named::Column)
        })
        .collect();
    let names = names?;
    table::change(call, |table| {
        let mut operations = Vec::new();
        let mut paths = Vec::new();
        for name in &names {
            let column = table.known_column(name)?.clone();
            if table
                .indexes
                .iter()
                .any(|index| index.column == column.name)
            {
                let text = format!("Column {name} has an index");
                return Err(Failure::new(code::INDEX_ON_COLUMN, text));
            }
            match &column.place {
                Place::Vector(name) => operations.push(WriteOp::DropVector(name.clone())),
                Place::Payload(path) => paths.push(path.clone()),
            }
            table.columns.retain(|other| other.name != column.name);
        }
        if table.columns.is_empty() {
            return Err(Failure::not_supported("a table without columns"));
        }
        if !paths.is_empty() {
            operations.push(WriteOp::DeletePayload {
                target: Target::Filter(Filter::All(Vec::new())),
                paths,
            });
        }
        Ok(operations)
    })
    .await?;
    done()
}

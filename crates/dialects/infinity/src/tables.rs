//! Tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use gateway::Call;
use model::{
    CollectionName, CollectionRef, Command, Comparator, DatabaseName, Dim, Element, ErrorKind,
    Metric, Modifier, Outcome, Query, Reply, Residency, Schema, VectorField, VectorKind,
};
use serde_json::json;

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::kinds::{self, Kind, Part};
use crate::request::{self, IfExists, Named};
use crate::table::{Column, Place, Table};
use crate::{cells, databases};

/// `GET /databases/{database_name}/tables`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let database = request::database(call)?;
    databases::exists(call, &database).await?;
    let names = databases::tables(call, &database).await?;
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    ok(json!({ "tables": names, "table_names": names }))
}

/// `GET /databases/{database_name}/tables/{table_name}`
pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let asked = Query::DescribeCollection(table.collection.clone());
    let info = match request::query(call, asked).await? {
        Reply::Collection(info) => info,
        other => return Err(other.unexpected().into()),
    };
    ok(json!({
        "database_name": table.collection.database.as_str(),
        "table_name": table.collection.name.as_str(),
        "table_comment": table.comment,
        "storage_directory": directory(&table.collection),
        "column_count": table.columns.len().to_string(),
        "segment_count": info.segments.to_string(),
        "row_count": info.points.to_string(),
    }))
}

/// Where a table would be, as a name.
pub(crate) fn directory(table: &CollectionRef) -> String {
    format!(
        "{}/table_{}",
        databases::directory(&table.database),
        table.name
    )
}

/// `POST /databases/{database_name}/tables/{table_name}`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let collection = request::table_named(call, call.param("table_name"))?;
    let option = request::create_option(&body)?;
    let fields = match body.get("fields") {
        Some(Json::List(fields)) if !fields.is_empty() => fields,
        Some(Json::List(_)) | None => {
            return Err(Failure::new(code::NO_COLUMNS, "No columns are defined."));
        }
        Some(_) => return Err(Failure::json("`fields` must be a list")),
    };
    let columns = definitions(fields)?;
    let comment = body.get("comment").and_then(Json::as_text);
    let mut table = Table {
        collection,
        schema: Arc::default(),
        columns,
        indexes: Vec::new(),
        comment: comment.unwrap_or_default().to_owned(),
    };
    let mut schema = Schema {
        vectors: table.columns.iter().filter_map(vector_field).collect(),
        ..Schema::default()
    };
    schema.vectors.sort_by(|a, b| a.name.cmp(&b.name));
    schema.attributes = table.attributes();
    table.schema = Arc::new(schema.clone());
    databases::exists(call, &table.collection.database).await?;
    let command = Command::CreateCollection {
        collection: table.collection.clone(),
        schema,
    };
    match request::execute(call, command.clone()).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists && option == IfExists::Ignore => {}
        Err(error) if error.kind == ErrorKind::AlreadyExists && option == IfExists::Replace => {
            drop_one(call, table.collection.clone()).await?;
            request::execute(call, command).await?;
        }
        other => drop(other?),
    }
    done()
}

/// The columns that a list of definitions gives.
pub(crate) fn definitions(fields: &[Json]) -> Result<Vec<Column>, Failure> {
    let mut names = BTreeSet::new();
    let mut columns = Vec::new();
    for field in fields {
        let column = definition(field)?;
        if !names.insert(column.name.clone()) {
            let text = format!("Duplicate column name: {}", column.name);
            return Err(Failure::new(code::DUPLICATE_COLUMN, text));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn definition(field: &Json) -> Result<Column, Failure> {
    let invalid = |text: &str| Failure::new(code::INVALID_COLUMN, text);
    if field.as_object().is_none() {
        return Err(invalid("a column is an object"));
    }
    let name = field.get("name").and_then(Json::as_text);
    let name = name.ok_or_else(|| invalid("a column needs a name"))?;
    let name = request::checked_name(name, Named::Column)?;
    let kind = kinds::of_definition(field.get("type"))?;
    if has_rows_of_bits(&kind) {
        return Err(Failure::not_supported("several rows of bits"));
    }
    let constraints = match field.get("constraints") {
        None => Vec::new(),
        Some(Json::List(list)) => list.iter().map(constraint).collect::<Result<_, _>>()?,
        Some(_) => return Err(invalid("constraints are a list")),
    };
    let comment = field.get("comment").and_then(Json::as_text);
    let column = Column {
        place: Column::place_of(&name, &kind)?,
        name,
        kind,
        default: field.get("default").cloned(),
        constraints,
        comment: comment.unwrap_or_default().to_owned(),
    };
    if let Some(default) = &column.default
        && *default != Json::Null
    {
        cells::read(&column, default)?;
    }
    Ok(column)
}

/// The constraints that Infinity knows. Those about several rows are kept and not held to, as
/// there.
const CONSTRAINTS: &[&str] = &["null", "not null", "primary key", "unique"];

fn constraint(value: &Json) -> Result<String, Failure> {
    let text = value.as_text().unwrap_or_default();
    match CONSTRAINTS.contains(&text.to_ascii_lowercase().as_str()) {
        true => Ok(text.to_owned()),
        false => {
            let text = format!("Invalid constraint: {text}");
            Err(Failure::new(code::CONSTRAINT, text))
        }
    }
}

fn has_rows_of_bits(kind: &Kind) -> bool {
    match kind {
        Kind::MultiVector(rows) | Kind::Tensor(rows) | Kind::TensorArray(rows) => {
            rows.element == Part::Bit
        }
        _ => false,
    }
}

/// The vector field of a column, when it is one of vectors. The metric belongs to searches in
/// Infinity; the field has one, and an index of its own names another.
pub(crate) fn vector_field(column: &Column) -> Option<VectorField> {
    let Place::Vector(name) = &column.place else {
        return None;
    };
    let many = |dim: Dim, metric| VectorKind::Multi {
        dim,
        metric,
        element: Element::F32,
        comparator: Comparator::MaxSim,
    };
    let kind = match &column.kind {
        Kind::Vector(rows) if rows.element == Part::Bit => VectorKind::Binary {
            dim: rows.dim,
            metric: Metric::Hamming,
        },
        Kind::Vector(rows) => VectorKind::Dense {
            dim: rows.dim,
            metric: Metric::L2,
            element: Element::F32,
        },
        Kind::MultiVector(rows) | Kind::Tensor(rows) => many(rows.dim, Metric::Dot),
        Kind::Sparse { .. } => VectorKind::Sparse {
            modifier: Modifier::None,
        },
        _ => return None,
    };
    Some(VectorField {
        name: name.clone(),
        since: 0,
        kind,
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::default(),
    })
}

/// `DELETE /databases/{database_name}/tables/{table_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let ignores_missing = request::ignores_missing(&body)?;
    let collection = request::table_named(call, call.param("table_name"))?;
    databases::exists(call, &collection.database).await?;
    let found = Table::read(call, collection).await;
    match found {
        Ok(table) => {
            drop_one(call, table.collection).await?;
            done()
        }
        Err(failure) if failure.code == code::NO_TABLE && ignores_missing => done(),
        Err(failure) => Err(failure),
    }
}

async fn drop_one(call: &Call<'_>, collection: CollectionRef) -> Result<bool, Failure> {
    let command = Command::DropCollection { collection };
    match request::execute(call, command).await? {
        Outcome::Existed(existed) => Ok(existed),
        _ => Ok(true),
    }
}

/// `POST /databases/{database_name}/tables/{table_name}/rename`
pub(crate) async fn rename(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = body.get("new_table_name").and_then(Json::as_text);
    let name = name.ok_or_else(|| Failure::json("`new_table_name` must be a text"))?;
    let name = request::checked_name(name, Named::Table)?;
    let collection = Table::of(call).await?.collection;
    let to = CollectionName::new(&name)?;
    request::execute(call, Command::RenameCollection { collection, to }).await?;
    done()
}

/// `POST /instance/table/compact`, of version 0.5.2: as [`tend`].
pub(crate) async fn compact(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let text = |name: &str, other: &str| {
        let found = body.get(name).or(body.get(other)).and_then(Json::as_text);
        found.ok_or_else(|| Failure::json(format_args!("`{name}` must be a text")))
    };
    let database = request::checked_name(text("db_name", "database_name")?, Named::Database)?;
    let name = request::checked_name(text("table_name", "table")?, Named::Table)?;
    let database = DatabaseName::new(&database)?;
    databases::exists(call, &database).await?;
    let name = CollectionName::new(&name)?;
    Table::read(call, CollectionRef { database, name }).await?;
    done()
}

/// `PUT /databases/{database_name}/tables/{table_name}/compact` and `…/optimize`: segments are
/// merged and indexed in the background, without being asked.
pub(crate) async fn tend(call: &Call<'_>) -> Answer {
    Table::of(call).await?;
    done()
}

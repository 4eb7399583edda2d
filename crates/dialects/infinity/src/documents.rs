//! Rows written, changed and deleted.

use std::collections::BTreeSet;

use gateway::Call;
use model::query::{PayloadSelect, VectorSelect};
use model::{
    CollectionRef, Filter, NamedVectors, Object, Point, PointId, Query, Record, Reply, Select,
    Target, UpsertMode, WriteOp,
};
use serde_json::json;

use crate::answer::{Answer, done, ok};
use crate::cells::{self, Cell};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request;
use crate::table::{Place, Table};
use crate::vocabulary::Words;

/// Rows of one insert, at most.
const ROWS_MAX: usize = 8192;

/// Rows read at once when many are read.
const PAGE: usize = 2048;

/// `POST /databases/{database_name}/tables/{table_name}/docs`
pub(crate) async fn insert(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let table = Table::of(call).await?;
    let rows = match &body {
        Json::List(rows) => rows.as_slice(),
        Json::Object(_) if !call.body.is_empty() => core::slice::from_ref(&body),
        _ => return Err(Failure::json("rows are a list of objects")),
    };
    if rows.is_empty() {
        return Err(Failure::json("there are no rows"));
    }
    if rows.len() > ROWS_MAX {
        let text = format!("Insert batch row limit shouldn't more than {ROWS_MAX}");
        return Err(Failure::not_supported(text));
    }
    let read: Result<Vec<_>, _> = rows.iter().map(|row| read_row(&table, row)).collect();
    let first = request::new_ids(call, rows.len());
    let points = (first..).zip(read?).map(|(id, (payload, vectors))| Point {
        id: PointId::Num(id),
        vectors,
        payload,
    });
    let upsert = WriteOp::Upsert {
        points: points.collect(),
        mode: UpsertMode::InsertNew,
        condition: None,
    };
    request::write(call, &table.collection, vec![upsert]).await?;
    done()
}

/// What a row is stored as.
pub(crate) fn read_row(table: &Table, row: &Json) -> Result<(Object, NamedVectors), Failure> {
    let fields = row
        .as_object()
        .ok_or_else(|| Failure::json("a row is an object"))?;
    let mut seen = BTreeSet::new();
    for (name, _) in fields {
        let lower = name.to_ascii_lowercase();
        if table.column(&lower).is_none() {
            let name = &table.collection.name;
            let text = format!("INSERT: Column {lower} not found in table {name}.");
            return Err(Failure::syntax(text));
        }
        if !seen.insert(lower) {
            let text = format!("Duplicate column name: {name}");
            return Err(Failure::new(code::DUPLICATE_COLUMN, text));
        }
    }
    let (mut payload, mut vectors) = (Object::new(), Vec::new());
    for column in &table.columns {
        let value = row.get(&column.name).or(column.default.as_ref());
        let value = value.ok_or_else(|| {
            let name = &column.name;
            Failure::syntax(format!("INSERT: No default value found for column {name}."))
        })?;
        match (cells::read(column, value)?, &column.place) {
            (Cell::Value(value), Place::Payload(path)) => put(&mut payload, path, value),
            (Cell::Vector(vector), Place::Vector(name)) => vectors.push((name.clone(), vector)),
            (Cell::Nothing, _) => {}
            (Cell::Value(_) | Cell::Vector(_), _) => {
                return Err(Failure::not_supported("a column of this type"));
            }
        }
    }
    Ok((payload, vectors))
}

/// Sets the value at `path`, making the objects on the way. Columns of other dialects may lie
/// deeper; those inside lists are not written.
fn put(payload: &mut Object, path: &model::FieldPath, value: model::Value) {
    let mut names = Vec::new();
    for step in path.steps() {
        match step {
            model::Step::Key(key) => names.push(key.clone()),
            model::Step::Each | model::Step::At(_) => return,
        }
    }
    let Some(last) = names.pop() else { return };
    let mut inner = payload;
    for name in names {
        if !matches!(inner.get(&name), Some(model::Value::Object(_))) {
            inner.insert(name.clone(), model::Value::Object(Object::new()));
        }
        match inner.get_mut(&name) {
            Some(model::Value::Object(object)) => inner = object,
            _ => return,
        }
    }
    inner.insert(last, value);
}

/// The filter of a body that deletes or updates; `None`: every row.
fn condition(table: &Table, body: &Json) -> Result<Option<Filter>, Failure> {
    match body.get("filter") {
        None => Err(Failure::syntax("`filter` is missing")),
        Some(Json::Text(text)) if text.trim().is_empty() => Ok(None),
        Some(Json::Text(text)) => Words::of_filter(table).filter(text, code::FILTER).map(Some),
        Some(_) => Err(Failure::new(code::FILTER, "a filter is a text")),
    }
}

/// `DELETE /databases/{database_name}/tables/{table_name}/docs`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let table = Table::of(call).await?;
    let filter = match body.get("filter") {
        None => None,
        Some(_) => condition(&table, &body)?,
    };
    let ids = ids(call, &table.collection, filter).await?;
    let deleted = ids.len();
    if deleted > 0 {
        let target = Target::Ids(ids);
        let operations = vec![WriteOp::Delete { target }];
        request::write(call, &table.collection, operations).await?;
    }
    ok(json!({ "deleted_rows": deleted }))
}

/// `PUT /databases/{database_name}/tables/{table_name}/docs`
pub(crate) async fn update(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let table = Table::of(call).await?;
    let fields = body.get("update").and_then(Json::as_object);
    let fields = fields.filter(|fields| !fields.is_empty());
    let fields = fields.ok_or_else(|| Failure::json("`update` must be an object of columns"))?;
    let filter = condition(&table, &body)?;
    let filter = filter.unwrap_or(Filter::All(Vec::new()));
    let (mut payload, mut vectors) = (Object::new(), Vec::new());
    let mut removed = Vec::new();
    for (name, value) in fields {
        let unbound = || Failure::syntax(format!("UPDATE: Column {name} not found"));
        let column = table.column(name).ok_or_else(unbound)?;
        match (cells::read(column, value)?, &column.place) {
            (Cell::Value(value), Place::Payload(path)) => put(&mut payload, path, value),
            (Cell::Vector(vector), Place::Vector(name)) => vectors.push((name.clone(), vector)),
            (Cell::Nothing, Place::Vector(name)) => removed.push(name.clone()),
            (Cell::Value(_) | Cell::Vector(_) | Cell::Nothing, _) => {
                return Err(Failure::not_supported("a column of this type"));
            }
        }
    }
    let mut operations = Vec::new();
    // Vectors first: the filter may be about the values that change.
    if !vectors.is_empty() {
        let ids = ids(call, &table.collection, Some(filter.clone())).await?;
        let points = ids.into_iter().map(|id| (id, vectors.clone()));
        operations.push(WriteOp::UpdateVectors {
            points: points.collect(),
            condition: Some(filter.clone()),
        });
    }
    if !removed.is_empty() {
        operations.push(WriteOp::DeleteVectors {
            target: Target::Filter(filter.clone()),
            names: removed,
        });
    }
    if !payload.is_empty() {
        operations.push(WriteOp::SetPayload {
            target: Target::Filter(filter),
            payload,
            at: None,
        });
    }
    request::write(call, &table.collection, operations).await?;
    done()
}

/// The ids of all rows that match, ascending.
pub(crate) async fn ids(
    call: &Call<'_>,
    collection: &CollectionRef,
    filter: Option<Filter>,
) -> Result<Vec<PointId>, Failure> {
    let rows = scan(call, collection, filter, Select::default(), usize::MAX).await?;
    Ok(rows.into_iter().map(|record| record.id).collect())
}

/// All that is stored of a row.
pub(crate) fn everything() -> Select {
    Select {
        payload: PayloadSelect::All,
        vectors: VectorSelect::All,
    }
}

/// The first `limit` rows that match, ascending by id, which is the order of their insertion.
pub(crate) async fn scan(
    call: &Call<'_>,
    collection: &CollectionRef,
    filter: Option<Filter>,
    select: Select,
    limit: usize,
) -> Result<Vec<Record>, Failure> {
    let mut rows = Vec::new();
    let mut from = None;
    while rows.len() < limit {
        let asked = Query::Scroll {
            collection: collection.clone(),
            filter: filter.clone(),
            from: from.take(),
            limit: PAGE.min(limit - rows.len()),
            order_by: None,
            select: select.clone(),
        };
        let (records, next) = match request::query(call, asked).await? {
            Reply::Page { records, next } => (records, next),
            other => return Err(other.unexpected().into()),
        };
        rows.extend(records.into_iter().map(|(record, _)| record));
        match next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    Ok(rows)
}

//! Indexes created, shown, changed and dropped.

use gateway::Call;
use model::schema::VectorChange;
use model::{ConfigChange, FieldIndex, IndexParams, Modifier, VectorKind, WriteOp};
use serde_json::{Value as Out, json};

use crate::answer::{Answer, done, ok};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::request::{self, IfExists, Named};
use crate::search::analysis::Analysis;
use crate::search::features;
use crate::table::{self, Column, Index, Place, Table};
use crate::{index_kinds, index_served};
use crate::{storage, tables};

/// `GET …/indexes`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let indexes: Vec<Out> = table
        .indexes
        .iter()
        .map(|index| {
            json!({
                "index_name": index.name,
                "index_type": index_kinds::shown(&index.kind),
                "columns": index.column,
            })
        })
        .collect();
    ok(json!({ "indexes": indexes, "table_name": table.collection.name.as_str() }))
}

/// `GET …/indexes/{index_name}`
pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let index = table.index(&name).ok_or_else(|| no_index(&name))?;
    let columns = table.columns.iter();
    let at = columns
        .into_iter()
        .position(|column| column.name == index.column);
    let parameters = index.parameters.iter();
    let parameters: Vec<_> = parameters.map(|(k, v)| format!("{k} = {v}")).collect();
    ok(json!({
        "database_name": table.collection.database.as_str(),
        "table_name": table.collection.name.as_str(),
        "index_name": index.name,
        "index_comment": index.comment,
        "index_type": index_kinds::shown(&index.kind),
        "index_column_names": index.column,
        "index_column_ids": at.unwrap_or_default().to_string(),
        "function_info": index.function,
        "other_parameters": parameters.join(", "),
        "storage_directory": directory(&table, index),
        "storage_size": "0B",
        "segment_index_count": "1",
    }))
}

fn no_index(name: &str) -> Failure {
    Failure::new(code::NO_INDEX, format!("Index: {name} doesn't exist."))
}

/// `PUT …/indexes/{index_name}/dump`
pub(crate) async fn dump(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    table.index(&name).ok_or_else(|| no_index(&name))?;
    done()
}

/// `POST …/indexes/{index_name}`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let option = request::create_option(&body)?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let fields = body
        .get("fields")
        .and_then(Json::as_list)
        .unwrap_or_default();
    let functional = index_kinds::is_functional(&body);
    let target = match fields {
        [Json::Text(function)] if functional => function.clone(),
        [Json::Text(column)] => request::checked_name(column, Named::Column)?,
        [] => return Err(Failure::new(code::INVALID_INDEX, "an index needs a column")),
        _ => return Err(Failure::not_supported("an index on several columns")),
    };
    let comment = body
        .get("comment")
        .and_then(Json::as_text)
        .unwrap_or_default();
    table::change(call, |table| {
        if table.index(&name).is_some() {
            match option {
                IfExists::Ignore => return Ok(Vec::new()),
                IfExists::Replace => table.indexes.retain(|index| index.name != name),
                IfExists::Fail => {
                    let text = format!("Index: {name} is already existed");
                    return Err(Failure::new(code::DUPLICATE_INDEX, text));
                }
            }
        }
        let (column, function) = match functional {
            true => index_kinds::function(table, &target)?,
            false => (table.known_column(&target)?.clone(), String::new()),
        };
        let (kind, parameters) = index_kinds::definition(&body, &column)?;
        table.indexes.push(Index {
            name: name.clone(),
            kind,
            column: column.name.clone(),
            function,
            parameters,
            comment: comment.to_owned(),
        });
        built(table, &column)
    })
    .await?;
    done()
}

/// `DELETE …/indexes/{index_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let ignores_missing = request::ignores_missing(&body)?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    table::change(call, |table| {
        let Some(at) = table.indexes.iter().position(|index| index.name == name) else {
            return match ignores_missing {
                true => Ok(Vec::new()),
                false => Err(no_index(&name)),
            };
        };
        let index = table.indexes.remove(at);
        let column = table.known_column(&index.column)?.clone();
        built(table, &column)
    })
    .await?;
    done()
}

/// What must be done so that `column` has the indexes that `table` says.
fn built(table: &Table, column: &Column) -> Result<Vec<WriteOp>, Failure> {
    let of_column = |is_wanted: &dyn Fn(&Index) -> bool| {
        let mut indexes = table.indexes.iter();
        indexes.find(|index| index.column == column.name && is_wanted(index))
    };
    match &column.place {
        Place::Payload(path) => {
            // A path has one payload index; that of tokens serves more.
            let of_words = of_column(&features::has_words);
            let of_values = of_column(&|index| index.kind == "secondary");
            let params = match (of_words, of_values) {
                (Some(index), _) => Some(Analysis::of(index)?.params()),
                (None, Some(_)) => index_kinds::values_index(&column.kind).map(IndexParams::new),
                (None, None) => None,
            };
            Ok(vec![match params {
                Some(params) => WriteOp::CreateIndex(FieldIndex {
                    path: path.clone(),
                    params,
                }),
                None => WriteOp::DropIndex(path.clone()),
            }])
        }
        Place::Vector(_) => Ok(chosen(table, column).into_iter().collect()),
    }
}

/// The choice of an index for a column of vectors: that of the newest of its indexes that is
/// served by one, or what the engine likes best.
fn chosen(table: &Table, column: &Column) -> Option<WriteOp> {
    let field = table.field(column)?;
    if !matches!(
        field.kind,
        VectorKind::Dense { .. } | VectorKind::Sparse { .. }
    ) {
        return None;
    }
    let mut indexes = table.indexes.iter().rev();
    let served = indexes
        .by_ref()
        .filter(|index| index.column == column.name)
        .find_map(|index| index_served::served(index, &column.kind));
    let is_dense = matches!(field.kind, VectorKind::Dense { .. });
    let mut change = ConfigChange::default();
    change.vectors.push(VectorChange {
        name: field.name.clone(),
        index: Some(served.as_ref().map(|served| served.index)),
        index_metric: Some(served.as_ref().and_then(|served| served.metric)),
        quantization: is_dense.then_some(served.and_then(|served| served.codes)),
        residency: None,
        modifier: None::<Modifier>,
    });
    Some(WriteOp::Configure(change))
}

/// `PUT …/indexes/{index_name}`: what can be changed of an index that exists.
pub(crate) async fn alter(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let options = options(&body)?;
    table::change(call, |table| {
        let at = table.indexes.iter().position(|index| index.name == name);
        let at = at.ok_or_else(|| no_index(&name))?;
        let column = table.indexes[at].column.clone();
        let column = table.known_column(&column)?.clone();
        for (option, value) in &options {
            altered(&mut table.indexes[at], &column, option, value)?;
        }
        built(table, &column)
    })
    .await?;
    done()
}

/// The options of a body; newer clients call them otherwise.
fn options(body: &Json) -> Result<Vec<(String, String)>, Failure> {
    let wrong = || {
        let text = "Optimize options should be key value pairs!";
        Failure::new(code::PARAMETER_VALUE, text)
    };
    let given = body
        .get("optimize_options")
        .or(body.get("alter_index_options"));
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let fields = given.as_object().ok_or_else(wrong)?;
    let pair = |(name, value): &(String, Json)| {
        let value = value.as_written().ok_or_else(wrong)?;
        Ok((name.to_ascii_lowercase(), value))
    };
    fields.iter().map(pair).collect()
}

fn altered(index: &mut Index, column: &Column, option: &str, value: &str) -> Result<(), Failure> {
    let encode = match (index.kind.as_str(), option) {
        ("hnsw", "compress_to_lvq") => "lvq",
        ("hnsw", "compress_to_rabitq") => "rabitq",
        ("hnsw", "lvq_avg") => {
            return Err(Failure::not_supported(
                "lvq_avg: codes have no mean that could be taken anew",
            ));
        }
        ("bmp", "topk" | "bp_reorder") => {
            return Err(Failure::not_supported(format_args!(
                "{option}: postings lie in the order of their rows"
            )));
        }
        _ => return Err(index_kinds::wrong_parameter(option, value)),
    };
    if !index_kinds::has_floats(&column.kind) {
        return Err(index_kinds::wrong_column("encoded HNSW", column));
    }
    for (name, value) in &mut index.parameters {
        if name == "encode" {
            encode.clone_into(value);
        }
    }
    Ok(())
}

/// The index of the path and the one segment that it has.
async fn segment(call: &Call<'_>) -> Result<(Table, Index, storage::Size), Failure> {
    let (table, size) = storage::segment(call).await?;
    let name = request::checked_name(call.param("index_name"), Named::Index)?;
    let index = table.index(&name).ok_or_else(|| no_index(&name))?.clone();
    Ok((table, index, size))
}

/// `GET …/indexes/{index_name}/segment/{segment_id}`
pub(crate) async fn one_segment(call: &Call<'_>) -> Answer {
    let (table, index, size) = segment(call).await?;
    ok(json!({
        "index_name": index.name,
        "segment_id": "0",
        "path": directory(&table, &index),
        "size": "0B",
        "chunk_count": "1",
        "row_count": size.rows.to_string(),
    }))
}

/// `GET …/indexes/{index_name}/segment/{segment_id}/chunk/{chunk_id}`
pub(crate) async fn one_chunk(call: &Call<'_>) -> Answer {
    let (table, index, size) = segment(call).await?;
    let id = call.param("chunk_id");
    if id != "0" {
        let text = format!("Chunk: {id} doesn't exist.");
        return Err(Failure::new(code::NO_CHUNK, text));
    }
    ok(json!({
        "index_name": index.name,
        "segment_id": "0",
        "chunk_id": "0",
        "path": directory(&table, &index),
        "size": "0B",
        "start_row": "0",
        "row_count": size.rows.to_string(),
    }))
}

/// Where an index would be, as a name.
fn directory(table: &Table, index: &Index) -> String {
    format!(
        "{}/index_{}",
        tables::directory(&table.collection),
        index.name
    )
}

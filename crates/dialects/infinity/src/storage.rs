//! Segments and blocks, as far as a table has them: how rows lie on disk is not Infinity's way, so
//! each table shows one segment of one block that holds all its rows.

use gateway::Call;
use model::{Query, Reply};
use serde_json::json;

use crate::answer::{Answer, ok};
use crate::error::{Failure, code};
use crate::table::Table;
use crate::{request, tables};

/// How large a table is.
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

async fn size(call: &Call<'_>, table: &Table) -> Result<Size, Failure> {
    let asked = Query::MeasureCollection(table.collection.clone());
    match request::query(call, asked).await? {
        Reply::Size(size) => Ok(Size {
            rows: size.points,
            bytes: size.vector_bytes + size.payload_bytes,
        }),
        other => Err(other.unexpected().into()),
    }
}

/// Refuses any segment but the one there is.
pub(crate) async fn segment(call: &Call<'_>) -> Result<(Table, Size), Failure> {
    let table = Table::of(call).await?;
    let id = call.param("segment_id");
    if id != "0" {
        let text = format!("Segment: {id} doesn't exist.");
        return Err(Failure::new(code::NO_SEGMENT, text));
    }
    let size = size(call, &table).await?;
    Ok((table, size))
}

fn block(call: &Call<'_>) -> Result<(), Failure> {
    match call.param("block_id") {
        "0" => Ok(()),
        id => {
            let text = format!("Block: {id} doesn't exist.");
            Err(Failure::new(code::NO_BLOCK, text))
        }
    }
}

/// `GET …/segments`
pub(crate) async fn segments(call: &Call<'_>) -> Answer {
    let table = Table::of(call).await?;
    let size = size(call, &table).await?;
    ok(json!({
        "table_name": table.collection.name.as_str(),
        "segments": [{ "id": "0", "status": "unsealed", "size": size.bytes.to_string() }],
    }))
}

/// `GET …/segments/{segment_id}`
pub(crate) async fn one_segment(call: &Call<'_>) -> Answer {
    let (table, size) = segment(call).await?;
    ok(json!({
        "segment_id": "0",
        "status": "unsealed",
        "path": tables::directory(&table.collection),
        "size": size.bytes.to_string(),
        "block_count": "1",
        "row_capacity": size.rows.to_string(),
        "row_count": size.rows.to_string(),
        "room": "0",
        "column_count": table.columns.len().to_string(),
    }))
}

/// `GET …/segments/{segment_id}/blocks`
pub(crate) async fn blocks(call: &Call<'_>) -> Answer {
    let (_, size) = segment(call).await?;
    let block = json!({
        "id": "0",
        "size": size.bytes.to_string(),
        "row_count": size.rows.to_string(),
    });
    ok(json!({ "segment_id": 0, "blocks": [block] }))
}

/// `GET …/segments/{segment_id}/blocks/{block_id}`
pub(crate) async fn one_block(call: &Call<'_>) -> Answer {
    let (table, size) = segment(call).await?;
    block(call)?;
    ok(json!({
        "segment_id": "0",
        "block_id": "0",
        "path": tables::directory(&table.collection),
        "size": size.bytes.to_string(),
        "row_capacity": size.rows.to_string(),
        "row_count": size.rows.to_string(),
        "column_count": table.columns.len().to_string(),
    }))
}

/// `GET …/segments/{segment_id}/blocks/{block_id}/{column_id}`
pub(crate) async fn block_column(call: &Call<'_>) -> Answer {
    let (table, _) = segment(call).await?;
    block(call)?;
    let id = call.param("column_id");
    let at: Option<usize> = id.parse().ok();
    let column = at.and_then(|at| table.columns.get(at));
    let column = column.ok_or_else(|| Failure::no_column(id))?;
    ok(json!({
        "column_id": id,
        "column_name": column.name,
        "path": tables::directory(&table.collection),
        "extra_file_count": "0",
        "extra_file_names": "",
    }))
}

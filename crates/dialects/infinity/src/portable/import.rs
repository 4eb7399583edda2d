//! Rows of a file become rows of a table.

use gateway::{Call, Files};
use model::{Point, PointId, Target, UpsertMode, WriteOp};

use super::rows::Rows;
use super::{Asked, files};
use crate::answer::{Answer, done};
use crate::documents;
use crate::error::{Failure, code};
use crate::request;
use crate::table::Table;

/// Rows of one write.
const BATCH: usize = 1024;

/// `PUT /databases/{database_name}/tables/{table_name}`
///
/// A file is read twice: when one of its rows is bad nothing is written.
pub(crate) async fn import(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let asked = Asked::read(&body, &[])?;
    let table = Table::of(call).await?;
    let files = files(call)?;
    let mut rows = open(&*files, &table, &asked).await?;
    while let Some(row) = rows.next().await? {
        let read = documents::read_row(&table, &row);
        read.map_err(|failure| rows.located(failure))?;
    }
    let mut rows = open(&*files, &table, &asked).await?;
    let mut written = Vec::new();
    if let Err(failure) = fill(call, &table, &mut rows, &mut written).await {
        // Half an import is none. The reason that is told is the first.
        take_back(call, &table, written).await?;
        return Err(failure);
    }
    done()
}

async fn open<'t>(files: &dyn Files, table: &'t Table, asked: &Asked) -> Result<Rows<'t>, Failure> {
    let path = &asked.path;
    let source = files.open(path).await?;
    let missing = || Failure::new(code::NO_FILE, format!("File: {path} isn't found"));
    Rows::new(table, asked, source.ok_or_else(missing)?)
}

/// Writes batch after batch; `written` are the ids of those that are there.
async fn fill(
    call: &Call<'_>,
    table: &Table,
    rows: &mut Rows<'_>,
    written: &mut Vec<PointId>,
) -> Result<(), Failure> {
    loop {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(row) = rows.next().await? else { break };
            let read = documents::read_row(table, &row);
            batch.push(read.map_err(|failure| rows.located(failure))?);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let first = request::new_ids(call, batch.len());
        let points: Vec<Point> = (first..)
            .zip(batch)
            .map(|(id, (payload, vectors))| Point {
                id: PointId::Num(id),
                vectors,
                payload,
            })
            .collect();
        let ids: Vec<PointId> = points.iter().map(|point| point.id.clone()).collect();
        let upsert = WriteOp::Upsert {
            points,
            mode: UpsertMode::InsertNew,
            condition: None,
        };
        // A write whose outcome is unknown may be there, so its ids count before it is tried.
        written.extend(ids);
        request::write(call, &table.collection, vec![upsert]).await?;
    }
}

async fn take_back(call: &Call<'_>, table: &Table, written: Vec<PointId>) -> Result<(), Failure> {
    if written.is_empty() {
        return Ok(());
    }
    let target = Target::Ids(written);
    let operations = vec![WriteOp::Delete { target }];
    Ok(request::write(call, &table.collection, operations).await?)
}

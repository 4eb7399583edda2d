//! Points read: by condition, by id, from either end. Concealed points are read like others.

use gateway::Call;
use model::query::{PayloadSelect, VectorSelect};
use model::{CollectionRef, Filter, PointId, Query, Record, Reply, Select, Vector};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::condition;
use crate::error::Failure;
use crate::frame;
use crate::reply::{Answer, frame as framed, success};
use crate::request::{PAGE, Pairs, about_collection, ask_all, body, limited};
use crate::seen::{Field, Seen};
use crate::value::{WireId, fields_json, floats_json, id_json};

about_collection! {
    /// Points by condition or by id.
    struct Asked {
        r#where: Option<String>,
        filter_ids: Option<Vec<WireId>>,
        #[serde(default)]
        return_ids_only: bool,
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(WireId),
    Many(Vec<WireId>),
}

about_collection! {
    /// Points by id.
    struct ById {
        id: OneOrMany,
    }
}

fn five() -> usize {
    5
}

about_collection! {
    /// The first or last points.
    struct Ends {
        #[serde(default = "five")]
        n: usize,
    }
}

/// A row as frames and responses have it.
type Row = (PointId, Vec<f32>, Map<String, Json>);

/// What is read of each point: payload, and the primary vector if it is wanted.
fn select(field: Option<&Field>) -> Select {
    Select {
        payload: PayloadSelect::All,
        vectors: match field {
            Some(field) => VectorSelect::Named(vec![field.name.clone()]),
            None => VectorSelect::Nothing,
        },
    }
}

/// All that match, page by page.
///
/// # Errors
/// Those of reading.
pub(crate) async fn scroll(
    call: &Call<'_>,
    collection: &CollectionRef,
    filter: Option<&Filter>,
    select: &Select,
    most: usize,
) -> Result<Vec<Record>, Failure> {
    let mut all = Vec::new();
    let mut from = None;
    while all.len() < most {
        let page = Query::Scroll {
            collection: collection.clone(),
            filter: filter.cloned(),
            from,
            limit: PAGE.min(most - all.len()),
            order_by: None,
            select: select.clone(),
        };
        let Reply::Page { records, next } = ask_all(call, page).await? else {
            return Err(Failure::bad("the points could not be read"));
        };
        all.extend(records.into_iter().map(|(record, _)| record));
        from = next;
        if from.is_none() {
            break;
        }
    }
    Ok(all)
}

/// The points with these ids, in their order.
///
/// # Errors
/// When one does not exist.
async fn by_id(
    call: &Call<'_>,
    collection: &CollectionRef,
    ids: Vec<PointId>,
    select: Select,
) -> Result<Vec<Record>, Failure> {
    let retrieve = Query::Retrieve {
        collection: collection.clone(),
        ids: ids.clone(),
        select,
    };
    let Reply::Records(records) = ask_all(call, retrieve).await? else {
        return Err(Failure::bad("the points could not be read"));
    };
    let known: std::collections::BTreeMap<&PointId, &Record> =
        records.iter().map(|record| (&record.id, record)).collect();
    let found = ids.iter().map(|id| {
        let record = known.get(id).map(|record| Record::clone(record));
        record.ok_or_else(|| Failure::missing(format!("external id {id} does not exist")))
    });
    found.collect()
}

/// The points that a request is about.
async fn records(
    call: &Call<'_>,
    seen: &Seen,
    asked: &mut Asked,
    select: Select,
) -> Result<Vec<Record>, Failure> {
    let collection = &seen.collection;
    if let (None, Some(ids)) = (&asked.r#where, asked.filter_ids.take()) {
        let ids = ids.into_iter().map(|id| id.0).collect();
        return by_id(call, collection, ids, select).await;
    }
    let filter = condition::filter(call, collection, asked.r#where.as_deref()).await?;
    scroll(call, collection, filter.as_ref(), &select, usize::MAX).await
}

pub(crate) async fn query(call: &Call<'_>) -> Answer {
    let mut asked: Asked = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let wanted = match asked.return_ids_only {
        true => Select::default(),
        false => select(None),
    };
    let found = records(call, &seen, &mut asked, wanted).await?.into_iter();
    let result: Vec<Json> = match asked.return_ids_only {
        true => found.map(|record| id_json(&record.id)).collect(),
        false => found
            .map(|record| {
                let mut fields = fields_json(&record.payload.unwrap_or_default());
                fields.insert("id".into(), id_json(&record.id));
                Json::Object(fields)
            })
            .collect(),
    };
    Ok(success(at.echo_with("result", result)))
}

/// A record with its primary vector; zeros where it has none.
fn row(field: &Field, record: Record) -> Row {
    let vectors = record.vectors.unwrap_or_default();
    let dense = vectors.into_iter().find_map(|(_, vector)| match vector {
        Vector::Dense(row) => Some(row),
        Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_) => None,
    });
    (
        record.id,
        dense.unwrap_or_else(|| vec![0.0; field.dim]),
        fields_json(&record.payload.unwrap_or_default()),
    )
}

/// `[vectors, ids, fields]`.
fn table(rows: Vec<Row>) -> Json {
    let vectors: Vec<Json> = rows.iter().map(|(_, row, _)| floats_json(row)).collect();
    let ids: Vec<Json> = rows.iter().map(|(id, _, _)| id_json(id)).collect();
    let fields: Vec<Json> = rows
        .into_iter()
        .map(|(_, _, fields)| Json::Object(fields))
        .collect();
    json!([vectors, ids, fields])
}

fn rows(field: Option<&Field>, records: Vec<Record>) -> Vec<Row> {
    let Some(field) = field else {
        return Vec::new();
    };
    records
        .into_iter()
        .map(|record| row(field, record))
        .collect()
}

pub(crate) async fn query_vectors(call: &Call<'_>) -> Answer {
    let mut asked: Asked = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let field = seen.primary();
    let found = records(call, &seen, &mut asked, select(field.as_ref())).await?;
    let result = table(rows(field.as_ref(), found));
    Ok(success(at.echo_with("result", result)))
}

pub(crate) async fn read(call: &Call<'_>) -> Answer {
    let asked: ById = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let field = seen.primary();
    let ids = match asked.id {
        OneOrMany::One(id) => vec![id.0],
        OneOrMany::Many(ids) => ids.into_iter().map(|id| id.0).collect(),
    };
    let found = by_id(call, &seen.collection, ids, select(field.as_ref())).await?;
    let item = table(rows(field.as_ref(), found));
    Ok(success(at.echo_with("item", item)))
}

/// Which end of a collection is read.
#[derive(Clone, Copy)]
enum End {
    Head,
    Tail,
}

impl End {
    async fn rows(
        self,
        call: &Call<'_>,
        seen: &Seen,
        n: usize,
    ) -> Result<(usize, Vec<Row>), Failure> {
        let n = limited("n", n)?;
        let field = seen.primary();
        let wanted = select(field.as_ref());
        let found = match self {
            Self::Head => scroll(call, &seen.collection, None, &wanted, n).await?,
            Self::Tail => {
                let back = Query::ScrollBack {
                    collection: seen.collection.clone(),
                    before: None,
                    limit: n,
                    select: wanted,
                };
                let Reply::Records(mut records) = ask_all(call, back).await? else {
                    return Err(Failure::bad("the points could not be read"));
                };
                records.reverse();
                records
            }
        };
        let dim = field.as_ref().map_or(0, |field| field.dim);
        Ok((dim, rows(field.as_ref(), found)))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Tail => "tail",
        }
    }

    async fn answer(self, call: &Call<'_>) -> Answer {
        let asked: Ends = body(call)?;
        let at = asked.at();
        let seen = Seen::open(call, &at).await?;
        let (_, rows) = self.rows(call, &seen, asked.n).await?;
        Ok(success(at.echo_with(self.name(), table(rows))))
    }

    async fn answer_binary(self, call: &Call<'_>) -> Answer {
        let pairs = Pairs::of(call);
        let at = pairs.at()?;
        let n = pairs.get("n")?.unwrap_or_else(five);
        let read = async {
            let seen = Seen::open(call, &at).await?;
            let (dim, rows) = self.rows(call, &seen, n).await?;
            frame::rows(dim, &rows)
        };
        Ok(framed(read.await.map_err(Failure::plainly)?))
    }
}

pub(crate) async fn head(call: &Call<'_>) -> Answer {
    End::Head.answer(call).await
}

pub(crate) async fn tail(call: &Call<'_>) -> Answer {
    End::Tail.answer(call).await
}

pub(crate) async fn head_binary(call: &Call<'_>) -> Answer {
    End::Head.answer_binary(call).await
}

pub(crate) async fn tail_binary(call: &Call<'_>) -> Answer {
    End::Tail.answer_binary(call).await
}

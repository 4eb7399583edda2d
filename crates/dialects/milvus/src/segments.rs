//! Segments: each partition that has points is shown as one. How the engine cuts a collection into
//! segments of its own changes in the background and is nothing that a client could hold on to.

use gateway::Call;
use model::query::VectorSelect;
use model::{PointId, Query, Record, Reply, Select};
use serde::Serialize;

use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::ids::Id;
use crate::names;
use crate::paging::Page;
use crate::scope::Scope;
use crate::vectors::Stored;
use crate::view::View;

/// Bytes of an id.
const ID_BYTES: u64 = 8;

/// A segment as it is listed.
#[derive(Serialize)]
pub(crate) struct Segment {
    data_size: u64,
    index_name: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_tag: Option<String>,
    row_count: u64,
}

#[derive(Serialize)]
struct Listed {
    code: u8,
    message: &'static str,
    count: usize,
    segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Ids {
    ids: Vec<Id>,
    count: u64,
}

#[derive(Serialize)]
struct Vectors {
    code: u8,
    message: &'static str,
    count: u64,
    vectors: Vec<Stored>,
}

/// The segment called `name` with so many points.
pub(crate) fn segment(view: &View, name: &str, points: u64, tag: Option<&str>) -> Segment {
    Segment {
        data_size: points * (view.vector_bytes() as u64 + ID_BYTES),
        index_name: view.index().kind.segment_name(),
        name: name.to_owned(),
        partition_tag: tag.map(str::to_owned),
        row_count: points,
    }
}

/// Lists segments page by page, of one partition or all.
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let page = Page::of(call)?;
    let view = View::open(call, collection).await?;
    let wanted = call.query_pairs().find(|(name, _)| name == "partition_tag");
    let wanted = wanted.map(|(_, tag)| names::tag(&tag).map(str::to_owned));
    let wanted = wanted.transpose()?;
    if let Some(tag) = &wanted {
        Scope::one(&view.kept, tag)?;
    }
    let mut all = Vec::new();
    for (tag, name) in view.kept.all() {
        if wanted.as_deref().is_some_and(|wanted| wanted != tag) {
            continue;
        }
        let filter = Scope::one(&view.kept, tag)?.filter();
        let points = view.count(call, filter).await?;
        if points > 0 {
            all.push(segment(&view, name, points, Some(tag)));
        }
    }
    let count = all.len();
    envelope::ok(&Listed {
        code: 0,
        message: "OK",
        count,
        segments: page.cut(all),
    })
}

/// What is known about the segment in the path.
struct Opened {
    view: View,
    page: Page,
    points: u64,
}

async fn open(call: &Call<'_>) -> Result<Opened, Failure> {
    let collection = names::in_path(call)?;
    let page = Page::of(call)?;
    let view = View::open(call, collection).await?;
    let points = view.count(call, scope(call, &view)?.filter()).await?;
    if points == 0 {
        return Err(unknown());
    }
    Ok(Opened { view, page, points })
}

fn unknown() -> Failure {
    Failure::new(Code::CollectionNotExists, "Segment does not exist")
}

fn scope<'a>(call: &Call<'_>, view: &'a View) -> Result<Scope<'a>, Failure> {
    let name = call.param("segment_name");
    Scope::of_segments(&view.kept, &[name]).map_err(|_| unknown())
}

/// Ids of the points of a segment, page by page.
pub(crate) async fn ids(call: &Call<'_>) -> Answer {
    let Opened { view, page, points } = open(call).await?;
    let records = records(call, &view, page, Select::default()).await?;
    let ids: Result<Vec<Id>, Failure> = records.iter().map(|r| Id::of(&r.id)).collect();
    envelope::ok(&Ids {
        ids: ids?,
        count: points,
    })
}

/// The points of a segment, page by page.
pub(crate) async fn vectors(call: &Call<'_>) -> Answer {
    let Opened { view, page, points } = open(call).await?;
    let select = Select {
        vectors: VectorSelect::Named(vec![view.field.clone()]),
        ..Select::default()
    };
    let records = records(call, &view, page, select).await?;
    let vectors: Result<Vec<Stored>, Failure> = records.into_iter().map(Stored::of).collect();
    envelope::ok(&Vectors {
        code: 0,
        message: "OK",
        count: points,
        vectors: vectors?,
    })
}

/// Anything else about a segment: nothing, and no error either.
pub(crate) async fn other(call: &Call<'_>) -> Answer {
    open(call).await?;
    envelope::ok(&())
}

/// The points of a page, ascending by id.
async fn records(
    call: &Call<'_>,
    view: &View,
    page: Page,
    select: Select,
) -> Result<Vec<Record>, Failure> {
    if page.size == 0 {
        return Ok(Vec::new());
    }
    let filter = scope(call, view)?.filter();
    let ask = |from: Option<PointId>, limit: usize, select: Select| Query::Scroll {
        collection: view.collection.clone(),
        filter: filter.clone(),
        from,
        limit,
        order_by: None,
        select,
    };
    let mut from = None;
    if page.offset > 0 {
        let skipped = call
            .executor
            .query(ask(None, page.offset, Select::default()));
        match skipped.await? {
            Reply::Page { next: None, .. } => return Ok(Vec::new()),
            Reply::Page { next, .. } => from = next,
            other => return Err(other.unexpected().into()),
        }
    }
    match call.executor.query(ask(from, page.size, select)).await? {
        Reply::Page { records, .. } => Ok(records.into_iter().map(|(record, _)| record).collect()),
        other => Err(other.unexpected().into()),
    }
}

//! Collections: created, listed, described, dropped.

use gateway::{Access, Call};
use model::schema::{SegmentConfig, VectorField};
use model::{
    Command, DatabaseName, Dim, Element, IndexChoice, Metric, Outcome, Query, Reply, Residency,
    Schema, VectorKind, VectorName,
};
use serde::Serialize;

use crate::body::{self, Fields};
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::kept::{FILE_SIZE, Kept};
use crate::memory::Remembered;
use crate::paging::Page;
use crate::scope::Scope;
use crate::segments::{self, Segment};
use crate::view::{self, View};
use crate::{names, vectors};

/// Largest dimension, of floats or bits.
const DIM_MAX: i64 = 32_768;

/// Most MiB of raw vectors per segment.
const FILE_SIZE_MAX: i64 = 131_072;

/// A collection as it is listed.
#[derive(Serialize)]
struct Shown {
    collection_name: String,
    dimension: usize,
    index_file_size: u32,
    metric_type: &'static str,
    count: u64,
    index: &'static str,
    index_params: Fields,
}

#[derive(Serialize)]
struct Listed {
    collections: Vec<Shown>,
    count: usize,
}

#[derive(Serialize)]
struct PartitionStat {
    row_count: u64,
    segments: Option<Vec<Segment>>,
    tag: String,
}

#[derive(Serialize)]
struct Stat {
    partitions: Vec<PartitionStat>,
    row_count: u64,
}

/// Lists collections page by page: those that Milvus has words for.
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let page = Page::of(call)?;
    let query = Query::ListCollections(DatabaseName::default());
    let all = match call.executor.query(query).await? {
        Reply::Collections(all) => all,
        other => return Err(other.unexpected().into()),
    };
    let mut views = Vec::new();
    for name in all {
        let name = name.as_str();
        if call.grant.check(Access::Read, Some(name)).is_err() {
            continue;
        }
        let Ok(collection) = names::collection(name) else {
            continue;
        };
        match View::open(call, collection).await {
            Ok(view) => views.push(view),
            // Of another interface, or dropped a moment ago.
            Err(failure) if failure.status.is_client_error() => {}
            Err(failure) => return Err(failure),
        }
    }
    let count = views.len();
    let mut collections = Vec::new();
    for view in page.cut(views) {
        collections.push(shown(call, &view).await?);
    }
    envelope::ok(&Listed { collections, count })
}

async fn shown(call: &Call<'_>, view: &View) -> Result<Shown, Failure> {
    let index = view.index();
    Ok(Shown {
        collection_name: view.collection.name.as_str().to_owned(),
        dimension: view.dim.get(),
        index_file_size: view.kept.file_size,
        metric_type: view.metric_name,
        count: vectors::points(call, view).await?,
        index: index.kind.name(),
        index_params: index.shown(),
    })
}

/// Describes a collection, or counts what is in its partitions and segments.
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let view = View::open(call, names::in_path(call)?).await?;
    let mut pairs = call.query_pairs();
    match pairs.find(|(name, _)| name == "info") {
        Some((_, info)) if info == "stat" => stat(call, &view).await,
        Some((_, info)) if !info.is_empty() => {
            let message = "Query param 'info' must be empty or 'stat'";
            Err(Failure::new(Code::IllegalQueryParam, message))
        }
        Some(_) | None => envelope::ok(&shown(call, &view).await?),
    }
}

async fn stat(call: &Call<'_>, view: &View) -> Answer {
    let mut partitions = Vec::new();
    let mut total = 0;
    for (tag, name) in view.kept.all() {
        let filter = Scope::one(&view.kept, tag)?.filter();
        let row_count = view.count(call, filter).await?;
        total += row_count;
        let segment = || vec![segments::segment(view, name, row_count, None)];
        partitions.push(PartitionStat {
            row_count,
            segments: (row_count > 0).then(segment),
            tag: tag.to_owned(),
        });
    }
    envelope::ok(&Stat {
        partitions,
        row_count: total,
    })
}

/// What a body asks for.
struct Wanted<'a> {
    name: &'a str,
    dim: i64,
    file_size: i64,
    metric: &'a str,
}

fn wanted(fields: &Fields) -> Result<Wanted<'_>, Failure> {
    let name = body::text(fields, "collection_name")?;
    let name = name.ok_or_else(|| Failure::missing("collection_name"))?;
    let dim = body::integer(fields, "dimension")?;
    Ok(Wanted {
        name,
        dim: dim.ok_or_else(|| Failure::missing("dimension"))?,
        file_size: body::integer(fields, "index_file_size")?.unwrap_or(i64::from(FILE_SIZE)),
        metric: body::text(fields, "metric_type")?.unwrap_or("L2"),
    })
}

/// Creates a collection.
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let known = [
        "collection_name",
        "dimension",
        "index_file_size",
        "metric_type",
    ];
    let fields = body::known_fields(call, &known)?;
    let wanted = wanted(&fields)?;
    let collection = names::collection(wanted.name)?;
    let dim = dimension(wanted.dim)?;
    let file_size = file_size(wanted.file_size)?;
    let metric = view::metric(wanted.metric)
        .ok_or_else(|| Failure::new(Code::IllegalMetricType, "metric_type is illegal"))?;
    if metric.is_binary() && !dim.get().is_multiple_of(8) {
        let dim = dim.get();
        let message = format!(
            "Invalid collection dimension: {dim}. The dimension of a collection of bits must be \
             a multiple of 8."
        );
        return Err(Failure::new(Code::IllegalDimension, message));
    }
    let command = Command::CreateCollection {
        collection,
        schema: schema(call, dim, metric, file_size),
    };
    call.executor.execute(command).await?;
    envelope::created()
}

fn dimension(dim: i64) -> Result<Dim, Failure> {
    if !(1..=DIM_MAX).contains(&dim) {
        let message = format!(
            "Invalid collection dimension: {dim}. The collection dimension must be within the \
             range of 1 ~ {DIM_MAX}."
        );
        return Err(Failure::new(Code::IllegalDimension, message));
    }
    Ok(Dim::new(dim.unsigned_abs())?)
}

fn file_size(size: i64) -> Result<u32, Failure> {
    let fits = u32::try_from(size).ok();
    let fits = fits.filter(|_| (1..=FILE_SIZE_MAX).contains(&size));
    fits.ok_or_else(|| {
        let message = format!(
            "Invalid index file size: {size}. The index file size must be within the range of \
             1 ~ {FILE_SIZE_MAX}."
        );
        Failure::new(Code::IllegalArgument, message)
    })
}

/// The schema of a new collection: one unnamed vector field that is searched without an index.
fn schema(call: &Call<'_>, dim: Dim, metric: Metric, file_size: u32) -> Schema {
    let kind = if metric.is_binary() {
        VectorKind::Binary { dim, metric }
    } else {
        VectorKind::Dense {
            dim,
            metric,
            element: Element::F32,
        }
    };
    let field = VectorField {
        name: VectorName::default(),
        since: 0,
        kind,
        index: Some(IndexChoice::Exact),
        index_metric: None,
        quantization: None,
        residency: Residency::default(),
    };
    let default = SegmentConfig::default();
    let segment_kb_max = file_size.saturating_mul(1024);
    let kept = Kept {
        file_size,
        segment: segment_name(call),
        ..Kept::default()
    };
    Schema {
        vectors: vec![field],
        segments: SegmentConfig {
            segment_kb_max,
            indexing_threshold_kb: default.indexing_threshold_kb.min(segment_kb_max),
            // The share above which Milvus compacts.
            vacuum_deleted_share: 0.1,
            ..default
        },
        attributes: kept.put_into(&model::Object::new()),
        ..Schema::default()
    }
}

/// A new name of a segment.
pub(crate) fn segment_name(call: &Call<'_>) -> String {
    let now = call.context.clock.unix_ms().saturating_mul(1_000_000);
    Remembered::of(call).take_ids(now, 1).to_string()
}

/// Drops a collection.
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let name = collection.name.as_str().to_owned();
    let command = Command::DropCollection { collection };
    match call.executor.execute(command).await? {
        Outcome::Existed(false) => Err(Failure::no_collection(&name)),
        _ => envelope::nothing(),
    }
}

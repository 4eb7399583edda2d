//! The nearest, to vectors and to stored ones.

use gateway::Call;
use model::query::SearchParams;
use model::{
    CollectionRef, Metric, Query, Rank, Reply, ScoredPoint, Search, Select, Vector, VectorQuery,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read;
use crate::body::{self, Fields};
use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::ids::{Id, WireIds};
use crate::index_kind::IndexKind;
use crate::scope::Scope;
use crate::view::View;

/// Most results of a query.
const TOPK_MAX: i64 = 16_384;

/// Most bytes of all results, and bytes of one: an id and a distance.
const RESULT_BYTES_MAX: usize = (2 << 30) - (1 << 20);
const HIT_BYTES: usize = 12;

#[derive(Deserialize)]
pub(super) struct Body {
    topk: Option<Value>,
    params: Option<Value>,
    partition_tags: Option<Value>,
    file_ids: Option<Value>,
    ids: Option<WireIds>,
    vectors: Option<Vec<Vec<f32>>>,
}

/// A result; numbers are written as text.
#[derive(Serialize)]
struct Hit {
    id: Id,
    distance: String,
}

/// Results per query, under the name that clients read and the one that the manual has.
#[derive(Serialize)]
struct Found<'a> {
    num: usize,
    result: &'a [Vec<Hit>],
    results: &'a [Vec<Hit>],
}

/// Which partitions are searched.
enum Where<'a> {
    Everywhere,
    Tags(Vec<&'a str>),
    Segments(Vec<&'a str>),
}

/// Finds the nearest points to each query.
pub(super) async fn search(call: &Call<'_>, collection: CollectionRef, body: Body) -> Answer {
    let topk = body.topk.as_ref().ok_or_else(|| Failure::missing("topk"))?;
    let topk = topk
        .as_i64()
        .ok_or_else(|| Failure::not_a("topk", "an integer"))?;
    let params = match &body.params {
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Failure::not_a("params", "an object")),
        None => return Err(Failure::missing("params")),
    };
    let place = place(body.partition_tags.as_ref(), body.file_ids.as_ref())?;
    let ids = body.ids.as_ref().map(WireIds::read).transpose()?;
    let view = View::open(call, collection).await?;
    let targets = match (ids, body.vectors) {
        (Some(ids), _) => stored(call, &view, &ids).await?,
        (None, Some(rows)) => view.vectors(rows)?.into_iter().map(Some).collect(),
        (None, None) => return Err(Failure::missing("vectors")),
    };
    let topk = checked_topk(topk, targets.len())?;
    let scope = match place {
        Where::Everywhere => Scope::whole(&view.kept),
        Where::Tags(patterns) => Scope::matching(&view.kept, &patterns)?,
        Where::Segments(names) => Scope::of_segments(&view.kept, &names)?,
    };
    let plan = Plan {
        topk,
        params: search_params(&view, params, topk)?,
        scope,
        view: &view,
    };
    let mut rows = plan.run(call, targets).await?;
    if rows.iter().all(Vec::is_empty) && plan.is_empty(call).await? {
        rows.clear();
    }
    envelope::ok(&Found {
        num: rows.len(),
        result: &rows,
        results: &rows,
    })
}

fn place<'a>(tags: Option<&'a Value>, files: Option<&'a Value>) -> Result<Where<'a>, Failure> {
    let list = |value: Option<&'a Value>, name: &str| {
        let texts = value.map(|value| body::texts(value, name, Code::BodyParseFail));
        texts.transpose().map(Option::unwrap_or_default)
    };
    // Both are looked at, whichever counts.
    let (tags, files) = (list(tags, "partition_tags")?, list(files, "file_ids")?);
    Ok(match (files.is_empty(), tags.is_empty()) {
        (false, _) => Where::Segments(files),
        (true, false) => Where::Tags(tags),
        (true, true) => Where::Everywhere,
    })
}

fn checked_topk(topk: i64, queries: usize) -> Result<usize, Failure> {
    let wrong = |message: String| Err(Failure::new(Code::IllegalTopk, message));
    if !(1..=TOPK_MAX).contains(&topk) {
        return wrong(format!(
            "Invalid topk: {topk}. The topk must be within the range of 1 ~ {TOPK_MAX}."
        ));
    }
    let count = usize::try_from(topk).unwrap_or(usize::MAX);
    if count.saturating_mul(queries).saturating_mul(HIT_BYTES) > RESULT_BYTES_MAX {
        return wrong(format!(
            "Invalid topk: {topk}. The results of all queries together would be too large."
        ));
    }
    Ok(count)
}

/// What the parameter of the index type means here.
fn search_params(view: &View, params: &Fields, topk: usize) -> Result<SearchParams, Failure> {
    let kind = view.index().kind;
    let asked = kind.check_search(params, topk)?;
    let candidates = |count: i64| u32::try_from(count).ok().filter(|count| *count > 0);
    let ef = match kind {
        IndexKind::Hnsw | IndexKind::Rnsg => asked.and_then(candidates),
        // -1: as many as the server likes.
        IndexKind::Annoy => asked.and_then(candidates).map(|count| count.min(32_768)),
        IndexKind::Flat | IndexKind::IvfFlat | IndexKind::IvfSq8 | IndexKind::IvfPq => None,
    };
    let nprobe = match kind {
        IndexKind::IvfFlat | IndexKind::IvfSq8 | IndexKind::IvfPq => asked.and_then(candidates),
        IndexKind::Flat | IndexKind::Hnsw | IndexKind::Rnsg | IndexKind::Annoy => None,
    };
    Ok(SearchParams {
        ef,
        nprobe,
        ..SearchParams::default()
    })
}

/// The vectors of stored points, `None` for those that do not exist.
async fn stored(call: &Call<'_>, view: &View, ids: &[Id]) -> Result<Vec<Option<Vector>>, Failure> {
    if ids.is_empty() {
        let message = "The vector id array is empty.";
        return Err(Failure::new(Code::IllegalVectorId, message));
    }
    let records = read::stored(call, view, ids, Some(&view.field)).await?;
    let vector = |id: &Id| {
        let vectors = records.get(&id.point())?.vectors.as_ref()?;
        vectors.first().map(|(_, vector)| vector.clone())
    };
    Ok(ids.iter().map(vector).collect())
}

/// A search that was checked.
struct Plan<'a> {
    topk: usize,
    params: SearchParams,
    scope: Scope<'a>,
    view: &'a View,
}

impl Plan<'_> {
    /// Results per target; none for a target that does not exist.
    async fn run(
        &self,
        call: &Call<'_>,
        targets: Vec<Option<Vector>>,
    ) -> Result<Vec<Vec<Hit>>, Failure> {
        let filter = self.scope.filter();
        let exists: Vec<bool> = targets.iter().map(Option::is_some).collect();
        let searches: Vec<Search> = targets
            .into_iter()
            .flatten()
            .map(|vector| Search {
                collection: self.view.collection.clone(),
                prefetch: Vec::new(),
                rank: Some(Rank::Nearest {
                    field: self.view.field.clone(),
                    to: VectorQuery::Vector(vector),
                }),
                lookup_from: None,
                filter: filter.clone(),
                params: self.params.clone(),
                score_bound: None,
                limit: self.topk,
                offset: 0,
                select: Select::default(),
            })
            .collect();
        let mut replies = match searches.is_empty() {
            true => Vec::new(),
            false => match call.executor.query(Query::SearchBatch(searches)).await? {
                Reply::Batch(replies) => replies,
                other => return Err(other.unexpected().into()),
            },
        }
        .into_iter();
        let rows = exists.into_iter().map(|exists| {
            let reply = if exists { replies.next() } else { None };
            match reply {
                Some(Reply::Scored(points)) => self.row(points),
                Some(other) => Err(other.unexpected().into()),
                None => Ok(Vec::new()),
            }
        });
        rows.collect()
    }

    fn row(&self, points: Vec<ScoredPoint>) -> Result<Vec<Hit>, Failure> {
        let hits = points.into_iter().map(|point| {
            Ok(Hit {
                id: Id::of(&point.record.id)?,
                distance: distance(self.view.metric, point.score),
            })
        });
        hits.collect()
    }

    /// Whether there is no point that could be found.
    async fn is_empty(&self, call: &Call<'_>) -> Result<bool, Failure> {
        Ok(self.view.count(call, self.scope.filter()).await? == 0)
    }
}

/// An internal similarity as Milvus tells it: inner products as they are, distances without the
/// sign, six digits behind the point.
fn distance(metric: Metric, score: f32) -> String {
    let told = match metric {
        Metric::Dot => score,
        Metric::Cosine
        | Metric::L2
        | Metric::L1
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => -score,
    };
    // Adding zero makes a negative zero positive.
    format!("{:.6}", f64::from(told) + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_six_digits_and_no_negative_zero() {
        assert_eq!(distance(Metric::L2, -0.01), "0.010000");
        assert_eq!(distance(Metric::L2, 0.0), "0.000000");
        assert_eq!(distance(Metric::Dot, -2.5), "-2.500000");
        assert_eq!(distance(Metric::Hamming, -3.0), "3.000000");
        assert_eq!(distance(Metric::Tanimoto, f32::NEG_INFINITY), "inf");
    }

    #[test]
    fn topk_has_bounds() {
        assert_eq!(checked_topk(16_384, 10).unwrap(), 16_384);
        for (topk, queries) in [(0, 1), (-1, 1), (16_385, 1), (16_384, 11_000)] {
            assert_eq!(
                checked_topk(topk, queries).unwrap_err().code,
                Code::IllegalTopk
            );
        }
    }
}

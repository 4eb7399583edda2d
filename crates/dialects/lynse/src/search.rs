//! Vectors searched: one, several, with a profile, within a range, sparse ones.

use gateway::Call;
use model::query::PayloadSelect;
use model::{
    Filter, Metric, PointId, Query, Rank, Reply, ScoredPoint, Search, SearchParams, Select, Vector,
    VectorName, VectorQuery,
};
use serde_json::{Map, Value as Json, json};

use crate::condition;
use crate::error::Failure;
use crate::field::WireSparse;
use crate::frame;
use crate::reply::{Answer, frame as framed, success};
use crate::request::{At, Pairs, about_collection, ask, batch_limited, body, limited};
use crate::seen::{Field, PRIMARY, Seen};
use crate::value::{fields_json, float_json, id_json};

/// Candidates that a graph walk keeps at least; a larger `nprobe` raises it.
const EF_MIN: u32 = 224;

/// What scores are rounded to unless a caller says how fine.
const EPS: f32 = 1e-4;

/// The finest that scores are rounded to.
const EPS_MIN: f32 = 1e-8;

fn ten() -> usize {
    10
}

fn thousand() -> usize {
    1_000
}

fn eps() -> f32 {
    EPS
}

about_collection! {
    /// A search.
    struct Asked {
        vector: Vec<f32>,
        vector_field: Option<String>,
        field_name: Option<String>,
        #[serde(default = "ten")]
        k: usize,
        r#where: Option<String>,
        #[serde(default)]
        return_fields: bool,
        #[serde(default = "ten")]
        nprobe: usize,
        #[serde(default)]
        approx: bool,
        #[serde(default = "eps")]
        eps: f32,
    }
}

about_collection! {
    /// Several searches.
    struct Batch {
        vectors: Vec<Vec<f32>>,
        #[serde(default = "ten")]
        k: usize,
        r#where: Option<String>,
        #[serde(default)]
        return_fields: bool,
        #[serde(default = "ten")]
        nprobe: usize,
    }
}

about_collection! {
    /// All that is near enough.
    struct Range {
        vector: Vec<f32>,
        threshold: f32,
        #[serde(default = "thousand")]
        max_results: usize,
    }
}

about_collection! {
    /// A search by a sparse vector.
    struct Sparse {
        vector: WireSparse,
        #[serde(default = "ten")]
        k: usize,
        r#where: Option<String>,
        #[serde(default)]
        return_fields: bool,
    }
}

/// A point found.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) id: PointId,
    /// As callers know it: a product, or a distance.
    pub(crate) score: f32,
    pub(crate) fields: Map<String, Json>,
}

/// What searches have in common.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) k: usize,
    pub(crate) filter: Option<&'a Filter>,
    pub(crate) fields: bool,
    pub(crate) nprobe: usize,
    /// Whether every point is compared, whatever index there is.
    pub(crate) exact: bool,
}

impl How<'_> {
    fn search(&self, seen: &Seen, field: &VectorName, vector: Vector) -> Search {
        Search {
            collection: seen.collection.clone(),
            prefetch: Vec::new(),
            rank: Some(Rank::Nearest {
                field: field.clone(),
                to: VectorQuery::Vector(vector),
            }),
            lookup_from: None,
            filter: self.filter.cloned(),
            params: SearchParams::default(),
            score_bound: None,
            limit: self.k,
            offset: 0,
            select: Select {
                payload: match self.fields {
                    true => PayloadSelect::All,
                    false => PayloadSelect::Nothing,
                },
                ..Select::default()
            },
        }
    }

    /// The search of a dense field.
    ///
    /// # Errors
    /// When the vector has another dimension.
    fn of(&self, seen: &Seen, field: &Field, vector: Vec<f32>) -> Result<Search, Failure> {
        if vector.len() != field.dim {
            let got = vector.len();
            return Err(Failure::bad(format!(
                "Dimension mismatch: expected {}, got {got}",
                field.dim
            )));
        }
        let mut search = self.search(seen, &field.name, Vector::Dense(vector));
        let metric = field.metric();
        let flat = field.mode.is_none_or(|mode| !mode.is_indexed());
        let probes = u32::try_from(self.nprobe).unwrap_or(u32::MAX);
        search.params = SearchParams {
            ef: (probes > EF_MIN).then_some(probes),
            // Fewer lists than one are none to look through.
            nprobe: Some(probes.max(1)),
            exact: self.exact || flat,
            metric: (metric != field.stored).then_some(metric),
            ..SearchParams::default()
        };
        Ok(search)
    }
}

/// The score of a similarity as callers know it.
pub(crate) fn told(metric: Metric, similarity: f32) -> f32 {
    match metric {
        Metric::Dot => similarity,
        Metric::Cosine => 1.0 - similarity,
        Metric::L2
        | Metric::L1
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => 0.0 - similarity,
    }
}

fn hit(metric: Metric, found: ScoredPoint) -> Hit {
    Hit {
        score: told(metric, found.score),
        fields: found
            .record
            .payload
            .as_ref()
            .map_or_else(Map::new, fields_json),
        id: found.record.id,
    }
}

async fn run(call: &Call<'_>, metric: Metric, search: Search) -> Result<Vec<Hit>, Failure> {
    if search.limit == 0 {
        return Ok(Vec::new());
    }
    match ask(call, Query::Search(Box::new(search))).await? {
        Reply::Scored(found) => Ok(found.into_iter().map(|found| hit(metric, found)).collect()),
        other => Err(other.unexpected().into()),
    }
}

/// The best points of a dense field, best first.
///
/// # Errors
/// When the vector does not fit.
pub(crate) async fn nearest(
    call: &Call<'_>,
    seen: &Seen,
    field: &Field,
    vector: Vec<f32>,
    how: How<'_>,
) -> Result<Vec<Hit>, Failure> {
    let search = how.of(seen, field, vector)?;
    run(call, field.metric(), search).await
}

/// `score` as a multiple of `eps`.
fn rounded(score: f32, eps: f32) -> f32 {
    let eps = if eps.is_finite() && eps > 0.0 {
        eps.max(EPS_MIN)
    } else {
        EPS
    };
    libm::roundf(score / eps) * eps
}

fn ids_json(hits: &[Hit]) -> Json {
    hits.iter().map(|hit| id_json(&hit.id)).collect()
}

fn scores_json(hits: &[Hit]) -> Json {
    hits.iter().map(|hit| float_json(hit.score)).collect()
}

fn shown_fields(hits: Vec<Hit>, wanted: bool) -> Json {
    match wanted {
        true => hits
            .into_iter()
            .map(|hit| Json::Object(hit.fields))
            .collect(),
        false => Json::Array(Vec::new()),
    }
}

/// Hits as the `items` of a response; `more` is what some routes say besides.
pub(crate) fn items(k: usize, hits: Vec<Hit>, fields: bool, more: &[(&str, Json)]) -> Json {
    let mut items = Map::new();
    items.insert("k".into(), k.into());
    items.insert("ids".into(), ids_json(&hits));
    items.insert("scores".into(), scores_json(&hits));
    items.insert("fields".into(), shown_fields(hits, fields));
    for (name, value) in more {
        items.insert((*name).into(), value.clone());
    }
    Json::Object(items)
}

/// One search of a named or the primary field, with its rounding.
async fn found(call: &Call<'_>, at: &At, asked: &Asked) -> Result<(String, Vec<Hit>), Failure> {
    let k = limited("k", asked.k)?;
    let name = asked
        .vector_field
        .as_deref()
        .or(asked.field_name.as_deref());
    let name = name.unwrap_or(PRIMARY);
    let seen = Seen::open(call, at).await?;
    let field = seen.field(name)?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let how = How {
        k,
        filter: filter.as_ref(),
        fields: asked.return_fields,
        nprobe: asked.nprobe,
        exact: false,
    };
    let mut hits = nearest(call, &seen, &field, asked.vector.clone(), how).await?;
    if asked.approx && field.mode.is_none_or(|mode| mode.rounds()) {
        for hit in &mut hits {
            hit.score = rounded(hit.score, asked.eps);
        }
    }
    Ok((name.to_owned(), hits))
}

pub(crate) async fn one(call: &Call<'_>) -> Answer {
    let asked: Asked = body(call)?;
    let at = asked.at();
    let (name, hits) = found(call, &at, &asked).await?;
    let more = [("vector_field", Json::from(name))];
    let items = items(asked.k, hits, asked.return_fields, &more);
    Ok(success(at.echo_with("items", items)))
}

/// The parameters of a binary search, without its vector.
fn asked_of(pairs: &Pairs, at: At) -> Result<Asked, Failure> {
    Ok(Asked {
        database_name: at.database_name,
        collection_name: at.collection_name,
        vector: Vec::new(),
        vector_field: pairs.text("vector_field").map(str::to_owned),
        field_name: None,
        k: pairs.get("k")?.unwrap_or_else(ten),
        r#where: pairs.text("where").map(str::to_owned),
        return_fields: pairs.get("return_fields")?.unwrap_or(false),
        nprobe: pairs.get("nprobe")?.unwrap_or_else(ten),
        approx: pairs.get("approx")?.unwrap_or(false),
        eps: pairs.get("eps")?.unwrap_or_else(eps),
    })
}

pub(crate) async fn one_binary(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let at = pairs.at()?;
    let mut asked = asked_of(&pairs, at.clone())?;
    let vectors = frame::queries(&call.body, 1, pairs.must("dim")?)?;
    asked.vector = vectors.into_iter().next().unwrap_or_default();
    let hits = found(call, &at, &asked).await;
    let (_, hits) = hits.map_err(Failure::plainly)?;
    let mut out = Vec::new();
    frame::hits(&mut out, &hits, asked.return_fields).map_err(Failure::plainly)?;
    Ok(framed(out))
}

/// Several searches of the primary field on one state.
async fn several(call: &Call<'_>, at: &At, asked: &Batch) -> Result<Vec<Vec<Hit>>, Failure> {
    let k = limited("k", asked.k)?;
    batch_limited(asked.vectors.len())?;
    if asked.vectors.is_empty() {
        return Ok(Vec::new());
    }
    let seen = Seen::open(call, at).await?;
    let field = seen.must_primary()?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let how = How {
        k,
        filter: filter.as_ref(),
        fields: asked.return_fields,
        nprobe: asked.nprobe,
        exact: false,
    };
    let searches = asked.vectors.iter();
    let searches = searches.map(|vector| how.of(&seen, &field, vector.clone()));
    let searches: Vec<Search> = searches.collect::<Result<_, _>>()?;
    if k == 0 {
        return Ok(vec![Vec::new(); searches.len()]);
    }
    let Reply::Batch(replies) = ask(call, Query::SearchBatch(searches)).await? else {
        return Err(Failure::bad("the searches could not be answered"));
    };
    let metric = field.metric();
    let found = replies.into_iter().map(|reply| match reply {
        Reply::Scored(found) => Ok(found.into_iter().map(|found| hit(metric, found)).collect()),
        other => Err(Failure::from(other.unexpected())),
    });
    found.collect()
}

pub(crate) async fn batch(call: &Call<'_>) -> Answer {
    let asked: Batch = body(call)?;
    let at = asked.at();
    let found = several(call, &at, &asked).await?;
    let results: Vec<Json> = found
        .into_iter()
        .map(|hits| {
            json!({
                "ids": ids_json(&hits),
                "scores": scores_json(&hits),
                "fields": shown_fields(hits, asked.return_fields),
            })
        })
        .collect();
    Ok(success(at.echo_with("results", results)))
}

pub(crate) async fn batch_binary(call: &Call<'_>) -> Answer {
    let pairs = Pairs::of(call);
    let at = pairs.at()?;
    let count: usize = pairs.must("n_queries")?;
    batch_limited(count).map_err(Failure::plainly)?;
    let asked = Batch {
        database_name: at.database_name.clone(),
        collection_name: at.collection_name.clone(),
        vectors: frame::queries(&call.body, count, pairs.must("dim")?)?,
        k: pairs.get("k")?.unwrap_or_else(ten),
        r#where: pairs.text("where").map(str::to_owned),
        return_fields: pairs.get("return_fields")?.unwrap_or(false),
        nprobe: pairs.get("nprobe")?.unwrap_or_else(ten),
    };
    let found = several(call, &at, &asked).await;
    let found = found.map_err(Failure::plainly)?;
    let mut out = Vec::new();
    frame::count(&mut out, found.len());
    for hits in found {
        frame::hits(&mut out, &hits, asked.return_fields).map_err(Failure::plainly)?;
    }
    Ok(framed(out))
}

pub(crate) async fn range(call: &Call<'_>) -> Answer {
    let asked: Range = body(call)?;
    let at = asked.at();
    let how = How {
        k: limited("max_results", asked.max_results)?,
        filter: None,
        fields: false,
        nprobe: ten(),
        exact: true,
    };
    let seen = Seen::open(call, &at).await?;
    let field = seen.must_primary()?;
    let mut hits = nearest(call, &seen, &field, asked.vector, how).await?;
    let near = |hit: &Hit| match field.metric() {
        Metric::Dot => hit.score >= asked.threshold,
        Metric::Cosine
        | Metric::L2
        | Metric::L1
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => hit.score <= asked.threshold,
    };
    hits.retain(near);
    let result = json!({ "ids": ids_json(&hits), "distances": scores_json(&hits) });
    Ok(success(at.echo_with("result", result)))
}

pub(crate) async fn sparse(call: &Call<'_>) -> Answer {
    let asked: Sparse = body(call)?;
    let at = asked.at();
    let how = How {
        k: limited("k", asked.k)?,
        filter: None,
        fields: asked.return_fields,
        nprobe: ten(),
        exact: false,
    };
    let vector = asked.vector.vector()?;
    let seen = Seen::open(call, &at).await?;
    let filter = condition::filter(call, &seen.collection, asked.r#where.as_deref()).await?;
    let how = How {
        filter: filter.as_ref(),
        ..how
    };
    let hits = match seen.sparse() {
        Some(field) => {
            let search = how.search(&seen, &field, Vector::Sparse(vector));
            run(call, Metric::Dot, search).await?
        }
        None => Vec::new(),
    };
    let more = [("index", Json::from("SPARSE-FLAT-IP"))];
    let items = items(asked.k, hits, asked.return_fields, &more);
    Ok(success(at.echo_with("items", items)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_told_as_products_or_distances() {
        assert_eq!(told(Metric::Dot, 3.0), 3.0);
        assert_eq!(told(Metric::Cosine, 0.75), 0.25);
        assert_eq!(told(Metric::L2, -4.0), 4.0);
        assert!(told(Metric::Hamming, 0.0).is_sign_positive());
    }

    #[test]
    fn scores_are_rounded_to_multiples() {
        assert_eq!(rounded(0.123_45, 0.01), 0.12);
        assert_eq!(rounded(1.234_56, f32::NAN), 1.234_6);
        assert_eq!(rounded(1.5, -1.0), 1.5);
    }
}

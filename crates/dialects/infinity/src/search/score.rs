//! Matches carried out, and their results made one.

use std::collections::{BTreeMap, BTreeSet};

use gateway::Call;
use model::query::{PayloadSelect, VectorSelect};
use model::{
    Filter, Metric, MultiVector, PointId, Query, Rank, Record, Reply, Search, SearchParams, Select,
    Value, Vector, VectorKind, VectorQuery,
};
use scalar::Fields;

use super::matching::{Fusion, Match, Measure, Method, Normalize, What};
use super::{features, fulltext, syntax};
use crate::error::Failure;
use crate::table::{Column, Place, Table};
use crate::{cells, documents};

/// Rows and their scores, best first.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<(PointId, f64)>,
    /// Whether smaller scores are better.
    pub(crate) is_distance: bool,
}

/// Carries out one match among the rows that satisfy `filter`.
pub(crate) async fn find(
    call: &Call<'_>,
    table: &Table,
    wanted: &Match<'_>,
    filter: Option<Filter>,
) -> Result<Found, Failure> {
    let mut found = match (&wanted.what, wanted.column) {
        (
            What::Dense {
                vector,
                measure,
                ef,
                nprobe,
                exact,
            },
            Some(column),
        ) => {
            let params = SearchParams {
                ef: *ef,
                nprobe: *nprobe,
                exact: *exact,
                ..SearchParams::default()
            };
            let query = (vector.as_slice(), *measure);
            dense(call, table, column, wanted.topn, query, params, filter).await?
        }
        (What::Sparse { pairs, exact }, Some(column)) => {
            let vector = Vector::Sparse(cells::sparse_vector(pairs.clone())?);
            let params = SearchParams {
                exact: *exact,
                ..SearchParams::default()
            };
            nearest(call, table, column, wanted.topn, vector, params, filter).await?
        }
        (What::Tensor { rows }, Some(column)) => {
            let records = rows_with(call, table, column, filter).await?;
            let scored = records
                .iter()
                .filter_map(|record| Some((record.id.clone(), max_sim(column, rows, record)?)));
            best(scored.collect(), false, wanted.topn)
        }
        (What::Text { .. }, _) => texts(call, table, wanted, filter).await?,
        (What::Dense { .. } | What::Sparse { .. } | What::Tensor { .. }, None) => {
            return Err(Failure::expression("a match of vectors needs a column"));
        }
    };
    cut(&mut found, wanted.threshold);
    Ok(found)
}

/// Leaves out what is worse than `threshold`.
fn cut(found: &mut Found, threshold: Option<f64>) {
    let is_distance = found.is_distance;
    let Some(threshold) = threshold else { return };
    found.rows.retain(|(_, score)| match is_distance {
        true => *score <= threshold,
        false => *score >= threshold,
    });
}

async fn dense(
    call: &Call<'_>,
    table: &Table,
    column: &Column,
    topn: usize,
    (vector, measure): (&[f32], Measure),
    params: SearchParams,
    filter: Option<Filter>,
) -> Result<Found, Failure> {
    let metric = match table.field(column).map(|field| field.kind) {
        Some(VectorKind::Dense { metric, .. } | VectorKind::Binary { metric, .. }) => metric,
        _ => return Err(Failure::syntax("the column holds no dense vectors")),
    };
    let (wanted, query) = match measure {
        Measure::L2 => (Metric::L2, Vector::Dense(vector.to_vec())),
        Measure::Ip => (Metric::Dot, Vector::Dense(vector.to_vec())),
        Measure::Cosine => (Metric::Cosine, Vector::Dense(vector.to_vec())),
        Measure::Hamming => (Metric::Hamming, Vector::Binary(cells::packed(vector))),
    };
    // Infinity names the metric with each search. An index is built for one; for others every row
    // is compared.
    let metric = (wanted != metric).then_some(wanted);
    let params = SearchParams { metric, ..params };
    let mut found = nearest(call, table, column, topn, query, params, filter).await?;
    if measure.is_distance() {
        found.is_distance = true;
        // A distance of zero must not be shown as minus zero.
        found
            .rows
            .iter_mut()
            .for_each(|(_, score)| *score = 0.0 - *score);
    }
    Ok(found)
}

/// Inner product.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
    pairs.sum()
}

/// The nearest rows by the engine's own metric; scores are similarities.
async fn nearest(
    call: &Call<'_>,
    table: &Table,
    column: &Column,
    topn: usize,
    vector: Vector,
    params: SearchParams,
    filter: Option<Filter>,
) -> Result<Found, Failure> {
    let Place::Vector(field) = &column.place else {
        return Err(Failure::syntax("the column holds no vectors"));
    };
    let search = Search {
        collection: table.collection.clone(),
        prefetch: Vec::new(),
        rank: Some(Rank::Nearest {
            field: field.clone(),
            to: VectorQuery::Vector(vector),
        }),
        lookup_from: None,
        filter,
        params,
        score_bound: None,
        limit: topn,
        offset: 0,
        select: Select::default(),
    };
    let scored = match call.executor.query(Query::Search(Box::new(search))).await? {
        Reply::Scored(scored) => scored,
        other => return Err(other.unexpected().into()),
    };
    let rows = scored
        .into_iter()
        .map(|point| (point.record.id, f64::from(point.score)));
    Ok(Found {
        rows: rows.collect(),
        is_distance: false,
    })
}

/// All rows that satisfy `filter`, with the values of `column`.
async fn rows_with(
    call: &Call<'_>,
    table: &Table,
    column: &Column,
    filter: Option<Filter>,
) -> Result<Vec<Record>, Failure> {
    let select = match &column.place {
        Place::Vector(name) => Select {
            vectors: VectorSelect::Named(vec![name.clone()]),
            ..Select::default()
        },
        Place::Payload(path) => Select {
            payload: PayloadSelect::Include(vec![path.clone()]),
            ..Select::default()
        },
    };
    documents::scan(call, &table.collection, filter, select, usize::MAX).await
}

fn vector_of<'r>(column: &Column, record: &'r Record) -> Option<&'r Vector> {
    let Place::Vector(name) = &column.place else {
        return None;
    };
    let vectors = record.vectors.as_ref()?;
    vectors
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, vector)| vector)
}

/// The sum over the rows of the query of the largest inner product with a row of the tensor; of
/// several tensors that of the best.
fn max_sim(column: &Column, query: &[f32], record: &Record) -> Option<f64> {
    match &column.place {
        Place::Vector(_) => match vector_of(column, record)? {
            Vector::Multi(multi) => Some(of_tensor(query, multi)),
            Vector::Dense(_) | Vector::Sparse(_) | Vector::Binary(_) => None,
        },
        Place::Payload(path) => {
            let value = record.payload.as_ref()?.value(path).to_value();
            let Value::Array(tensors) = value else {
                return None;
            };
            let crate::kinds::Kind::TensorArray(rows) = &column.kind else {
                return None;
            };
            let scores = tensors.iter().filter_map(|tensor| {
                let json = crate::json::Json::from(tensor);
                let flat = cells::tensor(column, rows, &json).ok()?;
                let multi = MultiVector::new(rows.dim.get(), flat).ok()?;
                Some(of_tensor(query, &multi))
            });
            scores.fold(None, |best: Option<f64>, score| {
                Some(best.map_or(score, |best| best.max(score)))
            })
        }
    }
}

fn of_tensor(query: &[f32], tensor: &MultiVector) -> f64 {
    let rows = query.chunks_exact(tensor.dim());
    let sum: f64 = rows
        .map(|wanted| {
            tensor
                .rows()
                .map(|row| dot(wanted, row))
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .sum();
    f64::from(sum as f32)
}

async fn texts(
    call: &Call<'_>,
    table: &Table,
    wanted: &Match<'_>,
    filter: Option<Filter>,
) -> Result<Found, Failure> {
    let What::Text {
        fields,
        text,
        all,
        minimum,
        indexes,
        bm25,
        features,
    } = &wanted.what
    else {
        return Err(Failure::expression("a match of texts needs one"));
    };
    let question = syntax::read(text, *all)?;
    let searched = fulltext::searched(table, fields, indexes)?;
    // Frequencies and lengths are those of all rows, whatever the filter.
    let select = Select {
        payload: PayloadSelect::Include(fulltext::paths(table)),
        ..Select::default()
    };
    let records = documents::scan(call, &table.collection, None, select, usize::MAX).await?;
    let allowed = match filter {
        None => None,
        Some(filter) => {
            let ids = documents::ids(call, &table.collection, Some(filter)).await?;
            Some(ids.into_iter().collect::<BTreeSet<_>>())
        }
    };
    let scores = fulltext::scores(
        table,
        &records,
        &searched,
        &question,
        (*bm25, minimum.as_ref()),
    )?;
    let scored = records.iter().zip(scores).filter_map(|(record, score)| {
        let allowed = allowed.as_ref().is_none_or(|ids| ids.contains(&record.id));
        let added = features::score(features, record);
        let score = match (score, added) {
            (Some(score), added) => Some(score + added.unwrap_or(0.0)),
            (None, added) => added,
        };
        let score = score.filter(|_| allowed)?;
        Some((record.id.clone(), f64::from(score as f32)))
    });
    Ok(best(scored.collect(), false, wanted.topn))
}

/// The `topn` best; equal ones in the order of their insertion.
fn best(mut rows: Vec<(PointId, f64)>, is_distance: bool, topn: usize) -> Found {
    rows.sort_by(|(a_id, a), (b_id, b)| {
        let order = match is_distance {
            true => a.total_cmp(b),
            false => b.total_cmp(a),
        };
        order.then_with(|| a_id.cmp(b_id))
    });
    rows.truncate(topn);
    Found { rows, is_distance }
}

/// Makes one result of several.
pub(crate) async fn fuse(
    call: &Call<'_>,
    table: &Table,
    fusion: &Fusion<'_>,
    found: &[Found],
) -> Result<Found, Failure> {
    let mut total: BTreeMap<PointId, f64> = BTreeMap::new();
    match &fusion.method {
        Method::Reciprocal { constant } => {
            for one in found {
                for (rank, (id, _)) in (1_u32..).zip(&one.rows) {
                    *total.entry(id.clone()).or_default() += 1.0 / (constant + f64::from(rank));
                }
            }
        }
        Method::Weighted { weights, normalize } => {
            for (at, one) in found.iter().enumerate() {
                let weight = weights.get(at).copied().unwrap_or(1.0);
                for (id, score) in normalized(one, *normalize) {
                    *total.entry(id).or_default() += weight * score;
                }
            }
        }
        Method::Maximum => {
            for one in found {
                for (id, score) in normalized(one, Normalize::MinMax) {
                    let known = total.entry(id).or_insert(score);
                    *known = known.max(score);
                }
            }
        }
        Method::Tensor { column, rows } => {
            let ids: BTreeSet<PointId> = found
                .iter()
                .flat_map(|one| &one.rows)
                .map(|(id, _)| id.clone())
                .collect();
            let filter = Filter::HasId(ids.into_iter().collect());
            for record in rows_with(call, table, column, Some(filter)).await? {
                if let Some(score) = max_sim(column, rows, &record) {
                    total.insert(record.id, score);
                }
            }
        }
    }
    let rows = total
        .into_iter()
        .map(|(id, score)| (id, f64::from(score as f32)));
    Ok(best(rows.collect(), false, fusion.topn))
}

/// Scores that are better when larger and comparable to those of other matches.
fn normalized(found: &Found, how: Normalize) -> Vec<(PointId, f64)> {
    let turned = |score: f64| match (found.is_distance, how) {
        (false, _) => score,
        (true, Normalize::MinMax | Normalize::L2) => 1.0 - score,
        (true, Normalize::Atan | Normalize::None) => -score,
    };
    let scores: Vec<f64> = found.rows.iter().map(|(_, score)| turned(*score)).collect();
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let length = libm::sqrt(scores.iter().map(|score| score * score).sum());
    let scaled = scores.into_iter().map(|score| match how {
        Normalize::MinMax if most > least => (score - least) / (most - least),
        Normalize::MinMax => 0.0,
        Normalize::Atan => 0.5 + libm::atan(score) / core::f64::consts::PI,
        Normalize::L2 if length > 0.0 => score / length,
        Normalize::L2 => 0.0,
        Normalize::None => score,
    });
    found
        .rows
        .iter()
        .map(|(id, _)| id.clone())
        .zip(scaled)
        .collect()
}

//! The shortest way to a search: vectors in, ids and scores out, and no text between.
//!
//! Such a search costs less than what usually stands around a call: names are read once, into a
//! [`Target`]; an answer that needs no I/O, which is nearly each, comes without a promise; and ids
//! that are numbers leave in one block.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use app::Database;
use app::model::{
    CollectionName, CollectionRef, DatabaseName, Error, ErrorKind, Executor, PointId, Query, Rank,
    Reply, ScoredPoint, Search, SearchParams, Select, Subject, Vector, VectorKind, VectorName,
    VectorQuery,
};
use js_sys::{Array, Float32Array, Float64Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::{Engine, explained};

/// What is searched: a collection, and a field of it (empty: the one without a name).
#[wasm_bindgen]
pub struct Target {
    collection: CollectionRef,
    field: VectorName,
}

#[wasm_bindgen]
impl Target {
    /// Neither is looked for yet.
    ///
    /// # Errors
    /// When one of them is no name.
    #[wasm_bindgen(constructor)]
    pub fn new(collection: &str, using: &str) -> Result<Target, JsValue> {
        Self::named(collection, using).map_err(|error| explained(&error))
    }

    fn named(collection: &str, using: &str) -> Result<Self, Error> {
        Ok(Self {
            collection: CollectionRef {
                database: DatabaseName::default(),
                name: CollectionName::new(collection)?,
            },
            field: VectorName::new(using)?,
        })
    }

    fn search(&self, vector: Vec<f32>, limit: u32, ef: Option<u32>) -> Search {
        Search {
            collection: self.collection.clone(),
            prefetch: Vec::new(),
            rank: Some(Rank::Nearest {
                field: self.field.clone(),
                to: VectorQuery::Vector(Vector::Dense(vector)),
            }),
            lookup_from: None,
            filter: None,
            params: SearchParams {
                ef,
                ..SearchParams::default()
            },
            score_bound: None,
            limit: limit as usize,
            offset: 0,
            select: Select::default(),
        }
    }
}

#[wasm_bindgen]
impl Engine {
    /// The `limit` points nearest to `vector`, best first, and their similarities as the engine
    /// has them (larger is nearer: products, cosines, distances below zero, Euclidean ones
    /// squared). `ef`: candidates of the walk. What comes is described at [`answer`], or a promise
    /// of it while the collection is being opened.
    ///
    /// # Errors
    /// When there is no such collection or field, or the vector is none of its kind.
    pub fn nearest(
        &self,
        target: &Target,
        vector: Vec<f32>,
        limit: u32,
        ef: Option<u32>,
    ) -> Result<JsValue, JsValue> {
        check(&vector, limit).map_err(|error| explained(&error))?;
        let query = Query::Search(Box::new(target.search(vector, limit, ef)));
        let database = self.app.database();
        now_or_later(async move { Ok(answer(&[scored(database.query(query).await?)?])) })
    }

    /// As [`Engine::nearest`], of several vectors, one behind the other; all see one state of the
    /// collection.
    ///
    /// # Errors
    /// As [`Engine::nearest`]; when the vectors are no whole number of rows of the field.
    #[wasm_bindgen(js_name = nearestBatch)]
    pub fn nearest_batch(
        &self,
        target: &Target,
        vectors: Vec<f32>,
        limit: u32,
        ef: Option<u32>,
    ) -> Result<JsValue, JsValue> {
        check(&vectors, limit).map_err(|error| explained(&error))?;
        let database = self.app.database();
        let target = Target {
            collection: target.collection.clone(),
            field: target.field.clone(),
        };
        now_or_later(async move {
            let dim = dimension(&database, &target).await?;
            if !vectors.len().is_multiple_of(dim) {
                let message = format!("{} components are no vectors of {dim}", vectors.len());
                return Err(invalid(&message));
            }
            let rows = vectors.chunks_exact(dim);
            let searches = rows.map(|row| target.search(row.to_vec(), limit, ef));
            let query = Query::SearchBatch(searches.collect());
            match database.query(query).await? {
                Reply::Batch(replies) => {
                    let found = replies.into_iter().map(scored);
                    Ok(answer(&found.collect::<Result<Vec<_>, _>>()?))
                }
                other => Err(other.unexpected()),
            }
        })
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, Subject::Request, message)
}

fn check(components: &[f32], limit: u32) -> Result<(), Error> {
    if limit == 0 {
        return Err(invalid("`limit` must be at least 1"));
    }
    if !components.iter().all(|component| component.is_finite()) {
        return Err(invalid("a vector has finite components only"));
    }
    Ok(())
}

fn scored(reply: Reply) -> Result<Vec<ScoredPoint>, Error> {
    match reply {
        Reply::Scored(points) => Ok(points),
        other => Err(other.unexpected()),
    }
}

/// Components of a vector of the field.
async fn dimension(database: &Arc<Database>, target: &Target) -> Result<usize, Error> {
    let query = Query::ReadSchema(target.collection.clone());
    let schema = match database.query(query).await? {
        Reply::Schema(schema) => schema,
        other => return Err(other.unexpected()),
    };
    let field = schema.vector(&target.field);
    let field = field.ok_or_else(|| Error::no_vector_field(target.field.as_str()))?;
    match field.kind {
        VectorKind::Dense { dim, .. } | VectorKind::Multi { dim, .. } => Ok(dim.get()),
        VectorKind::Sparse { .. } | VectorKind::Binary { .. } => {
            Err(invalid("the field holds no dense vectors"))
        }
    }
}

/// The outcome of `work`, or a promise of it when it cannot go on at once.
fn now_or_later(
    work: impl Future<Output = Result<JsValue, Error>> + 'static,
) -> Result<JsValue, JsValue> {
    let mut work = Box::pin(work);
    // Whoever polls later says whom to wake.
    let mut context = Context::from_waker(Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => outcome.map_err(|error| explained(&error)),
        Poll::Pending => {
            let later = async move { work.await.map_err(|error| explained(&error)) };
            Ok(future_to_promise(later).into())
        }
    }
}

/// What was found for each vector. When all ids are numbers, one block of numbers: for each vector
/// how many points there are, their ids, their scores. Otherwise an array of pairs: an array of
/// ids, and the scores.
fn answer(found: &[Vec<ScoredPoint>]) -> JsValue {
    let points = found.iter().map(Vec::len).sum::<usize>();
    let mut block = Vec::with_capacity(found.len() + 2 * points);
    for points in found {
        block.push(points.len() as f64);
        for point in points {
            match point.record.id {
                // As everywhere in JavaScript: whole up to 2^53.
                PointId::Num(number) => block.push(number as f64),
                PointId::Uuid(_) | PointId::Text(_) => return columns(found).into(),
            }
        }
        block.extend(points.iter().map(|point| f64::from(point.score)));
    }
    Float64Array::from(&block[..]).into()
}

fn columns(found: &[Vec<ScoredPoint>]) -> Array {
    let pair = |points: &Vec<ScoredPoint>| {
        let ids = points.iter().map(|point| match &point.record.id {
            PointId::Num(number) => JsValue::from_f64(*number as f64),
            other => JsValue::from_str(&other.to_string()),
        });
        let scores: Vec<f32> = points.iter().map(|point| point.score).collect();
        Array::of2(&ids.collect::<Array>(), &Float32Array::from(&scores[..]))
    };
    found.iter().map(pair).collect()
}

//! The shortest way to a search: a vector in, ids and scores out, and no text between.

use app::CollectionName;
use app::model::{
    CollectionRef, DatabaseName, Error, ErrorKind, Executor, PointId, Query, Rank, Reply,
    ScoredPoint, Search, SearchParams, Select, Subject, Vector, VectorName, VectorQuery,
};
use js_sys::{Array, Float32Array};
use wasm_bindgen::prelude::*;

use crate::{Engine, explained};

#[wasm_bindgen]
impl Engine {
    /// The `limit` points nearest to `vector` by the field `using` (empty: the one without a
    /// name), best first: an array of ids, and their similarities as the engine has them (larger
    /// is nearer: products, cosines, distances below zero, Euclidean ones squared). `ef`:
    /// candidates of the walk.
    ///
    /// # Errors
    /// When there is no such collection or field, or the vector is none of its kind.
    pub async fn nearest(
        &self,
        collection: String,
        using: String,
        vector: Vec<f32>,
        limit: u32,
        ef: Option<u32>,
    ) -> Result<Array, JsValue> {
        let search = search(&collection, &using, vector, limit, ef);
        let search = search.map_err(|error| explained(&error))?;
        let database = self.app.database();
        let reply = database.query(Query::Search(Box::new(search))).await;
        match reply.map_err(|error| explained(&error))? {
            Reply::Scored(points) => Ok(columns(&points)),
            other => Err(explained(&other.unexpected())),
        }
    }
}

fn search(
    collection: &str,
    using: &str,
    vector: Vec<f32>,
    limit: u32,
    ef: Option<u32>,
) -> Result<Search, Error> {
    let invalid = |message: &str| Error::new(ErrorKind::Invalid, Subject::Request, message);
    if limit == 0 {
        return Err(invalid("`limit` must be at least 1"));
    }
    if !vector.iter().all(|component| component.is_finite()) {
        return Err(invalid("a vector has finite components only"));
    }
    Ok(Search {
        collection: CollectionRef {
            database: DatabaseName::default(),
            name: CollectionName::new(collection)?,
        },
        prefetch: Vec::new(),
        rank: Some(Rank::Nearest {
            field: VectorName::new(using)?,
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
    })
}

/// The ids and the scores, apart.
fn columns(points: &[ScoredPoint]) -> Array {
    let ids = points.iter().map(|point| match &point.record.id {
        // As everywhere in JavaScript: whole up to 2^53.
        PointId::Num(number) => JsValue::from_f64(*number as f64),
        other => JsValue::from_str(&other.to_string()),
    });
    let scores: Vec<f32> = points.iter().map(|point| point.score).collect();
    Array::of2(&ids.collect::<Array>(), &Float32Array::from(&scores[..]))
}

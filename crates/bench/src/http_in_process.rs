//! The same search without HTTP: the same data directory, opened in this process.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use app::{App, Config};
use model::query::Select;
use model::{
    CollectionRef, Executor, Query, Rank, Reply, Search, SearchParams, Vector, VectorName,
    VectorQuery,
};
use server::host::NativeHost;

use crate::dataset::Dataset;
use crate::http_process::cpu_s;

/// Microseconds of processor time per search for the `k` nearest, over `count` searches on one
/// thread, after one pass over the queries.
pub(crate) fn cpu_us(
    data: &Path,
    dataset: &Dataset,
    k: usize,
    count: usize,
) -> Result<f64, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = storage_object::open_local(data, storage_object::Durability::Sync)?;
        let app = App::open(store, Arc::new(NativeHost::new()), Config::default()).await?;
        let database = app.database();
        let queries: Vec<Query> = dataset
            .each_query()
            .map(|vector| query(vector, k))
            .collect::<Result<_, _>>()?;
        for query in &queries {
            ask(&*database, query.clone()).await?;
        }
        let before = cpu_s("self")?;
        for query in queries.iter().cycle().take(count) {
            ask(&*database, query.clone()).await?;
        }
        let per_search = (cpu_s("self")? - before) * 1e6 / count as f64;
        app.close().await?;
        Ok(per_search)
    })
}

async fn ask(executor: &dyn Executor, query: Query) -> Result<(), model::Error> {
    match executor.query(query).await? {
        Reply::Scored(points) if !points.is_empty() => Ok(()),
        other => Err(other.unexpected()),
    }
}

/// What the Qdrant interface makes of the benchmark's requests.
fn query(vector: &[f32], k: usize) -> Result<Query, model::Error> {
    Ok(Query::Search(Box::new(Search {
        collection: CollectionRef::in_default("bench")?,
        rank: Some(Rank::Nearest {
            field: VectorName::default(),
            to: VectorQuery::Vector(Vector::Dense(vector.to_vec())),
        }),
        filter: None,
        params: SearchParams::default(),
        score_above: None,
        limit: k,
        offset: 0,
        select: Select::default(),
    })))
}

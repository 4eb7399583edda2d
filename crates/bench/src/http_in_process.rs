//! The same search without HTTP: the same data directory, opened in this process.
// A benchmark measures with clocks and threads of its own.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, mpsc};

use app::{App, Config};
use model::query::Select;
use model::{
    CollectionRef, Executor, Query, Rank, Reply, Search, SearchParams, Vector, VectorName,
    VectorQuery,
};
use server::host::NativeHost;

use crate::dataset::Dataset;
use crate::http_process::thread_cpu_s;

/// Microseconds of processor time per search.
pub(crate) struct CpuUs {
    /// One search after the other, the processor never idle.
    pub(crate) busy: f64,
    /// Another thread asks and waits for each answer, as a client on one connection does: both
    /// processors halt between searches, and each search begins with what a halt costs (on a
    /// virtual machine more than half of the search itself).
    pub(crate) woken: f64,
}

/// Processor time of a search for the `k` nearest, over `count` searches on one thread, after one
/// pass over the queries.
pub(crate) fn cpu_us(
    data: &Path,
    dataset: &Dataset,
    k: usize,
    count: usize,
) -> Result<CpuUs, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = storage_object::open_local(data, storage_object::Durability::Sync)?;
        let app = App::open(store, Arc::new(NativeHost::new()), Config::default()).await?;
        let database = app.database();
        let queries: Vec<Query> = dataset
            .each_query()
            .map(|vector| query(vector, k, SearchParams::default()))
            .collect::<Result<_, _>>()?;
        for query in &queries {
            ask(&*database, query.clone()).await?;
        }
        let before = thread_cpu_s()?;
        for query in queries.iter().cycle().take(count) {
            ask(&*database, query.clone()).await?;
        }
        let busy = (thread_cpu_s()? - before) * 1e6 / count as f64;
        let woken = woken_us(&*database, &queries, count).await?;
        app.close().await?;
        Ok(CpuUs { busy, woken })
    })
}

/// As [`CpuUs::woken`].
async fn woken_us(
    executor: &dyn Executor,
    queries: &[Query],
    count: usize,
) -> Result<f64, Box<dyn Error>> {
    let (question, questions) = mpsc::channel::<Query>();
    let (answer, answers) = mpsc::channel::<()>();
    let asked: Vec<Query> = queries.iter().cycle().take(count).cloned().collect();
    let asking = std::thread::spawn(move || {
        for query in asked {
            // Either side is gone only when the other failed, which says so itself.
            if question.send(query).is_err() || answers.recv().is_err() {
                return;
            }
        }
    });
    let before = thread_cpu_s()?;
    // A search in memory is done when first polled, so blocking this thread blocks nothing.
    while let Ok(query) = questions.recv() {
        ask(executor, query).await?;
        answer.send(())?;
    }
    let us = (thread_cpu_s()? - before) * 1e6 / count as f64;
    asking.join().expect("it does not panic");
    Ok(us)
}

async fn ask(executor: &dyn Executor, query: Query) -> Result<(), model::Error> {
    match executor.query(query).await? {
        Reply::Scored(points) if !points.is_empty() => Ok(()),
        other => Err(other.unexpected()),
    }
}

/// What the Qdrant interface makes of the benchmark's requests.
pub(crate) fn query(vector: &[f32], k: usize, params: SearchParams) -> Result<Query, model::Error> {
    Ok(Query::Search(Box::new(Search {
        collection: CollectionRef::in_default("bench")?,
        rank: Some(Rank::Nearest {
            field: VectorName::default(),
            to: VectorQuery::Vector(Vector::Dense(vector.to_vec())),
        }),
        filter: None,
        params,
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: k,
        offset: 0,
        select: Select::default(),
    })))
}

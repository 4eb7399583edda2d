//! The Durable Object: the one isolate that writes a bucket.
//!
//! The platform runs at most one object of a name at a time, so its database is alone with the
//! log. Nothing rests on that: if two ever ran, the log would let one of them win each entry and
//! the other step down.

use std::sync::Arc;

use app::Host;
use app::model::{CollectionRef, DatabaseName, Executor, Query, Reply};
use futures::lock::Mutex;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::exchange;
use crate::open::Open;
use crate::r2::R2Blobs;

/// The binding of the bucket in `wrangler.toml`.
pub(crate) const BUCKET: &str = "BUCKET";

/// The Durable Object.
#[durable_object(fetch)]
pub struct Shard {
    env: Env,
    /// Opened by the first request; one that fails leaves it to the next.
    open: Mutex<Option<Open>>,
}

impl DurableObject for Shard {
    fn new(_state: State, env: Env) -> Self {
        Self {
            env,
            open: Mutex::new(None),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let open = match self.open().await {
            Ok(open) => open,
            Err(error) => return Response::error(error.to_string(), 503),
        };
        if request.url()?.as_str() == crate::UPKEEP_URL {
            return upkeep(&open).await;
        }
        exchange::answer(&open.listener, request).await
    }
}

impl Shard {
    async fn open(&self) -> Result<Open> {
        let mut slot = self.open.lock().await;
        if let Some(open) = &*slot {
            return Ok(open.clone());
        }
        let store = Arc::new(R2Blobs::new(self.env.bucket(BUCKET)?));
        let open = Open::new(&self.env, store, false).await?;
        *slot = Some(open.clone());
        Ok(open)
    }
}

/// Opens every collection, which starts what is due in it, and waits until all are quiet.
async fn upkeep(open: &Open) -> Result<Response> {
    /// Pauses between two looks, and how many: a minute in all.
    const PAUSE_MS: u64 = 500;
    const LOOKS: usize = 120;
    let failed = |error: app::Error| worker::Error::RustError(error.to_string());
    let database = DatabaseName::default();
    for _ in 0..LOOKS {
        let names = open
            .database
            .query(Query::ListCollections(database.clone()));
        let Reply::Collections(names) = names.await.map_err(failed)? else {
            return Response::error("the database answered something else", 500);
        };
        let mut busy = false;
        for name in names {
            let collection = CollectionRef {
                database: database.clone(),
                name,
            };
            // One that was dropped meanwhile, or cannot be read, needs no waiting for.
            let described = open
                .database
                .query(Query::DescribeCollection(collection))
                .await;
            busy |= matches!(described, Ok(Reply::Collection(info))
                if info.status == app::Status::Optimizing);
        }
        if !busy {
            return Response::ok("quiet");
        }
        open.host.sleep(PAUSE_MS).await;
    }
    Response::ok("still busy")
}

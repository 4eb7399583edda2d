//! The Durable Object: the one isolate that writes a bucket.
//!
//! The platform runs at most one object of a name at a time, so its database is alone with the
//! log. Nothing rests on that: if two ever ran, the log would let one of them win each entry and
//! the other step down.

use std::sync::Arc;

use app::gateway::{self, Keys, Listener, Mount};
use app::model::{CollectionRef, DatabaseName, Executor, Query, Reply};
use app::{App, Config, Database, Host, Options, Paging};
use futures::lock::Mutex;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::exchange;
use crate::host::Isolate;
use crate::r2::R2Blobs;

/// The binding of the bucket in `wrangler.toml`.
const BUCKET: &str = "BUCKET";

/// The variable that names the dialect of paths without a prefix.
const ROOT: &str = "SKERRY_ROOT";

/// Secrets that a deployment may set.
const API_KEY: &str = "SKERRY_API_KEY";
const ALT_API_KEY: &str = "SKERRY_ALT_API_KEY";
const READ_ONLY_API_KEY: &str = "SKERRY_READ_ONLY_API_KEY";

/// Whether tokens that a key has signed are taken: `true`, or not set.
const JWT_RBAC: &str = "SKERRY_JWT_RBAC";

/// An open database in front of its bucket.
#[derive(Clone)]
struct Open {
    database: Arc<Database>,
    listener: Listener,
    host: Arc<Isolate>,
}

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
        let host = Arc::new(Isolate::default());
        let secret = |name| self.env.secret(name).ok().map(|secret| secret.to_string());
        let keys = Keys::new(secret(API_KEY), secret(READ_ONLY_API_KEY))
            .with_alternative(secret(ALT_API_KEY));
        let keys = match secret(JWT_RBAC).as_deref() {
            Some("true") => keys.with_tokens(),
            Some(_) | None => keys,
        };
        let config = Config {
            database: Options {
                paging: Some(Paging::default()),
                ..Options::default()
            },
            gateway: gateway::Config {
                keys,
                ..gateway::Config::default()
            },
            ..Config::default()
        };
        let app = App::open(store, Arc::clone(&host) as _, config)
            .await
            .map_err(|error| worker::Error::RustError(error.to_string()))?;
        let listener = app
            .gateway()
            .listener(Mount::Prefixed { root: self.root()? });
        let open = Open {
            database: app.database(),
            listener: listener.expect("the root is a dialect of this build"),
            host,
        };
        *slot = Some(open.clone());
        Ok(open)
    }

    /// The dialect of paths without a prefix.
    fn root(&self) -> Result<&'static str> {
        let names = app::dialect_names();
        let Ok(wanted) = self.env.var(ROOT) else {
            return Ok(names[0]);
        };
        let wanted = wanted.to_string();
        let found = names.iter().find(|name| **name == wanted);
        found.copied().ok_or_else(|| {
            let known = names.join(", ");
            worker::Error::RustError(format!("{ROOT} is `{wanted}`, but must be one of {known}"))
        })
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

//! A database in front of a bucket, as both kinds of isolates open it.

use std::sync::Arc;

use app::gateway::{self, Keys, Listener, Mount};
use app::{App, BlobStore, Config, Database, Options, Paging};
use worker::{Env, Result};

use crate::host::Isolate;

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
pub(crate) struct Open {
    pub(crate) database: Arc<Database>,
    pub(crate) listener: Listener,
    pub(crate) host: Arc<Isolate>,
}

impl Open {
    /// Opens the database in `store` as the variables of `env` say.
    ///
    /// # Errors
    /// Those of the store; variables that say nothing that is known.
    pub(crate) async fn new(env: &Env, store: Arc<dyn BlobStore>, read_only: bool) -> Result<Self> {
        let host = Arc::new(Isolate::default());
        let config = Config {
            database: Options {
                read_only,
                paging: Some(Paging::default()),
                ..Options::default()
            },
            gateway: gateway::Config {
                keys: keys(env),
                ..gateway::Config::default()
            },
            ..Config::default()
        };
        let root = root(env)?;
        let app = App::open(store, Arc::clone(&host) as _, config)
            .await
            .map_err(|error| worker::Error::RustError(error.to_string()))?;
        let listener = app.gateway().listener(Mount::Prefixed { root });
        Ok(Self {
            database: app.database(),
            listener: listener.expect("the root is a dialect of this build"),
            host,
        })
    }
}

fn keys(env: &Env) -> Keys {
    let secret = |name| env.secret(name).ok().map(|secret| secret.to_string());
    let keys =
        Keys::new(secret(API_KEY), secret(READ_ONLY_API_KEY)).with_alternative(secret(ALT_API_KEY));
    match secret(JWT_RBAC).as_deref() {
        Some("true") => keys.with_tokens(),
        Some(_) | None => keys,
    }
}

/// The dialect of paths without a prefix.
fn root(env: &Env) -> Result<&'static str> {
    let names = app::dialect_names();
    let Ok(wanted) = env.var(ROOT) else {
        return Ok(names[0]);
    };
    let wanted = wanted.to_string();
    let found = names.iter().find(|name| **name == wanted);
    found.copied().ok_or_else(|| {
        let known = names.join(", ");
        worker::Error::RustError(format!("{ROOT} is `{wanted}`, but must be one of {known}"))
    })
}

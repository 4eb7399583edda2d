//! Skerry as an edge worker: R2 is the store, a Durable Object is its one writer, and whoever asks
//! for points is answered where the request arrives.
//!
//! | where | what |
//! |---|---|
//! | this file | what the platform calls: requests and the clock |
//! | `shard` | the Durable Object: the database that is written |
//! | `reader` | a copy of it that is read, in every isolate |
//! | `open` | a database and its gateway, of either kind |
//! | `r2` | a bucket as a `BlobStore` |
//! | `cached` | the same, with what never changes in the platform's cache |
//! | `host` | clock, chance and tasks of an isolate |
//! | `exchange` | requests and responses, from and to the platform's |
//!
//! There is nothing here on other platforms, so that the whole workspace builds everywhere.
#![cfg(target_family = "wasm")]
// An adapter is where chance comes from.
#![allow(clippy::disallowed_methods)]

mod cached;
mod exchange;
mod host;
mod open;
mod r2;
mod reader;
mod shard;

use worker::{
    Context, Env, Request, Response, Result, ScheduleContext, ScheduledEvent, Stub, event,
};

/// The binding of the Durable Object in `wrangler.toml`.
const SHARD: &str = "SHARD";

/// The bucket holds one database, which one object writes.
const SHARD_NAME: &str = "main";

/// A host that no route of the worker has: what the clock asks of the shard.
const UPKEEP_URL: &str = "https://upkeep.invalid/";

fn shard(env: &Env) -> Result<Stub> {
    env.durable_object(SHARD)?.get_by_name(SHARD_NAME)
}

/// Answers what only reads points, and hands all else to the shard.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    match reader::for_request(&env, &request).await {
        Some(reader) => exchange::answer(&reader.listener, request).await,
        None => shard(&env)?.fetch_with_request(request).await,
    }
}

/// Wakes the shard, which seals, merges, indexes and removes what is due.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let woken = match shard(&env) {
        Ok(shard) => shard.fetch_with_str(UPKEEP_URL).await.map(|_| ()),
        Err(error) => Err(error),
    };
    if let Err(error) = woken {
        // The next tick tries again; nothing acknowledged depends on it.
        worker::console_error!("the shard could not be woken: {error}");
    }
}

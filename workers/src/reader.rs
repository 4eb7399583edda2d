//! Reads in the stateless worker: every isolate has a copy of the database that it brings up to
//! date before it answers.
//!
//! A request must not wait for another one: the platform ends the reads of a request with the
//! request. So two that come first at the same time both open the database, and each looks for
//! itself what is new.

use std::cell::RefCell;
use std::sync::Arc;

use app::Host;
use http::{Method, Uri};
use worker::{Env, Request};

use crate::cached::CachedBlobs;
use crate::open::Open;
use crate::r2::R2Blobs;
use crate::shard::BUCKET;

/// The variable that says how many milliseconds old an answer may be; unless it is set, every
/// write that was acknowledged before a request is seen by it.
const MAX_AGE_MS: &str = "SKERRY_READ_MAX_AGE_MS";

/// The copy, and when it was last brought up to date, by the host's clock.
#[derive(Clone)]
struct Copy {
    open: Open,
    fresh_us: u64,
}

thread_local! {
    static COPY: RefCell<Option<Copy>> = const { RefCell::new(None) };
}

/// The database that answers `request`, up to date; `None` when the shard must: because it asks
/// for more than points, or because nothing can be read here, which the shard explains.
pub(crate) async fn for_request(env: &Env, request: &Request) -> Option<Open> {
    let method: Method = request.method().to_string().parse().ok()?;
    // No interface reads points by another one.
    if !matches!(method, Method::GET | Method::POST | Method::PUT) {
        return None;
    }
    let uri: Uri = request.url().ok()?.as_str().parse().ok()?;
    let known = COPY.with_borrow(Clone::clone);
    let copy = match known {
        Some(copy) => copy,
        None => opened(env).await?,
    };
    let Copy { open, fresh_us } = copy;
    if !open.listener.reads_points(&method, &uri) {
        return None;
    }
    let now_us = open.host.monotonic_us();
    if now_us.saturating_sub(fresh_us) >= max_age_us(env)? {
        if let Err(error) = open.database.catch_up().await {
            worker::console_error!("the copy cannot be brought up to date: {error}");
            return None;
        }
        COPY.set(Some(Copy {
            open: open.clone(),
            fresh_us: now_us,
        }));
    }
    Some(open)
}

async fn opened(env: &Env) -> Option<Copy> {
    let bucket = env.bucket(BUCKET).ok()?;
    let store = Arc::new(CachedBlobs::new(R2Blobs::new(bucket)));
    match Open::new(env, store, true).await {
        Ok(open) => {
            let copy = Copy { fresh_us: 0, open };
            COPY.set(Some(copy.clone()));
            Some(copy)
        }
        Err(error) => {
            worker::console_error!("the bucket cannot be read: {error}");
            None
        }
    }
}

/// What [`MAX_AGE_MS`] says; `None` when that is no number.
fn max_age_us(env: &Env) -> Option<u64> {
    let Ok(said) = env.var(MAX_AGE_MS) else {
        return Some(0);
    };
    let ms = said.to_string().parse::<u64>();
    let ms = ms.inspect_err(|_| worker::console_error!("{MAX_AGE_MS} is no number: `{said}`"));
    Some(ms.ok()?.saturating_mul(1000))
}

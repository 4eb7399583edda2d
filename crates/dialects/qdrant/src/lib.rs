//! The Qdrant REST dialect: wire structs, decoding, encoding, the error mapping.
//!
//! Each handler decodes a body into a command or query of [`model`], asks the executor, and
//! encodes the reply; nothing here knows how either is carried out.
//!
//! | module | requests about |
//! |---|---|
//! | `collections`, `aliases`, `index` | collections, their further names, payload indexes |
//! | `points`, `payload`, `batch` | changes of points |
//! | `read`, `query`, `search`, `legacy` | points by id, page by page, ranked |
//! | `groups`, `facet`, `matrix` | results in groups, counts per value, distances in a sample |
//! | `snapshots` | states kept, carried away and brought back |
//! | `service`, `quotas`, `hints`, `unsupported` | the server itself; what it cannot do |
//! | `interface` | the dialect's own OpenAPI document |
//!
//! What these share lies in `claims`, `envelope`, `error`, `request` (around every request), `ids`,
//! `value`, `vectors`, `analysis`, `inference`, `filter`, `select`, `order`, `params`, `ranking`,
//! `examples`, `formula`, `list`, `strict` (read from bodies), `memory` (kept between requests),
//! and `record`, `score`, `ranked` (written into replies).

mod aliases;
mod analysis;
mod batch;
mod claims;
mod collections;
mod envelope;
mod error;
mod examples;
mod facet;
mod filter;
mod formula;
mod groups;
mod hints;
mod ids;
mod index;
mod inference;
mod interface;
mod legacy;
mod list;
mod matrix;
mod memory;
mod order;
mod params;
mod payload;
mod points;
mod query;
mod quotas;
mod ranked;
mod ranking;
mod read;
mod record;
mod request;
mod routes;
mod score;
mod search;
mod select;
mod service;
mod snapshots;
mod strict;
mod value;
mod vectors;

use gateway::{BoxFuture, Dialect, Grant, Memory, Refusal, Response, Route};
use model::{Executor, Placement, Schema};

/// The Qdrant REST interface.
pub struct Qdrant;

impl Dialect for Qdrant {
    fn name(&self) -> &'static str {
        "qdrant"
    }

    fn routes(&self) -> &'static [Route] {
        routes::ROUTES
    }

    fn memory(&self) -> Memory {
        Box::new(memory::Remembered::default())
    }

    fn placement(&self, schema: &Schema) -> Option<Placement> {
        collections::placement(schema)
    }

    fn token_grant<'a>(
        &'a self,
        claims: &'a [u8],
        executor: &'a dyn Executor,
    ) -> BoxFuture<'a, Result<Grant, Refusal>> {
        Box::pin(claims::grant(claims, executor))
    }

    fn refuse(&self, refusal: &Refusal, seconds: f64) -> Response {
        error::refuse(refusal, seconds)
    }
}

//! The LynseDB HTTP dialect: wire structs, binary frames, decoding, encoding, the error mapping.
//!
//! Its routes are those of version 0.3.0, and beside them those that later versions renamed, so
//! that clients of both find what they look for.
//!
//! | module | requests about |
//! |---|---|
//! | `database`, `collection` | databases and collections |
//! | `write`, `records`, `conceal` | points written, deleted softly and brought back |
//! | `index`, `field` | indexes, named and sparse vectors |
//! | `blob` | bytes kept with a collection |
//! | `portable` | collections carried away as files, and brought back |
//! | `search`, `profile`, `text`, `retrieve` | points ranked, found by text, read |
//! | `system` | the server itself |
//!
//! What these share lies in `seen` (a collection as this dialect sees it), `mode` (names of
//! indexes), `condition` (`where`), `frame` (binary bodies), `value`, `request`, `reply`, `error`.

mod blob;
mod collection;
mod conceal;
mod condition;
mod database;
mod error;
mod field;
mod frame;
mod index;
mod mode;
mod portable;
mod profile;
mod records;
mod reply;
mod request;
mod retrieve;
mod routes;
mod search;
mod seen;
mod system;
mod text;
mod value;
mod write;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::{Dialect, Refusal, Response, Route};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The LynseDB HTTP interface.
pub struct Lynse;

impl Dialect for Lynse {
    fn name(&self) -> &'static str {
        "lynse"
    }

    fn routes(&self) -> &'static [Route] {
        routes::ROUTES
    }

    fn refuse(&self, refusal: &Refusal, _: f64) -> Response {
        error::refuse(refusal)
    }

    /// `Bearer` and the key, or `Basic` with any name and the key as its password.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        if let Some(key) = value.strip_prefix("Bearer ") {
            return Some(Cow::Borrowed(key));
        }
        let encoded = value.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (_, key) = decoded.split_once(':')?;
        Some(Cow::Owned(key.to_owned()))
    }
}

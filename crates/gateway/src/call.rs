//! What a handler is given.

use std::any::Any;
use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use model::{ByteSource, Executor};
use serde::de::DeserializeOwned;

use crate::body::Upload;
use crate::json::{self, Ahead};
use crate::{Context, Counters, Grant, path};

/// One request on its way to a handler.
pub struct Call<'a> {
    /// Carries out what the handler decodes.
    pub executor: &'a dyn Executor,
    /// What the host lends.
    pub context: &'a Context,
    /// Responses of this dialect so far.
    pub counters: &'a Counters,
    /// What the dialect remembers.
    pub memory: &'a (dyn Any + Send + Sync),
    /// The query string as it came, without the question mark; empty when there is none.
    pub query: &'a str,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The body; empty when there is none, or when the route takes it as it comes.
    pub body: Bytes,
    /// What the caller's key allows, for routes where only the body tells reads from writes.
    pub grant: Grant,
    pub(crate) params: Vec<(&'a str, String)>,
    pub(crate) started_micros: u64,
    pub(crate) upload: Upload,
    pub(crate) ahead: Option<Box<Ahead>>,
}

impl Call<'_> {
    /// The parameter `name` of the path, percent-decoded.
    ///
    /// # Panics
    /// When the route's pattern has no such parameter.
    pub fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| *key == name);
        &found
            .expect("the pattern of the route names its parameters")
            .1
    }

    /// Names and values of the query string in order, percent-decoded, `+` as a space.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (path::decode_form(name), path::decode_form(value))
            })
    }

    /// The body as a `T`.
    ///
    /// # Errors
    /// As `serde_json` reports them, when the body is no JSON or no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::read_with(&self.body, self.ahead.as_deref())
    }

    /// The body of a route that takes it as it comes; empty when it was taken before.
    pub fn upload(&self) -> Box<dyn ByteSource> {
        self.upload.take()
    }

    /// Seconds since the request came in.
    pub fn seconds(&self) -> f64 {
        seconds_since(self.context, self.started_micros)
    }
}

/// Seconds of the host's clock since `started_micros`.
pub(crate) fn seconds_since(context: &Context, started_micros: u64) -> f64 {
    let micros = context.clock.now_micros().saturating_sub(started_micros);
    // Requests are shorter than 2^53 microseconds.
    micros as f64 / 1e6
}

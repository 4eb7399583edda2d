//! What a dialect is to the gateway, and why a request is refused before its handler.

use http::{HeaderMap, Method};

use crate::{Response, Route, access};

/// One HTTP interface: a table of routes and the shapes of its refusals.
pub trait Dialect: Send + Sync {
    /// Lower-case name, unique: `qdrant`. Its path prefix is `/` and the name.
    fn name(&self) -> &'static str;

    /// The table. Pattern and method together are unique.
    fn routes(&self) -> &'static [Route];

    /// The answer to a request that no handler will see, or whose handler broke down.
    /// `seconds` is how long the request took.
    fn refuse(&self, refusal: &Refusal, seconds: f64) -> Response;

    /// The key that a request brings, if any.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        access::credential(headers)
    }
}

/// Why a request is refused before its handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A key is needed and none was given.
    NoKey,
    /// The key is not known.
    WrongKey,
    /// The key does not allow this route.
    Forbidden,
    /// The body is longer than allowed.
    BodyTooLarge {
        /// Length of the body in bytes, where it is known.
        bytes: Option<u64>,
        /// Longest body in bytes.
        bytes_max: usize,
    },
    /// No pattern matches the path.
    NoRoute,
    /// A pattern matches the path, but not with this method.
    WrongMethod {
        /// The methods that exist.
        allowed: Vec<Method>,
    },
    /// The handler panicked. Nothing of the panic is told to the caller.
    Panicked,
}

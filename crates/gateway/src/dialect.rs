//! What a dialect is to the gateway, and why a request is refused before its handler.

use std::any::Any;
use std::borrow::Cow;

use http::{HeaderMap, Method};
use model::{BoxFuture, Error, Executor, Placement, Schema};

use crate::{Denied, Grant, Response, Route, TokenFault, access};

/// What a dialect remembers between requests. Only the dialect knows its type.
pub type Memory = Box<dyn Any + Send + Sync>;

/// One HTTP interface: a table of routes and the shapes of its refusals.
pub trait Dialect: Send + Sync {
    /// Lower-case name, unique: `qdrant`. Its path prefix is `/` and the name.
    fn name(&self) -> &'static str;

    /// The table. Pattern and method together are unique.
    fn routes(&self) -> &'static [Route];

    /// The answer to a request that no handler will see, or whose handler broke down.
    /// `seconds` is how long the request took.
    fn refuse(&self, refusal: &Refusal, seconds: f64) -> Response;

    /// What it remembers between requests; made once per gateway and given to every handler.
    fn memory(&self) -> Memory {
        Box::new(())
    }

    /// The parameter of the path in which a route names its collection.
    fn collection_parameter(&self) -> &'static str {
        "collection_name"
    }

    /// What a token allows whose signature and time are good. `claims` is a JSON object.
    ///
    /// # Errors
    /// The refusal. Without an own form of this method, a dialect has no tokens.
    fn token_grant<'a>(
        &'a self,
        claims: &'a [u8],
        executor: &'a dyn Executor,
    ) -> BoxFuture<'a, Result<Grant, Refusal>> {
        let _ = (claims, executor);
        Box::pin(core::future::ready(Err(Refusal::WrongKey)))
    }

    /// Where the bytes of a collection of this schema should live; `None` when this dialect keeps
    /// nothing of it there.
    fn placement(&self, schema: &Schema) -> Option<Placement> {
        let _ = schema;
        None
    }

    /// The key that a request brings, if any.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        access::credential(headers).map(Cow::Borrowed)
    }
}

/// Why a request is refused before its handler.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A key is needed and none was given.
    NoKey,
    /// The key is not known.
    WrongKey,
    /// The key is a token that is not taken.
    Token(TokenFault),
    /// Whether the key is good could not be found out.
    Unanswered(Error),
    /// The key does not allow this route.
    Forbidden(Denied),
    /// The body is longer than allowed.
    BodyTooLarge {
        /// Length of the body in bytes, where it is known.
        bytes: Option<u64>,
        /// Longest body in bytes.
        bytes_max: usize,
    },
    /// The body ended before it was whole.
    BrokenOff,
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

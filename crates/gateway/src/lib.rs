//! HTTP without a server: requests and responses are values.
//!
//! A [`Dialect`] is a table of [`Route`]s and the shapes of its refusals. A [`Gateway`] matches a
//! request against the table, checks key, size and origin, and calls the route's handler, which
//! decodes a command or query, hands it to the [`model::Executor`] and encodes the reply. No
//! socket, runtime, clock or thread is needed here, so the same gateway runs in a server, in an
//! edge worker and in a browser.
//!
//! | module | what is in it |
//! |---|---|
//! | [`access`] | who may do what: keys and what a route needs |
//! | [`body`] | bodies in memory or piece by piece |
//! | [`call`] | what a handler is given |
//! | [`context`] | what the host lends: clock, metrics, build |
//! | [`counters`] | responses per route and status |
//! | [`dialect`] | the trait, and why a request is refused before its handler |
//! | [`json`] | JSON bodies, read fast |
//! | [`manual`] | the route tables as Markdown |
//! | [`route`] | one row of a dialect's table |
//! | [`service`] | the gateway itself and its listeners |
//! | [`token`] | signed tokens |

pub mod access;
pub mod body;
pub mod call;
pub mod context;
mod cors;
pub mod counters;
pub mod dialect;
pub mod json;
pub mod manual;
mod path;
pub mod route;
mod router;
pub mod service;
pub mod token;
mod unwind;

use bytes::Bytes;

pub use access::{Access, CollectionGrant, Denied, Grant, Keys, Level};
pub use body::{Body, Intake};
pub use call::Call;
pub use context::{Build, Clock, Context, Files, LogLevel, MetricsSource, Resources};
pub use counters::{Count, Counters};
pub use dialect::{Dialect, Memory, Refusal};
pub use model::BoxFuture;
pub use path::decode as percent_decoded;
pub use route::{Handler, Route};
pub use service::{Config, Gateway, Listener, Mount};
pub use token::TokenFault;

/// A request whose body is in memory.
pub type Request = http::Request<Bytes>;

/// A response; few have a body that is not in memory.
pub type Response = http::Response<Body>;

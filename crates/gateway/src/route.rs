//! One row of a dialect's table.

use http::Method;
use model::BoxFuture;

use crate::{Access, Call, Intake, Response};

/// Decodes the call, asks the executor, encodes its answer; never fails, since an error is a
/// response too.
pub type Handler = for<'a> fn(Call<'a>) -> BoxFuture<'a, Response>;

/// One row of a dialect's table.
pub struct Route {
    /// The method. `HEAD` is answered by the `GET` row.
    pub method: Method,
    /// The path, with `{name}` where a segment is a parameter.
    pub path: &'static str,
    /// What the caller must be allowed to do.
    pub access: Access,
    /// What becomes of the body of a request.
    pub intake: Intake,
    /// Answers it.
    pub handler: Handler,
    /// One line for the manual.
    pub doc: &'static str,
}

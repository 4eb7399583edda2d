//! The Qdrant REST dialect: wire structs, decoding, encoding, the error mapping.

use gateway::{Dialect, Refusal, Response, Route};

/// The Qdrant REST interface.
pub struct Qdrant;

impl Dialect for Qdrant {
    fn name(&self) -> &'static str {
        "qdrant"
    }

    fn routes(&self) -> &'static [Route] {
        &[]
    }

    fn refuse(&self, _refusal: &Refusal, _seconds: f64) -> Response {
        Response::default()
    }
}

//! Strict mode: limits that a collection sets to its own requests.

mod limits;
mod settings;

pub(crate) use limits::Limits;
pub(crate) use settings::StrictMode;

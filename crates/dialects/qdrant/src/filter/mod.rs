//! Filters on the wire, and what they mean.
//!
//! | module | what is in it |
//! |---|---|
//! | [`clauses`] | `must`, `should`, `must_not`, `min_should` and the kinds of conditions |
//! | [`field`] | conditions on the values of a payload field |
//! | [`geo`] | places on the globe |

mod clauses;
mod field;
mod geo;

pub(crate) use clauses::{WireFilter, condition};

//! Scalar expressions over payloads, evaluated with the three truth values of SQL.
//!
//! | where | what |
//! |---|---|
//! | [`Prepared`] | a [`model::Term`] made ready: constant patterns are compiled once |
//! | [`Fields`] | where the values of fields come from: payloads, packed or not |
//! | [`Datum`] | a value while it is computed |
//! | [`like`] | the patterns of `LIKE` |
//!
//! Everything is a pure function of its input, with equal results on every platform, and no input
//! makes it fail: what has no value is null.

mod calendar;
mod compare;
mod datum;
mod document;
pub mod like;
mod logic;
mod number;
mod prepared;
mod writing;

pub use datum::{Datum, Fields};
pub use prepared::Prepared;

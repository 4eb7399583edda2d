//! Filter evaluation, payload columns, cardinality estimates, payload edits.
//!
//! | where | what |
//! |---|---|
//! | [`compile`] | a filter prepared for one block or segment: [`Compiled`] |
//! | [`RowSource`] | what such a block or segment must tell |
//! | [`Column`] | the values of one payload path, sorted: answers tests without reading payloads |
//! | [`Cardinality`] | how many rows a filter leaves: bounds that hold and a guess |
//! | [`payload`] | setting, removing and projecting payload fields by path |
//!
//! A filter means the same with and without columns. A column answers a test by two sets: rows that
//! surely pass and rows whose payload must be looked at; what it does not know it never decides.

mod answer;
mod cardinality;
mod check;
mod column;
mod compile;
mod compiled;
mod field;
pub mod geo;
mod nested;
pub mod payload;
mod reach;
mod slice;
mod source;
mod where_term;
mod words;

pub use cardinality::Cardinality;
pub use column::{Column, Facets, Ordered, can_count};
pub use compile::compile;
pub use compiled::Compiled;
pub use source::RowSource;

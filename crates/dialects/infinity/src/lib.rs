//! The Infinity HTTP dialect: typed columns, the search grammar, indexes, the error mapping.
//!
//! A table is a collection. Columns of vectors are its vector fields; all others are payload
//! values that are checked against the type of their column. What Infinity alone knows of a table
//! (types, defaults, comments, indexes) is kept in the attributes of its schema; a collection made
//! by another dialect shows columns derived from its vector fields and payload indexes.
//!
//! | module | requests about |
//! |---|---|
//! | `databases`, `tables`, `columns`, `indexes` | the schema |
//! | `documents` | rows written, changed, deleted |
//! | `search` | rows found, computed, sorted, grouped |
//! | `portable` | tables read from files and written to files |
//! | `storage` | segments and blocks |
//! | `snapshots` | states kept and brought back |
//! | `settings` | configuration, and what of it can be changed |
//! | `service` | variables, the instance, its role |
//!
//! What these share lies in `answer`, `error`, `request`, `json` (around every request), `kinds`,
//! `cells` (types and their values), `fde` (vectors made of tensors), `table` (a table as it is),
//! `vocabulary` (expressions).

mod answer;
mod cells;
mod columns;
mod databases;
mod documents;
mod error;
mod fde;
mod index_kinds;
mod index_served;
mod indexes;
mod json;
mod kinds;
mod portable;
mod request;
mod routes;
mod search;
mod service;
mod settings;
mod shown;
mod snapshots;
mod storage;
mod table;
mod tables;
mod titles;
mod vocabulary;

use gateway::{Dialect, Memory, Refusal, Response, Route};

/// The Infinity HTTP interface.
pub struct Infinity;

impl Dialect for Infinity {
    fn name(&self) -> &'static str {
        "infinity"
    }

    fn routes(&self) -> &'static [Route] {
        routes::all()
    }

    fn memory(&self) -> Memory {
        Box::new(request::Remembered::default())
    }

    fn collection_parameter(&self) -> &'static str {
        "table_name"
    }

    fn refuse(&self, refusal: &Refusal, _seconds: f64) -> Response {
        error::refuse(refusal)
    }
}

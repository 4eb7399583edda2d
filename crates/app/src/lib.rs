//! Joins the database and the dialects: open a store, get a request handler.

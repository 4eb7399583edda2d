//! The database on a simulated host and a store that fails where the test says: every step is
//! chosen by a seed, so every failure can be repeated.

#![allow(clippy::unwrap_used)]

extern crate skerry_database as database;

mod attach;
mod catalog;
mod conceal;
mod crash;
mod fault;
mod follow;
mod paging;
mod snapshot;
mod sync;
mod timeout;
mod upkeep;
mod world;
mod write;

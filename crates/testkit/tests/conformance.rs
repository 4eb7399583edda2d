//! The test stores keep the promises of a store, also when every call is interleaved.

use std::sync::Arc;

use skerry_testkit::{FaultyStore, MapStore, block_on};
use storage::conformance;

#[test]
fn map_store() {
    block_on(conformance::all(&MapStore::default()));
}

#[test]
fn faulty_store_without_faults() {
    block_on(conformance::all(&FaultyStore::interleaved(Arc::new(
        MapStore::default(),
    ))));
}

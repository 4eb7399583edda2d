//! Native against wasm: the suite is `tests/parity.rs`, the cases are those of the guest crate.

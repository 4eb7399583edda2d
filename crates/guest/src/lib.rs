//! The portable core as a wasm guest, for parity tests.

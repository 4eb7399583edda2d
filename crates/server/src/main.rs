//! The binary `skerry`.
fn main() {}

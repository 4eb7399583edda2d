//! The portable core as a wasm guest, for parity tests.
//!
//! A case builds something from a fixed seed, asks questions and writes every answer down: ids in
//! decimal, scores as the hexadecimal bits of their `f32`. The same function runs natively and
//! inside a wasm runtime, and the two texts must be equal.
//!
//! | where | what |
//! |---|---|
//! | [`cases`] | the cases by name |
//! | `abi` | how a host outside of Rust runs them (wasm only) |
//! | `bare` | an index alone, for hosts that measure (wasm only) |

#[cfg(target_family = "wasm")]
pub mod abi;
#[cfg(target_family = "wasm")]
pub mod bare;
pub mod cases;
mod noise;

pub use cases::{CASES, Case};

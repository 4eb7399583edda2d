//! Distances on slices: portable SIMD, run-time dispatched twins, scalar references.
//!
//! | where | on what | guarantee |
//! |---|---|---|
//! | [`float`] | `f32` | one summation order everywhere, no fused multiply-add: equal bits |
//! | [`code`] | 8-bit codes | exact integers |
//! | [`bits`] | bit-packed vectors | exact counts |
//! | [`sparse`] | sorted index/value pairs | summed in ascending index order |
//! | [`decimal`] | text | the nearest `f32` |
//! | [`scalar`] | all of them, as plain loops | what the others are tested against |
//!
//! A set of kernels for one processor is picked once, by [`Level`], and then called through plain
//! function pointers: nothing is detected inside a loop. This is the only crate that may name a
//! processor.

#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod bits;
pub mod code;
pub mod decimal;
pub mod float;
mod level;
mod prefetch;
pub mod scalar;
pub mod sparse;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use level::Level;
pub use prefetch::prefetch;

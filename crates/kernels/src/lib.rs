//! Distances on slices: portable SIMD, run-time dispatched twins, scalar references.

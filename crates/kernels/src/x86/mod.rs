//! Twins for x86-64. One interface, one file per kind of data and instruction set.

pub(crate) mod bits;
pub(crate) mod code_avx2;
pub(crate) mod code_avx512;
pub(crate) mod decimal;
pub(crate) mod float;

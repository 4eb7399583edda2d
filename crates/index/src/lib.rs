//! Vector indexes over one immutable block of rows: flat, HNSW on codes, inverted lists, sparse
//! postings.
//!
//! | where | what | answers |
//! |---|---|---|
//! | [`flat`] | every row compared in `f32` | exact |
//! | [`hnsw`] | a graph walked on codes, the best compared again in `f32` | approximate |
//! | [`ivf`] | the lists of the nearest clusters, in `f32` or on codes first | approximate |
//! | [`sparse`] | postings of sparse vectors with bounds per block | exact |
//!
//! The first three take the same [`Probe`] over the same [`DenseBlock`] and answer in the same
//! order: larger score first, ties by ascending row. Scores come from one kernel with a fixed
//! summation order, so a row found by any has the same score to the bit, on every processor.

mod aligned;
mod blend;
mod block;
mod builder;
mod clusters;
mod code_kind;
mod codes;
pub mod flat;
mod graph;
pub mod hnsw;
pub mod ivf;
mod mix;
mod open_error;
mod pages;
mod planes;
mod probe;
mod product;
mod rotation;
mod similarity;
mod space;
pub mod sparse;
mod walk;
mod walk_codes;

pub use blend::{Blend, BlendProbe, promise_of};
pub use block::DenseBlock;
pub use code_kind::{CodeKind, CodeUse};
pub use codes::BLOCK as CODES_BLOCK;
pub use hnsw::{Hnsw, HnswParams};
pub use ivf::Ivf;
pub use pages::Pages;
pub use probe::{Allowed, Probe};
pub use rows::Scored;
pub use similarity::{BitSimilarity, Similarity};
pub use walk::Scratch;

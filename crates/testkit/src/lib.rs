//! Strategies, a brute-force oracle and a faulty store for tests.

#[cfg(feature = "dialect")]
pub mod dialect;
mod faulty_store;
#[cfg(feature = "host")]
mod host;
mod map_store;
mod oracle;
mod schedule;
mod split_mix;

pub use faulty_store::{Call, Fault, FaultyStore, Rule};
#[cfg(feature = "host")]
pub use host::SimHost;
pub use map_store::MapStore;
pub use oracle::{Oracle, OraclePoint};
pub use schedule::{Task, block_on, interleave, yield_now};
pub use split_mix::SplitMix;

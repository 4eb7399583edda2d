//! temp
#![allow(clippy::disallowed_methods)]
pub mod cli;
pub mod client;
pub mod import;
pub mod settings;
pub mod transport;

//! The binary `skerry` as its users run it: started, spoken to, stopped, started again.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod import;
mod serve;
mod server;

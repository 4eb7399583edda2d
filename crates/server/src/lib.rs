//! The server around the database: command line, settings, sockets, signals, metrics, import.
//!
//! | module | what is in it |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`client`] | a small HTTP client |
//! | [`host`] | clocks, randomness, tasks and threads for the database |
//! | [`import`] | `skerry import` |
//! | [`log`] | the log on standard error |
//! | [`metrics`] | what `/metrics` tells about database and process |
//! | [`process`] | what the system knows about this process |
//! | [`serve`] | `skerry serve` from start to end |
//! | [`settings`] | defaults, file, environment and command line joined and checked |
//! | [`transport`] | HTTP/1.1 over TCP |
//!
//! It is the adapter of native systems, so clocks, threads and randomness are taken here.
#![allow(clippy::disallowed_methods)]

pub mod cli;
pub mod client;
mod exposition;
pub mod host;
pub mod import;
pub mod log;
pub mod metrics;
pub mod process;
pub mod serve;
pub mod settings;
mod signals;
pub mod transport;

//! The server around the database: command line, settings, sockets, signals, metrics, import.
//!
//! | module | what is in it |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`client`] | a small HTTP client |
//! | `connect` | connections to other servers |
//! | `exchange` | the directory whose files requests may read and write |
//! | `fetch` | archives that lie elsewhere |
//! | [`host`] | clocks, randomness, tasks and threads for the database |
//! | [`import`] | `skerry import` |
//! | [`log`] | the log on standard error |
//! | [`metrics`] | what `/metrics` tells about database and process |
//! | [`process`] | what the system knows about this process |
//! | [`restore`] | snapshots that a server is started with |
//! | [`serve`] | `skerry serve` from start to end |
//! | [`settings`] | defaults, file, environment and command line joined and checked |
//! | `streams` | bodies that come and go piece by piece |
//! | `stores` | stores by their addresses |
//! | [`sync`] | `skerry sync` |
//! | [`transport`] | HTTP/1.1 over TCP |
//!
//! It is the adapter of native systems, so clocks, threads and randomness are taken here.
#![allow(clippy::disallowed_methods)]

pub mod cli;
pub mod client;
mod connect;
mod exchange;
mod exposition;
mod fetch;
pub mod host;
pub mod import;
pub mod log;
pub mod metrics;
pub mod process;
pub mod restore;
pub mod serve;
pub mod settings;
mod signals;
mod stores;
mod streams;
pub mod sync;
pub mod transport;

//! The command line: `skerry serve`, `skerry import` and their options.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::import::ImportOptions;
use crate::restore::StartSnapshots;
use crate::settings::{Durability, LogFormat};
use crate::sync::SyncOptions;

/// A vector database that speaks the HTTP interfaces people already have clients for.
///
/// Without a command, `serve` is meant: `skerry --data ./here` is `skerry serve --data ./here`.
#[derive(Debug, Parser)]
#[command(name = "skerry", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `serve` when no command is given.
    #[command(flatten)]
    pub serve: ServeOptions,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until Ctrl-C or SIGTERM
    Serve(ServeOptions),
    /// Load a file of vectors into a collection
    Import(ImportOptions),
    /// Bring a directory, a bucket or a running server to the state of another
    Sync(SyncOptions),
}

/// Options of `serve`. Each may also come from the environment variable that `--help` shows, or
/// from the file given by `--config`, where `--qdrant-port` is `qdrant_port`. The command line wins
/// over the environment, the environment over the file, the file over the default.
#[derive(Clone, Debug, Default, Args, Serialize)]
pub struct ServeOptions {
    /// Where the data lives: a directory, a bucket by its address, `s3://`, `gs://` or `az://`
    /// BUCKET/FOLDER, or `memory:` for a database that ends with the process
    /// [default: ./skerry-data]
    #[arg(long, value_name = "DIR|URL|memory:", env = "SKERRY_DATA")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,

    /// Address to listen on; without keys, anyone who can reach it can do everything
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDR", env = "SKERRY_LISTEN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<IpAddr>,

    /// Port of the Qdrant interface; 0: off [default: 6333]
    #[arg(long, value_name = "PORT", env = "SKERRY_QDRANT_PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qdrant_port: Option<u16>,

    /// Port of the Milvus interface; 0: off [default: 19121]
    #[arg(long, value_name = "PORT", env = "SKERRY_MILVUS_PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milvus_port: Option<u16>,

    /// Port of the Infinity interface; 0: off [default: 23820]
    #[arg(long, value_name = "PORT", env = "SKERRY_INFINITY_PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infinity_port: Option<u16>,

    /// Port of the LynseDB interface; 0: off [default: 7637]
    #[arg(long, value_name = "PORT", env = "SKERRY_LYNSE_PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lynse_port: Option<u16>,

    /// One port for every interface, behind `/qdrant` and so on; ports of single interfaces are
    /// then off unless they are given too
    #[arg(long, value_name = "PORT", env = "SKERRY_PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,

    /// The interface that answers on `--port` where no prefix is given [default: qdrant]
    #[arg(long, value_name = "NAME", env = "SKERRY_ROOT_DIALECT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_dialect: Option<String>,

    /// Key that allows everything; requests without a key are then refused
    #[arg(
        long,
        value_name = "KEY",
        env = "SKERRY_API_KEY",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,

    /// Second key that allows everything, for a change of keys without a pause
    #[arg(
        long,
        value_name = "KEY",
        env = "SKERRY_ALT_API_KEY",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_api_key: Option<String>,

    /// Takes tokens (JWT) that are signed with a key for everything and say what they allow
    /// [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        env = "SKERRY_JWT_RBAC"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_rbac: Option<bool>,

    /// Key that allows reading
    #[arg(
        long,
        value_name = "KEY",
        env = "SKERRY_READ_ONLY_API_KEY",
        hide_env_values = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_api_key: Option<String>,

    /// The directory whose files requests may read and write, for exports, imports and snapshots by
    /// path [default: none, and such requests are refused]
    #[arg(long, value_name = "DIR", env = "SKERRY_EXCHANGE_DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_dir: Option<PathBuf>,

    /// How the log is written to standard error: text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "SKERRY_LOG_FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// `sync`: an acknowledged write survives a power failure. `interval=MS`: the disk is synced
    /// every MS milliseconds, and a power failure may cost the writes since [default: sync]
    #[arg(long, value_name = "MODE", env = "SKERRY_DURABILITY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,

    /// Snapshots to begin with.
    #[command(flatten)]
    #[serde(skip)]
    pub snapshots: StartSnapshots,

    /// A TOML file with these options, written with underscores
    #[arg(long, value_name = "FILE", env = "SKERRY_CONFIG")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

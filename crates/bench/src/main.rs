//! The benchmark program: what Skerry's parts cost on real data, beside its peers.
//!
//! `skerry-bench index` measures the vector index in process; `http`, `ingest-python` and `memory`
//! measure a server process. Figures are worth comparing only
//! within one run: the same program moves by a fifth between runs on a shared machine.

mod database_bench;
mod dataset;
mod filter_bench;
mod http_in_process;
mod http_ingest;
mod http_load;
mod http_memory;
mod http_process;
mod http_search;
mod http_sink;
mod http_wire;
mod index_bench;
mod npy;
mod peers;
mod sweep;
mod truth;

use clap::{Parser, Subcommand};

/// Benchmarks of Skerry.
#[derive(Parser)]
#[command(name = "skerry-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build time, memory, recall and queries per second of the vector index, in process.
    Index(index_bench::Arguments),
    /// Ingest and search over HTTP, beside the same search in process.
    Http(http_search::Arguments),
    /// Upload by the real Python client, beside a server that only reads.
    IngestPython(http_ingest::Arguments),
    /// Memory of a server and its start until the first answer.
    Memory(http_memory::Arguments),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().command {
        Command::Index(arguments) => index_bench::run(&arguments),
        Command::Http(arguments) => http_search::run(&arguments),
        Command::IngestPython(arguments) => http_ingest::run(&arguments),
        Command::Memory(arguments) => http_memory::run(&arguments),
    }
}

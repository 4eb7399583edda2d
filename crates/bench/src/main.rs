//! The benchmark program: what Skerry's parts cost on real data, beside its peers.
//!
//! `skerry-bench index` measures the vector index in process. Figures are worth comparing only
//! within one run: the same program moves by a fifth between runs on a shared machine.

mod dataset;
mod filter_bench;
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
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().command {
        Command::Index(arguments) => index_bench::run(&arguments),
    }
}

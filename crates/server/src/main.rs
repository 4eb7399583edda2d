//! The binary `skerry`.

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use skerry_server::cli::{Cli, Command, ServeOptions};
use skerry_server::settings::{LogFormat, Settings};
use skerry_server::{import, log, serve, sync};
use tokio::runtime::{Builder, Runtime};

/// The command line or the settings are wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    match command.unwrap_or(Command::Serve(serve)) {
        Command::Serve(options) => run_server(&options),
        Command::Import(options) => {
            log::start(LogFormat::Text);
            run(|runtime| runtime.block_on(import::run(&options)))
        }
        Command::Sync(options) => {
            log::start(LogFormat::Text);
            run(|runtime| runtime.block_on(sync::run(&options)))
        }
    }
}

fn run_server(options: &ServeOptions) -> ExitCode {
    match Settings::load(options, &app::dialect_names()) {
        Ok(settings) => {
            log::start(settings.log_format);
            run(|runtime| runtime.block_on(serve::serve(&settings, &options.snapshots)))
        }
        Err(error) => {
            eprintln!("skerry: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// Runs `work` on a runtime of at least two threads, so that one long search does not hold up the
/// others even on one processor.
fn run<E: Display>(work: impl FnOnce(&Runtime) -> Result<(), E>) -> ExitCode {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = match Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("skerry: no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = work(&runtime);
    // What still runs is either done and durable or may as well end with the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skerry: {error}");
            ExitCode::FAILURE
        }
    }
}

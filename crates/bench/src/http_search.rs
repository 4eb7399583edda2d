//! The benchmark of the server: ingest and search over HTTP, beside the same search in process.
// A benchmark measures with clocks and threads of its own.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use index::DenseBlock;
use serde_json::{Value, json};

use crate::dataset::Dataset;
use crate::http_in_process::{self, CpuUs};
use crate::http_load::{self, COLLECTION, Folder, Input, array};
use crate::http_process::{Binary, Server};
use crate::http_wire::{Wire, request};
use crate::truth;

/// Connections at a time.
const CONNECTIONS: [usize; 3] = [1, 2, 8];

/// Results per search.
const K: usize = 10;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    binary: Binary,
    /// Searches per number of connections.
    #[arg(long, default_value_t = 10_000)]
    searches: usize,
    /// Write the report to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What a number of connections reached.
struct Level {
    connections: usize,
    qps: f64,
    p50_us: f64,
    p99_us: f64,
    cpu_us: f64,
}

/// Runs the benchmark and prints its report.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let dataset = arguments.input.load()?;
    let cache = &arguments.input.cache;
    let block = DenseBlock::from_rows(&dataset.base, dataset.dim, dataset.metric)?;
    let truth = truth::exact(&dataset, &block, K, cache)?;
    drop(block);
    let folder = Folder::new(cache)?;
    let server = arguments.binary.start_ready(folder.path())?;
    let loaded = http_load::load(&dataset, &server, "")?;
    let requests = requests(&dataset);
    let recall = recall(&mut server.connect()?, &requests, &truth)?;
    let levels = CONNECTIONS
        .iter()
        .map(|&connections| measure(&server, &requests, connections, arguments.searches))
        .collect::<io::Result<Vec<_>>>()?;
    server.stop()?;
    let in_process = http_in_process::cpu_us(folder.path(), &dataset, K, arguments.searches)?;
    let rows = dataset.rows() as f64;
    let report = json!({
        "dataset": dataset.name,
        "rows": dataset.rows(),
        "dim": dataset.dim,
        "upload_s": loaded.upload_s,
        "upload_rows_per_s": rows / loaded.upload_s,
        "upload_cpu_s": loaded.upload_cpu_s,
        "indexed_s": loaded.indexed_s,
        "recall_at_10": recall,
        "in_process_cpu_us": in_process.busy,
        "in_process_woken_cpu_us": in_process.woken,
        "levels": levels.iter().map(|level| as_json(level, &in_process)).collect::<Vec<_>>(),
    });
    print(&report, &levels, &in_process);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

fn requests(dataset: &Dataset) -> Vec<Vec<u8>> {
    let body = |vector| format!("{{\"query\":{},\"limit\":{K}}}", array(vector));
    let path = format!("{COLLECTION}/points/query");
    dataset
        .each_query()
        .map(|vector| request("POST", &path, &body(vector)))
        .collect()
}

/// The share of the exact neighbours that is found; one pass over the queries, which also warms
/// the server.
fn recall(wire: &mut Wire, requests: &[Vec<u8>], truth: &[u32]) -> io::Result<f64> {
    let mut found = 0;
    for (request, expected) in requests.iter().zip(truth.chunks_exact(K)) {
        let answer = wire.json(request)?;
        let points = answer["result"]["points"].as_array();
        let ids = points
            .into_iter()
            .flatten()
            .filter_map(|point| point["id"].as_u64());
        found += ids
            .filter(|id| expected.iter().any(|row| u64::from(*row) == *id))
            .count();
    }
    Ok(found as f64 / (requests.len() * K) as f64)
}

fn measure(
    server: &Server,
    requests: &[Vec<u8>],
    connections: usize,
    searches: usize,
) -> io::Result<Level> {
    let each = searches.div_ceil(connections);
    let mut wires = (0..connections)
        .map(|_| server.connect())
        .collect::<io::Result<Vec<_>>>()?;
    let (started, cpu) = (Instant::now(), server.cpu_s()?);
    let mut latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = wires
            .iter_mut()
            .enumerate()
            .map(|(at, wire)| scope.spawn(move || ask(wire, requests, at * each, each)))
            .collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        joined
            .collect::<io::Result<Vec<_>>>()
            .map(|latencies| latencies.concat())
    })?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), server.cpu_s()? - cpu);
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    let count = latencies.len() as f64;
    Ok(Level {
        connections,
        qps: count / seconds,
        p50_us: at(0.5),
        p99_us: at(0.99),
        cpu_us: cpu * 1e6 / count,
    })
}

/// Latencies in microseconds of `count` searches in turn, from the request at `first` on.
fn ask(wire: &mut Wire, requests: &[Vec<u8>], first: usize, count: usize) -> io::Result<Vec<f64>> {
    let turn = requests
        .iter()
        .cycle()
        .skip(first % requests.len())
        .take(count);
    turn.map(|request| {
        let asked = Instant::now();
        let status = wire.exchange(request)?.status;
        if status != 200 {
            return Err(io::Error::other(format!(
                "a search was answered with {status}"
            )));
        }
        Ok(asked.elapsed().as_secs_f64() * 1e6)
    })
    .collect()
}

fn as_json(level: &Level, in_process: &CpuUs) -> Value {
    json!({
        "connections": level.connections,
        "qps": level.qps,
        "p50_us": level.p50_us,
        "p99_us": level.p99_us,
        "server_cpu_us": level.cpu_us,
        "cpu_ratio": level.cpu_us / in_process.busy,
        "cpu_ratio_woken": level.cpu_us / in_process.woken,
    })
}

fn print(report: &Value, levels: &[Level], in_process: &CpuUs) {
    let number = |name: &str| report[name].as_f64().unwrap_or(f64::NAN);
    println!(
        "\n{} over HTTP: {} × {}",
        report["dataset"], report["rows"], report["dim"]
    );
    println!(
        "upload {:.1} s ({:.0} rows/s, {:.1} s of server CPU), indexed after {:.1} s",
        number("upload_s"),
        number("upload_rows_per_s"),
        number("upload_cpu_s"),
        number("indexed_s"),
    );
    println!("recall@{K} {:.4}", number("recall_at_10"));
    println!(
        "{:<18} {:>8} {:>9} {:>9} {:>14} {:>7} {:>9}",
        "", "QPS", "p50 µs", "p99 µs", "CPU µs", "/ busy", "/ woken"
    );
    let CpuUs { busy, woken } = in_process;
    for (name, us) in [("in process, busy", busy), ("in process, woken", woken)] {
        println!("{name:<18} {:>8} {:>9} {:>9} {us:>14.1}", "", "", "");
    }
    for level in levels {
        println!(
            "{:<18} {:>8.0} {:>9.0} {:>9.0} {:>14.1} {:>7.2} {:>9.2}",
            format!("{} conn", level.connections),
            level.qps,
            level.p50_us,
            level.p99_us,
            level.cpu_us,
            level.cpu_us / busy,
            level.cpu_us / woken,
        );
    }
}

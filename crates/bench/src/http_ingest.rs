//! The benchmark of an upload by the real Python client: Skerry beside a bare sink.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::http_load::{Folder, Input};
use crate::http_process::Binary;
use crate::http_sink;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    binary: Binary,
    /// Python with `qdrant-client` and `numpy`.
    #[arg(long, default_value = ".venv/bin/python")]
    python: PathBuf,
    /// The script that uploads.
    #[arg(long, default_value = "crates/bench/peers/ingest.py")]
    script: PathBuf,
    /// A payload per row, one JSON object per line, gzip or not, in the order of the data file.
    #[arg(long)]
    payload: Option<PathBuf>,
    /// Uploads of each kind in turn; their median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Rows per request.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Write the report to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs the benchmark and prints its report.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let dataset = arguments.input.load()?;
    let folder = Folder::new(&arguments.input.cache)?;
    let vectors = folder.path().join("base.f32");
    std::fs::write(&vectors, bytemuck::cast_slice::<f32, u8>(&dataset.base))?;
    // The data file starts with the queries, which are not uploaded.
    let skip = if arguments.payload.is_some() {
        dataset.queries.len() / dataset.dim
    } else {
        0
    };
    let upload = |address| upload(arguments, &vectors, dataset.dim, skip, address);
    let (mut sink_s, mut skerry_s, mut cpu_s) = (Vec::new(), Vec::new(), Vec::new());
    let sink = http_sink::start()?;
    for run in 0..arguments.runs {
        sink_s.push(upload(sink)?);
        let server = arguments
            .binary
            .start_ready(&folder.path().join(format!("data-{run}")))?;
        let cpu = server.cpu_s()?;
        skerry_s.push(upload(server.address)?);
        cpu_s.push(server.cpu_s()? - cpu);
        server.stop()?;
    }
    let (sink, skerry, cpu) = (
        median(&mut sink_s),
        median(&mut skerry_s),
        median(&mut cpu_s),
    );
    println!(
        "\n{}: {} × {} by the Python client",
        dataset.name,
        dataset.rows(),
        dataset.dim
    );
    println!("bare sink {sink:.2} s, skerry {skerry:.2} s ({cpu:.2} s of server CPU)");
    println!(
        "ratio {:.2} (medians of {} runs)",
        skerry / sink,
        arguments.runs
    );
    if let Some(path) = &arguments.json {
        let report = json!({
            "dataset": dataset.name,
            "rows": dataset.rows(),
            "dim": dataset.dim,
            "sink_s": sink_s,
            "skerry_s": skerry_s,
            "server_cpu_s": cpu_s,
            "ratio": skerry / sink,
        });
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

/// Seconds that the script needs to upload everything with `wait=true`, by its own clock.
fn upload(
    arguments: &Arguments,
    vectors: &Path,
    dim: usize,
    skip: usize,
    address: SocketAddr,
) -> io::Result<f64> {
    let mut command = Command::new(&arguments.python);
    command
        .arg(&arguments.script)
        .args(["--vectors".as_ref(), vectors.as_os_str()])
        .args(["--dim", &dim.to_string()])
        .args(["--batch", &arguments.batch.to_string()])
        .args(["--url", &format!("http://{address}")]);
    if let Some(payload) = &arguments.payload {
        command.args(["--payload".as_ref(), payload.as_os_str()]);
        command.args(["--payload-skip", &skip.to_string()]);
    }
    let output = command.output()?;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    report["seconds"].as_f64().ok_or_else(|| {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        io::Error::other(format!("{} failed: {reason}", arguments.script.display()))
    })
}

/// The middle one; sorts.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

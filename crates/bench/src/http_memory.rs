//! The benchmark of memory and start: a server opened on an indexed collection.
//!
//! Three sums are shown, each as a ratio to the raw f32 bytes of the vectors:
//!
//! * everything: anonymous memory and resident pages of mapped files;
//! * without rows: the same less the resident pages of the files that hold full-precision rows,
//!   which the system drops when memory is short (what a search touches there comes back);
//! * anonymous: what no file stands behind.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::dataset::Dataset;
use crate::http_load::{self, COLLECTION, Folder, Input, array};
use crate::http_process::{Binary, Server};
use crate::http_wire::request;

/// Searches after a start, so that what a search needs is resident.
const SEARCHES: usize = 200;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    binary: Binary,
    /// Write the report to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Whether full-precision rows stay in their file.
#[derive(Clone, Copy)]
enum Rows {
    Mapped,
    Resident,
}

/// What one server needed.
struct Measured {
    rows: Rows,
    started_s: f64,
    all: u64,
    without_rows: u64,
    anonymous: u64,
}

/// Runs the benchmark and prints its report.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let dataset = arguments.input.load()?;
    let raw = 4 * dataset.base.len() as u64;
    let folder = Folder::new(&arguments.input.cache)?;
    let mapped = measure(
        arguments,
        &dataset,
        &folder.path().join("mapped"),
        Rows::Mapped,
    )?;
    let resident = measure(
        arguments,
        &dataset,
        &folder.path().join("resident"),
        Rows::Resident,
    )?;
    let (name, rows, dim) = (&dataset.name, dataset.rows(), dataset.dim);
    println!(
        "\n{name}: {rows} × {dim}, {} of raw f32, after a restart",
        mib(raw)
    );
    println!(
        "{:<10} {:>16} {:>22} {:>22} {:>22}",
        "rows", "first answer", "everything", "without row pages", "anonymous"
    );
    let measured = [mapped, resident];
    for line in &measured {
        let show = |bytes: u64| format!("{} ({:.2}×)", mib(bytes), bytes as f64 / raw as f64);
        println!(
            "{:<10} {:>13.0} ms {:>22} {:>22} {:>22}",
            line.rows.name(),
            line.started_s * 1e3,
            show(line.all),
            show(line.without_rows),
            show(line.anonymous),
        );
    }
    println!(
        "everything = anonymous memory + resident pages of mapped files (the program's too); \
         row pages = resident pages of the files with full-precision rows, which the system may \
         drop"
    );
    if let Some(path) = &arguments.json {
        let lines: Vec<Value> = measured.iter().map(|line| line.as_json(raw)).collect();
        std::fs::write(path, serde_json::to_string_pretty(&lines)?)?;
    }
    Ok(())
}

/// Fills a data directory, restarts the server on it and looks.
fn measure(
    arguments: &Arguments,
    dataset: &Dataset,
    data: &Path,
    rows: Rows,
) -> Result<Measured, Box<dyn Error>> {
    let server = arguments.binary.start_ready(data)?;
    let on_disk = match rows {
        Rows::Mapped => "",
        Rows::Resident => ",\"on_disk\":false",
    };
    http_load::load(dataset, &server, on_disk)?;
    server.stop()?;
    let queries: Vec<_> = dataset.each_query().take(SEARCHES).map(search).collect();
    let server = arguments.binary.start(data, &queries[0])?;
    let mut wire = server.connect()?;
    for query in &queries {
        wire.json(query)?;
    }
    let measured = look(&server, data, rows)?;
    server.stop()?;
    Ok(measured)
}

fn search(vector: &[f32]) -> Vec<u8> {
    let body = format!("{{\"query\":{},\"limit\":10}}", array(vector));
    request("POST", &format!("{COLLECTION}/points/query"), &body)
}

fn look(server: &Server, data: &Path, rows: Rows) -> io::Result<Measured> {
    let memory = server.memory()?;
    let mapped = server.mapped(data)?;
    let of_rows: u64 = mapped.iter().map(|(_, bytes)| bytes).sum();
    let all = memory.anonymous + memory.file;
    Ok(Measured {
        rows,
        started_s: server.started_s,
        all,
        without_rows: all - of_rows.min(all),
        anonymous: memory.anonymous,
    })
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

impl Rows {
    fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Resident => "resident",
        }
    }
}

impl Measured {
    fn as_json(&self, raw: u64) -> Value {
        json!({
            "rows": self.rows.name(),
            "raw_bytes": raw,
            "first_answer_s": self.started_s,
            "all_bytes": self.all,
            "without_row_pages_bytes": self.without_rows,
            "anonymous_bytes": self.anonymous,
        })
    }
}

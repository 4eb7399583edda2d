//! A data set over HTTP into a collection, and the wait until it is indexed.
// A benchmark measures with clocks and threads of its own.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::Metric;

use crate::dataset::Dataset;
use crate::http_process::Server;
use crate::http_wire::{Wire, request};

/// The collection that benchmarks use.
pub(crate) const COLLECTION: &str = "/collections/bench";

/// Rows per request.
const BATCH: usize = 500;

/// Indexing gets this long.
const PATIENCE: Duration = Duration::from_secs(900);

/// What to measure on.
#[derive(clap::Args)]
pub(crate) struct Input {
    /// A data file (.npy, .npz with `train` and `test`, .fvecs). Without it, data are generated.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Rows to generate without --data.
    #[arg(long, default_value_t = 20_000)]
    rows: usize,
    /// Only the first so many rows.
    #[arg(long)]
    limit: Option<usize>,
    /// Where exact neighbours are kept between runs.
    #[arg(long, default_value = "target/bench")]
    pub(crate) cache: PathBuf,
}

impl Input {
    /// The data set.
    pub(crate) fn load(&self) -> Result<Dataset, Box<dyn Error>> {
        let mut dataset = match &self.data {
            Some(path) => {
                let mut all = Dataset::load(path)?;
                if all.len() != 1 {
                    return Err("--data must be one file".into());
                }
                all.remove(0)
            }
            None => {
                println!("no --data: measuring on {} generated rows", self.rows);
                Dataset::generate(self.rows, 128)
            }
        };
        if let Some(limit) = self.limit {
            dataset.base.truncate(limit * dataset.dim);
        }
        Ok(dataset)
    }
}

/// How long loading took, in seconds.
pub(crate) struct Loaded {
    /// Until the last row was acknowledged.
    pub(crate) upload_s: f64,
    /// Until everything was indexed, from the start.
    pub(crate) indexed_s: f64,
    /// Processor time of the server until the last row was acknowledged.
    pub(crate) upload_cpu_s: f64,
}

/// Creates the collection on `server`, `params` merged into its one vector field, and fills it.
pub(crate) fn load(dataset: &Dataset, server: &Server, params: &str) -> io::Result<Loaded> {
    let mut wire = server.connect()?;
    let (dim, distance) = (dataset.dim, distance(dataset.metric));
    let schema = format!("{{\"vectors\":{{\"size\":{dim},\"distance\":\"{distance}\"{params}}}}}");
    wire.json(&request("PUT", COLLECTION, &schema))?;
    // Encoded before the clock starts: the client's cost is not the server's.
    let batches: Vec<Vec<u8>> = dataset
        .base
        .chunks(BATCH * dim)
        .enumerate()
        .map(|(batch, rows)| upsert(rows, dim, batch * BATCH))
        .collect();
    let (started, cpu) = (Instant::now(), server.cpu_s()?);
    for batch in &batches {
        wire.json(batch)?;
    }
    let upload_s = started.elapsed().as_secs_f64();
    let upload_cpu_s = server.cpu_s()? - cpu;
    await_ready(&mut wire)?;
    Ok(Loaded {
        upload_s,
        indexed_s: started.elapsed().as_secs_f64(),
        upload_cpu_s,
    })
}

/// As the Qdrant interface names it.
fn distance(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "Cosine",
        Metric::L1 => "Manhattan",
        Metric::L2 => "Euclid",
        Metric::Dot
        | Metric::Hamming
        | Metric::Jaccard
        | Metric::Tanimoto
        | Metric::Substructure
        | Metric::Superstructure => "Dot",
    }
}

fn upsert(rows: &[f32], dim: usize, first: usize) -> Vec<u8> {
    let points: Vec<String> = rows
        .chunks_exact(dim)
        .enumerate()
        .map(|(row, vector)| format!("{{\"id\":{},\"vector\":{}}}", first + row, array(vector)))
        .collect();
    let body = format!("{{\"points\":[{}]}}", points.join(","));
    request("PUT", &format!("{COLLECTION}/points?wait=true"), &body)
}

/// A vector as a JSON array.
pub(crate) fn array(vector: &[f32]) -> String {
    serde_json::to_string(vector).expect("numbers can be written")
}

/// Waits until the collection says that nothing is left to be indexed.
pub(crate) fn await_ready(wire: &mut Wire) -> io::Result<()> {
    let (question, asked) = (request("GET", COLLECTION, ""), Instant::now());
    while asked.elapsed() < PATIENCE {
        if wire.json(&question)?["result"]["status"] == "green" {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(io::Error::other(
        "the collection is not indexed after a quarter of an hour",
    ))
}

/// A folder for the data of a benchmark, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one below `cache`.
    pub(crate) fn new(cache: &Path) -> io::Result<Self> {
        let path = cache.join(format!("http-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path.canonicalize()?))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays below the cache, where it is seen.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! The benchmark of the vector index: build, sweep, peers, report.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use index::hnsw::{self, BuilderKind};
use index::{Allowed, DenseBlock, Hnsw, HnswParams, Probe, Scratch};
use kernels::Level;
use serde_json::{Value, json};

use crate::database_bench;
use crate::dataset::Dataset;
use crate::filter_bench;
use crate::peers::{self, PeerResult};
use crate::sweep::{Point, Sweep, cpu_seconds, qps_at, sweep};
use crate::truth;

/// Recalls at which speed is reported.
const RECALLS: [f64; 2] = [0.95, 0.99];

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A data file (.npy, .npz with `train` and `test`, .fvecs) or a folder of them. Without it,
    /// data are generated.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Rows to generate without --data.
    #[arg(long, default_value_t = 20_000)]
    rows: usize,
    /// Only the first so many rows of each data set.
    #[arg(long)]
    limit: Option<usize>,
    /// Builders to measure.
    #[arg(long, value_delimiter = ',', default_values_t = [Builder::Auto])]
    builders: Vec<Builder>,
    /// Links per row on upper levels; level zero has twice as many.
    #[arg(long, default_value_t = 16)]
    m: usize,
    /// Candidates kept while building.
    #[arg(long, default_value_t = 200)]
    ef_construct: usize,
    /// Threads for building. Searches always run on one.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The core that everything runs on when there is one thread.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Passes over the queries per point; their median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Candidates kept by a walk: all of these are measured, instead of a range until enough is
    /// found.
    #[arg(long, value_delimiter = ',')]
    efs: Vec<usize>,
    /// Also measure the same searches asked of a database in this process, over a store in memory.
    #[arg(long)]
    database: bool,
    /// Neighbours per query.
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Shares of rows that random filters allow, in 0..=1, to measure at --filter-ef.
    #[arg(long, value_delimiter = ',')]
    filters: Vec<f64>,
    /// Candidates kept by a filtered walk.
    #[arg(long, default_value_t = 100)]
    filter_ef: usize,
    /// The highest set of vector instructions that is used.
    #[arg(long, default_value_t = Instructions::Avx512)]
    level: Instructions,
    /// Also measure the peers whose scripts lie in --peer-scripts.
    #[arg(long)]
    peers: bool,
    /// Folder of the peers' scripts.
    #[arg(long, default_value = "crates/bench/peers")]
    peer_scripts: PathBuf,
    /// Python with the peers' packages.
    #[arg(long, default_value = ".venv/bin/python")]
    python: PathBuf,
    /// Where exact neighbours are kept between runs.
    #[arg(long, default_value = "target/bench")]
    cache: PathBuf,
    /// Write the report to this file as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A builder, as named on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Builder {
    /// What the product would choose.
    Auto,
    /// The crate `instant-distance`.
    Instant,
    /// Our own.
    Batches,
}

impl std::fmt::Display for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Instant => "instant",
            Self::Batches => "batches",
        })
    }
}

impl Builder {
    fn kind(self) -> BuilderKind {
        match self {
            Self::Auto => BuilderKind::Auto,
            Self::Instant => BuilderKind::InstantDistance,
            Self::Batches => BuilderKind::Batches,
        }
    }
}

/// A set of vector instructions, as named on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Instructions {
    /// Those that every processor of this build has, as in WebAssembly.
    Portable,
    Avx2,
    Avx512,
}

impl std::fmt::Display for Instructions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl Instructions {
    fn level(self) -> Level {
        match self {
            Self::Portable => Level::Portable,
            Self::Avx2 => Level::Avx2,
            Self::Avx512 => Level::Avx512,
        }
    }
}

impl Arguments {
    fn sweep<'a>(&'a self, truth: &'a [u32]) -> Sweep<'a> {
        Sweep {
            truth,
            k: self.k,
            runs: self.runs,
            efs: &self.efs,
        }
    }
}

/// One line of the report.
struct Line {
    name: String,
    build_s: f64,
    bytes_per_vector: f64,
    points: Vec<Point>,
}

/// Runs the benchmark and prints its report.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.level.level().limit();
    if arguments.threads == 1 {
        pin_to(arguments.core)?;
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()?;
    let datasets = match &arguments.data {
        Some(path) => Dataset::load(path)?,
        None => {
            println!("no --data: measuring on {} generated rows", arguments.rows);
            vec![Dataset::generate(arguments.rows, 128)]
        }
    };
    let mut report = Vec::new();
    for mut dataset in datasets {
        if let Some(limit) = arguments.limit {
            dataset.base.truncate(limit * dataset.dim);
        }
        let lines = measure(&dataset, arguments)?;
        print_table(&dataset, &lines);
        report.push(as_json(&dataset, &lines));
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

/// One core for us and, through inheritance, for the peers: a moving thread costs caches.
fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

fn measure(dataset: &Dataset, arguments: &Arguments) -> Result<Vec<Line>, Box<dyn Error>> {
    let block = DenseBlock::from_rows(&dataset.base, dataset.dim, dataset.metric)?;
    let truth = truth::exact(dataset, &block, arguments.k, &arguments.cache)?;
    let mut lines = Vec::new();
    for builder in &arguments.builders {
        lines.push(measure_ours(dataset, &block, &truth, *builder, arguments)?);
    }
    if arguments.database {
        let settings = database_bench::Settings {
            m: arguments.m,
            ef_construct: arguments.ef_construct,
        };
        let (build_s, points) =
            database_bench::measure(dataset, settings, &arguments.sweep(&truth))?;
        lines.push(Line {
            name: "skerry database".into(),
            build_s,
            // It holds the same index.
            bytes_per_vector: lines[0].bytes_per_vector,
            points,
        });
    }
    if arguments.peers {
        let folder = arguments.cache.join(&dataset.name);
        peers::write_data(dataset, &truth, &folder)?;
        let Arguments {
            k, runs, threads, ..
        } = *arguments;
        let settings = peers::Settings { k, runs, threads };
        for script in peers::scripts(&arguments.peer_scripts)? {
            // A table without the peer that was asked for would be read as if it had none.
            let peer = peers::run(&arguments.python, &script, dataset, &folder, &settings)?;
            lines.push(peer_line(peer, dataset.rows()));
        }
    }
    Ok(lines)
}

fn peer_line(peer: PeerResult, rows: usize) -> Line {
    let PeerResult {
        name,
        build_s,
        memory_bytes,
        points,
    } = peer;
    Line {
        name,
        build_s,
        bytes_per_vector: memory_bytes / rows as f64,
        points,
    }
}

fn measure_ours(
    dataset: &Dataset,
    block: &DenseBlock,
    truth: &[u32],
    builder: Builder,
    arguments: &Arguments,
) -> Result<Line, Box<dyn Error>> {
    let params = HnswParams {
        m: arguments.m,
        ef_construct: arguments.ef_construct,
        builder: builder.kind(),
        ..HnswParams::default()
    };
    let started = cpu_seconds();
    let blocks = hnsw::build(block, None, &params, &|_, _| {});
    let build_s = cpu_seconds() - started;
    let index = Hnsw::open(&blocks, block.clone())?;
    let queries: Vec<&[f32]> = dataset.each_query().collect();
    let mut scratch = Scratch::new();
    let k = arguments.k;
    let what = arguments.sweep(truth);
    let points = sweep(&queries, &what, |vector, ef, found| {
        let probe = Probe {
            vector,
            k,
            ef,
            allowed: Allowed::All,
        };
        found.extend(
            index
                .search(&probe, &mut scratch)
                .iter()
                .map(|hit| hit.row.0),
        );
    });
    let name = format!(
        "skerry {builder} M{} efc{}",
        arguments.m, arguments.ef_construct
    );
    let bytes = index.hot_bytes() + block.bytes_len();
    println!(
        "{name}: {} B per vector hot (codes and links), {} unreachable rows",
        index.hot_bytes() / dataset.rows().max(1),
        index.unreachable_rows(None),
    );
    let filters =
        filter_bench::measure(&index, dataset, &arguments.filters, k, arguments.filter_ef);
    for figure in &filters {
        println!(
            "{name}, {:.1} % allowed: recall {:.4}, walk {:.0} QPS, exact scan {:.0} QPS",
            figure.share * 100.0,
            figure.recall,
            figure.walk_qps,
            figure.scan_qps
        );
    }
    Ok(Line {
        name,
        build_s,
        bytes_per_vector: bytes as f64 / dataset.rows() as f64,
        points,
    })
}

fn print_table(dataset: &Dataset, lines: &[Line]) {
    let Dataset {
        name, metric, dim, ..
    } = dataset;
    println!("\n{name}: {} × {dim}, {metric:?}", dataset.rows());
    println!("build in seconds, speed in queries per second, both of processor time");
    println!(
        "{:<40} {:>8} {:>8} {:>10} {:>10}",
        "", "build", "B/vec", "@0.95", "@0.99"
    );
    for line in lines {
        let [low, high] = RECALLS.map(|recall| qps_at(&line.points, recall));
        let show = |qps: Option<f64>| qps.map_or("never".into(), |qps| format!("{qps:.0}"));
        println!(
            "{:<40} {:>8.1} {:>8.0} {:>10} {:>10}",
            line.name,
            line.build_s,
            line.bytes_per_vector,
            show(low),
            show(high)
        );
    }
    let Some((ours, peers)) = lines.split_first() else {
        return;
    };
    for peer in peers {
        let ratio = |recall| Some(qps_at(&ours.points, recall)? / qps_at(&peer.points, recall)?);
        let show = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.2}×"));
        println!(
            "{} against {}: {} at 0.95, {} at 0.99, build {:.2}×",
            ours.name,
            peer.name,
            show(ratio(RECALLS[0])),
            show(ratio(RECALLS[1])),
            ours.build_s / peer.build_s,
        );
    }
}

fn as_json(dataset: &Dataset, lines: &[Line]) -> Value {
    let lines = lines.iter().map(|line| {
        let points = line.points.iter();
        json!({
            "name": line.name,
            "build_s": line.build_s,
            "bytes_per_vector": line.bytes_per_vector,
            "qps_at_recall": RECALLS
                .map(|recall| json!({ "recall": recall, "qps": qps_at(&line.points, recall) })),
            "points": points
                .map(|point| json!({ "ef": point.ef, "recall": point.recall, "qps": point.qps }))
                .collect::<Vec<_>>(),
        })
    });
    json!({
        "dataset": dataset.name,
        "rows": dataset.rows(),
        "dim": dataset.dim,
        "metric": format!("{:?}", dataset.metric),
        "engines": lines.collect::<Vec<_>>(),
    })
}

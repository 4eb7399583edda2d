//! `skerry import`: a file of vectors into a collection.
//!
//! | module | what is in it |
//! |---|---|
//! | `source` | what a file gives: rows, and how many there will be |
//! | `jsonl`, `npy`, `fvecs`, `parquet` | one file format each |
//! | `sidecar` | payloads that lie in a file of their own |
//! | `door` | where rows go: a running server, or a directory opened here |
//! | `upload` | batches, requests in flight, progress |
//!
//! Rows are written by `upsert`, and an upsert of the same row changes nothing, so an import that
//! broke off is simply run again, or continued with `--skip`.

mod door;
mod fvecs;
mod jsonl;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod sidecar;
mod source;
mod upload;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

pub use source::ImportError;
use source::{Format, Source};

/// Options of `skerry import`.
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// The file: .jsonl, .jsonl.gz, .npy, .fvecs or .parquet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The collection; created when it does not exist
    #[arg(long, value_name = "NAME")]
    pub collection: String,

    /// A running server, over its Qdrant interface
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:6333")]
    #[arg(conflicts_with = "data")]
    pub url: String,

    /// Open this data directory instead; no server may be using it
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,

    /// Key of the server
    #[arg(
        long,
        value_name = "KEY",
        env = "SKERRY_API_KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,

    /// How vectors of a new collection are compared: cosine, dot, l2 or l1
    #[arg(long, value_name = "METRIC", default_value = "cosine")]
    pub metric: ImportMetric,

    /// Where rows of .jsonl and .parquet have their vector
    #[arg(long, value_name = "FIELD", default_value = "vector")]
    pub vector_field: String,

    /// Where rows of .jsonl and .parquet have their id, an unsigned integer or a UUID; rows
    /// without one are numbered from 0, as those of .npy and .fvecs are
    #[arg(long, value_name = "FIELD", default_value = "id")]
    pub id_field: String,

    /// Payloads for the rows of .npy and .fvecs: one JSON object per line, in the same order
    #[arg(long, value_name = "FILE.jsonl[.gz]")]
    pub payload: Option<PathBuf>,

    /// Rows per request
    #[arg(long, value_name = "N", default_value_t = 512)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub batch: u32,

    /// Rows to leave out at the start; they keep their numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub skip: u64,

    /// Rows to import at most
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// How vectors of a new collection are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMetric {
    /// Angle.
    Cosine,
    /// Inner product.
    Dot,
    /// Euclidean distance.
    L2,
    /// Manhattan distance.
    L1,
}

impl ImportMetric {
    /// As the Qdrant interface writes it.
    fn wire(self) -> &'static str {
        match self {
            Self::Cosine => "Cosine",
            Self::Dot => "Dot",
            Self::L2 => "Euclid",
            Self::L1 => "Manhattan",
        }
    }
}

impl FromStr for ImportMetric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "cosine" => Ok(Self::Cosine),
            "dot" | "ip" => Ok(Self::Dot),
            "l2" | "euclid" => Ok(Self::L2),
            "l1" | "manhattan" => Ok(Self::L1),
            _ => Err(format!("a metric is cosine, dot, l2 or l1, not `{text}`")),
        }
    }
}

/// Imports as `options` say, with a progress bar on standard error.
///
/// # Errors
/// With the line or row of the file where something is wrong. Rows before it may be imported.
pub async fn run(options: &ImportOptions) -> Result<(), ImportError> {
    let source = open(options)?;
    let door = match &options.data {
        Some(data) => door::Door::open(data).await?,
        None => door::Door::connect(&options.url, options.api_key.as_deref())?,
    };
    let imported = upload::upload(source, &door, options).await;
    // The directory is closed in any case; the first error is the one worth reading.
    let closed = door.close().await;
    imported.and(closed)
}

/// The rows of the file, with payloads of the sidecar, without those that are skipped.
fn open(options: &ImportOptions) -> Result<Source, ImportError> {
    let format = Format::of(&options.file)?;
    if options.payload.is_some() && !format.takes_sidecar() {
        return Err(ImportError::Refused(format!(
            "--payload is for .npy and .fvecs; rows of {} bring their own",
            options.file.display()
        )));
    }
    let mut source = match format {
        Format::Jsonl => jsonl::open(&options.file, &options.vector_field, &options.id_field)?,
        Format::Npy => npy::open(&options.file)?,
        Format::Fvecs => fvecs::open(&options.file)?,
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::open(&options.file, &options.vector_field, &options.id_field)?,
    };
    if let Some(payload) = &options.payload {
        source = sidecar::attach(source, payload)?;
    }
    Ok(source.window(options.skip, options.limit))
}

#[cfg(test)]
mod tests;

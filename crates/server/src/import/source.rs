//! What a file gives: rows, and how many there will be.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

/// One row of a file, ready to become a point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Where it stands, for messages.
    pub at: Position,
    /// The id as JSON: an unsigned integer or a UUID.
    pub id: Value,
    /// Its vector.
    pub vector: Vec<f32>,
    /// Its payload; empty when it has none.
    pub payload: Map<String, Value>,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// A line of text, counted from 1.
    Line(u64),
    /// A row of a table, counted from 0.
    Row(u64),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(n) => write!(f, "line {n}"),
            Self::Row(n) => write!(f, "row {n}"),
        }
    }
}

/// Why an import stops.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be opened or read.
    #[error("{file}: {cause}")]
    File {
        /// Its path.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// A row is not what it should be.
    #[error("{file}, {at}: {what}")]
    Row {
        /// Path of the file.
        file: String,
        /// Line or row.
        at: String,
        /// What is wrong.
        what: String,
    },
    /// The server, or the data directory, said no.
    #[error("{0}")]
    Refused(String),
}

impl ImportError {
    pub(super) fn file(file: &Path, cause: io::Error) -> Self {
        Self::File {
            file: file.display().to_string(),
            cause,
        }
    }

    pub(super) fn row(file: &Path, at: Position, what: impl Into<String>) -> Self {
        Self::Row {
            file: file.display().to_string(),
            at: at.to_string(),
            what: what.into(),
        }
    }

    /// The file as a whole is not what its name says.
    pub(super) fn format(file: &Path, what: impl Into<String>) -> Self {
        Self::file(
            file,
            io::Error::new(io::ErrorKind::InvalidData, what.into()),
        )
    }
}

/// The rows of a file, in order.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Row, ImportError>> + Send>;

/// How far an import is.
#[derive(Clone)]
pub(super) enum Extent {
    /// The number of rows is known.
    Rows(u64),
    /// The number of bytes of the file is known, and how many of them are read.
    Bytes {
        /// All.
        total: u64,
        /// Read so far.
        read: Arc<AtomicU64>,
    },
}

/// A file that was opened.
pub(super) struct Source {
    /// Its rows.
    pub rows: Rows,
    /// How many.
    pub extent: Extent,
}

impl Source {
    /// Without the first `skip` rows, and at most `limit` of the others.
    pub(super) fn window(self, skip: u64, limit: Option<u64>) -> Self {
        let extent = match (self.extent, limit) {
            (Extent::Rows(rows), limit) => {
                let left = rows.saturating_sub(skip);
                Extent::Rows(limit.map_or(left, |limit| left.min(limit)))
            }
            (Extent::Bytes { .. }, Some(limit)) => Extent::Rows(limit),
            (bytes @ Extent::Bytes { .. }, None) => bytes,
        };
        // A row that is wrong and skipped is not reported: it may be what made the first try fail.
        let places = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let rows = self
            .rows
            .skip(places(skip))
            .take(limit.map_or(usize::MAX, places));
        Self {
            rows: Box::new(rows),
            extent,
        }
    }
}

/// The formats of files, by the ends of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON objects, one per line.
    Jsonl,
    /// NumPy's array.
    Npy,
    /// Vectors with their lengths before them.
    Fvecs,
    /// Apache Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    pub(super) fn of(file: &Path) -> Result<Self, ImportError> {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().to_ascii_lowercase());
        let name = name.unwrap_or_default();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"]) {
            return Ok(Self::Jsonl);
        }
        if ends(&[".npy"]) {
            return Ok(Self::Npy);
        }
        if ends(&[".fvecs"]) {
            return Ok(Self::Fvecs);
        }
        #[cfg(feature = "parquet")]
        if ends(&[".parquet"]) {
            return Ok(Self::Parquet);
        }
        let known = if cfg!(feature = "parquet") {
            ", .parquet"
        } else {
            ""
        };
        Err(ImportError::Refused(format!(
            "{}: the name must end in .jsonl, .jsonl.gz, .npy, .fvecs{known}",
            file.display()
        )))
    }

    /// Whether its rows have no payload of their own.
    pub(super) fn takes_sidecar(self) -> bool {
        match self {
            Self::Npy | Self::Fvecs => true,
            Self::Jsonl => false,
            #[cfg(feature = "parquet")]
            Self::Parquet => false,
        }
    }
}

/// A text file as its lines, unpacked when its name ends in `.gz`, and how much of it is read.
pub(super) fn text(file: &Path) -> Result<(Box<dyn BufRead + Send>, Extent), ImportError> {
    let opened = File::open(file).map_err(|cause| ImportError::file(file, cause))?;
    let total = opened
        .metadata()
        .map_err(|cause| ImportError::file(file, cause))?
        .len();
    let read = Arc::new(AtomicU64::new(0));
    let counted = Counted {
        inner: opened,
        read: Arc::clone(&read),
    };
    let packed = file
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let lines: Box<dyn BufRead + Send> = if packed {
        Box::new(BufReader::with_capacity(
            1 << 16,
            MultiGzDecoder::new(counted),
        ))
    } else {
        Box::new(BufReader::with_capacity(1 << 16, counted))
    };
    Ok((lines, Extent::Bytes { total, read }))
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

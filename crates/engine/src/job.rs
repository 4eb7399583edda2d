//! Work in the background: sealing, merging, building columns and indexes of vectors.
//!
//! A job is chosen by [`Collection::next_job`](crate::Collection::next_job) and holds the segments
//! it works on. [`Job::run`] is pure and may take long; its parts are stored by the caller and
//! opened again from where they are stored ([`JobOutput::open`]), and the result is installed into
//! whatever the state is by then ([`Collection::install`](crate::Collection::install)).

use std::sync::Arc;

use filter::Column;
use model::{Error, ErrorKind, Schema, Subject};

use crate::growing;
use crate::install::{Change, Installed};
use crate::part::{Blocks, NewPart, PartKind, PartRef, SegmentId};
use crate::policy::wants_index;
use crate::segment::{LiveSegment, Segment};
use crate::source::Source;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Makes one sealed segment of all growing rows.
    Seal,
    /// Makes one segment of the live rows of others.
    Merge,
    /// Builds missing columns of one segment.
    Columns,
    /// Builds missing or outdated indexes of vectors of one segment.
    Graphs,
}

impl JobKind {
    /// One word for logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Merge => "merge",
            Self::Columns => "columns",
            Self::Graphs => "graphs",
        }
    }
}

/// Who watches a job.
pub trait Progress: Sync {
    /// `done` of `total` rows of the longest step are linked.
    fn report(&self, done: u64, total: u64);

    /// Whether the job should stop; asked between steps.
    fn is_cancelled(&self) -> bool;
}

/// Work to be done; holds what it reads.
#[derive(Clone, Debug)]
pub struct Job {
    kind: JobKind,
    schema: Arc<Schema>,
    sources: Vec<LiveSegment>,
    /// Whether a merge builds indexes of vectors too.
    graphs: bool,
}

/// What a job made: the parts of a new segment, or more parts of an old one.
#[derive(Clone, Debug)]
pub struct JobOutput {
    job: Job,
    parts: Vec<NewPart>,
}

impl Job {
    pub(crate) fn new(
        kind: JobKind,
        schema: Arc<Schema>,
        sources: Vec<LiveSegment>,
        graphs: bool,
    ) -> Self {
        Self {
            kind,
            schema,
            sources,
            graphs,
        }
    }

    /// What it does.
    pub fn kind(&self) -> JobKind {
        self.kind
    }

    /// The sealed segments that it reads.
    pub fn sources(&self) -> impl Iterator<Item = SegmentId> {
        self.sources.iter().filter_map(|live| live.segment.id)
    }

    /// All that it reads, growing rows included.
    pub(crate) fn live_sources(&self) -> impl Iterator<Item = &LiveSegment> {
        self.sources.iter()
    }

    /// Live rows that it works on.
    pub fn rows(&self) -> u64 {
        self.sources
            .iter()
            .map(|live| u64::from(live.kept_rows()))
            .sum()
    }

    /// The segment that gets more parts; `None` when the job makes a new segment.
    pub fn extends(&self) -> Option<SegmentId> {
        match self.kind {
            JobKind::Seal | JobKind::Merge => None,
            JobKind::Columns | JobKind::Graphs => self.sources.first()?.segment.id,
        }
    }

    /// Does the work. Equal inputs give equal bytes.
    ///
    /// # Errors
    /// `Unavailable` when cancelled.
    pub fn run(self, progress: &dyn Progress) -> Result<JobOutput, Error> {
        let parts = match self.kind {
            JobKind::Seal | JobKind::Merge => self.rewrite(progress)?,
            JobKind::Columns => {
                let missing = |live: &LiveSegment| self.column_parts(&live.segment, progress);
                self.sources
                    .first()
                    .map(missing)
                    .transpose()?
                    .unwrap_or_default()
            }
            JobKind::Graphs => {
                let missing = |live: &LiveSegment| self.graph_parts(live, progress);
                self.sources
                    .first()
                    .map(missing)
                    .transpose()?
                    .unwrap_or_default()
            }
        };
        Ok(JobOutput { job: self, parts })
    }

    fn rewrite(&self, progress: &dyn Progress) -> Result<Vec<NewPart>, Error> {
        let block = growing::merge(&self.sources, &self.schema)?;
        check(progress)?;
        if block.len() == 0 {
            return Ok(Vec::new());
        }
        let blocks = block.encode();
        let merged = LiveSegment::new(Segment::growing(block));
        let mut parts = vec![NewPart {
            kind: PartKind::Rows,
            blocks,
        }];
        parts.extend(self.column_parts(&merged.segment, progress)?);
        if self.graphs {
            parts.extend(self.graph_parts(&merged, progress)?);
        }
        Ok(parts)
    }

    fn column_parts(
        &self,
        segment: &Segment,
        progress: &dyn Progress,
    ) -> Result<Vec<NewPart>, Error> {
        let mut parts = Vec::new();
        for index in &self.schema.indexes {
            if segment.column(index).is_some() {
                continue;
            }
            check(progress)?;
            let source = Source::without_columns(segment, &self.schema);
            let column = Column::build(&index.params, &index.path, &source);
            let kind = PartKind::Column(index.path.clone());
            parts.push(NewPart {
                kind,
                blocks: column.encode(),
            });
        }
        Ok(parts)
    }

    fn graph_parts(
        &self,
        live: &LiveSegment,
        progress: &dyn Progress,
    ) -> Result<Vec<NewPart>, Error> {
        let mut parts = Vec::new();
        for (at, field) in self.schema.vectors.iter().enumerate() {
            let Some(wanted) = wants_index(live, at, &self.schema) else {
                continue;
            };
            check(progress)?;
            let report = |done: usize, total: usize| progress.report(done as u64, total as u64);
            let vectors = &live.segment.block.vectors[at];
            if let Some(blocks) = wanted.build(live, vectors, &report)? {
                let kind = wanted.part(&field.name);
                parts.push(NewPart { kind, blocks });
            }
        }
        check(progress)?;
        Ok(parts)
    }
}

fn check(progress: &dyn Progress) -> Result<(), Error> {
    if progress.is_cancelled() {
        let message = "the job was cancelled";
        return Err(Error::new(
            ErrorKind::Unavailable,
            Subject::Request,
            message,
        ));
    }
    Ok(())
}

impl JobOutput {
    /// What the job did.
    pub fn kind(&self) -> JobKind {
        self.job.kind
    }

    /// As [`Job::extends`].
    pub fn extends(&self) -> Option<SegmentId> {
        self.job.extends()
    }

    /// The parts to store. None: every row was deleted, and nothing is to be stored.
    pub fn parts(&self) -> &[NewPart] {
        &self.parts
    }

    /// Opens the stored parts. `id` is the name of the segment: [`JobOutput::extends`], or a new
    /// one.
    ///
    /// # Errors
    /// `Corrupt` when what was stored is not what the job made.
    pub fn open(self, id: SegmentId, parts: Vec<(PartRef, Blocks)>) -> Result<Installed, Error> {
        let Job {
            kind,
            schema,
            sources,
            ..
        } = self.job;
        let whole = || -> Result<Option<Arc<Segment>>, Error> {
            if parts.is_empty() {
                return Ok(None);
            }
            Ok(Some(Arc::new(Segment::open(id, &parts, &schema)?)))
        };
        Ok(Installed(match kind {
            JobKind::Seal => Change::Sealed(whole()?),
            JobKind::Merge => Change::Merged {
                segment: whole()?,
                sources: sources.iter().filter_map(|live| live.segment.id).collect(),
            },
            JobKind::Columns | JobKind::Graphs => {
                let base = sources
                    .first()
                    .ok_or_else(|| Error::internal("a job of nothing"))?;
                let segment = Arc::new(base.segment.extended(&parts, &schema)?);
                let kinds = parts.into_iter().map(|(part, _)| part.kind).collect();
                Change::Extended { segment, kinds }
            }
        }))
    }
}

//! What a collection says about itself.

use std::collections::BTreeSet;

use filter::compile;
use model::filter::Test;
use model::{CollectionInfo, CollectionName, FieldIndex, Filter, Schema, Status};

use crate::collection::Collection;
use crate::policy::JobPolicy;
use crate::segment::LiveSegment;
use crate::source::Source;

impl Collection {
    /// Schema, health and counts. `Optimizing` when an idle collection would still do something.
    pub fn info(&self, name: &CollectionName) -> CollectionInfo {
        let status = match self.next_job(&JobPolicy::idle()) {
            Some(_) => Status::Optimizing,
            None => Status::Ready,
        };
        let index_points = self.schema.indexes.iter().map(|index| {
            let points = self
                .segments()
                .map(|live| indexed_points(live, index, &self.schema));
            (index.path.clone(), points.sum())
        });
        CollectionInfo {
            name: name.clone(),
            schema: Schema::clone(&self.schema),
            status,
            points: self.points(),
            vectors: self.vector_counts(),
            size: self.size(),
            queued: 0,
            indexed_vectors: self.indexed_vectors(),
            segments: self.segments().count() as u64,
            index_points: index_points.collect(),
            operation: self.operation,
        }
    }

    /// Names of the top-level fields of the payloads of live points, ascending.
    pub fn payload_fields(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for live in self.segments() {
            for (name, rows) in live.segment.payload_fields() {
                let is_live = |row| live.is_live(row);
                if !names.contains(&**name) && rows.iter().any(is_live) {
                    names.insert(&**name);
                }
            }
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// Number of live vectors that an index covers.
    pub fn indexed_vectors(&self) -> u64 {
        let mut vectors = 0;
        for live in &self.sealed {
            let deleted = live.deleted.rows();
            for (at, stored) in live.segment.block.vectors.iter().enumerate() {
                if live.segment.index_in_use(&self.schema, at).is_some() {
                    let gone = deleted.iter().filter(|&row| stored.has(row)).count();
                    vectors += (stored.count() - gone) as u64;
                }
            }
        }
        vectors
    }
}

/// Live points with a value. Of deleted points those count as having one whose path is not empty.
fn indexed_points(live: &LiveSegment, index: &FieldIndex, schema: &Schema) -> u64 {
    let segment = &live.segment;
    let points = segment.column_or_build(index, schema).points();
    if live.deleted.rows().is_empty() {
        return points;
    }
    let filled = Filter::Field {
        path: index.path.clone(),
        test: Test::IsEmpty(false),
    };
    let source = Source::new(segment, schema);
    let gone = compile(&filled, &source)
        .rows(Some(live.deleted.rows()))
        .len() as u64;
    points.saturating_sub(gone)
}

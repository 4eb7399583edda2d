//! Collections of one field of each kind, sealed by half, asked for nearest points.

use std::fmt::Write;

use engine::{Collection, ScratchPool};
use model::{
    CollectionRef, Comparator, Dim, Element, HnswConfig, IndexChoice, Metric, Modifier,
    MultiVector, Object, Point, PointId, PostingsConfig, Rank, Residency, Schema, Search,
    SearchParams, Select, SparseVector, UpsertMode, Vector, VectorField, VectorKind, VectorQuery,
    WriteOp,
};

use super::points::{field, seal};
use crate::noise::Noise;

const DIM: usize = 20;
const POINTS: u64 = 600;
const FITS: &str = "a string takes everything";

fn dim() -> Dim {
    Dim::new(DIM as u64).expect("a small dimension")
}

/// Dense rows of 16-bit floats: their graph too.
pub(super) fn halves() -> String {
    let kind = VectorKind::Dense {
        dim: dim(),
        metric: Metric::Cosine,
        element: Element::F16,
    };
    answers(kind, 31, |noise| Vector::Dense(noise.clustered(1, DIM)))
}

/// Dense rows of bytes, normalised when they are compared.
pub(super) fn bytes() -> String {
    let kind = VectorKind::Dense {
        dim: dim(),
        metric: Metric::Cosine,
        element: Element::U8,
    };
    answers(kind, 32, |noise| {
        let row = noise.clustered(1, DIM);
        Vector::Dense(row.iter().map(|x| 128.0 + 90.0 * x).collect())
    })
}

/// Bits, compared by a logarithm of what they share.
pub(super) fn bits() -> String {
    let kind = VectorKind::Binary {
        dim: Dim::new(40).expect("a small dimension"),
        metric: Metric::Tanimoto,
    };
    answers(kind, 35, |noise| {
        Vector::Binary((0..5).map(|_| noise.below(256) as u8).collect())
    })
}

/// Several rows a point.
pub(super) fn rows() -> String {
    let kind = VectorKind::Multi {
        dim: dim(),
        metric: Metric::Cosine,
        element: Element::F32,
        comparator: Comparator::MaxSim,
    };
    answers(kind, 33, |noise| {
        let rows = 1 + noise.below(4) as usize;
        let flat = noise.clustered(rows, DIM);
        Vector::Multi(MultiVector::new(DIM, flat).expect("whole rows"))
    })
}

/// Sparse vectors whose query weights depend on the collection.
pub(super) fn words() -> String {
    let kind = VectorKind::Sparse {
        modifier: Modifier::Idf,
    };
    answers(kind, 34, |noise| {
        let mut indices: Vec<u32> = (0..8).map(|_| noise.below(60) as u32).collect();
        indices.sort_unstable();
        indices.dedup();
        let values = indices.iter().map(|_| 1.0 + noise.component()).collect();
        Vector::Sparse(SparseVector::new(indices, values).expect("distinct indices"))
    })
}

fn answers(kind: VectorKind, seed: u64, vector: fn(&mut Noise) -> Vector) -> String {
    let mut noise = Noise::new(seed);
    let mut collection = Collection::create(schema(kind)).expect("a valid schema");
    for (first, last) in [(0, POINTS / 2), (POINTS / 2, POINTS)] {
        let points = (first..last).map(|id| Point {
            id: PointId::Num(id),
            vectors: vec![(field(), vector(&mut noise))],
            payload: Object::new(),
        });
        let operation = WriteOp::Upsert {
            points: points.collect(),
            mode: UpsertMode::Upsert,
            condition: None,
        };
        collection = collection.apply(&operation).expect("valid points");
        if first == 0 {
            collection = seal(collection);
        }
    }
    let scratch = ScratchPool::new();
    let mut answers = String::new();
    for at in 0..12 {
        let to = if at < 8 {
            VectorQuery::Vector(vector(&mut noise))
        } else {
            VectorQuery::Point(PointId::Num(at * 40))
        };
        let found = collection
            .search(&nearest(to), &scratch)
            .expect("a valid search");
        for hit in found {
            let (id, bits) = (&hit.record.id, hit.score.to_bits());
            write!(answers, " {id:?}:{bits:08x}").expect(FITS);
        }
        answers.push('\n');
    }
    answers
}

/// So that an index is built of so few rows.
fn index(kind: VectorKind) -> Option<IndexChoice> {
    match kind {
        VectorKind::Sparse { .. } => {
            Some(IndexChoice::Postings(PostingsConfig { full_scan_rows: 10 }))
        }
        VectorKind::Dense { .. } | VectorKind::Multi { .. } | VectorKind::Binary { .. } => None,
    }
}

fn schema(kind: VectorKind) -> Schema {
    let field = VectorField {
        name: field(),
        since: 0,
        kind,
        index: index(kind),
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    };
    let mut schema = Schema {
        vectors: vec![field],
        // So that a graph is built of so few rows.
        hnsw: HnswConfig {
            full_scan_threshold_kb: 1,
            ..HnswConfig::default()
        },
        ..Schema::default()
    };
    schema.segments.indexing_threshold_kb = 1;
    schema
}

fn nearest(to: VectorQuery) -> Search {
    Search {
        collection: CollectionRef::in_default("any").expect("a valid name"),
        rank: Some(Rank::Nearest { field: field(), to }),
        filter: None,
        params: SearchParams::default(),
        score_bound: None,
        prefetch: Vec::new(),
        lookup_from: None,
        limit: 10,
        offset: 0,
        select: Select::default(),
    }
}

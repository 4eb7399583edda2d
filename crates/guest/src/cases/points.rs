//! Points with payload, and a collection that they went through: writes, sealing, more writes.

use engine::{Blocks, Collection, JobPolicy, PartRef, Progress, SegmentId};
use model::{
    Dim, Element, FieldIndex, FieldKind, FieldPath, Filter, HnswConfig, IndexParams, Metric,
    Object, Point, PointId, Residency, Scalar, Schema, Target, Test, UpsertMode, Value, Vector,
    VectorField, VectorKind, VectorName, WriteOp,
};

use crate::noise::Noise;

pub(super) const DIM: usize = 24;
const POINTS: u64 = 1600;
const COLOURS: &[&str] = &["amber", "blue", "cyan", "green"];

/// The unnamed vector field.
pub(super) fn field() -> VectorName {
    VectorName::new("").expect("the empty name is a name")
}

/// A path of one step.
pub(super) fn path(name: &str) -> FieldPath {
    FieldPath::field(name)
}

/// One comparison of a payload field.
pub(super) fn on(name: &str, test: Test) -> Filter {
    Filter::Field {
        path: path(name),
        test,
    }
}

/// Half of the points in a sealed segment with graph and columns, the others still growing; some
/// of both deleted, some with other payload.
pub(super) fn lived_in(noise: &mut Noise) -> Collection {
    let mut collection = Collection::create(schema()).expect("a valid schema");
    for first in (0..POINTS / 2).step_by(100) {
        collection = upsert(&collection, noise, first..first + 100);
    }
    collection = seal(collection);
    for first in (POINTS / 2..POINTS).step_by(200) {
        collection = upsert(&collection, noise, first..first + 200);
    }
    // Some sealed points are written again, and so move to the growing rows.
    collection = upsert(&collection, noise, 40..60);
    let small = on("size", Test::Equals(Scalar::Int(3)));
    let mut flag = Object::new();
    flag.insert("flag", Value::Bool(true));
    let operations = [
        WriteOp::Delete {
            target: Target::Ids((100..130).map(PointId::Num).collect()),
        },
        WriteOp::SetPayload {
            target: Target::Filter(small),
            payload: flag,
            at: None,
        },
        WriteOp::CreateIndex(index("weight", FieldKind::Float)),
    ];
    operations.iter().fold(collection, |collection, operation| {
        collection.apply(operation).expect("a valid operation")
    })
}

fn schema() -> Schema {
    let dim = Dim::new(DIM as u64).expect("a small dimension");
    let field = VectorField {
        name: field(),
        since: 0,
        kind: VectorKind::Dense {
            dim,
            metric: Metric::Cosine,
            element: Element::F32,
        },
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    };
    let mut schema = Schema {
        vectors: vec![field],
        indexes: vec![
            index("colour", FieldKind::Keyword),
            index("size", FieldKind::Integer),
        ],
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

fn index(name: &str, kind: FieldKind) -> FieldIndex {
    FieldIndex {
        path: path(name),
        params: IndexParams::new(kind),
    }
}

fn upsert(collection: &Collection, noise: &mut Noise, ids: std::ops::Range<u64>) -> Collection {
    let count = (ids.end - ids.start) as usize;
    let vectors = noise.clustered(count, DIM);
    let points = ids
        .zip(vectors.chunks_exact(DIM))
        .map(|(id, vector)| Point {
            id: PointId::Num(id),
            vectors: vec![(field(), Vector::Dense(vector.to_vec()))],
            payload: payload(noise),
        })
        .collect();
    let operation = WriteOp::Upsert {
        points,
        mode: UpsertMode::Upsert,
        condition: None,
    };
    collection.apply(&operation).expect("valid points")
}

fn payload(noise: &mut Noise) -> Object {
    let colour = || Value::Str(COLOURS[0].into());
    let mut payload = Object::new();
    let pick = noise.below(COLOURS.len() as u64) as usize;
    payload.insert("colour", Value::Str(COLOURS[pick].into()));
    payload.insert("size", Value::Int(noise.below(50) as i64));
    payload.insert("weight", Value::Float(f64::from(noise.component())));
    if noise.below(3) == 0 {
        payload.insert("tags", Value::Array(vec![colour(), Value::Null]));
    }
    payload
}

/// Nobody watches.
struct Unwatched;

impl Progress for Unwatched {
    fn report(&self, _: u64, _: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Runs jobs until none is due. Parts stay in memory.
pub(super) fn seal(mut collection: Collection) -> Collection {
    let policy = JobPolicy {
        idle_seal_rows: 1,
        ..JobPolicy::idle()
    };
    let mut segments = 0;
    while let Some(job) = collection.next_job(&policy) {
        let output = job.run(&Unwatched).expect("nobody cancels");
        segments += 1;
        let id = output.extends().unwrap_or(SegmentId(segments));
        let parts = output.parts().iter().map(|part| {
            let key = format!("{segments}-{}", part.kind);
            (
                PartRef {
                    kind: part.kind.clone(),
                    key,
                },
                Blocks::new(part.blocks.clone()),
            )
        });
        let parts = parts.collect();
        let installed = output.open(id, parts).expect("as it was made");
        collection = collection
            .install(&installed)
            .expect("nothing else happened");
    }
    collection
}

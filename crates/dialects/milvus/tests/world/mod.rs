//! The collections of the small world that the tests of this dialect ask.

use std::sync::Arc;

use gateway::{Config, Listener};
use model::schema::VectorField;
use model::{
    Dim, Element, HnswConfig, IndexChoice, Metric, Object, Residency, Schema, Value, Vector,
    VectorKind, VectorName,
};
use testkit::dialect::{World, WorldCollection};

fn object(fields: Vec<(&'static str, Value)>) -> Value {
    Value::Object(fields.into_iter().collect())
}

/// What Milvus keeps: an index, who chooses ids, and whether there is the partition `red`.
fn kept(index: Option<Value>, ids: Option<&'static str>, red: bool) -> Object {
    let mut fields = vec![
        ("index_file_size", Value::Int(10)),
        ("segment", Value::from("100")),
    ];
    fields.extend(index.map(|index| ("index", index)));
    fields.extend(ids.map(|ids| ("ids", Value::from(ids))));
    if red {
        let red = object(vec![
            ("tag", Value::from("red")),
            ("segment", Value::from("101")),
        ]);
        fields.push(("partitions", Value::Array(vec![red])));
    }
    [("milvus", object(fields))].into_iter().collect()
}

fn index(kind: &'static str, params: Vec<(&'static str, Value)>) -> Value {
    object(vec![
        ("type", Value::from(kind)),
        ("params", object(params)),
    ])
}

fn field(name: &str, kind: VectorKind, m: u16) -> VectorField {
    VectorField {
        name: VectorName::new(name).unwrap(),
        since: 0,
        kind,
        index: Some(IndexChoice::Graph(HnswConfig {
            m,
            ..HnswConfig::default()
        })),
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    }
}

fn dense(metric: Metric) -> VectorKind {
    VectorKind::Dense {
        dim: Dim::new(4).unwrap(),
        metric,
        element: Element::F32,
    }
}

fn collection(name: &'static str, field: VectorField, attributes: Object) -> WorldCollection {
    let vector = match field.kind {
        VectorKind::Binary { .. } => Vector::Binary(vec![1, 255]),
        _ => Vector::Dense(vec![0.5, 0.25, -1.0, 0.1]),
    };
    WorldCollection {
        name,
        listed: true,
        schema: Schema {
            vectors: vec![field],
            attributes,
            ..Schema::default()
        },
        payload: [("milvus_partition", Value::from("red"))]
            .into_iter()
            .collect(),
        vector,
    }
}

/// Knows `floats` (L2, ids of users, a partition), `auto` (ids of the server), `fresh` (nothing
/// inserted yet), `bits` (Hamming), `parts` (Substructure), `graph` (HNSW), `lists` (IVFFLAT), and
/// of other interfaces `foreign` (which this one can show), `cosine`, `two` and `a-b` (which it
/// cannot).
pub(crate) fn world() -> Arc<World> {
    let l2 = || field("", dense(Metric::L2), 0);
    let bits = |metric| {
        let dim = Dim::new(16).unwrap();
        field("", VectorKind::Binary { dim, metric }, 0)
    };
    let hnsw = index(
        "HNSW",
        vec![("M", Value::Int(16)), ("efConstruction", Value::Int(200))],
    );
    let ivf = index("IVFFLAT", vec![("nlist", Value::Int(10))]);
    let mut two = collection("two", l2(), Object::new());
    two.schema.vectors.push(field("x", dense(Metric::Dot), 16));
    let foreign = field("v", dense(Metric::Dot), 16);
    Arc::new(World::new(vec![
        collection("floats", l2(), kept(None, Some("user"), true)),
        collection("auto", l2(), kept(None, Some("auto"), false)),
        collection("fresh", l2(), kept(None, None, false)),
        collection(
            "bits",
            bits(Metric::Hamming),
            kept(None, Some("user"), false),
        ),
        collection(
            "parts",
            bits(Metric::Substructure),
            kept(None, Some("user"), false),
        ),
        collection(
            "graph",
            field("", dense(Metric::Dot), 16),
            kept(Some(hnsw), None, false),
        ),
        collection("lists", l2(), kept(Some(ivf), None, false)),
        collection("foreign", foreign, Object::new()),
        collection(
            "cosine",
            field("", dense(Metric::Cosine), 16),
            Object::new(),
        ),
        two,
        collection("a-b", l2(), Object::new()),
    ]))
}

/// A gateway over `world`.
pub(crate) fn listener(world: Arc<World>) -> Listener {
    testkit::dialect::listener(&skerry_dialect_milvus::Milvus, world, Config::default())
}

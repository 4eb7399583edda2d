//! The collections of the small world that the tests of this dialect ask.

use std::sync::Arc;

use gateway::{Config, Listener};
use model::schema::VectorField;
use model::{
    Comparator, Dim, Element, FieldIndex, FieldKind, FieldPath, HnswConfig, IndexChoice,
    IndexParams, Metric, Modifier, Object, Residency, Schema, Value, Vector, VectorKind,
    VectorName,
};
use testkit::dialect::{World, WorldCollection};

fn field(name: &str, metric: Metric) -> VectorField {
    VectorField {
        name: VectorName::new(name).unwrap(),
        since: 0,
        kind: VectorKind::Dense {
            dim: Dim::new(4).unwrap(),
            metric,
            element: Element::F32,
        },
        index: None,
        index_metric: None,
        quantization: None,
        residency: Residency::Mapped,
    }
}

fn schema(name: &str) -> Schema {
    let vectors = match name {
        "books" | "slow" => vec![field("", Metric::Dot)],
        "far" => vec![field("", Metric::L2)],
        "strict" => vec![field("", Metric::Dot)],
        "notes" => {
            let dim = Dim::new(2).unwrap();
            let mut rows = field("rows", Metric::L2);
            rows.kind = VectorKind::Multi {
                dim,
                metric: Metric::L2,
                element: Element::U8,
                comparator: Comparator::MaxSim,
            };
            let mut words = field("words", Metric::Dot);
            words.kind = VectorKind::Sparse {
                modifier: Modifier::Idf,
            };
            vec![rows, words]
        }
        "scans" => {
            let mut own = field("own", Metric::Dot);
            own.index = Some(IndexChoice::Graph(HnswConfig::default()));
            let mut words = field("words", Metric::Dot);
            words.kind = VectorKind::Sparse {
                modifier: Modifier::None,
            };
            vec![
                field("", Metric::Dot),
                own,
                field("none", Metric::Dot),
                words,
            ]
        }
        "films" => vec![field("image", Metric::L1), field("text", Metric::Cosine)],
        name => panic!("no schema for {name}"),
    };
    let index = |path: &str, kind| FieldIndex {
        path: FieldPath::parse(path).unwrap(),
        params: IndexParams::new(kind),
    };
    let mut indexes = vec![
        index("at", FieldKind::Datetime),
        index("title", FieldKind::Keyword),
        index("year", FieldKind::Integer),
    ];
    let mut attributes = Object::new();
    let mut hnsw = HnswConfig::default();
    match name {
        "strict" => {
            attributes.insert("qdrant", strict());
        }
        "scans" => {
            hnsw.m = 0;
            let mut tenant = index("customer", FieldKind::Keyword);
            let is_tenant = [("is_tenant", Value::Bool(true))];
            tenant.params.attributes = is_tenant.into_iter().collect();
            indexes.push(tenant);
            attributes.insert("qdrant", no_scans());
        }
        _ => {}
    }
    Schema {
        vectors,
        indexes,
        attributes,
        hnsw,
        ..Schema::default()
    }
}

/// The kept settings of a collection whose fields may not be scanned; only the unnamed field has
/// graphs for tenants.
fn no_scans() -> Value {
    fn object<const N: usize>(of: [(&'static str, Value); N]) -> Value {
        Value::Object(of.into_iter().collect())
    }
    let limits = object([
        ("enabled", Value::Bool(true)),
        ("search_allow_exact", Value::Bool(false)),
        ("max_query_limit", Value::Int(10)),
    ]);
    let graph = object([("payload_m", Value::Int(16))]);
    let fields = object([("", object([("hnsw_config", graph)]))]);
    object([("strict_mode", limits), ("vectors", fields)])
}

/// The kept settings of a collection with every limit that is watched.
fn strict() -> Value {
    let limit = |name: &'static str, value: i64| (name, Value::Int(value));
    let limits: Object = [
        ("enabled", Value::Bool(true)),
        limit("max_query_limit", 5),
        limit("max_timeout", 10),
        ("unindexed_filtering_retrieve", Value::Bool(false)),
        ("unindexed_filtering_update", Value::Bool(false)),
        limit("search_max_hnsw_ef", 100),
        ("search_allow_exact", Value::Bool(false)),
        ("search_max_oversampling", Value::Float(2.0)),
        limit("upsert_max_batchsize", 2),
        limit("search_max_batchsize", 1),
        limit("max_points_count", 3),
        limit("filter_max_conditions", 2),
        limit("condition_max_size", 3),
        limit("max_payload_index_count", 3),
    ]
    .into_iter()
    .collect();
    let kept: Object = [("strict_mode", Value::Object(limits))]
        .into_iter()
        .collect();
    Value::Object(kept)
}

/// Knows the collections `books` (unnamed, dot), `far` (unnamed, Euclid), `films` (named), `notes`
/// (several rows and sparse), `strict` (as `books`, with limits), `scans` (fields without a graph,
/// which may not be scanned) and `slow` (as `books`, and no time is enough for it).
pub(crate) fn world() -> Arc<World> {
    let payload: Object = [
        ("title", Value::from("Solaris")),
        ("year", Value::Int(1961)),
    ]
    .into_iter()
    .collect();
    let collection = |name| WorldCollection {
        name,
        listed: ["books", "far", "films"].contains(&name),
        schema: schema(name),
        payload: payload.clone(),
        vector: Vector::Dense(vec![0.5, 0.25, -1.0, 0.1]),
    };
    let names = ["books", "far", "films", "notes", "strict", "scans", "slow"];
    let world = World::new(names.map(collection).into());
    Arc::new(world.with_aliases(vec![("library", "books"), ("shelf", "films")]))
}

/// A gateway over `world`.
pub(crate) fn listener(world: Arc<World>, config: Config) -> Listener {
    testkit::dialect::listener(&skerry_dialect_qdrant::Qdrant, world, config)
}

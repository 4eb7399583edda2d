//! A collection as this dialect sees it, and changes of what it keeps about one.

use std::sync::Arc;

use gateway::Call;
use model::schema::VectorChange;
use model::{
    ClusterCount, CollectionRef, Command, ConfigChange, Dim, ErrorKind, Filter, HnswConfig,
    IndexChoice, IvfConfig, Metric, Outcome, Query, Reply, Schema, Vector, VectorKind, VectorName,
    Visibility, WriteOp,
};

use crate::error::{Code, Failure};
use crate::index_kind::{Index, IndexKind};
use crate::kept::Kept;

/// Metrics by their names.
const METRICS: &[(&str, Metric)] = &[
    ("L2", Metric::L2),
    ("IP", Metric::Dot),
    ("HAMMING", Metric::Hamming),
    ("JACCARD", Metric::Jaccard),
    ("TANIMOTO", Metric::Tanimoto),
    ("SUBSTRUCTURE", Metric::Substructure),
    ("SUPERSTRUCTURE", Metric::Superstructure),
];

/// The metric called `name`.
pub(crate) fn metric(name: &str) -> Option<Metric> {
    let mut pairs = METRICS.iter();
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, metric)| *metric)
}

/// A collection with one vector field and a metric that Milvus has a name for.
pub(crate) struct View {
    pub(crate) collection: CollectionRef,
    pub(crate) schema: Arc<Schema>,
    pub(crate) field: VectorName,
    pub(crate) dim: Dim,
    pub(crate) metric: Metric,
    pub(crate) metric_name: &'static str,
    pub(crate) kept: Kept,
}

impl View {
    /// The collection.
    ///
    /// # Errors
    /// 4 when there is none; 5 and 23 when another interface made it such that this one has no
    /// words for it.
    pub(crate) async fn open(call: &Call<'_>, collection: CollectionRef) -> Result<Self, Failure> {
        let schema = match call
            .executor
            .query(Query::ReadSchema(collection.clone()))
            .await?
        {
            Reply::Schema(schema) => schema,
            other => return Err(other.unexpected().into()),
        };
        Self::of(collection, schema)
    }

    fn of(collection: CollectionRef, schema: Arc<Schema>) -> Result<Self, Failure> {
        let name = &collection.name;
        let [field] = schema.vectors.as_slice() else {
            let fields = schema.vectors.len();
            let message =
                format!("Collection {name} has {fields} vector fields, and Milvus knows one");
            return Err(Failure::new(Code::IllegalArgument, message));
        };
        let (dim, metric) = match field.kind {
            VectorKind::Dense { dim, metric, .. } | VectorKind::Binary { dim, metric } => {
                (dim, metric)
            }
            VectorKind::Multi { .. } | VectorKind::Sparse { .. } => {
                let message = format!("The vectors of collection {name} are not dense");
                return Err(Failure::new(Code::IllegalArgument, message));
            }
        };
        let Some((metric_name, _)) = METRICS.iter().find(|(_, known)| *known == metric) else {
            let message =
                format!("Collection {name} compares its vectors by {metric:?}, unknown to Milvus");
            return Err(Failure::new(Code::IllegalMetricType, message));
        };
        let (field, kept) = (field.name.clone(), Kept::of(&schema.attributes));
        Ok(Self {
            collection,
            schema,
            field,
            dim,
            metric,
            metric_name,
            kept,
        })
    }

    /// The index that serves searches. Other interfaces may have chosen a graph.
    pub(crate) fn index(&self) -> Index {
        if let Some(index) = &self.kept.index {
            return index.clone();
        }
        let field = self.schema.vector(&self.field);
        match field.map(|field| self.schema.index_of(field)) {
            Some(IndexChoice::Graph(HnswConfig {
                m, ef_construct, ..
            })) if !self.metric.is_binary() => Index {
                kind: IndexKind::Hnsw,
                params: vec![
                    ("M".into(), i64::from(m)),
                    ("efConstruction".into(), i64::from(ef_construct)),
                ],
            },
            Some(IndexChoice::Ivf(IvfConfig {
                clusters: ClusterCount::Fixed(clusters),
            })) => Index {
                kind: IndexKind::IvfFlat,
                params: vec![("nlist".into(), i64::from(clusters))],
            },
            Some(_) | None => Index::flat(),
        }
    }

    /// Bytes of a vector as Milvus counts them.
    pub(crate) fn vector_bytes(&self) -> usize {
        if self.metric.is_binary() {
            self.dim.bit_bytes()
        } else {
            4 * self.dim.get()
        }
    }

    /// `rows` as vectors of the field.
    ///
    /// # Errors
    /// 11 when they differ in length or hold something that the field cannot, 7 when they are of
    /// another dimension.
    pub(crate) fn vectors(&self, rows: Vec<Vec<f32>>) -> Result<Vec<Vector>, Failure> {
        let record = |message: &str| Err(Failure::new(Code::IllegalRowRecord, message));
        let Some(first) = rows.first() else {
            return record("The vector array is empty. Make sure you have entered vector records.");
        };
        let length = first.len();
        if rows.iter().any(|row| row.len() != length) {
            return record("The vector dimension must be equal to the collection dimension.");
        }
        let components = match self.metric.is_binary() {
            true => self.dim.bit_bytes(),
            false => self.dim.get(),
        };
        if length != components {
            let message = "The vector dimension must be equal to the collection dimension.";
            return Err(Failure::new(Code::IllegalDimension, message));
        }
        if !self.metric.is_binary() {
            if rows.iter().flatten().any(|x| !x.is_finite()) {
                return record("A vector must hold finite numbers only.");
            }
            return Ok(rows.into_iter().map(Vector::Dense).collect());
        }
        let byte = |x: f32| (x.fract() == 0.0 && (0.0..=255.0).contains(&x)).then_some(x as u8);
        let packed = rows.into_iter().map(|row| {
            let bytes: Option<Vec<u8>> = row.into_iter().map(byte).collect();
            bytes.map(Vector::Binary)
        });
        match packed.collect::<Option<Vec<_>>>() {
            Some(vectors) => Ok(vectors),
            None => record("A vector of bits must hold integers from 0 to 255."),
        }
    }

    /// Points that match, exactly.
    pub(crate) async fn count(
        &self,
        call: &Call<'_>,
        filter: Option<Filter>,
    ) -> Result<u64, Failure> {
        let query = Query::Count {
            collection: self.collection.clone(),
            filter,
            exact: true,
        };
        match call.executor.query(query).await? {
            Reply::Count(count) => Ok(count),
            other => Err(other.unexpected().into()),
        }
    }

    /// A change that only stands while this view does, and changes nothing itself.
    pub(crate) fn guard(&self) -> WriteOp {
        WriteOp::Configure(ConfigChange {
            derived_from: Some(self.schema.attributes.clone()),
            ..ConfigChange::default()
        })
    }
}

/// A change of what is kept, and what goes with it.
pub(crate) struct Amendment {
    /// The new state.
    pub(crate) kept: Kept,
    /// Settings of the vector field.
    pub(crate) field: Option<VectorChange>,
    /// Operations of the same write.
    pub(crate) operations: Vec<WriteOp>,
}

impl Amendment {
    /// Nothing but a new state.
    pub(crate) fn of(kept: Kept) -> Self {
        Self {
            kept,
            field: None,
            operations: Vec::new(),
        }
    }
}

/// So often a change is derived anew when others were faster.
const ATTEMPTS: usize = 32;

/// Applies what `change` makes of the collection, all or none, as of one state of the collection.
///
/// # Errors
/// Those of `change`, and 1 when others keep changing the collection.
pub(crate) async fn amend(
    call: &Call<'_>,
    collection: &CollectionRef,
    change: impl Fn(&View) -> Result<Amendment, Failure> + Send,
) -> Result<(), Failure> {
    let mut conflict = None;
    for _ in 0..ATTEMPTS {
        let view = View::open(call, collection.clone()).await?;
        let amendment = change(&view)?;
        let attributes = &view.schema.attributes;
        let configure = WriteOp::Configure(ConfigChange {
            vectors: amendment.field.into_iter().collect(),
            attributes: Some(amendment.kept.put_into(attributes)),
            derived_from: Some(attributes.clone()),
            ..ConfigChange::default()
        });
        let operations = core::iter::once(configure).chain(amendment.operations);
        match write(call, collection, operations.collect()).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind == ErrorKind::Conflict => conflict = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    let error = conflict.unwrap_or_else(|| model::Error::internal("a change was never tried"));
    Err(error.into())
}

/// Applies `operations` in order, all or none; visible when it returns.
///
/// # Errors
/// As the operations say.
pub(crate) async fn write(
    call: &Call<'_>,
    collection: &CollectionRef,
    operations: Vec<WriteOp>,
) -> Result<(), model::Error> {
    let command = Command::Write {
        collection: collection.clone(),
        operations,
        visibility: Visibility::Applied,
    };
    match call.executor.execute(command).await? {
        Outcome::Written { .. } => Ok(()),
        _ => Err(model::Error::internal(
            "a write was answered like another command",
        )),
    }
}

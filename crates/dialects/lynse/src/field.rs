//! Named vector fields and the sparse one.

use std::collections::BTreeMap;

use gateway::Call;
use model::query::VectorSelect;
use model::{Metric, PointId, Query, Reply, Select, SparseVector, Vector, VectorName, WriteOp};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::collection::element;
use crate::error::Failure;
use crate::index::{mode_of, settings};
use crate::mode::{flat_name, metric_name, metric_named};
use crate::reply::{Answer, success};
use crate::request::{At, about_collection, ask, batch_limited, body, write};
use crate::seen::{Field, PRIMARY, Seen, dense_field, set_mode, sparse_field};
use crate::value::{WireId, id_json};
use crate::write::named;

about_collection! {
    /// A field to be created; `dimension` is what the manual calls `dim`.
    struct Create {
        field_name: String,
        dim: Option<u64>,
        dimension: Option<u64>,
        metric: Option<String>,
        index_mode: Option<String>,
        dtypes: Option<String>,
    }
}

about_collection! {
    /// Vectors of a named field.
    struct AddNamed {
        field_name: String,
        vectors: Vec<Vec<f32>>,
        ids: Vec<WireId>,
    }
}

/// A sparse vector on the wire.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WireSparse {
    indices: Vec<u32>,
    values: Vec<f32>,
}

about_collection! {
    /// Sparse vectors.
    struct AddSparse {
        vectors: Vec<WireSparse>,
        ids: Vec<WireId>,
    }
}

impl WireSparse {
    /// The vector: values of equal indices are added, zeros left out.
    ///
    /// # Errors
    /// When there are more indices than values or fewer, or a value is not finite.
    pub(crate) fn vector(&self) -> Result<SparseVector, Failure> {
        let (indices, values) = (self.indices.len(), self.values.len());
        if indices != values {
            return Err(Failure::argument(format_args!(
                "sparse vector has {indices} indices but {values} values"
            )));
        }
        let mut sums: BTreeMap<u32, f32> = BTreeMap::new();
        for (&index, &value) in self.indices.iter().zip(&self.values) {
            *sums.entry(index).or_default() += value;
        }
        sums.retain(|_, value| *value != 0.0);
        let (indices, values) = sums.into_iter().unzip();
        Ok(SparseVector::new(indices, values)?)
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name == PRIMARY {
        return Err(Failure::argument(
            "'default' is reserved for the primary collection vector",
        ));
    }
    if name.is_empty() || name.len() > 128 {
        return Err(Failure::argument(
            "vector field name must be between 1 and 128 characters",
        ));
    }
    if !name.chars().all(plain) {
        return Err(Failure::argument(
            "vector field name may only contain ASCII letters, digits, '_' and '-'",
        ));
    }
    Ok(())
}

fn field_json(field: &Field, name: &str) -> Json {
    json!({
        "name": name,
        "dimension": field.dim,
        "metric": metric_name(field.metric()),
        "index_mode": field.shown_mode(),
        "dtypes": field.dtypes(),
    })
}

/// The metric a field is stored for, and the name of its index mode.
fn metric_and_mode(asked: &Create) -> Result<(Metric, String), Failure> {
    let metric = match &asked.metric {
        None => None,
        Some(name) => Some(metric_named(name).ok_or_else(|| {
            Failure::argument(format_args!("unsupported vector field metric: {name}"))
        })?),
    };
    let name = asked.index_mode.as_deref().map(str::to_ascii_uppercase);
    let Some(name) = name else {
        let metric = metric.unwrap_or(Metric::Dot);
        return Ok((metric, flat_name(metric).to_owned()));
    };
    let mode = mode_of(&name)?;
    match metric {
        Some(metric) if metric != mode.metric => Err(Failure::argument(format_args!(
            "vector field metric '{}' does not match index mode '{}'",
            asked.metric.as_deref().unwrap_or_default(),
            asked.index_mode.as_deref().unwrap_or_default()
        ))),
        Some(_) | None => Ok((mode.metric, name)),
    }
}

pub(crate) async fn create(call: &Call<'_>) -> Answer {
    let asked: Create = body(call)?;
    let at = asked.at();
    check_name(&asked.field_name)?;
    let dim = asked.dim.or(asked.dimension);
    let missing = || Failure::line("Json deserialize error: missing field `dim`");
    let dim = dim.ok_or_else(missing)?;
    let (metric, mode_name) = metric_and_mode(&asked)?;
    let element = element(asked.dtypes.as_deref())?;
    let seen = Seen::open(call, &at).await?;
    if let Ok(field) = seen.field(&asked.field_name) {
        let same = field.dim as u64 == dim
            && field.metric() == metric
            && field.element == element
            && field.shown_mode() == mode_name;
        if !same {
            return Err(Failure::argument(format_args!(
                "vector field '{}' already exists with a different configuration",
                asked.field_name
            )));
        }
        let shown = field_json(&field, &asked.field_name);
        return Ok(success(at.echo_with("field", shown)));
    }
    // What floats stand for bits is stored as floats, for the inner product.
    let stored = if metric.is_binary() {
        Metric::Dot
    } else {
        metric
    };
    let name = VectorName::new(asked.field_name.as_str())?;
    let new = dense_field(name.clone(), dim, stored, element)?;
    let mode = mode_of(&mode_name)?;
    let field = Field {
        name: name.clone(),
        dim: dim as usize,
        element,
        stored,
        mode: Some(mode),
        mode_name: Some(mode_name.clone()),
    };
    seen.keep(
        call,
        |_| {
            let add = WriteOp::AddVector(new.clone());
            vec![add, settings(&field, Some(mode), None, None)]
        },
        |own| set_mode(own, &name, Some(&mode_name)),
    )
    .await?;
    let shown = field_json(&field, &asked.field_name);
    Ok(success(at.echo_with("field", shown)))
}

pub(crate) async fn list(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let seen = Seen::open(call, &at).await?;
    let primary = seen.primary().map(|field| field_json(&field, PRIMARY));
    let named = seen.named();
    let named = named
        .iter()
        .map(|field| field_json(field, field.name.as_str()));
    let fields: Vec<Json> = primary.into_iter().chain(named).collect();
    Ok(success(at.echo_with("fields", fields)))
}

/// Refuses ids that no point has.
async fn check_known(
    call: &Call<'_>,
    seen: &Seen,
    ids: &[PointId],
    what: &str,
    vectors: VectorSelect,
) -> Result<Vec<model::Record>, Failure> {
    let retrieve = Query::Retrieve {
        collection: seen.collection.clone(),
        ids: ids.to_vec(),
        select: Select {
            vectors,
            ..Select::default()
        },
    };
    let Reply::Records(records) = ask(call, retrieve).await? else {
        return Err(Failure::bad("the points could not be read"));
    };
    let known: std::collections::BTreeSet<&PointId> =
        records.iter().map(|record| &record.id).collect();
    match ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Failure::argument(format_args!(
            "cannot add {what} vector for unknown id {id}"
        ))),
        None => Ok(records),
    }
}

fn check_lengths(vectors: usize, ids: usize) -> Result<(), Failure> {
    batch_limited(vectors)?;
    if vectors != ids {
        return Err(Failure::bad("vectors length must match ids length"));
    }
    Ok(())
}

pub(crate) async fn add_named(call: &Call<'_>) -> Answer {
    let asked: AddNamed = body(call)?;
    let at = asked.at();
    check_lengths(asked.vectors.len(), asked.ids.len())?;
    let seen = Seen::open(call, &at).await?;
    let field = seen.field(&asked.field_name)?;
    let ids: Vec<PointId> = asked.ids.into_iter().map(|id| id.0).collect();
    let select = VectorSelect::Named(vec![field.name.clone()]);
    let known = check_known(call, &seen, &ids, "named", select).await?;
    let has = known.iter().find(|record| {
        let vectors = record.vectors.as_ref();
        vectors.is_some_and(|vectors| !vectors.is_empty())
    });
    let twice = has.map(|record| &record.id).or_else(|| repeated(&ids));
    if let Some(id) = twice {
        return Err(Failure::argument(format_args!(
            "id {id} already has a vector for field '{}'",
            asked.field_name
        )));
    }
    let vectors = asked.vectors.into_iter();
    let points = ids
        .iter()
        .zip(vectors)
        .map(|(id, vector)| named(id.clone(), field.name.clone(), Vector::Dense(vector)));
    let update = WriteOp::UpdateVectors {
        points: points.collect(),
        condition: None,
    };
    write(call, &seen.collection, vec![update]).await?;
    let mut params = at.echo_with("field_name", asked.field_name);
    let ids: Vec<Json> = ids.iter().map(id_json).collect();
    params.insert("ids".into(), ids.into());
    Ok(success(params))
}

fn repeated(ids: &[PointId]) -> Option<&PointId> {
    let mut seen = std::collections::BTreeSet::new();
    ids.iter().find(|id| !seen.insert(*id))
}

pub(crate) async fn add_sparse(call: &Call<'_>) -> Answer {
    let asked: AddSparse = body(call)?;
    let at = asked.at();
    check_lengths(asked.vectors.len(), asked.ids.len())?;
    let vectors = asked.vectors.iter().map(WireSparse::vector);
    let vectors: Vec<SparseVector> = vectors.collect::<Result<_, _>>()?;
    let seen = Seen::open(call, &at).await?;
    let ids: Vec<PointId> = asked.ids.into_iter().map(|id| id.0).collect();
    check_known(call, &seen, &ids, "sparse", VectorSelect::Nothing).await?;
    let field = sparse_field();
    let points = ids
        .iter()
        .zip(vectors)
        .map(|(id, vector)| named(id.clone(), field.name.clone(), Vector::Sparse(vector)));
    let update = WriteOp::UpdateVectors {
        points: points.collect(),
        condition: None,
    };
    let mut operations = Vec::new();
    if seen.sparse().is_none() {
        operations.push(WriteOp::AddVector(field));
    }
    operations.push(update);
    write(call, &seen.collection, operations).await?;
    let ids: Vec<Json> = ids.iter().map(id_json).collect();
    Ok(success(at.echo_with("ids", ids)))
}

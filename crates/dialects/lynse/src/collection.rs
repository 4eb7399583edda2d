//! Collections: made, described, dropped.

use gateway::Call;
use model::{
    CollectionName, CollectionRef, Command, DatabaseName, Element, ErrorKind, Metric, Object,
    PointId, Query, Reply, Schema, Select, Value, VectorName,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::Failure;
use crate::reply::{Answer, Params, success};
use crate::request::{At, about_collection, ask, ask_all, body, only, order, write};
use crate::seen::{DIALECT, Field, Seen, dense_field, dtypes, set_description};

/// Rows per file of the server that clients were written against; shown and not used.
const CHUNK: u64 = 100_000;

about_collection! {
    /// What `required_collection` asks.
    struct Required {
        #[serde(deserialize_with = "required")]
        dim: Option<u64>,
        #[serde(default)]
        drop_if_exists: bool,
        description: Option<String>,
        dtypes: Option<String>,
    }
}

/// A field that must be there, and may be null.
fn required<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::deserialize(deserializer)
}

about_collection! {
    /// A new description.
    struct Described {
        description: Option<String>,
    }
}

#[derive(Deserialize)]
struct InDatabase {
    database_name: String,
}

/// The type of components that is called so.
///
/// # Errors
/// When none is.
pub(crate) fn element(dtypes: Option<&str>) -> Result<Element, Failure> {
    match dtypes.map(str::to_ascii_lowercase).as_deref() {
        None | Some("float32" | "f32") => Ok(Element::F32),
        Some("float16" | "f16") => Ok(Element::F16),
        Some(other) => Err(Failure::argument(format_args!(
            "unsupported vector dtype: {other}"
        ))),
    }
}

/// Opens a collection, or creates it.
pub(crate) async fn require(call: &Call<'_>) -> Answer {
    let asked: Required = body(call)?;
    let at = asked.at();
    let collection = at.collection()?;
    let wanted = element(asked.dtypes.as_deref())?;
    crate::collection::names(call, &collection.database).await?;
    if asked.drop_if_exists {
        let collection = collection.clone();
        order(call, Command::DropCollection { collection }).await?;
    }
    if asked.dim == Some(0) && !exists_at(call, &collection).await? {
        return Err(Failure::argument(
            "dimension is required when creating a new collection",
        ));
    }
    let created = create(
        call,
        &collection,
        asked.dim.filter(|dim| *dim > 0),
        wanted,
        asked.description.as_deref(),
    );
    match created.await {
        Err(failure) if failure.is_taken() => {
            let seen = Seen::read(call, collection).await?;
            check_same(&seen, &asked, wanted)?;
        }
        other => other?,
    }
    Ok(success(at.echo()))
}

/// Whether an existing collection is what was asked for.
fn check_same(seen: &Seen, asked: &Required, wanted: Element) -> Result<(), Failure> {
    let Some(field) = seen.primary() else {
        return Ok(());
    };
    if asked.dtypes.is_some() && field.element != wanted {
        let (has, wanted) = (field.dtypes(), dtypes(wanted));
        return Err(Failure::argument(format_args!(
            "collection vector dtype {has} does not match requested dtype {wanted}"
        )));
    }
    match asked.dim {
        Some(dim) if dim != 0 && dim != field.dim as u64 => Err(Failure::argument(format_args!(
            "collection dimension {} does not match requested dimension {dim}",
            field.dim
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Creates a collection, without vectors where no dimension is known yet.
///
/// # Errors
/// Those of the command.
pub(crate) async fn create(
    call: &Call<'_>,
    collection: &CollectionRef,
    dim: Option<u64>,
    element: Element,
    description: Option<&str>,
) -> Result<(), Failure> {
    let field = dim.map(|dim| dense_field(VectorName::default(), dim, Metric::Dot, element));
    let mut own = Object::new();
    set_description(&mut own, description);
    if element == Element::F16 && dim.is_none() {
        own.insert("dtypes", Value::from(dtypes(element)));
    }
    let schema = Schema {
        vectors: field.transpose()?.into_iter().collect(),
        hnsw: crate::seen::no_graph(),
        attributes: [(DIALECT, Value::Object(own))].into_iter().collect(),
        ..Schema::default()
    };
    let collection = collection.clone();
    order(call, Command::CreateCollection { collection, schema })
        .await
        .map(|_| ())
}

async fn exists_at(call: &Call<'_>, collection: &CollectionRef) -> Result<bool, Failure> {
    match call
        .executor
        .query(Query::CollectionExists(collection.clone()))
        .await
    {
        Ok(Reply::Exists(exists)) => Ok(exists),
        Ok(other) => Err(other.unexpected().into()),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn exists(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let collection = at.collection()?;
    names(call, &collection.database).await?;
    let exists = exists_at(call, &collection).await?;
    Ok(success(at.echo_with("exists", exists)))
}

pub(crate) async fn drop(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let collection = at.collection()?;
    order(call, Command::DropCollection { collection }).await?;
    Ok(success(at.echo()))
}

/// Names of the collections of a database.
///
/// # Errors
/// When there is no such database.
pub(crate) async fn names(
    call: &Call<'_>,
    database: &DatabaseName,
) -> Result<Vec<CollectionName>, Failure> {
    match ask(call, Query::ListCollections(database.clone())).await? {
        Reply::Collections(names) => Ok(names),
        other => Err(other.unexpected().into()),
    }
}

pub(crate) async fn show(call: &Call<'_>) -> Answer {
    let asked: InDatabase = body(call)?;
    let names = names(call, &DatabaseName::new(&asked.database_name)?).await?;
    let names: Vec<Json> = names.iter().map(|name| name.as_str().into()).collect();
    let mut params = only("database_name", asked.database_name);
    params.insert("collections".into(), names.into());
    Ok(success(params))
}

pub(crate) async fn show_details(call: &Call<'_>) -> Answer {
    let asked: InDatabase = body(call)?;
    let database = DatabaseName::new(&asked.database_name)?;
    let mut details = Params::new();
    for name in names(call, &database).await? {
        let database = database.clone();
        let collection = CollectionRef {
            database,
            name: name.clone(),
        };
        // One that is dropped meanwhile is no longer shown.
        let Ok(seen) = Seen::read(call, collection).await else {
            continue;
        };
        details.insert(name.as_str().into(), detail(call, &seen).await?);
    }
    let mut params = only("database_name", asked.database_name);
    params.insert("collections".into(), details.into());
    Ok(success(params))
}

async fn detail(call: &Call<'_>, seen: &Seen) -> Result<Json, Failure> {
    let field = seen.primary();
    let rows = count_all(call, &seen.collection).await?;
    let mut detail = Params::new();
    detail.insert("name".into(), seen.collection.name.as_str().into());
    detail.insert("shape".into(), shape_json(rows, field.as_ref()));
    detail.insert("dim".into(), dim_json(field.as_ref()));
    let element = field.as_ref().map_or(Element::F32, |field| field.element);
    detail.insert("dtypes".into(), dtypes(element).into());
    if let Some(description) = seen.description() {
        detail.insert("description".into(), description.into());
    }
    if let Some(mode) = field.and_then(|field| field.mode_name) {
        detail.insert("index_mode".into(), mode.into());
    }
    Ok(detail.into())
}

fn dim_json(field: Option<&Field>) -> Json {
    field.map_or(Json::Null, |field| field.dim.into())
}

fn shape_json(rows: u64, field: Option<&Field>) -> Json {
    json!([rows, field.map_or(0, |field| field.dim)])
}

/// Points of a collection, concealed ones included.
///
/// # Errors
/// When there is no such collection.
pub(crate) async fn count_all(call: &Call<'_>, collection: &CollectionRef) -> Result<u64, Failure> {
    let count = Query::Count {
        collection: collection.clone(),
        filter: None,
        exact: true,
    };
    match ask_all(call, count).await? {
        Reply::Count(count) => Ok(count),
        other => Err(other.unexpected().into()),
    }
}

pub(crate) async fn shape(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let seen = Seen::open(call, &at).await?;
    let rows = count_all(call, &seen.collection).await?;
    let shape = shape_json(rows, seen.primary().as_ref());
    Ok(success(at.echo_with("shape", shape)))
}

pub(crate) async fn config(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let seen = match Seen::open(call, &at).await {
        Ok(seen) => seen,
        Err(_) => {
            let name = &at.collection_name;
            let text = format!("Collection '{name}' not found in config");
            return Err(Failure::bad(text));
        }
    };
    let field = seen.primary();
    let element = field.as_ref().map_or(Element::F32, |field| field.element);
    let config = json!({
        "chunk_size": CHUNK,
        "description": seen.description(),
        "dim": dim_json(field.as_ref()),
        "dtypes": dtypes(element),
    });
    Ok(success(at.echo_with("config", config)))
}

/// Where the collection is: a name, not a directory.
pub(crate) async fn path(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    Seen::open(call, &at).await?;
    let path = format!("{}/{}", at.database_name, at.collection_name);
    Ok(success(at.echo_with("collection_path", path)))
}

pub(crate) async fn describe(call: &Call<'_>) -> Answer {
    let asked: Described = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let description = asked.description.as_deref();
    let change = |own: &mut Object| set_description(own, description);
    seen.keep(call, |_| Vec::new(), change).await?;
    Ok(success(at.echo_with("description", asked.description)))
}

/// Flush, checkpoint, close: every write was durable when it was answered.
pub(crate) async fn settle(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    Seen::open(call, &at).await?;
    Ok(success(at.echo()))
}

pub(crate) async fn stats(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let seen = Seen::open(call, &at).await?;
    let field = seen.primary();
    let rows = count_all(call, &seen.collection).await?;
    let concealed = crate::conceal::concealed(call, &seen.collection).await?;
    let concealed = concealed.len() as u64;
    let mode = field.as_ref().and_then(|field| field.mode_name.clone());
    let stats = json!({
        "n_vectors": rows,
        "n_live": rows.saturating_sub(concealed),
        "n_tombstoned": concealed,
        "dimension": field.as_ref().map_or(0, |field| field.dim),
        "index_mode": mode.as_deref().unwrap_or("none"),
        "max_id": max_id_json(call, &seen.collection).await?,
    });
    Ok(success(at.echo_with("stats", stats)))
}

pub(crate) async fn index_mode(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let seen = Seen::open(call, &at).await?;
    let mode = seen.primary().and_then(|field| field.mode_name);
    Ok(success(at.echo_with("index_mode", mode)))
}

/// The largest id that is a number, of concealed points too.
///
/// # Errors
/// When there is no such collection.
pub(crate) async fn max_id(
    call: &Call<'_>,
    collection: &CollectionRef,
) -> Result<Option<u64>, Failure> {
    let last = Query::ScrollBack {
        collection: collection.clone(),
        // Every number is before every UUID.
        before: Some(PointId::Uuid([0; 16])),
        limit: 1,
        select: Select::default(),
    };
    match ask_all(call, last).await? {
        Reply::Records(records) => Ok(records.first().and_then(|record| match record.id {
            PointId::Num(number) => Some(number),
            PointId::Uuid(_) | PointId::Text(_) => None,
        })),
        other => Err(other.unexpected().into()),
    }
}

async fn max_id_json(call: &Call<'_>, collection: &CollectionRef) -> Result<Json, Failure> {
    let max = max_id(call, collection).await?;
    Ok(max.map_or(Json::from(-1), Json::from))
}

pub(crate) async fn largest_id(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let collection = at.collection()?;
    let max = max_id_json(call, &collection).await?;
    Ok(success(at.echo_with("max_id", max)))
}

about_collection! {
    /// An id that may exist.
    struct IdAsked {
        id: crate::value::WireId,
    }
}

/// Whether a point exists, concealed or not; what cannot be found out does not.
pub(crate) async fn id_exists(call: &Call<'_>) -> Answer {
    let asked: IdAsked = body(call)?;
    let at = asked.at();
    let retrieve = Query::Retrieve {
        collection: at.collection()?,
        ids: vec![asked.id.0],
        select: Select::default(),
    };
    let exists = match ask_all(call, retrieve).await {
        Ok(Reply::Records(records)) => !records.is_empty(),
        Ok(_) | Err(_) => false,
    };
    Ok(success(at.echo_with("is_id_exists", exists)))
}

/// Names of the fields that points have.
///
/// # Errors
/// When there is no such collection.
pub(crate) async fn fields(
    call: &Call<'_>,
    collection: &CollectionRef,
) -> Result<Vec<String>, Failure> {
    match ask_all(call, Query::ListFields(collection.clone())).await? {
        Reply::Fields(names) => Ok(names),
        other => Err(other.unexpected().into()),
    }
}

pub(crate) async fn list_fields(call: &Call<'_>) -> Answer {
    let at: At = body(call)?;
    let names = fields(call, &at.collection()?).await?;
    Ok(success(at.echo_with("fields", names)))
}

/// Adds the primary field to a collection that was created without one.
///
/// # Errors
/// Those of the write.
pub(crate) async fn add_primary(call: &Call<'_>, seen: Seen, dim: usize) -> Result<Seen, Failure> {
    let own = seen.schema.attributes.get(DIALECT);
    let element = match own {
        Some(Value::Object(own)) if own.get("dtypes").is_some() => Element::F16,
        Some(_) | None => Element::F32,
    };
    let field = dense_field(VectorName::default(), dim as u64, Metric::Dot, element)?;
    write(
        call,
        &seen.collection,
        vec![model::WriteOp::AddVector(field)],
    )
    .await?;
    Seen::read(call, seen.collection).await
}

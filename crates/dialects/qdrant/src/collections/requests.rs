//! The requests about collections.

use std::collections::BTreeMap;

use core::num::NonZeroU32;

use gateway::Call;
use model::schema::VectorField;
use model::{
    Command, ConfigChange, DatabaseName, ErrorKind, HnswConfig, Outcome, Query, Reply, Schema,
    Subject,
};
use serde::{Deserialize, Serialize};

use super::describe;
use super::fields;
use super::kept::{Kept, Nulls, Params, merge, merge_fields};
use super::quantization::{Quantization, QuantizationChange};
use super::settings::{Hnsw, Optimizers, Wal};
use super::sparse::{self, SparseExtras, WireModifier};
use super::vectors::{Extras, NewVectors, VectorChange};
use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::request;
use crate::strict::StrictMode;
use crate::value::WireObject;

/// How often a change is derived anew when others change the settings in the meantime. Each
/// failure is a success of somebody else.
const UPDATE_ATTEMPTS_MAX: usize = 100;

#[derive(Deserialize)]
struct WireCreate {
    vectors: Option<NewVectors>,
    shard_number: Option<NonZeroU32>,
    sharding_method: Option<ShardingMethod>,
    replication_factor: Option<NonZeroU32>,
    write_consistency_factor: Option<NonZeroU32>,
    on_disk_payload: Option<bool>,
    payload: Option<serde_json::Value>,
    hnsw_config: Option<Hnsw>,
    wal_config: Option<Wal>,
    optimizers_config: Option<Optimizers>,
    quantization_config: Option<Quantization>,
    sparse_vectors: Option<BTreeMap<String, SparseExtras>>,
    strict_mode_config: Option<StrictMode>,
    metadata: Option<WireObject>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ShardingMethod {
    Auto,
    Custom,
}

#[derive(Deserialize)]
struct WireUpdate {
    vectors: Option<BTreeMap<String, VectorChange>>,
    optimizers_config: Option<Optimizers>,
    params: Option<WireParams>,
    hnsw_config: Option<Hnsw>,
    quantization_config: Option<QuantizationChange>,
    sparse_vectors: Option<BTreeMap<String, SparseExtras>>,
    strict_mode_config: Option<StrictMode>,
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct WireParams {
    replication_factor: Option<NonZeroU32>,
    write_consistency_factor: Option<NonZeroU32>,
    read_fan_out_factor: Option<u32>,
    read_fan_out_delay_ms: Option<u64>,
    on_disk_payload: Option<bool>,
    payload: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Collections<'a> {
    collections: Vec<Name<'a>>,
}

#[derive(Serialize)]
struct Exists {
    exists: bool,
}

fn json(object: &model::Object) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(crate::value::ShownObject(object)).map_err(Failure::format)
}

impl WireCreate {
    fn check(&self) -> Result<(), Failure> {
        if let Some(ShardingMethod::Custom) = self.sharding_method {
            return Err(Failure::unsupported("custom sharding"));
        }
        if let Some(hnsw) = &self.hnsw_config {
            hnsw.check("hnsw_config")?;
        }
        if let Some(wal) = &self.wal_config {
            wal.check("wal_config")?;
        }
        if let Some(optimizers) = &self.optimizers_config {
            optimizers.check("optimizers_config")?;
        }
        if let Some(quantization) = &self.quantization_config {
            quantization.check("quantization_config")?;
        }
        match &self.strict_mode_config {
            Some(strict) => strict.check("strict_mode_config"),
            None => Ok(()),
        }
    }

    fn decode(self) -> Result<Schema, Failure> {
        self.check()?;
        let hnsw = self.hnsw_config.unwrap_or_default();
        let defaults = hnsw.over(HnswConfig::default());
        let fields = self
            .vectors
            .map_or_else(|| Ok(Vec::new()), |v| v.decode(defaults))?;
        let sparse_vectors = self.sparse_vectors.unwrap_or_default();
        let sparse_fields = sparse::fields(&sparse_vectors)?;
        let number = |n: Option<NonZeroU32>| n.map(NonZeroU32::get);
        let kept = Kept {
            params: Params {
                shard_number: number(self.shard_number),
                sharding_method: self.sharding_method.map(|_| "auto".to_owned()),
                replication_factor: number(self.replication_factor),
                write_consistency_factor: number(self.write_consistency_factor),
                read_fan_out_factor: None,
                read_fan_out_delay_ms: None,
                on_disk_payload: self.on_disk_payload,
                payload: self.payload,
            },
            vectors: fields
                .iter()
                .map(|(field, extras)| (field.name.as_str().to_owned(), extras.clone()))
                .collect(),
            sparse_vectors,
            hnsw,
            optimizers: self.optimizers_config.unwrap_or_default(),
            wal: self.wal_config.unwrap_or_default(),
            quantization: self.quantization_config,
            strict_mode: self
                .strict_mode_config
                .map(|strict| strict.kept())
                .transpose()?,
            metadata: self
                .metadata
                .map(|metadata| json(&metadata.0))
                .transpose()?,
        };
        let segments = kept.optimizers.decode();
        let quantization = kept.quantization.as_ref().map(Quantization::decode);
        let attributes = kept.write(&model::Object::new())?;
        let dense_fields = fields.into_iter().map(|(field, _)| field);
        let mut vectors: Vec<VectorField> = dense_fields.chain(sparse_fields).collect();
        vectors.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = vectors.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Failure::wrong_input(format_args!(
                "Dense and sparse vector names must be unique - duplicate found with '{}'",
                pair[0].name
            )));
        }
        Ok(Schema {
            vectors,
            indexes: Vec::new(),
            hnsw: defaults,
            quantization,
            segments,
            attributes,
        })
    }
}

impl WireUpdate {
    /// What changes in a collection of this schema.
    fn decode(self, schema: &Schema) -> Result<ConfigChange, Failure> {
        let before = Kept::read(schema)?;
        let mut kept = before.clone();
        let mut named = Named {
            hnsw: self.hnsw_config.is_some(),
            codes: self.quantization_config.is_some(),
            segments: self.optimizers_config.is_some(),
            fields: BTreeMap::new(),
        };
        if let Some(hnsw) = &self.hnsw_config {
            hnsw.check("hnsw_config")?;
            kept.hnsw = merge(&kept.hnsw, hnsw)?;
        }
        if let Some(optimizers) = &self.optimizers_config {
            optimizers.check("optimizers_config")?;
            kept.optimizers = merge(&kept.optimizers, optimizers)?;
        }
        if let Some(change) = self.quantization_config {
            kept.quantization = change.decode("quantization_config")?;
        }
        if let Some(strict) = self.strict_mode_config {
            strict.check("strict_mode_config")?;
            let old = kept.strict_mode.get_or_insert(serde_json::Value::Null);
            merge_fields(old, strict.kept()?, Nulls::Ignored);
        }
        if let Some(metadata) = self.metadata {
            let old = kept.metadata.get_or_insert(serde_json::Value::Null);
            merge_fields(old, serde_json::Value::Object(metadata), Nulls::Remove);
        }
        if let Some(params) = self.params {
            params.merge_into(&mut kept.params);
        }
        for (name, change) in self.vectors.unwrap_or_default() {
            fields::check_listed(schema, &name, false)?;
            named.fields.insert(name.clone(), NamedOfField::of(&change));
            change_vector(&name, change, kept.vectors.entry(name.clone()).or_default())?;
        }
        for (name, change) in self.sparse_vectors.unwrap_or_default() {
            fields::check_listed(schema, &name, true)?;
            named
                .fields
                .insert(name.clone(), NamedOfField::of_sparse(&change));
            let old = kept.sparse_vectors.entry(name).or_default();
            *old = old.changed(&change);
        }
        derive(schema, &before, &kept, &named)
    }
}

impl WireParams {
    fn merge_into(self, params: &mut Params) {
        let number = |n: Option<NonZeroU32>| n.map(NonZeroU32::get);
        let old = core::mem::take(params);
        *params = Params {
            shard_number: old.shard_number,
            sharding_method: old.sharding_method,
            replication_factor: number(self.replication_factor).or(old.replication_factor),
            write_consistency_factor: number(self.write_consistency_factor)
                .or(old.write_consistency_factor),
            read_fan_out_factor: self.read_fan_out_factor.or(old.read_fan_out_factor),
            read_fan_out_delay_ms: self.read_fan_out_delay_ms.or(old.read_fan_out_delay_ms),
            on_disk_payload: self.on_disk_payload.or(old.on_disk_payload),
            payload: self.payload.or(old.payload),
        };
    }
}

fn change_vector(name: &str, change: VectorChange, extras: &mut Extras) -> Result<(), Failure> {
    if let Some(hnsw) = &change.hnsw_config {
        hnsw.check(&format!("vectors.{name}.hnsw_config"))?;
        let old = extras.hnsw_config.take().unwrap_or_default();
        extras.hnsw_config = Some(merge(&old, hnsw)?);
    }
    if let Some(quantization) = change.quantization_config {
        let at = format!("vectors.{name}.quantization_config");
        extras.quantization_config = quantization.decode(&at)?;
    }
    extras.on_disk = change.on_disk.or(extras.on_disk);
    extras.memory = change.memory.or(extras.memory);
    Ok(())
}

/// What a request says something of. The rest stays as it is in the schema, where another dialect
/// may have changed it since it was last said here.
struct Named {
    hnsw: bool,
    codes: bool,
    segments: bool,
    fields: BTreeMap<String, NamedOfField>,
}

/// As [`Named`], of one field.
#[derive(Clone, Copy, Default)]
struct NamedOfField {
    /// How its index is built.
    index: bool,
    codes: bool,
    residency: bool,
    modifier: bool,
}

impl NamedOfField {
    fn of(change: &VectorChange) -> Self {
        // The other settings of a graph hold for any index, or for none.
        let builds = |hnsw: &Hnsw| hnsw.m.is_some() || hnsw.ef_construct.is_some();
        Self {
            index: change.hnsw_config.as_ref().is_some_and(builds),
            codes: change.quantization_config.is_some(),
            residency: change.on_disk.is_some() || change.memory.is_some(),
            modifier: false,
        }
    }

    fn of_sparse(change: &SparseExtras) -> Self {
        Self {
            index: change.postings().is_some(),
            codes: false,
            residency: change.index.is_some(),
            modifier: change.modifier.is_some(),
        }
    }
}

/// The change that makes `schema`, which followed from `before`, follow from `kept`.
fn derive(
    schema: &Schema,
    before: &Kept,
    kept: &Kept,
    named: &Named,
) -> Result<ConfigChange, Failure> {
    let hnsw_before = before.hnsw.over(HnswConfig::default());
    let hnsw = kept.hnsw.over(HnswConfig::default());
    let vectors = schema.vectors.iter().filter_map(|field| {
        let name = field.name.as_str();
        let named = named.fields.get(name).copied().unwrap_or_default();
        let mut change = model::schema::VectorChange {
            name: field.name.clone(),
            index: None,
            index_metric: None,
            quantization: None,
            residency: None,
            modifier: None,
        };
        if let Some(extras) = kept.sparse_vectors.get(name) {
            change.index = extras.postings().filter(|_| named.index).map(Some);
            change.residency = named.residency.then(|| extras.residency());
            let modifier = extras.modifier.filter(|_| named.modifier);
            change.modifier = modifier.map(WireModifier::decode);
        } else {
            let extras = kept.vectors.get(name)?;
            let old = before.vectors.get(name);
            let old = old.and_then(|extras| extras.index(hnsw_before));
            let new = extras.index(hnsw);
            // A graph of this dialect follows the parameters of the collection; what another
            // dialect chose in its place stays until a graph is asked for by name.
            let ours = field.index == old && new != old;
            change.index = new.filter(|_| ours || named.index).map(Some);
            // Searches of this dialect are by the metric of the field.
            change.index_metric = (named.index && change.index.is_some()).then_some(None);
            change.quantization = named.codes.then(|| extras.quantization());
            change.residency = named.residency.then(|| extras.residency());
        }
        Some(change)
    });
    let codes = || kept.quantization.as_ref().map(Quantization::decode);
    Ok(ConfigChange {
        derived_from: None,
        hnsw: named.hnsw.then_some(hnsw),
        quantization: named.codes.then(codes),
        segments: named.segments.then(|| kept.optimizers.decode()),
        vectors: vectors.filter(says_something).collect(),
        attributes: Some(kept.write(&schema.attributes)?),
    })
}

fn says_something(change: &model::schema::VectorChange) -> bool {
    change.index.is_some()
        || change.quantization.is_some()
        || change.residency.is_some()
        || change.modifier.is_some()
}

/// `GET /collections`
pub(crate) async fn list(call: &Call<'_>) -> Answer {
    match request::query(call, Query::ListCollections(DatabaseName::default())).await? {
        Reply::Collections(names) => {
            let collections = names
                .iter()
                .filter(|name| request::may_read(call, name))
                .map(|name| Name {
                    name: name.as_str(),
                })
                .collect();
            envelope::ok(call, Collections { collections })
        }
        other => Err(other.unexpected().into()),
    }
}

/// `PUT /collections/{collection_name}`
pub(crate) async fn create(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let collection = request::new_collection(call)?;
    let schema = request::body::<WireCreate>(call)?.decode()?;
    call.executor
        .execute(Command::CreateCollection { collection, schema })
        .await?;
    envelope::ok(call, true)
}

/// `GET /collections/{collection_name}`
pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let collection = request::collection(call)?;
    match request::query(call, Query::DescribeCollection(collection)).await? {
        Reply::Collection(info) => envelope::ok(call, describe::describe(&info)?),
        other => Err(other.unexpected().into()),
    }
}

/// `GET /collections/{collection_name}/exists`
pub(crate) async fn exists(call: &Call<'_>) -> Answer {
    let Ok(collection) = request::collection(call) else {
        return envelope::ok(call, Exists { exists: false });
    };
    match request::query(call, Query::CollectionExists(collection)).await? {
        Reply::Exists(exists) => envelope::ok(call, Exists { exists }),
        other => Err(other.unexpected().into()),
    }
}

/// `PATCH /collections/{collection_name}`
pub(crate) async fn update(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let collection = request::collection(call)?;
    for _ in 0..UPDATE_ATTEMPTS_MAX {
        let wire: WireUpdate = request::body(call)?;
        let schema = request::schema(call, collection.clone()).await?;
        let mut change = wire.decode(&schema)?;
        change.derived_from = Some(schema.attributes.clone());
        if request::configure(call, collection.clone(), change).await? {
            return envelope::ok(call, true);
        }
    }
    let message = "the settings were changed by others again and again";
    Err(model::Error::new(ErrorKind::Conflict, Subject::Request, message).into())
}

/// `DELETE /collections/{collection_name}`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    request::read_parameters(call)?;
    let collection = request::collection(call)?;
    match call
        .executor
        .execute(Command::DropCollection { collection })
        .await?
    {
        Outcome::Existed(existed) => envelope::ok(call, existed),
        Outcome::Done
        | Outcome::Pending
        | Outcome::Written { .. }
        | Outcome::Snapshot(_)
        | Outcome::Accepted => {
            Err(model::Error::internal("a drop was answered like another command").into())
        }
    }
}

/// The schema of a collection that is created by `body`.
#[cfg(test)]
pub(super) fn created(body: &str) -> Schema {
    let wire: WireCreate = serde_json::from_str(body).expect("a body");
    wire.decode().expect("a schema")
}

#[cfg(test)]
mod tests {
    use model::{ClusterCount, IndexChoice, IvfConfig};

    use super::*;

    fn changed(schema: &Schema, body: &str) -> ConfigChange {
        let wire: WireUpdate = serde_json::from_str(body).expect("a body");
        wire.decode(schema).expect("a change")
    }

    fn graph(m: u16) -> IndexChoice {
        IndexChoice::Graph(HnswConfig {
            m,
            ..HnswConfig::default()
        })
    }

    #[test]
    fn an_index_that_another_dialect_chose_stays() {
        let lists = IndexChoice::Ivf(IvfConfig {
            clusters: ClusterCount::Fixed(9),
        });
        let own = r#"{"vectors": {"size": 4, "distance": "Dot", "hnsw_config": {"m": 8}}}"#;
        let none = r#"{"vectors": {"size": 4, "distance": "Dot"}}"#;
        for (body, foreign) in [
            (own, lists),
            (none, lists),
            (own, IndexChoice::Exact),
            (own, graph(40)),
        ] {
            let mut schema = created(body);
            schema.vectors[0].index = Some(foreign);
            let scalar = model::Quantization::Scalar { quantile: None };
            schema.vectors[0].quantization = Some(scalar);
            for unnamed in [
                r#"{"hnsw_config": {"m": 24, "ef_construct": 80}}"#,
                r#"{"metadata": {"a": 1}, "optimizers_config": {"indexing_threshold": 5}}"#,
                r#"{"vectors": {"": {"hnsw_config": {"on_disk": true}}}}"#,
                "{}",
            ] {
                let change = changed(&schema, unnamed);
                assert_eq!(change.vectors, [], "{body} {foreign:?} {unnamed}");
            }
            let named = changed(&schema, r#"{"vectors": {"": {"hnsw_config": {"m": 5}}}}"#);
            assert_eq!(named.vectors[0].index, Some(Some(graph(5))));
            assert_eq!(named.vectors[0].quantization, None);
        }
    }

    #[test]
    fn a_graph_of_its_own_follows_the_collection() {
        let own = r#"{"vectors": {"size": 4, "distance": "Dot", "hnsw_config": {"m": 8}}}"#;
        let change = changed(&created(own), r#"{"hnsw_config": {"ef_construct": 80}}"#);
        let both = HnswConfig {
            m: 8,
            ef_construct: 80,
            ..HnswConfig::default()
        };
        assert_eq!(
            change.vectors[0].index,
            Some(Some(IndexChoice::Graph(both)))
        );
        assert_eq!(change.hnsw.expect("it was named").ef_construct, 80);
        assert_eq!(change.segments, None);
        let change = changed(&created(own), r#"{"hnsw_config": {"m": 30}}"#);
        assert_eq!(change.vectors, []);
    }
}

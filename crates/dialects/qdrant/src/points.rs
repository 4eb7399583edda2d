//! Writing and deleting points and their vectors.

use core::fmt;
use std::collections::BTreeMap;

use gateway::Call;
use model::{Point, Target, UpsertMode, VectorName, WriteOp};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::Failure;
use crate::filter::WireFilter;
use crate::ids::{self, WireId};
use crate::request::{self, BODY, ShardKey};
use crate::value::WireObject;
use crate::vectors::{WireVector, WireVectors};

/// Points one by one, or their parts in columns.
#[derive(Deserialize)]
pub(crate) struct WireUpsert {
    points: Option<Vec<WirePoint>>,
    batch: Option<WireBatch>,
    shard_key: ShardKey,
    update_filter: Option<WireFilter>,
    update_mode: Option<WireMode>,
}

#[derive(Deserialize)]
struct WirePoint {
    id: WireId,
    vector: WireVectors,
    payload: Option<WireObject>,
}

#[derive(Deserialize)]
struct WireBatch {
    ids: Vec<WireId>,
    vectors: WireColumns,
    payloads: Option<Vec<Option<WireObject>>>,
}

/// The vectors of a batch: one list, or one list per name.
enum WireColumns {
    Unnamed(Vec<WireVector>),
    Named(BTreeMap<String, Vec<WireVector>>),
}

/// Written by hand: a derived untagged enum would keep every number of the batch in a tree first,
/// which costs more than all the rest of an upload.
impl<'de> Deserialize<'de> for WireColumns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnsVisitor;

        impl<'de> Visitor<'de> for ColumnsVisitor {
            type Value = WireColumns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of vectors, or one list per name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, columns: A) -> Result<WireColumns, A::Error> {
                let columns = SeqAccessDeserializer::new(columns);
                Deserialize::deserialize(columns).map(WireColumns::Unnamed)
            }

            fn visit_map<A: MapAccess<'de>>(self, columns: A) -> Result<WireColumns, A::Error> {
                let columns = MapAccessDeserializer::new(columns);
                Deserialize::deserialize(columns).map(WireColumns::Named)
            }
        }

        deserializer.deserialize_any(ColumnsVisitor)
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum WireMode {
    Upsert,
    InsertOnly,
    UpdateOnly,
}

/// Points by id or by filter.
#[derive(Deserialize)]
pub(crate) struct WireSelector {
    points: Option<Vec<WireId>>,
    filter: Option<WireFilter>,
    shard_key: ShardKey,
}

/// New vectors of existing points.
#[derive(Deserialize)]
pub(crate) struct WireUpdateVectors {
    points: Vec<WirePointVectors>,
    shard_key: ShardKey,
    update_filter: Option<WireFilter>,
}

#[derive(Deserialize)]
struct WirePointVectors {
    id: WireId,
    vector: WireVectors,
}

/// Names of vectors to remove.
#[derive(Deserialize)]
pub(crate) struct WireDeleteVectors {
    points: Option<Vec<WireId>>,
    filter: Option<WireFilter>,
    vector: Vec<String>,
    shard_key: ShardKey,
}

/// What became of a write.
#[derive(Serialize)]
pub(crate) struct Updated {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation_id: Option<u64>,
    pub(crate) status: &'static str,
}

impl Updated {
    /// `operation` as seen by a caller who waited or not; `None`: it waited in vain.
    pub(crate) fn new(operation: Option<u64>, visibility: model::Visibility) -> Self {
        let status = match (operation, visibility) {
            (None, _) => "wait_timeout",
            (Some(_), model::Visibility::Durable) => "acknowledged",
            (Some(_), model::Visibility::Applied | model::Visibility::AppliedWithin { .. }) => {
                "completed"
            }
        };
        Self {
            operation_id: operation,
            status,
        }
    }
}

/// Writes one decoded operation, or several that the caller counts as one.
pub(crate) async fn apply(call: &Call<'_>, operations: Vec<WriteOp>) -> Answer {
    let collection = request::collection(call)?;
    let visibility = request::write_parameters(call)?;
    let operation = request::write(call, collection, operations, visibility).await?;
    envelope::ok(call, Updated::new(operation, visibility))
}

/// What Qdrant says of a write without points.
fn empty_update() -> Failure {
    Failure::bad_request("Empty update request")
}

impl WireUpsert {
    /// # Errors
    /// When nothing is to be written or a vector is malformed.
    pub(crate) fn decode(self) -> Result<WriteOp, Failure> {
        request::no_shard_key(&self.shard_key)?;
        let points = match (self.points, self.batch) {
            (Some(points), None) => points.into_iter().map(WirePoint::decode).collect(),
            (None, Some(batch)) => batch.decode(),
            (Some(_), Some(_)) | (None, None) => Err(Failure::format(
                "data did not match any variant of untagged enum PointInsertOperations",
            )),
        }?;
        if points.is_empty() {
            return Err(empty_update());
        }
        let mode = match self.update_mode {
            None | Some(WireMode::Upsert) => UpsertMode::Upsert,
            Some(WireMode::InsertOnly) => UpsertMode::InsertOnly,
            Some(WireMode::UpdateOnly) => UpsertMode::UpdateOnly,
        };
        let condition = self
            .update_filter
            .map(|f| f.decode("update_filter"))
            .transpose()?;
        Ok(WriteOp::Upsert {
            points,
            mode,
            condition,
        })
    }
}

impl WirePoint {
    fn decode(self) -> Result<Point, Failure> {
        let payload = self.payload.unwrap_or_default().0;
        Ok(Point {
            id: self.id.0,
            vectors: self.vector.decode()?,
            payload,
        })
    }
}

impl WireBatch {
    fn decode(self) -> Result<Vec<Point>, Failure> {
        let count = self.ids.len();
        let equal = |what: &str, got: usize| {
            if got == count {
                return Ok(());
            }
            let text = format!("number of ids and {what} must be equal ({count} != {got})");
            Err(Failure::validation(BODY, "batch", text))
        };
        let mut payloads = self.payloads;
        if let Some(payloads) = &payloads {
            equal("payloads", payloads.len())?;
        }
        let columns: Vec<(VectorName, Vec<WireVector>)> = match self.vectors {
            WireColumns::Unnamed(vectors) => vec![(VectorName::default(), vectors)],
            WireColumns::Named(columns) => columns
                .into_iter()
                .map(|(name, column)| Ok((VectorName::new(name)?, column)))
                .collect::<Result<_, Failure>>()?,
        };
        let mut points = Vec::with_capacity(count);
        for (index, id) in self.ids.into_iter().enumerate() {
            let payload = payloads
                .as_mut()
                .and_then(|payloads| payloads[index].take());
            points.push(Point {
                id: id.0,
                vectors: Vec::with_capacity(columns.len()),
                payload: payload.unwrap_or_default().0,
            });
        }
        for (name, column) in columns {
            equal("vectors", column.len())?;
            for (point, vector) in points.iter_mut().zip(column) {
                point.vectors.push((name.clone(), vector.decode()?));
            }
        }
        Ok(points)
    }
}

impl WireSelector {
    /// # Errors
    /// When neither ids nor a filter are given.
    pub(crate) fn decode(self) -> Result<Target, Failure> {
        request::no_shard_key(&self.shard_key)?;
        match (self.points, self.filter) {
            // Ids win over a filter.
            (Some(ids), _) => Ok(Target::Ids(ids::decode(ids))),
            (None, Some(filter)) => Ok(Target::Filter(filter.decode("filter")?)),
            (None, None) => Err(Failure::format(
                "data did not match any variant of untagged enum PointsSelector",
            )),
        }
    }

    /// As [`Self::decode`], for a deletion, which must name some id.
    pub(crate) fn decode_delete(self) -> Result<WriteOp, Failure> {
        match self.decode()? {
            Target::Ids(ids) if ids.is_empty() => Err(empty_update()),
            target => Ok(WriteOp::Delete { target }),
        }
    }
}

impl WireUpdateVectors {
    /// # Errors
    /// When there is no point or a vector is malformed.
    pub(crate) fn decode(self) -> Result<WriteOp, Failure> {
        request::no_shard_key(&self.shard_key)?;
        if self.points.is_empty() {
            let text = "value [] invalid, must be at least 1 characters";
            return Err(Failure::validation(BODY, "points", text));
        }
        let points = self.points.into_iter();
        let points = points.map(|point| Ok((point.id.0, point.vector.decode()?)));
        let condition = self
            .update_filter
            .map(|f| f.decode("update_filter"))
            .transpose()?;
        Ok(WriteOp::UpdateVectors {
            points: points.collect::<Result<_, Failure>>()?,
            condition,
        })
    }
}

impl WireDeleteVectors {
    /// One operation, or two when points are named by id and by filter.
    ///
    /// # Errors
    /// When no vector or no points are named.
    pub(crate) fn decode(self) -> Result<Vec<WriteOp>, Failure> {
        request::no_shard_key(&self.shard_key)?;
        if self.vector.is_empty() {
            let text = "must specify vector names to delete";
            return Err(Failure::validation(BODY, "vector", text));
        }
        let names: Vec<VectorName> = self
            .vector
            .into_iter()
            .map(VectorName::new)
            .collect::<Result<_, _>>()?;
        let by_filter = self
            .filter
            .map(|f| f.decode("filter").map(Target::Filter))
            .transpose()?;
        let by_id = self.points.map(|ids| Target::Ids(ids::decode(ids)));
        let targets = by_filter.into_iter().chain(by_id);
        let operations: Vec<WriteOp> = targets
            .map(|target| WriteOp::DeleteVectors {
                target,
                names: names.clone(),
            })
            .collect();
        if operations.is_empty() {
            return Err(Failure::bad_request("No filter or points provided"));
        }
        Ok(operations)
    }
}

/// `PUT /collections/{collection_name}/points`
pub(crate) async fn upsert(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireUpsert>(call)?.decode()?;
    apply(call, vec![operation]).await
}

/// `POST /collections/{collection_name}/points/delete`
pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireSelector>(call)?.decode_delete()?;
    apply(call, vec![operation]).await
}

/// `PUT /collections/{collection_name}/points/vectors`
pub(crate) async fn update_vectors(call: &Call<'_>) -> Answer {
    let operation = request::body::<WireUpdateVectors>(call)?.decode()?;
    apply(call, vec![operation]).await
}

/// `POST /collections/{collection_name}/points/vectors/delete`
pub(crate) async fn delete_vectors(call: &Call<'_>) -> Answer {
    let operations = request::body::<WireDeleteVectors>(call)?.decode()?;
    apply(call, operations).await
}

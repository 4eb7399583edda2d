//! New vectors and their ids.

use gateway::Call;
use model::{CollectionRef, ErrorKind, Object, Point, UpsertMode, Value, Vector, WriteOp};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Answer};
use crate::error::{Code, Failure};
use crate::ids::{self, Id, WireIds};
use crate::kept::{IdMode, Kept};
use crate::names::DEFAULT_TAG;
use crate::scope::{self, no_partition};
use crate::view::{self, Amendment, View};
use crate::{body, names};

/// Most bytes of vectors in one request.
const BYTES_MAX: usize = 256 << 20;

/// So often an insert is tried anew when partitions changed meanwhile.
const ATTEMPTS: usize = 32;

#[derive(Deserialize)]
struct Body {
    partition_tag: Option<String>,
    vectors: Option<Vec<Vec<f32>>>,
    ids: Option<WireIds>,
}

#[derive(Serialize)]
struct Inserted<'a> {
    ids: &'a [Id],
}

/// Inserts vectors. An id that exists gets the new vector.
pub(crate) async fn insert(call: &Call<'_>) -> Answer {
    let collection = names::in_path(call)?;
    let body: Body = body::read(call)?;
    let rows = body.vectors.ok_or_else(|| Failure::missing("vectors"))?;
    let tag = body.partition_tag.as_deref();
    let tag = tag.filter(|tag| !tag.is_empty());
    let tag = tag.map(names::tag).transpose()?.unwrap_or(DEFAULT_TAG);
    let given = body.ids.as_ref().map(WireIds::read).transpose()?;
    let view = View::open(call, collection.clone()).await?;
    if rows.len().saturating_mul(view.vector_bytes()) > BYTES_MAX {
        let message = "The amount of data inserted each time must be less than 256 MB.";
        return Err(Failure::new(Code::IllegalRowRecord, message));
    }
    let vectors = view.vectors(rows)?;
    let given = given.filter(|ids| !ids.is_empty());
    if given.as_ref().is_some_and(|ids| ids.len() != vectors.len()) {
        let message = "The size of vector ID array must be equal to the size of the vector.";
        return Err(Failure::new(Code::IllegalVectorId, message));
    }
    let mode = match given {
        Some(_) => IdMode::User,
        None => IdMode::Auto,
    };
    check(&view, mode, tag)?;
    let ids = match given {
        Some(ids) => ids,
        None => ids::fresh(call, &collection, vectors.len()).await?,
    };
    let batch = Batch {
        ids: &ids,
        vectors,
        tag,
        mode,
    };
    batch.write(call, &collection, view).await?;
    envelope::created_with(&Inserted { ids: &ids })
}

/// Whether the collection takes ids of this mode, and has the partition.
fn check(view: &View, mode: IdMode, tag: &str) -> Result<(), Failure> {
    let wrong = |message: &str| Err(Failure::new(Code::IllegalVectorId, message));
    match (view.kept.ids, mode) {
        (Some(IdMode::User), IdMode::Auto) => wrong(
            "Entities IDs are user-defined. Please provide IDs for all entities of the \
             collection.",
        ),
        (Some(IdMode::Auto), IdMode::User) => wrong(
            "Entities IDs are auto-generated. All vectors of this collection must use \
             auto-generated IDs.",
        ),
        _ if !view.kept.has(tag) => Err(no_partition()),
        _ => Ok(()),
    }
}

/// Points on their way.
struct Batch<'a> {
    ids: &'a [Id],
    vectors: Vec<Vector>,
    tag: &'a str,
    mode: IdMode,
}

impl Batch<'_> {
    async fn write(
        &self,
        call: &Call<'_>,
        collection: &CollectionRef,
        view: View,
    ) -> Result<(), Failure> {
        if view.kept.ids.is_none() {
            return self.write_first(call, collection).await;
        }
        if self.tag == DEFAULT_TAG {
            return Ok(view::write(call, collection, vec![self.upsert(&view)]).await?);
        }
        // A partition that is dropped meanwhile must not leave points behind.
        let mut view = view;
        for _ in 0..ATTEMPTS {
            let operations = vec![view.guard(), self.upsert(&view)];
            match view::write(call, collection, operations).await {
                Err(error) if error.kind == ErrorKind::Conflict => {}
                written => return Ok(written?),
            }
            view = View::open(call, collection.clone()).await?;
            check(&view, self.mode, self.tag)?;
        }
        let message = "The settings of the collection keep changing";
        Err(Failure::new(Code::Unexpected, message))
    }

    /// The first insert decides who chooses the ids.
    async fn write_first(
        &self,
        call: &Call<'_>,
        collection: &CollectionRef,
    ) -> Result<(), Failure> {
        view::amend(call, collection, |view| {
            check(view, self.mode, self.tag)?;
            let kept = Kept {
                ids: Some(self.mode),
                ..view.kept.clone()
            };
            Ok(Amendment {
                operations: vec![self.upsert(view)],
                ..Amendment::of(kept)
            })
        })
        .await
    }

    fn upsert(&self, view: &View) -> WriteOp {
        let payload: Object = match self.tag {
            DEFAULT_TAG => Object::new(),
            tag => [(scope::FIELD, Value::from(tag))].into_iter().collect(),
        };
        let points = self.ids.iter().zip(&self.vectors);
        WriteOp::Upsert {
            points: points
                .map(|(id, vector)| Point {
                    id: id.point(),
                    vectors: vec![(view.field.clone(), vector.clone())],
                    payload: payload.clone(),
                })
                .collect(),
            mode: UpsertMode::Upsert,
            condition: None,
        }
    }
}

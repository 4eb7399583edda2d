//! Vector fields that come and go while a collection lives.

use gateway::Call;
use model::{ConfigChange, Schema, VectorName, WriteOp};

use super::kept::{Kept, is_sparse};
use super::vectors::{AddedVector, AnyExtras};
use crate::envelope::Answer;
use crate::error::Failure;
use crate::{points, request};

fn name(call: &Call<'_>) -> Result<VectorName, Failure> {
    let name = call.param("vector_name");
    VectorName::new(name)
        .map_err(|error| Failure::validation("path parameters", "vector_name", error))
}

/// The change that remembers `kept`.
fn remember(schema: &Schema, kept: &Kept) -> Result<WriteOp, Failure> {
    Ok(WriteOp::Configure(ConfigChange {
        attributes: Some(kept.write(&schema.attributes)?),
        ..ConfigChange::default()
    }))
}

/// `PUT /collections/{collection_name}/vectors/{vector_name}`
pub(crate) async fn add_vector(call: &Call<'_>) -> Answer {
    let name = name(call)?;
    let (field, extras) = request::body::<AddedVector>(call)?.decode(name)?;
    let schema = request::schema(call, request::collection(call)?).await?;
    if let Some(old) = schema.vector(&field.name) {
        if old.kind != field.kind {
            return Err(Failure::wrong_input(format_args!(
                "Validation failed: vector '{}' already exists with different parameters; delete \
                 it before recreating with a different configuration",
                field.name
            )));
        }
        return points::apply(call, vec![WriteOp::AddVector(field)]).await;
    }
    let mut kept = Kept::read(&schema)?;
    let shown = field.name.as_str().to_owned();
    match extras {
        AnyExtras::Dense(extras) => {
            kept.vectors.insert(shown, extras);
        }
        AnyExtras::Sparse(extras) => {
            kept.sparse_vectors.insert(shown, extras);
        }
    }
    let remember = remember(&schema, &kept)?;
    points::apply(call, vec![WriteOp::AddVector(field), remember]).await
}

/// `DELETE /collections/{collection_name}/vectors/{vector_name}`
pub(crate) async fn drop_vector(call: &Call<'_>) -> Answer {
    let name = name(call)?;
    let schema = request::schema(call, request::collection(call)?).await?;
    let mut kept = Kept::read(&schema)?;
    let mut operations = vec![WriteOp::DropVector(name.clone())];
    if kept.forget(name.as_str()) {
        operations.push(remember(&schema, &kept)?);
    }
    points::apply(call, operations).await
}

/// # Errors
/// When the collection has no field of the name, or one of the other list.
pub(super) fn check_listed(schema: &Schema, name: &str, sparse: bool) -> Result<(), Failure> {
    let mut fields = schema.vectors.iter();
    let listed = fields.any(|field| field.name.as_str() == name && is_sparse(field.kind) == sparse);
    if listed {
        return Ok(());
    }
    Err(model::Error::no_vector_field(name).into())
}

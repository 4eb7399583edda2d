//! Part files: written once, read whole, named by what is in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use storage::codec::PartRole;
use storage::collect::part_key;
use storage::container::Container;
use storage::{Access, BlobKey, BlobStore, Body, GetOptions, PutIf, Slice, Ulid};

use model::{Error, Residency, Schema};

/// An open part file.
pub(crate) struct PartFile {
    /// Its name.
    pub(crate) id: Ulid,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Its blocks.
    pub(crate) container: Container,
}

/// The part files that a view is made of. While a reader holds the view, it holds this.
pub(crate) type PartSet = BTreeMap<Ulid, Arc<PartFile>>;

/// Where the bytes of a part should live. Codes, graphs and columns are walked in every search;
/// rows are touched for the few results.
pub(crate) fn access(role: &PartRole, schema: &Schema) -> Access {
    let resident = schema
        .vectors
        .iter()
        .any(|field| field.residency == Residency::Resident);
    match role {
        PartRole::Rows if !resident => Access::Mapped,
        PartRole::Rows | PartRole::Hnsw(_) | PartRole::Column(_) => Access::Resident,
    }
}

/// Writes a part file.
///
/// # Errors
/// Those of the store.
pub(crate) async fn write(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    id: Ulid,
    body: Body,
) -> Result<(), Error> {
    let key = part_key(prefix, id)?;
    store
        .put(&key, body, PutIf::Absent)
        .await
        .map_err(Error::from)
}

/// Opens a part file: its directory and small blocks are read and checked, large ones are not.
///
/// # Errors
/// Those of the store; `Corrupt`.
pub(crate) async fn read(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    id: Ulid,
    access: Access,
) -> Result<Arc<PartFile>, Error> {
    let key = part_key(prefix, id)?;
    let blob = store
        .get(
            &key,
            GetOptions {
                slice: Slice::All,
                access,
            },
        )
        .await?;
    let container = Container::open(blob.bytes)?;
    Ok(Arc::new(PartFile {
        id,
        bytes: blob.size,
        container,
    }))
}

/// Removes a part file.
///
/// # Errors
/// Those of the store.
pub(crate) async fn remove(store: &dyn BlobStore, prefix: &BlobKey, id: Ulid) -> Result<(), Error> {
    store
        .delete(&part_key(prefix, id)?)
        .await
        .map_err(Error::from)
}

//! Part files: written once, read whole, named by what is in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::PartKind;
use model::{Error, Residency, Schema};
use storage::collect::part_key;
use storage::container::Container;
use storage::{Access, BlobKey, BlobStore, Body, GetOptions, PutIf, Slice, Ulid};

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

/// Where the bytes of a part should live. Indexes of vectors are read at random by every search;
/// rows are touched for the few results, columns from end to end when they are touched at all.
pub(crate) fn access(kind: &PartKind, schema: &Schema) -> Access {
    let resident = schema
        .vectors
        .iter()
        .any(|field| field.residency == Residency::Resident);
    match kind {
        PartKind::Rows if resident => Access::Resident,
        PartKind::Rows | PartKind::Column(_) => Access::Mapped,
        PartKind::Hnsw(_) | PartKind::Lists(_) | PartKind::Postings(_) => Access::Resident,
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

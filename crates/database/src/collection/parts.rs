//! Part files: written once, read whole, named by what is in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{BlockRole, NewPart, PartKind};
use model::schema::VectorField;
use model::{Error, Placement, Residency, Schema, VectorName};
use storage::collect::part_key;
use storage::container::{self, Container, EAGER_BYTES_MAX};
use storage::{Access, BlobKey, BlobStore, Body, GetOptions, PutIf, Slice, Ulid};

use super::part_file::{Held, PartFile};
use crate::shared::Shared;

/// Where the bytes of one collection should live: as the settings say, or where they are of most
/// use. Indexes of vectors are read at random by every search; rows are touched for the few
/// results, columns from end to end when they are touched at all.
#[derive(Debug, PartialEq)]
pub(crate) struct Places {
    said: Placement,
    /// Where rows live when any vector field says.
    rows: Residency,
}

impl Places {
    /// Those of a collection of this schema.
    pub(crate) fn of(shared: &Shared, schema: &Schema) -> Self {
        Self::new(shared.options.placing.of(schema), schema)
    }

    fn new(said: Placement, schema: &Schema) -> Self {
        let resident = |field: &VectorField| field.residency == Residency::Resident;
        let rows = if schema.vectors.iter().any(resident) {
            Residency::Resident
        } else {
            Residency::Mapped
        };
        Self { said, rows }
    }

    /// Where the blocks of a part live that are what `role` says.
    fn place(&self, kind: &PartKind, role: BlockRole) -> Residency {
        let by_field = |said: &BTreeMap<VectorName, Residency>| {
            let of = kind.indexed().and_then(|field| said.get(field));
            of.copied().unwrap_or(Residency::Resident)
        };
        match role {
            BlockRole::Rows => self.rows,
            BlockRole::Payloads => self.said.payloads.unwrap_or(self.rows),
            BlockRole::Index => by_field(&self.said.indexes),
            BlockRole::Codes => by_field(&self.said.codes),
            BlockRole::Column => {
                let said = match kind {
                    PartKind::Column(path) => self.said.columns.get(path),
                    PartKind::Rows
                    | PartKind::Hnsw(_)
                    | PartKind::Lists(_)
                    | PartKind::Postings(_) => None,
                };
                said.copied().unwrap_or(Residency::Mapped)
            }
        }
    }
}

/// The part file of `part`. Rows have checksums by page, so that readers may read some of them.
///
/// # Errors
/// `Internal` when two blocks have one name.
pub(crate) fn pack(part: &NewPart) -> Result<Body, Error> {
    let mut blocks = part.blocks.clone();
    for (name, bytes) in &part.blocks {
        if part.kind.rows_of(name).is_some() && bytes.len() as u64 > EAGER_BYTES_MAX {
            blocks.push((container::sums_name(name), container::page_sums(bytes)));
        }
    }
    container::pack(&blocks).map_err(Error::from)
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

/// Opens a part file: its directory and small blocks are read and checked, large ones are not,
/// but for those that are to be in memory while others stay mapped. Where nothing can be mapped,
/// all of it is in memory.
///
/// # Errors
/// Those of the store; `Corrupt`.
pub(crate) async fn read(
    store: &dyn BlobStore,
    prefix: &BlobKey,
    id: Ulid,
    kind: &PartKind,
    places: &Places,
) -> Result<Arc<PartFile>, Error> {
    let key = part_key(prefix, id)?;
    let is_resident = |role: &BlockRole| places.place(kind, *role) == Residency::Resident;
    let access = if !store.maps() || kind.roles().iter().all(is_resident) {
        Access::Resident
    } else {
        Access::Mapped
    };
    let slice = Slice::All;
    let blob = store.get(&key, GetOptions { slice, access }).await?;
    let container = Container::open(blob.bytes)?;
    let mut copies = BTreeMap::new();
    if access == Access::Mapped && kind.roles().iter().any(is_resident) {
        for block in container.directory().blocks() {
            if is_resident(&kind.role(&block.name)) {
                let slice = Slice::Range {
                    offset: block.offset,
                    length: block.length,
                };
                let access = Access::Resident;
                let copy = store.get(&key, GetOptions { slice, access }).await?;
                block.check(&copy.bytes)?;
                copies.insert(block.name.clone(), copy.bytes);
            }
        }
    }
    Ok(Arc::new(PartFile {
        id,
        bytes: blob.size,
        held: Held::Whole { container, copies },
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use bytes::Bytes;
    use model::{Dim, Element, FieldPath, Metric, VectorKind};
    use storage_object::LocalStore;

    use super::*;

    fn field() -> VectorName {
        VectorName::new("v").expect("a name")
    }

    fn path() -> FieldPath {
        FieldPath::parse("a.b").expect("a path")
    }

    fn schema(residency: Residency) -> Schema {
        Schema {
            vectors: vec![VectorField {
                name: field(),
                since: 0,
                kind: VectorKind::Dense {
                    dim: Dim::new(4).expect("a dimension"),
                    metric: Metric::Dot,
                    element: Element::F32,
                },
                index: None,
                index_metric: None,
                quantization: None,
                residency,
            }],
            ..Schema::default()
        }
    }

    /// A part, its blocks, what is said, where vectors live, and the blocks that are mapped then.
    type Case<'a> = (PartKind, &'a [&'a str], Placement, Residency, &'a [&'a str]);

    /// Whether the first of `bytes` lies in a mapping of a file below `folder`.
    fn is_mapped(bytes: &Bytes, folder: &str) -> bool {
        let at = bytes.as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells them");
        maps.lines().any(|line| {
            let (from, rest) = line.split_once('-').expect("a range");
            let to = rest.split(' ').next().expect("its end");
            let [from, to] = [from, to].map(|hex| usize::from_str_radix(hex, 16).expect("hex"));
            (from..to).contains(&at) && line.contains(folder)
        })
    }

    /// The blocks of a part that are mapped.
    async fn mapped(kind: &PartKind, names: &[&str], places: &Places) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = LocalStore::open(folder.path()).expect("a store");
        let blocks = names.iter().enumerate().map(|(at, name)| {
            let bytes = Bytes::from(vec![at as u8; 200_000]);
            ((*name).to_owned(), bytes)
        });
        let blocks: Vec<(String, Bytes)> = blocks.collect();
        let prefix = BlobKey::new("c").expect("a key");
        let id = Ulid::new(1, [7; 10]);
        let body = storage::container::pack(&blocks).expect("names differ");
        write(&store, &prefix, id, body)
            .await
            .expect("it is stored");
        let file = read(&store, &prefix, id, kind, places)
            .await
            .expect("it opens");
        let opened = file.blocks(kind).expect("it is whole");
        let folder = folder.path().to_str().expect("a name in Unicode");
        let is_mapped = |(name, stored): &(String, Bytes)| {
            let block = opened.get(name).expect("it was stored");
            assert_eq!(block, *stored);
            is_mapped(&block, folder).then(|| name.clone())
        };
        blocks.iter().filter_map(is_mapped).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn blocks_lie_where_settings_say() {
        let rows = ["payloads", "vectors@0.v"];
        let graph = ["params", "codes", "graph"];
        let by_field = |residency| [(field(), residency)].into_iter().collect();
        let unsaid = Placement::default;
        let (disk, memory) = (Residency::Mapped, Residency::Resident);
        let column = |residency| Placement {
            columns: [(path(), residency)].into_iter().collect(),
            ..unsaid()
        };
        let payloads = |residency| Placement {
            payloads: Some(residency),
            ..unsaid()
        };
        let on_disk = Placement {
            indexes: by_field(disk),
            ..unsaid()
        };
        let all_on_disk = Placement {
            codes: by_field(disk),
            ..on_disk.clone()
        };
        let hnsw = || PartKind::Hnsw(field());
        let column_part = || PartKind::Column(path());
        let cases: [Case<'_>; 11] = [
            (PartKind::Rows, &rows, unsaid(), disk, &rows),
            (PartKind::Rows, &rows, unsaid(), memory, &[]),
            (PartKind::Rows, &rows, payloads(memory), disk, &rows[1..]),
            (PartKind::Rows, &rows, payloads(disk), memory, &rows[..1]),
            (hnsw(), &graph, unsaid(), disk, &[]),
            (hnsw(), &graph, on_disk.clone(), disk, &["params", "graph"]),
            (hnsw(), &graph, all_on_disk, disk, &graph),
            (
                PartKind::Postings(field()),
                &["postings"],
                on_disk,
                disk,
                &["postings"],
            ),
            (column_part(), &["column"], unsaid(), disk, &["column"]),
            (
                column_part(),
                &["column"],
                column(disk),
                memory,
                &["column"],
            ),
            (column_part(), &["column"], column(memory), disk, &[]),
        ];
        for (kind, names, said, vectors, expected) in cases {
            let what = format!("{kind:?} {said:?} {vectors:?}");
            let places = Places::new(said, &schema(vectors));
            assert_eq!(mapped(&kind, names, &places).await, expected, "{what}");
        }
    }
}

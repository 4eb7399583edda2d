//! Collections carried away as files and brought back: in the portable form that every LynseDB
//! reads, and as snapshots in Skerry's own.
//!
//! An export is a directory: `export_manifest.json`, `vectors.f32` (rows of little-endian floats)
//! and `metadata.jsonl` (a line `{"id": …, "field": {…}}` for each row).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gateway::{Call, Files};
use model::query::{PayloadSelect, VectorSelect};
use model::{
    ArchiveOf, ByteSource, CollectionRef, Command, DatabaseName, Query, Record, Reply, Select,
    SnapshotRecovery, SnapshotScope, Vector, Waiting,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::error::Failure;
use crate::reply::{Answer, success};
use crate::request::{PAGE, about_collection, ask, body, order};
use crate::seen::{Field, Seen};
use crate::value::{WireId, fields_json, id_json};
use crate::write::{Item, add};

const EXPORT: &str = "export_manifest.json";
const VECTORS: &str = "vectors.f32";
const METADATA: &str = "metadata.jsonl";
const ARCHIVE: &str = "archive.skerry";

/// A manifest is short.
const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// A line of metadata is at most so long.
const LINE_BYTES_MAX: usize = 32 << 20;

about_collection! {
    /// Where a collection is exported to or imported from.
    struct Export {
        export_path: String,
        #[serde(default)]
        overwrite: bool,
    }
}

about_collection! {
    /// Where a snapshot of a collection is.
    struct Snapshot {
        snapshot_path: String,
        #[serde(default)]
        overwrite: bool,
    }
}

#[derive(Deserialize)]
struct DatabaseSnapshot {
    database_name: String,
    snapshot_path: String,
    #[serde(default)]
    overwrite: bool,
}

/// What an export says of itself.
#[derive(Debug, Deserialize, Serialize)]
struct Manifest {
    export_type: String,
    collection_name: String,
    export_format: String,
    export_version: u64,
    dimension: usize,
    chunk_size: u64,
    count: u64,
    vector_dtype: String,
    byte_order: String,
    vectors_file: String,
    metadata_file: String,
}

const EXPORT_TYPE: &str = "lynsedb-collection-export";
const EXPORT_FORMAT: &str = "lynsedb-collection-jsonl-binary-export";

/// A line of metadata.
#[derive(Deserialize)]
struct Line {
    id: WireId,
    #[serde(default)]
    field: Map<String, Json>,
}

fn files(call: &Call<'_>) -> Result<Arc<dyn Files>, Failure> {
    let none = || {
        Failure::argument(
            "this server reads and writes no files: start it with --exchange-dir to name a \
             directory for them",
        )
    };
    call.context.files.clone().ok_or_else(none)
}

/// Begins a directory that must be new.
async fn begin(files: &dyn Files, path: &str, what: &str) -> Result<(), Failure> {
    if files.exists(path).await? {
        return Err(Failure::argument(format_args!(
            "{what} target already exists: {path}"
        )));
    }
    Ok(files.create_directory(path).await?)
}

async fn opened(
    files: &dyn Files,
    directory: &str,
    file: &str,
    what: &str,
) -> Result<Box<dyn ByteSource>, Failure> {
    let found = files.open(&format!("{directory}/{file}")).await?;
    found.ok_or_else(|| Failure::argument(format_args!("{what} path does not exist: {directory}")))
}

/// A page of what is exported, and where the next begins.
async fn page(
    call: &Call<'_>,
    seen: &Seen,
    field: &Field,
    from: Option<model::PointId>,
) -> Result<(Vec<Record>, Option<model::PointId>), Failure> {
    let scroll = Query::Scroll {
        collection: seen.collection.clone(),
        filter: None,
        from,
        limit: PAGE,
        order_by: None,
        select: Select {
            payload: PayloadSelect::All,
            vectors: VectorSelect::Named(vec![field.name.clone()]),
        },
    };
    match ask(call, scroll).await? {
        Reply::Page { records, next } => {
            let records = records.into_iter().map(|(record, _)| record);
            Ok((records.collect(), next))
        }
        other => Err(other.unexpected().into()),
    }
}

/// A record as bytes of both files; nothing for one without a primary vector.
fn written(record: Record, vectors: &mut Vec<u8>, lines: &mut Vec<u8>) -> bool {
    let dense = record.vectors.unwrap_or_default().into_iter();
    let dense = dense
        .map(|(_, vector)| vector)
        .find_map(|vector| match vector {
            Vector::Dense(row) => Some(row),
            Vector::Sparse(_) | Vector::Multi(_) | Vector::Binary(_) => None,
        });
    let Some(row) = dense else {
        return false;
    };
    for x in row {
        vectors.extend_from_slice(&x.to_le_bytes());
    }
    let fields = Json::Object(fields_json(&record.payload.unwrap_or_default()));
    let id = id_json(&record.id);
    lines.extend_from_slice(format!("{{\"id\":{id},\"field\":{fields}}}\n").as_bytes());
    true
}

pub(crate) async fn export(call: &Call<'_>) -> Answer {
    let asked: Export = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let field = seen.must_primary()?;
    let files = files(call)?;
    let path = &asked.export_path;
    begin(&*files, path, "export").await?;
    let (vectors_file, metadata_file) = (format!("{path}/{VECTORS}"), format!("{path}/{METADATA}"));
    files.append(&vectors_file, Bytes::new()).await?;
    files.append(&metadata_file, Bytes::new()).await?;
    let mut count = 0_u64;
    let mut from = None;
    loop {
        let (records, next) = page(call, &seen, &field, from).await?;
        let (mut vectors, mut lines) = (Vec::new(), Vec::new());
        for record in records {
            count += u64::from(written(record, &mut vectors, &mut lines));
        }
        files.append(&vectors_file, vectors.into()).await?;
        files.append(&metadata_file, lines.into()).await?;
        from = next;
        if from.is_none() {
            break;
        }
    }
    let manifest = Manifest {
        export_type: EXPORT_TYPE.into(),
        collection_name: at.collection_name.clone(),
        export_format: EXPORT_FORMAT.into(),
        export_version: 1,
        dimension: field.dim,
        chunk_size: 100_000,
        count,
        vector_dtype: "float32".into(),
        byte_order: "little-endian".into(),
        vectors_file: VECTORS.into(),
        metadata_file: METADATA.into(),
    };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    // Last: without it there is no export.
    files
        .append(&format!("{path}/{EXPORT}"), text.into())
        .await?;
    Ok(success(at.echo_with("export_path", path.as_str())))
}

/// A source from which exactly so many bytes, or a line, are taken.
struct Pieces {
    source: Box<dyn ByteSource>,
    buffer: BytesMut,
}

impl Pieces {
    fn new(source: Box<dyn ByteSource>) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
        }
    }

    /// Whether more came.
    async fn more(&mut self) -> Result<bool, Failure> {
        match self.source.next().await? {
            Some(piece) => {
                self.buffer.extend_from_slice(&piece);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// So many bytes; `None` when fewer are left.
    async fn take(&mut self, bytes: usize) -> Result<Option<Bytes>, Failure> {
        while self.buffer.len() < bytes {
            if !self.more().await? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer.split_to(bytes).freeze()))
    }

    /// The next line without its end; `None` when nothing is left.
    async fn line(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(at) = found {
                let mut line = self.buffer.split_to(searched + at + 1);
                line.truncate(searched + at);
                return Ok(Some(line.freeze()));
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(Failure::argument("a line of the metadata is too long"));
            }
            if !self.more().await? {
                let rest = self.buffer.split().freeze();
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    /// All of it.
    async fn all(mut self) -> Result<Bytes, Failure> {
        while self.buffer.len() <= MANIFEST_BYTES_MAX {
            if !self.more().await? {
                return Ok(self.buffer.freeze());
            }
        }
        Err(Failure::argument("the manifest is too long"))
    }
}

/// The manifest at `path`.
async fn manifest(files: &dyn Files, path: &str) -> Result<Manifest, Failure> {
    let source = opened(files, path, EXPORT, "export").await?;
    let text = Pieces::new(source).all().await?;
    let bad = |what: &dyn core::fmt::Display| {
        Failure::argument(format_args!("the export manifest cannot be used: {what}"))
    };
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| bad(&error))?;
    let plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let known = manifest.export_type == EXPORT_TYPE
        && manifest.export_format == EXPORT_FORMAT
        && manifest.export_version == 1
        && manifest.vector_dtype == "float32"
        && manifest.byte_order == "little-endian"
        && plain(&manifest.vectors_file)
        && plain(&manifest.metadata_file);
    if !known || manifest.dimension == 0 {
        return Err(bad(&"it is of another kind"));
    }
    Ok(manifest)
}

/// Reads rows and lines side by side into the collection.
async fn fill(
    call: &Call<'_>,
    at: &crate::request::At,
    manifest: &Manifest,
    vectors: Box<dyn ByteSource>,
    metadata: Box<dyn ByteSource>,
) -> Result<(), Failure> {
    let (mut vectors, mut metadata) = (Pieces::new(vectors), Pieces::new(metadata));
    let short = || Failure::argument("the files of the export hold fewer rows than its manifest");
    let row_bytes = manifest.dimension.saturating_mul(4);
    let mut left = manifest.count;
    while left > 0 {
        let mut items = Vec::new();
        while left > 0 && items.len() < PAGE {
            let row = vectors.take(row_bytes).await?.ok_or_else(short)?;
            let line = metadata.line().await?.ok_or_else(short)?;
            let line: Line = serde_json::from_slice(&line).map_err(|error| {
                Failure::argument(format_args!(
                    "a line of the metadata cannot be read: {error}"
                ))
            })?;
            let words = row.chunks_exact(4);
            let floats = words.map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]]));
            items.push(Item {
                vector: floats.collect(),
                id: Some(line.id),
                field: Some(line.field),
            });
            left -= 1;
        }
        add(call, at, items).await?;
    }
    Ok(())
}

async fn is_there(call: &Call<'_>, collection: &CollectionRef) -> Result<bool, Failure> {
    let names = crate::collection::names(call, &collection.database).await?;
    Ok(names.contains(&collection.name))
}

async fn drop_collection(call: &Call<'_>, collection: &CollectionRef) -> Result<(), Failure> {
    let collection = collection.clone();
    order(call, Command::DropCollection { collection })
        .await
        .map(|_| ())
}

/// Refuses a name that is taken, unless what has it is to be replaced.
async fn check_free(
    call: &Call<'_>,
    collection: &CollectionRef,
    overwrite: bool,
) -> Result<bool, Failure> {
    let there = is_there(call, collection).await?;
    if there && !overwrite {
        let name = &collection.name;
        return Err(Failure::taken(format!("Collection already exists: {name}")));
    }
    Ok(there)
}

pub(crate) async fn import(call: &Call<'_>) -> Answer {
    let asked: Export = body(call)?;
    let at = asked.at();
    let collection = at.collection()?;
    let files = files(call)?;
    let path = &asked.export_path;
    let there = check_free(call, &collection, asked.overwrite).await?;
    let manifest = manifest(&*files, path).await?;
    let vectors = opened(&*files, path, &manifest.vectors_file, "export").await?;
    let metadata = opened(&*files, path, &manifest.metadata_file, "export").await?;
    if there {
        drop_collection(call, &collection).await?;
    }
    let dim = Some(manifest.dimension as u64);
    crate::collection::create(call, &collection, dim, Default::default(), None).await?;
    if let Err(failure) = fill(call, &at, &manifest, vectors, metadata).await {
        // Half an import is none.
        drop_collection(call, &collection).await?;
        return Err(failure);
    }
    Ok(success(at.echo_with("export_path", path.as_str())))
}

/// Writes the present state of `scope` to a new directory.
async fn keep(
    call: &Call<'_>,
    scope: SnapshotScope,
    path: &str,
    manifest_name: &str,
    manifest: Json,
) -> Result<(), Failure> {
    let files = files(call)?;
    begin(&*files, path, "snapshot").await?;
    let mut archive = call.executor.archive(ArchiveOf::Present(scope)).await?;
    let file = format!("{path}/{ARCHIVE}");
    while let Some(piece) = archive.source.next().await? {
        files.append(&file, piece).await?;
    }
    let text = manifest.to_string();
    let manifest = format!("{path}/{manifest_name}");
    Ok(files.append(&manifest, text.into()).await?)
}

/// Brings back the state that lies at `path`.
async fn bring_back(call: &Call<'_>, into: SnapshotScope, path: &str) -> Result<(), Failure> {
    let files = files(call)?;
    let source = opened(&*files, path, ARCHIVE, "snapshot").await?;
    let recovery = SnapshotRecovery {
        into,
        sha256: None,
        waiting: Waiting::UntilDone,
    };
    call.executor.recover(recovery, source).await?;
    Ok(())
}

pub(crate) async fn snapshot(call: &Call<'_>) -> Answer {
    let asked: Snapshot = body(call)?;
    let at = asked.at();
    let seen = Seen::open(call, &at).await?;
    let manifest = json!({
        "snapshot_type": "lynsedb-collection-snapshot",
        "collection_name": at.collection_name,
        "format": "skerry",
    });
    let scope = SnapshotScope::Collection(seen.collection);
    let path = &asked.snapshot_path;
    keep(call, scope, path, "snapshot_manifest.json", manifest).await?;
    Ok(success(at.echo_with("snapshot_path", path.as_str())))
}

pub(crate) async fn restore(call: &Call<'_>) -> Answer {
    let asked: Snapshot = body(call)?;
    let at = asked.at();
    let collection = at.collection()?;
    let path = &asked.snapshot_path;
    check_free(call, &collection, asked.overwrite).await?;
    bring_back(call, SnapshotScope::Collection(collection), path).await?;
    Ok(success(at.echo_with("snapshot_path", path.as_str())))
}

fn echo(asked: DatabaseSnapshot) -> crate::reply::Params {
    let mut params = crate::request::only("database_name", asked.database_name);
    params.insert("snapshot_path".into(), asked.snapshot_path.into());
    params
}

pub(crate) async fn snapshot_database(call: &Call<'_>) -> Answer {
    let asked: DatabaseSnapshot = body(call)?;
    let database = DatabaseName::new(&asked.database_name)?;
    crate::collection::names(call, &database).await?;
    let manifest = json!({
        "snapshot_type": "lynsedb-database-snapshot",
        "database_name": asked.database_name,
        "format": "skerry",
    });
    let scope = SnapshotScope::Database(database);
    let path = &asked.snapshot_path;
    let name = "database_snapshot_manifest.json";
    keep(call, scope, path, name, manifest).await?;
    Ok(success(echo(asked)))
}

pub(crate) async fn restore_database(call: &Call<'_>) -> Answer {
    let asked: DatabaseSnapshot = body(call)?;
    let database = DatabaseName::new(&asked.database_name)?;
    let there = crate::database::names(call).await?.contains(&database);
    if there && !asked.overwrite {
        let name = &asked.database_name;
        return Err(Failure::taken(format!("Database already exists: {name}")));
    }
    // Whether there is anything to bring back is known before anything is made.
    opened(&*files(call)?, &asked.snapshot_path, ARCHIVE, "snapshot").await?;
    crate::database::ensure(call, database.clone()).await?;
    let into = SnapshotScope::Database(database.clone());
    if let Err(failure) = bring_back(call, into, &asked.snapshot_path).await {
        if !there {
            order(call, Command::DropDatabase { database }).await?;
        }
        return Err(failure);
    }
    Ok(success(echo(asked)))
}

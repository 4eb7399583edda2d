//! Everything that changes state.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::VectorName;
use crate::attachment::{Attachment, AttachmentKey};
use crate::schema::{ConfigChange, FieldIndex, Schema, VectorField};
use crate::snapshot::{SnapshotLocation, SnapshotRecovery, SnapshotScope, Waiting};
use crate::vector::NamedVectors;
use crate::{CollectionName, CollectionRef, DatabaseName, FieldPath, Filter, Object, PointId};

/// A change of the catalog or of one collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates a database. `AlreadyExists` when there is one of the name.
    CreateDatabase {
        /// Its name.
        database: DatabaseName,
    },
    /// Drops a database with its collections, aliases, attributes and the snapshots of its
    /// collections. Those of the whole database stay, for when there is one of its name again.
    /// Replies `Outcome::Existed`; `Invalid` about [`DatabaseName::DEFAULT`], which always exists.
    DropDatabase {
        /// Which.
        database: DatabaseName,
    },
    /// Creates a collection. `AlreadyExists` when a collection or alias has the name.
    CreateCollection {
        /// Where.
        collection: CollectionRef,
        /// Its schema.
        schema: Schema,
    },
    /// Drops a collection and the aliases that point to it. Replies `Outcome::Existed`.
    DropCollection {
        /// Which; aliases do not resolve here.
        collection: CollectionRef,
    },
    /// Gives a collection another name in its database; the aliases that point to it follow, and
    /// the snapshots that are kept stay under the old name. `NotFound` when there is none of
    /// exactly this name, `AlreadyExists` when a collection or alias has the new one.
    RenameCollection {
        /// Which; aliases do not resolve here.
        collection: CollectionRef,
        /// The new name.
        to: CollectionName,
    },
    /// Applies alias changes in order, all or none.
    ChangeAliases {
        /// In which database.
        database: DatabaseName,
        /// In order.
        changes: Vec<AliasChange>,
    },
    /// Replaces what a database keeps for its dialects and does not read itself, one object per
    /// dialect name.
    SetAttributes {
        /// Which database.
        database: DatabaseName,
        /// All of them.
        attributes: Object,
    },
    /// Applies operations to one collection in order, all or none.
    Write {
        /// Collection or alias.
        collection: CollectionRef,
        /// In order; each sees the effects of those before it.
        operations: Vec<WriteOp>,
        /// What must be true before the reply.
        visibility: Visibility,
    },
    /// Keeps bytes with a collection, in the place of those that it has under the key. They are
    /// durable when the reply comes, and part of every snapshot.
    Attach {
        /// Collection or alias.
        collection: CollectionRef,
        /// Their key.
        key: AttachmentKey,
        /// The bytes.
        content: Bytes,
    },
    /// Lets bytes go that are kept with a collection. Replies `Outcome::Existed`.
    Detach {
        /// Collection or alias.
        collection: CollectionRef,
        /// Their key.
        key: AttachmentKey,
    },
    /// Keeps the present state as a snapshot. Replies `Outcome::Snapshot`, or `Outcome::Accepted`
    /// when nobody waits.
    CreateSnapshot {
        /// Of what.
        scope: SnapshotScope,
        /// Whether the caller waits for it.
        waiting: Waiting,
    },
    /// Lets a kept snapshot go. `NotFound` when there is none of the name.
    DeleteSnapshot {
        /// Of what.
        scope: SnapshotScope,
        /// Its name.
        name: String,
    },
    /// Brings back the state of an archive that the executor fetches itself; else as
    /// [`Executor::recover`](crate::Executor::recover).
    RecoverSnapshot {
        /// How.
        recovery: SnapshotRecovery,
        /// From where. `Unsupported` where the executor cannot reach it.
        location: SnapshotLocation,
    },
}

/// What must be true of a write before it is acknowledged. It is durable either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// As `Applied`, but the caller waits no longer than `ms` milliseconds. When they pass the
    /// reply is [`Outcome::Pending`](crate::Outcome::Pending), and the write goes on.
    AppliedWithin {
        /// Milliseconds.
        ms: u64,
    },
    /// Durable; queries may not see it yet.
    Durable,
    /// Durable, and every later query sees it.
    Applied,
}

/// One change of the aliases of a database.
#[derive(Clone, Debug, PartialEq)]
pub enum AliasChange {
    /// Points `alias` at `collection`, replacing where it pointed before.
    Create {
        /// The alias; `AlreadyExists` when a collection has that name.
        alias: CollectionName,
        /// An existing collection, not an alias.
        collection: CollectionName,
    },
    /// Removes the alias if it exists.
    Delete {
        /// The alias.
        alias: CollectionName,
    },
    /// Renames an existing alias.
    Rename {
        /// `NotFound` when absent.
        from: CollectionName,
        /// The new name.
        to: CollectionName,
    },
}

/// One operation on the points or settings of a collection.
///
/// Operations that name points by id fail with `NotFound` and change nothing when one is missing,
/// except `Delete`.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteOp {
    /// Writes whole points; a repeated id in `points`: the last wins.
    Upsert {
        /// The points.
        points: Vec<Point>,
        /// Which of them are written.
        mode: UpsertMode,
        /// Existing points are replaced only when they satisfy it; new ones are inserted anyway.
        condition: Option<Filter>,
    },
    /// Deletes points; missing ids are ignored.
    Delete {
        /// Which.
        target: Target,
    },
    /// Conceals points: until they are revealed, no read sees them that does not ask for it
    /// ([`Query::WithConcealed`](crate::Query)), and no other operation finds them, except that
    /// `Delete` by id deletes them and an upsert takes their ids. Missing ids are ignored.
    Conceal {
        /// Their ids.
        ids: Vec<PointId>,
    },
    /// Makes concealed points as if they had never been concealed. Other ids are ignored.
    Reveal {
        /// Their ids.
        ids: Vec<PointId>,
    },
    /// Deletes all concealed points.
    Purge,
    /// Merges `payload` into the points' payloads, top-level fields at `at` (or the root); a null
    /// value removes its field.
    SetPayload {
        /// Which points.
        target: Target,
        /// The fields.
        payload: Object,
        /// Where to merge; missing objects on the way are created.
        at: Option<FieldPath>,
    },
    /// Replaces the points' payloads.
    OverwritePayload {
        /// Which points.
        target: Target,
        /// The new payload.
        payload: Object,
    },
    /// Removes the values at the paths.
    DeletePayload {
        /// Which points.
        target: Target,
        /// What to remove.
        paths: Vec<FieldPath>,
    },
    /// Removes the whole payload.
    ClearPayload {
        /// Which points.
        target: Target,
    },
    /// Replaces the given vectors of existing points and leaves their others alone.
    UpdateVectors {
        /// Ids and their new vectors.
        points: Vec<(PointId, NamedVectors)>,
        /// Only points that satisfy it are changed.
        condition: Option<Filter>,
    },
    /// Removes vectors from points.
    DeleteVectors {
        /// Which points.
        target: Target,
        /// Names of the vectors to remove.
        names: Vec<VectorName>,
    },
    /// Creates a payload index, replacing one at the same path.
    CreateIndex(FieldIndex),
    /// Drops a payload index if it exists.
    DropIndex(FieldPath),
    /// Adds a vector field, which no point carries yet. Its `since` is ignored: it becomes the
    /// number of this operation. Nothing changes when there is a field of the same name and kind;
    /// `AlreadyExists` when there is one of another kind.
    AddVector(VectorField),
    /// Drops a vector field, if it exists, with the vectors of all points.
    DropVector(VectorName),
    /// Changes settings.
    Configure(ConfigChange),
    /// Names bytes that are stored already, in the place of those that have the key; see
    /// [`Command::Attach`].
    Attach {
        /// Their key.
        key: AttachmentKey,
        /// The bytes.
        attachment: Attachment,
    },
    /// Names them no more. `NotFound` when there are none.
    Detach {
        /// Their key.
        key: AttachmentKey,
    },
}

/// Which points an operation is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// These ids.
    Ids(Vec<PointId>),
    /// All that match at the moment the operation is applied.
    Filter(Filter),
}

/// Which points of an upsert are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UpsertMode {
    /// All.
    #[default]
    Upsert,
    /// Those that do not exist yet.
    InsertOnly,
    /// Those that exist.
    UpdateOnly,
    /// All, or none: `AlreadyExists` about the first id that is taken, by a concealed point too, or
    /// that comes twice.
    InsertNew,
}

/// A point to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Unique in the collection.
    pub id: PointId,
    /// Its vectors; a field of the schema that is not named is absent.
    pub vectors: NamedVectors,
    /// Its payload.
    pub payload: Object,
}

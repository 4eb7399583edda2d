//! The executor itself, and the collections that it is given.

use std::sync::Mutex;

use model::query::{PayloadSelect, VectorSelect};
use model::{
    Archive, ArchiveOf, BoxFuture, ByteSource, CollectionName, CollectionRef, Command, Error,
    Executor, Object, Outcome, PointId, Query, Record, Reply, Schema, Select, SnapshotRecovery,
    Vector, Visibility, Waiting,
};

use super::answers::answer;
use super::archives::{kept, known, named, open};

/// A fixed collection of a [`World`].
///
/// One called `slow` has no time that is enough for it. Its points are 1 to 99, all alike.
#[derive(Clone, Debug)]
pub struct WorldCollection {
    /// Its name.
    pub name: &'static str,
    /// Whether it is among the collections that are listed.
    pub listed: bool,
    /// Its schema.
    pub schema: Schema,
    /// The payload of each point.
    pub payload: Object,
    /// The vector of each point, in whichever field.
    pub vector: Vector,
}

/// Answers from fixed collections, whatever is written to them.
#[derive(Debug, Default)]
pub struct World {
    /// What it was asked, as Debug writes it.
    asked: Mutex<Vec<String>>,
    collections: Vec<WorldCollection>,
    aliases: Vec<(&'static str, &'static str)>,
    attributes: Object,
}

fn named_so(name: &str) -> CollectionName {
    CollectionName::new(name).expect("a test names collections as they may be named")
}

impl World {
    /// Knows `collections`.
    pub fn new(collections: Vec<WorldCollection>) -> Self {
        Self {
            collections,
            ..Self::default()
        }
    }

    /// With aliases: their names, ascending, and what they point to.
    pub fn with_aliases(mut self, aliases: Vec<(&'static str, &'static str)>) -> Self {
        self.aliases = aliases;
        self
    }

    /// With attributes of the database.
    pub fn with_attributes(mut self, attributes: Object) -> Self {
        self.attributes = attributes;
        self
    }

    /// What it was asked since the last time, in order.
    ///
    /// # Panics
    /// When a thread panicked that held the list.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics while it holds it"))
    }

    fn note(&self, asked: String) {
        let mut list = self.asked.lock().expect("no test panics while it holds it");
        list.push(asked);
    }

    pub(super) fn find(&self, collection: &CollectionRef) -> Result<&WorldCollection, Error> {
        let name = collection.name.as_str();
        let found = self.collections.iter().find(|known| known.name == name);
        found.ok_or_else(|| Error::no_collection(name))
    }

    pub(super) fn listed(&self) -> Vec<CollectionName> {
        let listed = self.collections.iter().filter(|known| known.listed);
        listed.map(|known| named_so(known.name)).collect()
    }

    pub(super) fn aliases(&self) -> Vec<(CollectionName, CollectionName)> {
        let pairs = self.aliases.iter();
        pairs
            .map(|(alias, to)| (named_so(alias), named_so(to)))
            .collect()
    }

    pub(super) fn attributes(&self) -> Object {
        self.attributes.clone()
    }

    pub(super) fn record(&self, of: &WorldCollection, id: PointId, select: &Select) -> Record {
        let vector = &of.vector;
        let vectors = match &select.vectors {
            VectorSelect::Nothing => None,
            VectorSelect::All => {
                let first = of.schema.vectors.first().map(|field| field.name.clone());
                Some(vec![(first.unwrap_or_default(), vector.clone())])
            }
            VectorSelect::Named(names) => Some(
                names
                    .iter()
                    .map(|name| (name.clone(), vector.clone()))
                    .collect(),
            ),
        };
        let payload = (select.payload != PayloadSelect::Nothing).then(|| of.payload.clone());
        Record {
            id,
            version: 3,
            payload,
            vectors,
        }
    }
}

fn carry_out(world: &World, command: Command) -> Result<Outcome, Error> {
    match command {
        Command::CreateDatabase { .. } => Ok(Outcome::Done),
        Command::DropDatabase { .. } => Ok(Outcome::Existed(false)),
        Command::CreateCollection { collection, .. } => match world.find(&collection) {
            Ok(_) => Err(Error::new(
                model::ErrorKind::AlreadyExists,
                model::Subject::Collection(collection.name.as_str().into()),
                "taken",
            )),
            Err(_) => Ok(Outcome::Done),
        },
        Command::DropCollection { collection } => {
            Ok(Outcome::Existed(world.find(&collection).is_ok()))
        }
        Command::RenameCollection { collection, .. } => {
            world.find(&collection).map(|_| Outcome::Done)
        }
        Command::ChangeAliases { .. } | Command::SetAttributes { .. } => Ok(Outcome::Done),
        Command::Write {
            collection,
            visibility: Visibility::AppliedWithin { .. },
            ..
        } if collection.name.as_str() == "slow" => Ok(Outcome::Pending),
        Command::Attach { collection, .. } => world.find(&collection).map(|_| Outcome::Done),
        Command::Detach { collection, key } => world
            .find(&collection)
            .map(|_| Outcome::Existed(key.as_str() != "none")),
        Command::CreateSnapshot { scope, waiting } => {
            known(world, &scope).map(|()| match waiting {
                Waiting::UntilDone => Outcome::Snapshot(kept()),
                Waiting::UntilBegun => Outcome::Accepted,
            })
        }
        Command::DeleteSnapshot { scope, name } => known(world, &scope)
            .and_then(|()| named(&name))
            .map(|()| Outcome::Done),
        Command::RecoverSnapshot { recovery, .. } => Ok(match recovery.waiting {
            Waiting::UntilDone => Outcome::Done,
            Waiting::UntilBegun => Outcome::Accepted,
        }),
        Command::Write { collection, .. } => world
            .find(&collection)
            .map(|_| Outcome::Written { operation: 7 }),
    }
}

impl Executor for World {
    fn execute(&self, command: Command) -> BoxFuture<'_, Result<Outcome, Error>> {
        self.note(format!("{command:?}"));
        Box::pin(async move { carry_out(self, command) })
    }

    fn archive(&self, of: ArchiveOf) -> BoxFuture<'_, Result<Archive, Error>> {
        self.note(format!("{of:?}"));
        Box::pin(async move { open(self, of) })
    }

    fn recover(
        &self,
        recovery: SnapshotRecovery,
        mut archive: Box<dyn ByteSource>,
    ) -> BoxFuture<'_, Result<Outcome, Error>> {
        Box::pin(async move {
            let mut all = Vec::new();
            while let Some(piece) = archive.next().await? {
                all.extend_from_slice(&piece);
            }
            let all = String::from_utf8_lossy(&all).into_owned();
            self.note(format!("{recovery:?} {all:?}"));
            Ok(Outcome::Done)
        })
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Reply, Error>> {
        // Nearly every request asks these, and their answers are always the same.
        if !matches!(query, Query::ReadSchema(_) | Query::ReadAttributes(_)) {
            self.note(format!("{query:?}"));
        }
        Box::pin(async move { answer(self, query) })
    }
}

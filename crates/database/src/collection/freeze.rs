//! The state of one moment as immutable objects, while the collection goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Job, JobPolicy, PartRef, Progress, SegmentId};
use futures::channel::oneshot;
use model::{Error, ErrorKind, Subject};
use storage::codec::CollectionState;
use storage::collect::part_key;
use storage::snapshot::ObjectEntry;
use storage::{BlobKey, Body, Ulid, attached};

use super::content::Content;
use super::garbage::Files;
use super::part_file::{PartFile, PartSet};
use super::parts::{self, Places};
use super::{Live, manifest};
use crate::journal::View;
use crate::pins::Hold;

/// A view of a collection whose parts stay stored.
pub(crate) struct Held {
    /// The view.
    pub(crate) view: Arc<View<Content>>,
    /// Of the collection, by its identity.
    pub(crate) hold: Hold,
}

/// A state that consists of nothing but objects.
pub(crate) struct Frozen {
    /// Schema and segments.
    pub(crate) state: CollectionState,
    /// The parts of the segments, and the files of attachments.
    pub(crate) objects: Vec<ObjectEntry>,
    /// Those that belong to the collection, and not to whoever froze it.
    pub(crate) shared: Vec<Ulid>,
}

/// Nobody watches, and nobody stops it: it takes as long as sealing, which is not long.
struct Unwatched;

impl Progress for Unwatched {
    fn report(&self, _: u64, _: u64) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Live {
    /// The newest view, held.
    pub(crate) fn hold(&self, identity: Ulid) -> Held {
        // Garbage is chosen under the same lock, so what this view is made of is either held in
        // time or was never garbage.
        let _upkeep = self.upkeep.lock();
        let view = self.content();
        let Files { parts, attached } = view.state.files();
        let files = parts.into_iter().chain(attached);
        let hold = self.shared.pins.hold(identity, files);
        Held { view, hold }
    }

    /// The state of `view`, whose growing rows are written as parts of their own below `home`.
    ///
    /// # Errors
    /// Those of the store; `Corrupt`.
    pub(crate) async fn freeze(
        &self,
        view: &View<Content>,
        home: &BlobKey,
    ) -> Result<Frozen, Error> {
        let policy = JobPolicy {
            seal_rows: 1,
            ..self.shared.options.policy
        };
        let mut own = PartSet::new();
        let content = match view.state.collection.next_seal(&policy) {
            None => view.state.clone(),
            Some(job) => self.seal(view, job, home, &mut own).await?,
        };
        let state = manifest::state(&content)
            .ok_or_else(|| Error::internal("a sealed state has growing rows"))?;
        let mut objects = BTreeMap::new();
        for (id, file) in content.parts.iter() {
            let at = if own.contains_key(id) {
                home
            } else {
                &self.prefix
            };
            objects.insert(*id, entry(part_key(at, *id)?, file));
        }
        for (_, kept) in &state.attachments {
            let id = attached::file(kept);
            let (bytes, crc) = attached::measure(kept)?;
            let key = part_key(&self.prefix, id)?;
            objects.insert(id, ObjectEntry { key, bytes, crc });
        }
        let named: Vec<Ulid> = state.part_ids().collect();
        let shared = named.iter().copied().filter(|id| !own.contains_key(id));
        let missing = || Error::internal("a segment names a part that is not open");
        Ok(Frozen {
            shared: shared.collect(),
            objects: named
                .iter()
                .map(|id| objects.remove(id).ok_or_else(missing))
                .collect::<Result<_, _>>()?,
            state,
        })
    }

    async fn seal(
        &self,
        view: &View<Content>,
        job: Job,
        home: &BlobKey,
        own: &mut PartSet,
    ) -> Result<Content, Error> {
        let (sender, made) = oneshot::channel();
        self.shared.host.run_heavy(Box::new(move || {
            let work = || {
                let output = job.run(&Unwatched)?;
                let pack = |part: &engine::NewPart| {
                    let body = parts::pack(part)?;
                    Ok((part.kind.clone(), body))
                };
                let bodies = output.parts().iter().map(pack);
                let bodies = bodies.collect::<Result<Vec<(engine::PartKind, Body)>, Error>>()?;
                Ok((output, bodies))
            };
            // Nobody listens any more when the snapshot was given up.
            let _ = sender.send(work());
        }));
        let broken = || Error::new(ErrorKind::Internal, Subject::Storage, "sealing broke down");
        let (output, bodies) = made.await.unwrap_or_else(|_| Err(broken()))?;
        let store = &*self.shared.store;
        let places = Places::of(&self.shared, view.state.collection.schema());
        let (mut opened, mut files) = (Vec::new(), Vec::new());
        for (kind, body) in bodies {
            let id = self.shared.new_id();
            parts::write(store, home, id, body).await?;
            let file = parts::read(store, home, id, &kind, &places).await?;
            let blocks = file.blocks(&kind)?;
            let key = id.to_string();
            opened.push((PartRef { kind, key }, blocks));
            own.insert(id, Arc::clone(&file));
            files.push(file);
        }
        let segment = SegmentId(u128::from_be_bytes(self.shared.new_id().to_bytes()));
        let installed = output.open(segment, opened)?;
        view.state.install(&installed, &files)
    }

    /// Parts of it may have become garbage, those of `parts` among them.
    pub(crate) fn look_for_garbage(self: &Arc<Self>, parts: impl IntoIterator<Item = Ulid>) {
        self.upkeep.look_for_garbage(parts);
        super::upkeep::kick(self);
    }
}

fn entry(key: BlobKey, file: &PartFile) -> ObjectEntry {
    ObjectEntry {
        key,
        bytes: file.bytes,
        crc: file.directory().checksum(),
    }
}

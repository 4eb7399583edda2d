//! Bytes that callers keep with a collection: stored first, then named by the log.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::oneshot;
use model::{
    Attachment, AttachmentKey, AttachmentRange, CollectionRef, Error, ErrorKind, Outcome, WriteOp,
};
use storage::collect::part_key;
use storage::{Access, GetOptions, Slice, attached};

use super::{Live, parts};
use crate::database::Database;
use crate::housekeeping::Housekeeping;

impl Database {
    /// As [`model::Command::Attach`]. Goes on when its caller leaves, so that what is stored is
    /// named, or removed.
    pub(crate) async fn attach(
        &self,
        collection: CollectionRef,
        key: AttachmentKey,
        content: Bytes,
    ) -> Result<Outcome, Error> {
        let live = self.live(&collection).await?;
        let me = self.me()?;
        let (sender, ended) = oneshot::channel();
        self.shared.host.spawn(Box::pin(async move {
            // Nobody listens any more when the caller has left.
            let _ = sender.send(carry_out(&me, live, key, content).await);
        }));
        let broken = |_| Err(Error::internal("keeping bytes broke down"));
        ended.await.unwrap_or_else(broken)
    }

    /// As [`model::Command::Detach`].
    pub(crate) async fn detach(
        &self,
        collection: CollectionRef,
        key: AttachmentKey,
    ) -> Result<Outcome, Error> {
        let live = self.live(&collection).await?;
        match live.write(vec![WriteOp::Detach { key }]).await {
            Ok(_) => {
                live.look_for_garbage([]);
                Ok(Outcome::Existed(true))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Outcome::Existed(false)),
            Err(error) => Err(error),
        }
    }
}

async fn carry_out(
    database: &Arc<Database>,
    live: Arc<Live>,
    key: AttachmentKey,
    content: Bytes,
) -> Result<Outcome, Error> {
    let id = live.shared.new_id();
    let hold = live.shared.pins.hold(live.id, [id]);
    let gone = || Error::no_collection(live.name().as_str());
    // Held first, asked afterwards: see `crate::pins`.
    let outcome = match database.catalog.view().state.has_collection(live.id) {
        true => live.attach(id, key, content).await,
        false => Err(gone()),
    };
    drop(hold);
    if !database.catalog.view().state.has_collection(live.id) {
        Housekeeping::kick(database);
    }
    outcome
}

impl Live {
    async fn attach(
        self: &Arc<Self>,
        id: storage::Ulid,
        key: AttachmentKey,
        content: Bytes,
    ) -> Result<Outcome, Error> {
        self.check_sound()?;
        if let Some(reason) = self.journal.read_only() {
            return Err(reason.clone());
        }
        let store = &*self.shared.store;
        let (attachment, body) = attached::pack(id, content)?;
        parts::write(store, &self.prefix, id, body).await?;
        let replaces = self.attachment(&key).is_some();
        let operation = WriteOp::Attach {
            key: key.clone(),
            attachment,
        };
        match self.write(vec![operation]).await {
            Ok(_) => {}
            // It may have been named, or may be yet.
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Timeout) => {
                return Err(error);
            }
            Err(error) => {
                parts::remove(store, &self.prefix, id).await?;
                return Err(error);
            }
        }
        // Not before it is named: what is known and not named is garbage.
        self.upkeep.learn(id);
        if replaces || self.attachment(&key) != Some(attachment) {
            self.look_for_garbage([]);
        }
        Ok(Outcome::Done)
    }

    fn attachment(&self, key: &AttachmentKey) -> Option<Attachment> {
        let content = self.content();
        content.state.collection.attachments().get(key).copied()
    }

    /// As [`model::Query::ReadAttachment`]; all of the bytes are checked when all are read.
    pub(crate) async fn read_attachment(
        &self,
        key: &AttachmentKey,
        range: AttachmentRange,
    ) -> Result<Option<Bytes>, Error> {
        self.check_sound()?;
        while let Some(kept) = self.attachment(key) {
            let slice = attached::slice(&kept, range.offset, range.length)?;
            match self.read_slice(&kept, slice).await {
                // Replaced meanwhile, and collected.
                Err(error)
                    if error.kind == ErrorKind::NotFound && self.attachment(key) != Some(kept) => {}
                Err(error) if error.kind == ErrorKind::NotFound => {
                    let file = attached::file(&kept);
                    return Err(Error::corrupt(format!(
                        "the attachment in `{file}` is missing"
                    )));
                }
                read => return read.map(Some),
            }
        }
        Ok(None)
    }

    async fn read_slice(&self, kept: &Attachment, slice: Slice) -> Result<Bytes, Error> {
        let whole = Slice::Range {
            offset: 0,
            length: kept.bytes,
        };
        if matches!(slice, Slice::Range { length: 0, .. }) {
            return Ok(Bytes::new());
        }
        let file = part_key(&self.prefix, attached::file(kept))?;
        let options = GetOptions {
            slice,
            access: Access::Resident,
        };
        let read = self.shared.store.get(&file, options).await?;
        if slice == whole {
            attached::check(kept, &read.bytes)?;
        }
        Ok(read.bytes)
    }
}

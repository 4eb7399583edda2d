//! From a manifest to an archive.

use std::sync::Arc;

use bytes::Bytes;
use model::{Archive, ArchiveOf, BoxFuture, ByteSource, Error, SnapshotScope, Waiting};
use storage::BlobStoreExt;
use storage::snapshot::{self, Manifest, Packer};

use super::{Work, create, name_of, no_snapshot};
use crate::database::Database;

impl Database {
    pub(crate) async fn open_archive(&self, of: ArchiveOf) -> Result<Archive, Error> {
        match of {
            ArchiveOf::Kept { scope, name } => self.kept_archive(&scope, name).await,
            ArchiveOf::Present(scope) => self.present_archive(&scope).await,
        }
    }

    async fn kept_archive(&self, scope: &SnapshotScope, name: String) -> Result<Archive, Error> {
        let entry = self.find_snapshot(scope, &name)?;
        let mut work = Work::new(self.me()?);
        work.holds.push(self.shared.pins.hold(entry.id, []));
        for (owner, parts) in &entry.pins {
            let hold = self.shared.pins.hold(*owner, parts.iter().copied());
            work.holds.push(hold);
        }
        // Held first, asked again afterwards: see `crate::pins`.
        if self.catalog.view().state.snapshot(entry.id).is_none() {
            return Err(no_snapshot(&name));
        }
        let encoded = self
            .shared
            .store
            .get_all(&snapshot::manifest_key(entry.id)?)
            .await?;
        let manifest = Manifest::decode(&encoded)?;
        let packer = Packer::new(Arc::clone(&self.shared.store), &manifest)?;
        if packer.bytes() != entry.bytes {
            let message = format!("the manifest of snapshot `{name}` is another one");
            return Err(Error::corrupt(message));
        }
        Ok(Archive {
            name,
            bytes: packer.bytes(),
            source: Box::new(Held {
                packer,
                _work: work,
            }),
        })
    }

    async fn present_archive(&self, scope: &SnapshotScope) -> Result<Archive, Error> {
        let scope = self.resolve_scope(scope)?;
        let me = self.me()?;
        let taking = {
            let scope = scope.clone();
            async move { create::take(me, &scope).await }
        };
        let taken = self.beside(Waiting::UntilDone, taking).await?;
        let taken =
            taken.ok_or_else(|| Error::internal("work was waited for and has not ended"))?;
        let packer = Packer::new(Arc::clone(&self.shared.store), &taken.manifest)?;
        Ok(Archive {
            name: name_of(&scope, taken.manifest.id),
            bytes: packer.bytes(),
            source: Box::new(Held {
                packer,
                _work: taken.work,
            }),
        })
    }
}

/// An archive whose objects stay stored while it is read.
struct Held {
    packer: Packer,
    _work: Work,
}

impl ByteSource for Held {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.packer.next()
    }
}

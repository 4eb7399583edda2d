//! What every part of a database needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::{BlobKey, BlobStore, Ulid};

use crate::host::Host;
use crate::options::Options;
use crate::pages::PageCache;
use crate::permits::Permits;
use crate::pins::Pins;

/// Store, host, settings and limits of one database.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) options: Options,
    pub(crate) permits: Arc<Permits>,
    pub(crate) pins: Arc<Pins>,
    pub(crate) scratch: engine::ScratchPool,
    pub(crate) pages: Arc<PageCache>,
    closing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(store: Arc<dyn BlobStore>, host: Arc<dyn Host>, options: Options) -> Self {
        let permits = Permits::new(options.heavy_jobs_max.max(1));
        let pages = Arc::new(PageCache::new(options.paging));
        let (scratch, closing) = (engine::ScratchPool::default(), AtomicBool::new(false));
        Self {
            store,
            host,
            options,
            permits,
            pins: Arc::default(),
            scratch,
            pages,
            closing,
        }
    }

    /// A name that no object had before.
    pub(crate) fn new_id(&self) -> Ulid {
        let random = self.host.random().to_le_bytes();
        let [random @ .., _, _, _, _, _, _] = random;
        Ulid::new(self.host.unix_ms(), random)
    }

    /// Whether the database is being closed: background work ends as soon as it can.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(crate) fn begin_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }
}

/// Where the catalog's log and checkpoints lie.
pub(crate) fn catalog_prefix() -> BlobKey {
    BlobKey::new("catalog").expect("the word is a key")
}

/// Where everything of the collection `id` lies.
pub(crate) fn collection_prefix(id: Ulid) -> BlobKey {
    BlobKey::new(&format!("coll/{id}")).expect("a ULID is letters and digits")
}

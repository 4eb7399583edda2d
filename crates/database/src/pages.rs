//! Rows that are read by pages, when a query asks for them.
//!
//! The engine waits for nothing. Rows that are not at hand are zeros to it, and what it asked for
//! is noted here; [`complete`] fetches that and asks the engine again, until nothing was missing.
//! A search over codes asks for the rows of its last candidates and nothing else, so the second
//! time is the last; with all of them in the cache, the first is.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lru::LruCache;
use model::{Error, ErrorKind, Subject};
use storage::container::{PAGE_BYTES, PageSums};
use storage::{Access, BlobKey, BlobStore, GetOptions, Slice, Ulid};

use crate::options::Paging;

/// Reads of one query that wait for the store at once: as many as an edge worker may have open.
const READS_AT_ONCE: usize = 6;

/// Pages that lie side by side are one read, up to so many.
const RUN_PAGES_MAX: u64 = 64;

/// A page of a part file: where the block begins that it is of, and which page of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct PageKey {
    part: Ulid,
    block: u64,
    at: u64,
}

/// The pages of a database that were used last.
#[derive(Debug)]
pub(crate) struct PageCache {
    bytes_max: u64,
    /// Most bytes that one call of the engine may look at.
    call_bytes_max: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    pages: LruCache<PageKey, Bytes>,
    bytes: u64,
}

impl PageCache {
    /// An empty cache.
    pub(crate) fn new(paging: Option<Paging>) -> Self {
        let kept = Kept {
            pages: LruCache::unbounded(),
            bytes: 0,
        };
        Self {
            bytes_max: paging.map_or(0, |paging| paging.cache_bytes),
            call_bytes_max: paging.map_or(0, |paging| paging.call_bytes_max),
            kept: Mutex::new(kept),
        }
    }

    fn get(&self, key: &PageKey) -> Option<Bytes> {
        self.lock().pages.get(key).cloned()
    }

    fn put(&self, key: PageKey, page: Bytes) {
        let mut kept = self.lock();
        kept.bytes += page.len() as u64;
        if let Some(old) = kept.pages.put(key, page) {
            kept.bytes -= old.len() as u64;
        }
        while kept.bytes > self.bytes_max {
            let Some((_, page)) = kept.pages.pop_lru() else {
                break;
            };
            kept.bytes -= page.len() as u64;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing under this lock can panic half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A block of a part file that is read by pages.
#[derive(Clone)]
pub(crate) struct PagedBlock(Arc<Source>);

struct Source {
    store: Arc<dyn BlobStore>,
    /// Of the part file.
    key: BlobKey,
    part: Ulid,
    sums: PageSums,
    cache: Arc<PageCache>,
}

impl PagedBlock {
    /// The block that `sums` are of, in the part file `part` at `key`.
    pub(crate) fn new(
        store: &Arc<dyn BlobStore>,
        key: BlobKey,
        part: Ulid,
        sums: PageSums,
        cache: &Arc<PageCache>,
    ) -> Self {
        Self(Arc::new(Source {
            store: Arc::clone(store),
            key,
            part,
            sums,
            cache: Arc::clone(cache),
        }))
    }

    /// Its name in the part file.
    pub(crate) fn name(&self) -> &str {
        &self.0.sums.block().name
    }

    fn page_key(&self, at: u64) -> PageKey {
        PageKey {
            part: self.0.part,
            block: self.0.sums.block().offset,
            at,
        }
    }

    /// Reads the pages of `run`.
    async fn fetch(self, run: Range<u64>) -> Result<Vec<(PageKey, Bytes)>, Error> {
        let Source {
            store,
            key,
            sums,
            cache,
            ..
        } = &*self.0;
        let (start, end) = (sums.place(run.start).start, sums.place(run.end - 1).end);
        let slice = Slice::Range {
            offset: sums.block().offset + start,
            length: end - start,
        };
        let access = Access::Resident;
        let place = |at: u64| {
            let Range { start: from, end } = sums.place(at);
            (from - start) as usize..(end - start) as usize
        };
        let get = || store.get(key, GetOptions { slice, access });
        let check = |bytes: &Bytes| {
            let mut pages = run.clone();
            pages.try_for_each(|at| sums.check(at, &bytes[place(at)]))
        };
        let mut bytes = get().await?.bytes;
        if check(&bytes).is_err() {
            store.forget(key, slice).await;
            bytes = get().await?.bytes;
        }
        let damaged = |damage| Error::corrupt(format!("`{key}` is corrupt: {damage}"));
        check(&bytes).map_err(damaged)?;
        let pages = run.map(|at| {
            // A copy of its own: the rest of the run goes when its other pages go.
            let page = Bytes::copy_from_slice(&bytes[place(at)]);
            cache.put(self.page_key(at), page.clone());
            (self.page_key(at), page)
        });
        Ok(pages.collect())
    }
}

impl fmt::Debug for PagedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of `{}` by pages", self.name(), self.0.key)
    }
}

impl engine::Pages for PagedBlock {
    fn bytes_len(&self) -> usize {
        self.0.sums.block().length as usize
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        assert!(offset + into.len() <= self.bytes_len(), "no such row");
        let mut offset = offset as u64;
        let mut rest = into;
        while !rest.is_empty() {
            let at = offset / PAGE_BYTES;
            let place = self.0.sums.place(at);
            let length = rest.len().min((place.end - offset) as usize);
            let (part, after) = rest.split_at_mut(length);
            match ASKED.with_borrow_mut(|asked| asked.page(self, at)) {
                Some(page) => {
                    let from = (offset - place.start) as usize;
                    part.copy_from_slice(&page[from..][..length]);
                }
                None => part.fill(0),
            }
            offset += length as u64;
            rest = after;
        }
    }
}

thread_local! {
    /// What the engine asks for while [`complete`] has called it on this thread.
    static ASKED: RefCell<Asked> = RefCell::default();
}

/// What one call of the engine asks for.
#[derive(Default)]
struct Asked {
    /// Whether somebody will fetch what is missing.
    heard: bool,
    /// Pages that were fetched for this query, whatever the cache has made of them since.
    held: HashMap<PageKey, Bytes>,
    missing: BTreeMap<PageKey, PagedBlock>,
}

impl Asked {
    fn page(&mut self, block: &PagedBlock, at: u64) -> Option<Bytes> {
        let key = block.page_key(at);
        let held = self.held.get(&key).cloned();
        let page = held.or_else(|| block.0.cache.get(&key));
        if page.is_none() {
            // Whoever is not heard would take zeros for rows.
            assert!(self.heard, "rows that are read by pages need `complete`");
            self.missing.insert(key, block.clone());
        }
        page
    }
}

/// What `ask` answers once every row that it looks at is at hand. It is called again until it is.
///
/// # Errors
/// Those of `ask`. `Unsupported` when it looks at more bytes of pages than a call may
/// ([`Paging::call_bytes_max`]). Those of the store; `Corrupt` when a page is damaged.
pub(crate) async fn complete<T>(ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    complete_within(None, ask).await
}

/// As [`complete`], whatever it takes: for changes that are in the log.
///
/// # Errors
/// As [`complete`], but for `Unsupported`.
pub(crate) async fn complete_at_any_cost<T>(
    ask: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    complete_within(Some(u64::MAX), ask).await
}

async fn complete_within<T>(
    bytes_max: Option<u64>,
    mut ask: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut held = HashMap::new();
    loop {
        ASKED.set(Asked {
            heard: true,
            held,
            missing: BTreeMap::new(),
        });
        let answer = ask();
        let asked = ASKED.take();
        let Some((_, missing)) = asked.missing.first_key_value() else {
            return answer;
        };
        let bytes_max = bytes_max.unwrap_or(missing.0.cache.call_bytes_max);
        held = asked.held;
        let pages = (held.len() + asked.missing.len()) as u64;
        if pages * PAGE_BYTES > bytes_max {
            return Err(too_many(pages * PAGE_BYTES, bytes_max));
        }
        let runs = runs(asked.missing).into_iter();
        let reads = runs.map(|(block, run)| block.fetch(run));
        let mut reads = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        while let Some(pages) = reads.try_next().await? {
            held.extend(pages);
        }
    }
}

/// Missing pages as reads: those that lie side by side in one.
fn runs(missing: BTreeMap<PageKey, PagedBlock>) -> Vec<(PagedBlock, Range<u64>)> {
    let mut runs: Vec<(PageKey, PagedBlock, Range<u64>)> = Vec::new();
    for (key, block) in missing {
        match runs.last_mut() {
            Some((last, _, run))
                if (last.part, last.block) == (key.part, key.block)
                    && run.end == key.at
                    && run.end - run.start < RUN_PAGES_MAX =>
            {
                run.end += 1;
            }
            _ => runs.push((key, block, key.at..key.at + 1)),
        }
    }
    let runs = runs.into_iter();
    runs.map(|(_, block, run)| (block, run)).collect()
}

fn too_many(bytes: u64, bytes_max: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "this looks at more rows than may be loaded at once where memory is short: {} MiB of \
         {} MiB; search without `exact`, or ask for fewer points",
        mib(bytes),
        mib(bytes_max)
    );
    Error::new(ErrorKind::Unsupported, Subject::Request, message)
}

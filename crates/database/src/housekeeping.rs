//! Background work of the catalog: objects of dropped collections, checkpoints, old log entries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::select;
use model::Error;
use storage::collect::collect_log;
use storage::{ListOptions, Ulid, snapshot};

use crate::database::Database;
use crate::shared::{catalog_prefix, collection_prefix};
use crate::signal::Signal;

/// Pauses between attempts while the store fails; afterwards the next change of the catalog, or
/// the next start, tries again.
const PAUSES_MS: [u64; 5] = [0, 1_000, 5_000, 30_000, 120_000];

/// The loop of the catalog. It runs while there is something to remove.
#[derive(Default)]
pub(crate) struct Housekeeping {
    state: Mutex<State>,
    /// Ends a pause.
    wake: Signal,
    ended: Signal,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Something changed while it ran.
    again: bool,
    /// Last entry that a checkpoint covers.
    checkpointed: u64,
}

impl Housekeeping {
    pub(crate) fn new(checkpointed: u64) -> Self {
        let state = State {
            checkpointed,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            ..Self::default()
        }
    }

    /// Sees to it that the loop runs if there may be work.
    pub(crate) fn kick(database: &Arc<Database>) {
        let view = database.catalog.view();
        let mut state = database.housekeeping.lock();
        let tail = view.position.n.saturating_sub(state.checkpointed);
        let idle = view.state.dropped().is_empty() && tail <= database.shared.options.log_tail_max;
        if idle || database.shared.is_closing() || database.catalog.read_only().is_some() {
            return;
        }
        if state.running {
            state.again = true;
            return;
        }
        state.running = true;
        drop(state);
        database
            .shared
            .host
            .spawn(Box::pin(run(Arc::clone(database))));
    }

    /// Ends when the loop does not run; the database is being closed.
    pub(crate) async fn stop(&self) {
        self.wake.notify();
        while self.lock().running {
            self.ended.wait().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(database: Arc<Database>) {
    loop {
        for pause_ms in PAUSES_MS {
            if pause_ms > 0 {
                let wake = std::pin::pin!(database.housekeeping.wake.wait());
                drop(select(wake, database.shared.host.sleep(pause_ms)).await);
            }
            if database.shared.is_closing() {
                break;
            }
            match tidy_up(&database).await {
                Ok(()) => break,
                Err(error) => tracing::warn!(%error, "cleaning up after the catalog failed"),
            }
        }
        let mut state = database.housekeeping.lock();
        if !std::mem::take(&mut state.again) || database.shared.is_closing() {
            state.running = false;
            break;
        }
    }
    database.housekeeping.ended.notify();
}

async fn tidy_up(database: &Database) -> Result<(), Error> {
    let dropped = database.catalog.view().state.dropped().to_vec();
    for id in dropped {
        // Whoever reads or writes there says so when it ends.
        if database.shared.pins.is_held(id) {
            continue;
        }
        purge(database, id).await?;
        database
            .catalog
            .install(move |view| Ok(view.state.purged(id)))
            .await?;
    }
    let tail = {
        let state = database.housekeeping.lock();
        database
            .catalog
            .view()
            .position
            .n
            .saturating_sub(state.checkpointed)
    };
    if tail > database.shared.options.log_tail_max {
        let written = database
            .catalog
            .checkpoint_here(|catalog| catalog.encode())
            .await?;
        if let Some(position) = written {
            database.housekeeping.lock().checkpointed = position.n;
            let keep = database.shared.options.checkpoints_kept;
            collect_log(&*database.shared.store, &catalog_prefix(), keep).await?;
        }
    }
    Ok(())
}

/// Removes everything of a collection or snapshot that is gone, after the last write to it has
/// been answered, but for what snapshots pin.
async fn purge(database: &Database, id: Ulid) -> Result<(), Error> {
    if let Some(handle) = database.take_handle(id) {
        let reason = Error::no_collection(handle.registered().name.name.as_str());
        handle.close(reason).await;
    }
    let store = &*database.shared.store;
    let mut removed = 0;
    for prefix in [collection_prefix(id), snapshot::prefix(id)?] {
        let folder = format!("{prefix}/");
        let objects = store
            .list(ListOptions {
                prefix: &folder,
                ..ListOptions::default()
            })
            .await?;
        for object in objects {
            let part = Ulid::parse(object.key.last_segment());
            if part.is_some_and(|part| database.shared.pins.has(id, part)) {
                continue;
            }
            store.delete(&object.key).await?;
            removed += 1;
        }
    }
    tracing::info!(%id, objects = removed, "removed what nobody needs");
    Ok(())
}

//! The shell around the engine: open, recover, commit in groups, work in the background.
//!
//! The engine is a pure function over immutable values, the store keeps whole objects. This crate
//! stands between the two: it gives writes an order and makes them durable (`journal`), makes
//! states from what is stored (`collection`), and hands long work to the host. It has no clock, no
//! randomness and no thread; all three are the [`Host`]'s.
//!
//! | module | what is in it |
//! |---|---|
//! | `catalog` | which collections and aliases exist |
//! | `collection` | one collection: content, part files, background work |
//! | `database` | opening, closing, and the door: [`model::Executor`] |
//! | `housekeeping` | background work of the catalog |
//! | `host` | what is asked of the surroundings |
//! | `journal` | a value, the log of its changes, and the one writer that keeps the two together |
//! | `pages` | rows that are read when a query asks for them |
//! | `pins` | what must stay stored for snapshots |
//! | `query` | which state a query is asked of |
//! | `snapshot` | states that are kept, carried away and brought back |
//! | `stats` | what a database tells about itself |
//! | `sync` | one store brought to the state of another |

mod catalog;
mod collection;
mod counters;
mod database;
mod host;
mod housekeeping;
mod journal;
mod lookup;
mod options;
mod pages;
mod permits;
mod pins;
mod query;
mod shared;
mod signal;
mod snapshot;
mod stats;
mod sync;

pub use database::{Database, Pinned};
pub use host::Host;
pub use options::{Options, Paging, Placing};
pub use stats::{CollectionStats, CommitStats, DatabaseStats, JobStats, UpkeepStats};
pub use sync::{SyncProgress, list_objects, sync};

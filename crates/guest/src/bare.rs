//! One index and nothing around it, for hosts that measure what a walk alone costs in WebAssembly.
//!
//! The host writes components where [`room`] says, has them taken as the rows of the index or as a
//! query, and reads the rows found where the answer says. There is one index in an instance.

use std::sync::{Mutex, MutexGuard, PoisonError};

use index::hnsw::{self, HnswParams};
use index::{Allowed, DenseBlock, Hnsw, Probe, Scratch};
use model::Metric;

/// What an instance holds between two calls.
struct Bare {
    room: Vec<f32>,
    index: Option<Hnsw>,
    scratch: Option<Scratch>,
    found: Vec<u32>,
}

static BARE: Mutex<Bare> = Mutex::new(Bare {
    room: Vec::new(),
    index: None,
    scratch: None,
    found: Vec::new(),
});

fn bare() -> MutexGuard<'static, Bare> {
    // An instance that trapped is not called again.
    BARE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of `len` components that the host may write, until it asks for room again.
#[unsafe(no_mangle)]
pub extern "C" fn room(len: usize) -> *const f32 {
    let mut bare = bare();
    bare.room.clear();
    bare.room.resize(len, 0.0);
    bare.room.as_ptr()
}

/// Builds the index of the components in the room, unit vectors of `dim` each.
#[unsafe(no_mangle)]
pub extern "C" fn build_index(dim: usize, m: usize, ef_construct: usize) {
    let mut bare = bare();
    let block = DenseBlock::from_rows(&bare.room, dim, Metric::Cosine).expect("whole rows");
    let params = HnswParams {
        m,
        ef_construct,
        ..HnswParams::default()
    };
    let blocks = hnsw::build(&block, None, &params, &|_, _| {});
    bare.index = Some(Hnsw::open(&blocks, block).expect("an index that was just built"));
}

/// Searches for the vector in the room: `address << 32 | number` of the rows found, best first.
#[unsafe(no_mangle)]
pub extern "C" fn search_index(k: usize, ef: usize) -> u64 {
    let mut bare = bare();
    let Bare {
        room,
        index,
        scratch,
        found,
    } = &mut *bare;
    let probe = Probe {
        vector: room,
        k,
        ef,
        allowed: Allowed::All,
    };
    let index = index.as_ref().expect("the host builds before it searches");
    let hits = index.search(&probe, scratch.get_or_insert_default());
    found.clear();
    found.extend(hits.iter().map(|hit| hit.row.0));
    (found.as_ptr() as u64) << 32 | found.len() as u64
}

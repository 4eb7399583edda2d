//! Black-box suites over the whole project; each lies in `tests/` beside this crate's sources.
//!
//! What the suites share is here: where the repository is.

use std::path::{Path, PathBuf};

/// The root of the repository, wherever the tests were started.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies one folder below the root")
        .to_path_buf()
}

//! One process per directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use storage::{BlobError, BlobErrorKind};

use super::io_error;

const NAME: &str = ".lock";

/// Held as long as the store is open; the operating system lets go of it when the process dies,
/// however it dies.
pub(super) struct DirectoryLock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl DirectoryLock {
    pub(super) fn take(root: &Path) -> Result<Self, BlobError> {
        let path = root.join(NAME);
        let failed = |cause| io_error(format!("cannot lock `{}`", path.display()), cause);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(root, &mut file)),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        // Only for the message that a second process shows; the lock is what counts.
        let owner = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(failed)?;
        Ok(Self(file))
    }
}

fn in_use(root: &Path, file: &mut File) -> BlobError {
    let mut owner = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut owner));
    let owner = match (read, owner.trim()) {
        (Ok(_), id) if !id.is_empty() => format!(" (process {id})"),
        _ => String::new(),
    };
    let root = root.display();
    let message = format!("the data directory `{root}` is in use by another process{owner}");
    BlobError::new(BlobErrorKind::Conflict, message)
}

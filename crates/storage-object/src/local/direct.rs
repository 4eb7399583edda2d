//! Writes that pass by the page cache.
//!
//! A log entry is written once and read after a crash at most, so its copy in the page cache serves
//! nobody; and where every commit asks the system for new pages, finding them takes longer than
//! the disk does. The measurements are in `docs/decisions/0010-local-store.md`.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use storage::Body;

/// Shorter bodies fit into pages that are at hand.
const BYTES_MIN: usize = 128 << 10;

/// Longer bodies are parts, which are mapped as soon as they are written: there the page cache
/// serves. Also what this writer keeps in memory at most.
const BYTES_MAX: usize = 8 << 20;

/// Addresses, offsets and lengths are multiples of this, which every common device takes.
const BLOCK: usize = 4096;

/// Writes whole blocks straight to the device.
#[derive(Default)]
pub(super) struct DirectWriter {
    /// What is on its way, kept so that its pages are not asked for again.
    buffer: Mutex<Vec<u8>>,
}

impl DirectWriter {
    /// Writes the leading blocks of `body` to the empty `file`; gives the number of bytes, up to
    /// which the file is written and positioned. That is none where it would not pay, where the
    /// file system cannot do it, and while another write is under way.
    pub(super) fn write_blocks(&self, file: &mut File, body: &Body) -> io::Result<usize> {
        let blocks = body.len() / BLOCK * BLOCK;
        if !(BYTES_MIN..=BYTES_MAX).contains(&blocks) {
            return Ok(0);
        }
        let mut buffer = match self.buffer.try_lock() {
            Ok(buffer) => buffer,
            // Nothing under this lock can leave it half-way.
            Err(std::sync::TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(std::sync::TryLockError::WouldBlock) => return Ok(0),
        };
        if buffer.len() < blocks + BLOCK {
            buffer.resize(blocks + BLOCK, 0);
        }
        let start = buffer.as_ptr().addr().wrapping_neg() % BLOCK;
        let aligned = &mut buffer[start..start + blocks];
        fill(aligned, body);
        let usual = fcntl_getfl(&*file)?;
        if fcntl_setfl(&*file, usual | OFlags::DIRECT).is_err() {
            return Ok(0);
        }
        let written = match file.write_all(aligned) {
            Ok(()) => blocks,
            // Refused before the first byte: another alignment, or a file system without it.
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => 0,
            Err(cause) => return Err(cause),
        };
        fcntl_setfl(&*file, usual)?;
        Ok(written)
    }
}

/// Copies the first bytes of `body`.
fn fill(mut to: &mut [u8], body: &Body) {
    for chunk in body.chunks() {
        let (here, rest) = to.split_at_mut(chunk.len().min(to.len()));
        here.copy_from_slice(&chunk[..here.len()]);
        to = rest;
    }
}

//! Writing files so that they appear whole, once, and for good.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use storage::{BlobError, BlobErrorKind, Body, PutIf};

#[cfg(target_os = "linux")]
use super::direct::DirectWriter;
use super::io_error;

const STAGING: &str = ".staging";
/// Chunks handed to one write call; below the limit of every system.
const SLICES_MAX: usize = 64;

/// Publishes files under one root.
pub(super) struct Publisher {
    staging: PathBuf,
    /// Number of the next named staging file.
    staged: AtomicU64,
    /// Whether unnamed files (`O_TMPFILE`) work here.
    unnamed: bool,
    #[cfg(target_os = "linux")]
    direct: DirectWriter,
    /// Set when a name was given but could not be synced. The system reports such a failure once
    /// and may then claim success for data that is gone, so nothing is acknowledged any more
    /// until a restart has read what is really there.
    broken: AtomicBool,
}

impl Publisher {
    /// Empties the staging folder and finds out what the file system can do.
    pub(super) fn start(root: &Path) -> Result<Self, BlobError> {
        let staging = root.join(STAGING);
        let failed = |cause| io_error(format!("cannot prepare `{}`", staging.display()), cause);
        fs::create_dir_all(&staging).map_err(failed)?;
        for left_over in fs::read_dir(&staging).map_err(failed)? {
            fs::remove_file(left_over.map_err(failed)?.path()).map_err(failed)?;
        }
        let mut publisher = Self {
            staging,
            staged: AtomicU64::new(0),
            unnamed: true,
            #[cfg(target_os = "linux")]
            direct: DirectWriter::default(),
            broken: AtomicBool::new(false),
        };
        publisher.unnamed = publisher.probe().is_ok();
        if !publisher.unnamed {
            publisher.probe()?;
        }
        Ok(publisher)
    }

    /// Creates a file twice: the first must succeed and the second must be refused.
    fn probe(&self) -> Result<(), BlobError> {
        let path = self.staging.join("probe");
        // Left over by a probe that failed half-way; a real failure shows in the create below.
        let _ = fs::remove_file(&path);
        let body = Body::from(b"probe".to_vec());
        self.publish(&path, &body, PutIf::Absent)?;
        let second = self
            .publish(&path, &body, PutIf::Absent)
            .map_err(|error| error.kind());
        fs::remove_file(&path).map_err(|cause| io_error("cannot remove the probe", cause))?;
        if second != Err(BlobErrorKind::Conflict) {
            let message = "the file system has no atomic create; a log on it could lose writes";
            return Err(BlobError::new(BlobErrorKind::Unsupported, message));
        }
        Ok(())
    }

    /// Begins a file that is written piece by piece and has no name yet.
    pub(super) fn begin(&self) -> Result<Staged, BlobError> {
        let begin = || -> io::Result<Staged> {
            let (file, path) = self.new_file()?;
            Ok(Staged { file, path })
        };
        begin().map_err(|cause| io_error("cannot write a file", cause))
    }

    /// Gives the file its name; durable when it returns.
    pub(super) fn publish_staged(
        &self,
        path: &Path,
        staged: &Staged,
        when: PutIf,
    ) -> Result<(), BlobError> {
        self.put_in_place(path, |_| {
            staged.file.sync_data()?;
            match when {
                PutIf::Absent => fs::hard_link(&staged.path, path),
                PutIf::Overwrite => fs::rename(&staged.path, path),
            }
        })
    }

    /// Writes `body` to `path`; durable when it returns.
    pub(super) fn publish(&self, path: &Path, body: &Body, when: PutIf) -> Result<(), BlobError> {
        self.put_in_place(path, |folder| match when {
            PutIf::Absent if self.unnamed => self.link_unnamed(folder, path, body),
            PutIf::Absent => self.link_named(path, body),
            PutIf::Overwrite => self.rename_named(path, body),
        })
    }

    /// `name` gives the file at `path` its name, in a folder that exists.
    fn put_in_place(
        &self,
        path: &Path,
        name: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<(), BlobError> {
        if self.broken.load(Ordering::Acquire) {
            let message = "an earlier write could not be synced; restart to see what is on disk";
            return Err(BlobError::new(BlobErrorKind::Unavailable, message));
        }
        let folder = path.parent().expect("a key is a path below the root");
        let folder = open_folder(folder)
            .map_err(|cause| unsupported_name(io_error("cannot open a folder", cause)))?;
        match name(&folder) {
            Ok(()) => self.sync_folder(&folder),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                // The caller acts on what stands there, so that must be durable too: its writer
                // may be between naming and syncing right now.
                self.sync_folder(&folder)?;
                Err(BlobError::new(
                    BlobErrorKind::Conflict,
                    "the object exists already",
                ))
            }
            Err(cause) => Err(unsupported_name(io_error("cannot write a file", cause))),
        }
    }

    fn sync_folder(&self, folder: &File) -> Result<(), BlobError> {
        sync_directory(folder).map_err(|cause| {
            self.broken.store(true, Ordering::Release);
            let message = "a written file could not be synced";
            BlobError::new(BlobErrorKind::Unavailable, message).because(cause)
        })
    }

    /// A file without a name, which vanishes unless it is linked.
    #[cfg(target_os = "linux")]
    fn link_unnamed(&self, folder: &File, path: &Path, body: &Body) -> io::Result<()> {
        use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
        use std::os::fd::AsRawFd;

        let name = path.file_name().expect("a key ends in a name");
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let mut file = File::from(openat(folder, ".", flags, mode)?);
        let written = self.direct.write_blocks(&mut file, body)?;
        write_all(&mut file, body.chunks(), written)?;
        file.sync_data()?;
        // Linking a descriptor itself takes a privilege; linking its name in /proc does not.
        let source = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, source, folder, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn link_unnamed(&self, _folder: &File, _path: &Path, _body: &Body) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link_named(&self, path: &Path, body: &Body) -> io::Result<()> {
        let staged = self.stage(body)?;
        let linked = fs::hard_link(&staged, path);
        // What cannot be removed now is removed at the next start.
        let _ = fs::remove_file(&staged);
        linked
    }

    fn rename_named(&self, path: &Path, body: &Body) -> io::Result<()> {
        let staged = self.stage(body)?;
        fs::rename(&staged, path).inspect_err(|_| {
            let _ = fs::remove_file(&staged);
        })
    }

    /// A new file in the staging folder.
    fn new_file(&self) -> io::Result<(File, PathBuf)> {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let path = self.staging.join(number.to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok((file, path))
    }

    /// A synced file in the staging folder.
    fn stage(&self, body: &Body) -> io::Result<PathBuf> {
        let (file, path) = self.new_file()?;
        write_synced(file, body).inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })?;
        Ok(path)
    }
}

/// A file on its way; removed when dropped, for it has another name by then or is not wanted.
pub(super) struct Staged {
    file: File,
    path: PathBuf,
}

impl Staged {
    /// Appends `chunks`.
    pub(super) fn write(&mut self, chunks: &[Bytes]) -> Result<(), BlobError> {
        write_all(&mut self.file, chunks, 0).map_err(|cause| io_error("cannot write a file", cause))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn write_synced(mut file: File, body: &Body) -> io::Result<()> {
    write_all(&mut file, body.chunks(), 0)?;
    file.sync_data()
}

/// Appends `chunks` but for their first `skipped` bytes.
fn write_all(file: &mut File, chunks: &[Bytes], skipped: usize) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = &mut slices[..];
    // Also skips leading empty chunks, of which a write would report nothing written.
    IoSlice::advance_slices(&mut rest, skipped);
    while !rest.is_empty() {
        let next = rest.len().min(SLICES_MAX);
        match file.write_vectored(&rest[..next]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

/// The folder, created (durably) when it is missing.
fn open_folder(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            create_directories(path)?;
            File::open(path)
        }
        opened => opened,
    }
}

/// Creates `path` and its parents; every new directory is durable when this returns.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent();
    if let Some(parent) = parent {
        create_directories(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => {}
        // Another thread was first; it may not have synced the parent yet.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(cause) => return Err(cause),
    }
    match parent {
        Some(parent) if parent.as_os_str().is_empty() => sync_directory(&File::open(".")?),
        Some(parent) => sync_directory(&File::open(parent)?),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn sync_directory(folder: &File) -> io::Result<()> {
    folder.sync_all()
}

/// Elsewhere directories cannot be synced; the file systems there journal names by themselves.
#[cfg(not(unix))]
fn sync_directory(_folder: &File) -> io::Result<()> {
    Ok(())
}

/// A put never meets "not found": that is a folder in the place of a file or the contrary.
fn unsupported_name(error: BlobError) -> BlobError {
    match error.kind() {
        BlobErrorKind::NotFound | BlobErrorKind::Conflict => BlobError::new(
            BlobErrorKind::Unsupported,
            "a key must not be a folder of another",
        )
        .because(error),
        BlobErrorKind::Unavailable
        | BlobErrorKind::Full
        | BlobErrorKind::Corrupt
        | BlobErrorKind::Unsupported => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn named_staging_gives_the_same_promises_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut publisher = Publisher::start(root.path()).unwrap();
        publisher.unnamed = false;
        publisher.probe().unwrap();
        let path = root.path().join("x/y");
        let put =
            |text: &str, when| publisher.publish(&path, &text.as_bytes().to_vec().into(), when);
        put("one", PutIf::Absent).unwrap();
        assert_eq!(
            put("two", PutIf::Absent).unwrap_err().kind(),
            BlobErrorKind::Conflict
        );
        assert_eq!(fs::read(&path).unwrap(), b"one");
        put("three", PutIf::Overwrite).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(files(&root.path().join(STAGING)), 0);
        assert_eq!(files(&root.path().join("x")), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn unnamed_files_are_used_where_they_work() {
        let root = tempfile::tempdir().unwrap();
        assert!(Publisher::start(root.path()).unwrap().unnamed);
    }

    /// Bodies of every length on both sides of what passes by the page cache, in odd chunks.
    #[test]
    fn every_length_is_written_whole() {
        let root = tempfile::tempdir().unwrap();
        let publisher = Publisher::start(root.path()).unwrap();
        let block = 4096;
        for (at, len) in [
            0,
            1,
            block,
            31 * block,
            32 * block - 1,
            32 * block,
            32 * block + 1,
        ]
        .into_iter()
        .chain([100 * block + 77, 2048 * block, 2049 * block + 5])
        .enumerate()
        {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + at) as u8).collect();
            let chunks: Vec<Bytes> = bytes.chunks(70_001).map(Bytes::copy_from_slice).collect();
            let path = root.path().join(at.to_string());
            publisher
                .publish(&path, &chunks.into(), PutIf::Absent)
                .unwrap();
            assert!(fs::read(&path).unwrap() == bytes, "{len} bytes");
        }
    }

    #[test]
    fn left_over_staging_files_are_removed_at_the_start() {
        let root = tempfile::tempdir().unwrap();
        let staging = root.path().join(STAGING);
        fs::create_dir_all(&staging).unwrap();
        fs::write(staging.join("7"), b"half").unwrap();
        Publisher::start(root.path()).unwrap();
        assert_eq!(files(&staging), 0);
    }

    #[test]
    fn after_a_failed_sync_nothing_is_acknowledged() {
        let root = tempfile::tempdir().unwrap();
        let publisher = Publisher::start(root.path()).unwrap();
        publisher.broken.store(true, Ordering::Release);
        let path = root.path().join("x");
        let put = publisher.publish(&path, &vec![1].into(), PutIf::Absent);
        assert_eq!(put.unwrap_err().kind(), BlobErrorKind::Unavailable);
        assert!(!path.exists());
    }

    #[test]
    fn a_full_device_writes_nothing() {
        // The kernel's device that is always full stands in for the disk.
        let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
            return;
        };
        let cause = write_synced(full, &vec![1].into()).unwrap_err();
        assert_eq!(io_error("cannot write", cause).kind(), BlobErrorKind::Full);
    }

    #[test]
    fn a_key_in_the_place_of_a_folder_is_unsupported() {
        let root = tempfile::tempdir().unwrap();
        let publisher = Publisher::start(root.path()).unwrap();
        let put =
            |name: &str, when| publisher.publish(&root.path().join(name), &vec![1].into(), when);
        put("a", PutIf::Absent).unwrap();
        put("b/c", PutIf::Absent).unwrap();
        for (name, when) in [
            ("a/b", PutIf::Absent),
            ("a/b", PutIf::Overwrite),
            ("b", PutIf::Overwrite),
        ] {
            let kind = put(name, when).unwrap_err().kind();
            assert_eq!(kind, BlobErrorKind::Unsupported, "{name}");
        }
    }
}

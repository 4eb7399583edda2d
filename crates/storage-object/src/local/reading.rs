//! Reading files, into memory or by mapping them, and listing folders.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};
use storage::{
    ALIGNMENT, Access, Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, GetOptions, ListOptions,
    try_aligned,
};

use super::{io_error, names_no_object};

/// Shorter reads are copied even when mapping is asked for: a mapping costs more than the copy.
const MAPPED_BYTES_MIN: u64 = 64 << 10;

/// From this size on, copies lie in memory of their own that the system may back with huge pages:
/// a graph is walked all over, and small pages cost a fifth of a search in address translation.
const HUGE_BYTES_MIN: usize = 4 << 20;

/// The error of a [`read`] where there is no such name.
pub(super) fn refuse_absent(path: &Path) -> Result<(), BlobError> {
    match fs::symlink_metadata(path) {
        Err(cause) if names_no_object(&cause) => Err(missing(cause)),
        // Whatever else there is to say, reading says it.
        Ok(_) | Err(_) => Ok(()),
    }
}

pub(super) fn read(path: &Path, options: GetOptions) -> Result<Blob, BlobError> {
    let file = File::open(path).map_err(missing)?;
    let size = file_size(&file.metadata().map_err(missing)?)?;
    let Some((offset, length)) = options.slice.resolve(size) else {
        let message = format!("the object has only {size} bytes");
        return Err(BlobError::new(BlobErrorKind::Corrupt, message));
    };
    let mapped = options.access == Access::Mapped && length >= MAPPED_BYTES_MIN;
    let bytes = if mapped {
        map(&file, offset, length)
    } else {
        copy(&file, offset, length)
    };
    let bytes = bytes.map_err(|cause| io_error("cannot read a file", cause))?;
    Ok(Blob {
        bytes,
        offset,
        size,
    })
}

fn map(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    // SAFETY: a mapping is only undefined when the file changes under it. The store never changes
    // a published file (an overwrite renames another into its place, a deletion unlinks the name
    // and leaves the mapped file alone), and the directory lock keeps other processes of ours
    // away. The mapping starts at the page below `offset`, so alignment follows the offset's.
    let mapping = unsafe { MmapOptions::new().offset(offset).len(length).map(file)? };
    Ok(Bytes::from_owner(mapping))
}

fn copy(file: &File, offset: u64, length: u64) -> io::Result<Bytes> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let lead = (offset % ALIGNMENT as u64) as usize;
    if length >= HUGE_BYTES_MIN {
        let mut whole = anonymous(lead + length)?;
        read_exact_at(file, &mut whole[lead..], offset)?;
        return Ok(Bytes::from_owner(whole).slice(lead..));
    }
    let whole = try_aligned(lead + length, |to| {
        read_exact_at(file, &mut to[lead..], offset)
    })?;
    Ok(whole.slice(lead..))
}

/// Zeroed memory on huge pages where the system has them; it starts at a page.
fn anonymous(length: usize) -> io::Result<MmapMut> {
    let memory = MmapMut::map_anon(length)?;
    // Without huge pages it is slower and no less right.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    Ok(memory)
}

#[cfg(unix)]
fn read_exact_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(to)
}

pub(super) fn size(path: &Path) -> Result<u64, BlobError> {
    file_size(&fs::metadata(path).map_err(missing)?)
}

fn file_size(metadata: &fs::Metadata) -> Result<u64, BlobError> {
    if metadata.is_dir() {
        return Err(BlobError::new(BlobErrorKind::NotFound, "no such object"));
    }
    Ok(metadata.len())
}

fn missing(cause: io::Error) -> BlobError {
    if names_no_object(&cause) {
        return BlobError::new(BlobErrorKind::NotFound, "no such object");
    }
    io_error("cannot open a file", cause)
}

pub(super) fn list(root: &Path, options: ListOptions<'_>) -> Result<Vec<BlobMeta>, BlobError> {
    let folder = options
        .prefix
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    // A folder that is no key holds no object, and may lead out of the root.
    if !folder.is_empty() && BlobKey::new(folder).is_err() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    walk(root, folder, &options, &mut keys)
        .map_err(|cause| io_error("cannot list a folder", cause))?;
    keys.sort_unstable();
    let mut found = Vec::new();
    // Sizes are looked up last, and only of what is wanted: a system call each.
    for key in keys {
        if found.len() >= options.limit.unwrap_or(usize::MAX) {
            break;
        }
        match size(&root.join(key.as_str())) {
            Ok(size) => found.push(BlobMeta { key, size }),
            // Deleted since its folder was read.
            Err(error) if error.kind() == BlobErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn walk(
    root: &Path,
    folder: &str,
    options: &ListOptions<'_>,
    keys: &mut Vec<BlobKey>,
) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Err(cause) if names_no_object(&cause) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let full = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        // Also leaves out `.lock` and `.staging`.
        let Ok(key) = BlobKey::new(&full) else {
            continue;
        };
        if entry.file_type()?.is_dir() {
            let inside = format!("{full}/");
            let related = inside.starts_with(options.prefix) || options.prefix.starts_with(&inside);
            if related {
                walk(root, &full, options, keys)?;
            }
        } else if full.starts_with(options.prefix)
            && options.start_after.is_none_or(|after| key > *after)
        {
            keys.push(key);
        }
    }
    Ok(())
}

//! A blob store in a local directory: the file at `{root}/{key}` is the object.
//!
//! How a put becomes durable, in four system calls that matter: an unnamed file is written and
//! synced (`O_TMPFILE`, `fdatasync`), then given its name by a hard link, which fails if the name
//! exists and so is the atomic create, then the directory is synced. A crash at any moment leaves
//! either no file or the whole of it, and nothing to clean up. Where unnamed files are missing
//! (other systems, some network file systems) a named one in `.staging` takes their place. The
//! measurements behind this are in `docs/decisions/0010-local-store.md`.
//!
//! Beside the objects there are `.lock`, held by the process that uses the directory, and
//! `.staging`; keys cannot begin with a dot, so neither can be an object.

#[cfg(target_os = "linux")]
mod direct;
mod lock;
mod publish;
mod reading;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use model::{ByteSource, Error};
use storage::{
    Blob, BlobError, BlobErrorKind, BlobKey, BlobMeta, BlobStore, Body, BoxFuture, GetOptions,
    ListOptions, PutIf, wrong_length,
};

use self::lock::DirectoryLock;
use self::publish::Publisher;
use crate::write_behind::{Durability, WriteBehind};

/// Bytes of a stream that are written at once.
const STREAM_WRITE_BYTES: usize = 4 << 20;

/// A directory as a blob store; every acknowledged write survives the loss of power.
///
/// One process at a time: the second to open a directory is refused. Objects are mapped on
/// request, which is sound because no file is ever changed in place: an overwrite puts a new file
/// under the old name. Only someone who truncates files behind the store's back can make a mapped
/// read fault.
///
/// A key must not be a folder of another (`a` beside `a/b`): such a put is `Unsupported`. Deleted
/// objects leave their empty folders behind.
///
/// All calls must be made inside a tokio runtime: files are read and written on its blocking
/// threads.
pub struct LocalStore {
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    publisher: Publisher,
    _lock: DirectoryLock,
}

/// Opens `root` with the durability asked for.
///
/// # Errors
/// As [`LocalStore::open`].
pub fn open_local(root: &Path, durability: Durability) -> Result<Arc<dyn BlobStore>, BlobError> {
    let store = LocalStore::open(root)?;
    Ok(match durability {
        Durability::Sync => Arc::new(store),
        Durability::Interval(interval) => Arc::new(WriteBehind::start(Arc::new(store), interval)),
    })
}

impl LocalStore {
    /// Opens the directory, creating it if it is missing, removes what an earlier crash left
    /// behind, and tries out that creating a file is atomic.
    ///
    /// # Errors
    /// `Conflict` when another process uses the directory; `Unsupported` when its file system has
    /// no atomic create; `Full`, `Unavailable`.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let failed = |message: &str, cause: io::Error| {
            io_error(format!("{message} `{}`", root.display()), cause)
        };
        publish::create_directories(root).map_err(|e| failed("cannot create directory", e))?;
        let root = fs::canonicalize(root).map_err(|e| failed("cannot open directory", e))?;
        let lock = DirectoryLock::take(&root)?;
        let publisher = Publisher::start(&root)?;
        Ok(Self {
            shared: Arc::new(Shared {
                root,
                publisher,
                _lock: lock,
            }),
        })
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let shared = Arc::clone(&self.shared);
        match tokio::task::spawn_blocking(move || work(&shared)).await {
            Ok(result) => result,
            Err(cause) => {
                let message = "file access was cut off";
                Err(BlobError::new(BlobErrorKind::Unavailable, message).because(cause))
            }
        }
    }
}

impl BlobStore for LocalStore {
    fn maps(&self) -> bool {
        true
    }

    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: Body,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), BlobError>> {
        let key = key.clone();
        Box::pin(self.blocking(move |shared| {
            let path = shared.root.join(key.as_str());
            shared
                .publisher
                .publish(&path, &body, when)
                .map_err(|error| error.about(&key))
        }))
    }

    fn put_stream<'a>(
        &'a self,
        key: &'a BlobKey,
        bytes: u64,
        source: &'a mut dyn ByteSource,
        when: PutIf,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut staged = self.blocking(|shared| shared.publisher.begin()).await?;
            let mut written = 0;
            loop {
                let (pieces, ended) = gather(source).await?;
                written += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                // A stream that does not end must not fill the disk.
                if written > bytes || (ended && written < bytes) {
                    return Err(wrong_length(key, bytes, written));
                }
                let write = move |_: &Shared| staged.write(&pieces).map(|()| staged);
                staged = self.blocking(write).await?;
                if ended {
                    break;
                }
            }
            let name = key.clone();
            let publish = move |shared: &Shared| {
                let path = shared.root.join(name.as_str());
                let published = shared.publisher.publish_staged(&path, &staged, when);
                published.map_err(|error| error.about(&name))
            };
            self.blocking(publish).await.map_err(Error::from)
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        options: GetOptions,
    ) -> BoxFuture<'a, Result<Blob, BlobError>> {
        Box::pin(async move {
            let path = self.shared.root.join(key.as_str());
            // The writer of a log asks after every commit for an object that is not there, and the
            // system's cache of names says so sooner than another thread is awake.
            reading::refuse_absent(&path).map_err(|error| error.about(key))?;
            let read = move |_: &Shared| reading::read(&path, options);
            self.blocking(read).await.map_err(|error| error.about(key))
        })
    }

    fn size<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        let key = key.clone();
        Box::pin(self.blocking(move |shared| {
            reading::size(&shared.root.join(key.as_str())).map_err(|error| error.about(&key))
        }))
    }

    fn list<'a>(
        &'a self,
        options: ListOptions<'a>,
    ) -> BoxFuture<'a, Result<Vec<BlobMeta>, BlobError>> {
        let prefix = options.prefix.to_owned();
        let start_after = options.start_after.cloned();
        let limit = options.limit;
        Box::pin(self.blocking(move |shared| {
            let start_after = start_after.as_ref();
            reading::list(
                &shared.root,
                ListOptions {
                    prefix: &prefix,
                    start_after,
                    limit,
                },
            )
        }))
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<(), BlobError>> {
        let key = key.clone();
        Box::pin(self.blocking(move |shared| {
            match fs::remove_file(shared.root.join(key.as_str())) {
                Ok(()) => Ok(()),
                Err(cause) if names_no_object(&cause) => Ok(()),
                Err(cause) => Err(io_error("cannot delete a file", cause).about(&key)),
            }
        }))
    }
}

/// The next pieces of `source`, enough for one write, and whether they are the last.
async fn gather(source: &mut dyn ByteSource) -> Result<(Vec<Bytes>, bool), Error> {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < STREAM_WRITE_BYTES {
        match source.next().await? {
            Some(piece) => {
                bytes += piece.len();
                pieces.push(piece);
            }
            None => return Ok((pieces, true)),
        }
    }
    Ok((pieces, false))
}

/// Whether a call failed because there is no file of that name.
fn names_no_object(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

/// The one translation of the operating system's errors.
fn io_error(message: impl Into<String>, cause: io::Error) -> BlobError {
    let kind = match cause.kind() {
        io::ErrorKind::NotFound => BlobErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => BlobErrorKind::Conflict,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            BlobErrorKind::Full
        }
        io::ErrorKind::Unsupported
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename => BlobErrorKind::Unsupported,
        // The operating system's list is open-ended; whatever else happened is not known.
        _ => BlobErrorKind::Unavailable,
    };
    BlobError::new(kind, message).because(cause)
}

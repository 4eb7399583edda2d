//! The directory through which requests may read and write files.

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use app::gateway::Files;
use app::model::{BoxFuture, ByteSource, Error, ErrorKind, SnapshotLocation, Subject};
use bytes::Bytes;

use crate::fetch;

/// Files below one directory; a path that leads out of it is refused.
pub(crate) struct Exchange {
    root: PathBuf,
}

impl Exchange {
    /// The directory at `root`, made if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let made = fs::create_dir_all(root).and_then(|()| root.canonicalize());
        let root = made.map_err(|cause| failed(root, &cause))?;
        Ok(Self { root })
    }

    /// Where `path` is: relative ones begin at the directory, absolute ones must lie in it.
    fn inside(&self, path: &str) -> Result<PathBuf, Error> {
        let refused = || {
            let root = self.root.display();
            Error::invalid(format!("`{path}` does not lie in {root}"))
        };
        let given = Path::new(path);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
        if path.is_empty() || !given.components().all(plain) {
            return Err(refused());
        }
        let whole = self.root.join(given);
        // Links inside may lead anywhere, so the nearest thing that exists decides.
        let mut existing: &Path = &whole;
        while !existing.exists() {
            existing = existing.parent().ok_or_else(refused)?;
        }
        let real = existing.canonicalize().map_err(|_| refused())?;
        if whole.starts_with(&self.root) && real.starts_with(&self.root) {
            Ok(whole)
        } else {
            Err(refused())
        }
    }
}

fn failed(path: &Path, cause: &std::io::Error) -> Error {
    let kind = match cause.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::StorageFull,
        std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        _ => ErrorKind::Invalid,
    };
    let message = format!("{}: {cause}", path.display());
    Error::new(kind, Subject::Request, message)
}

impl Files for Exchange {
    fn exists<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.inside(path)?.exists()) })
    }

    fn create_directory<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = self.inside(path)?;
            fs::create_dir_all(&path).map_err(|cause| failed(&path, &cause))
        })
    }

    fn append<'a>(&'a self, path: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = self.inside(path)?;
            fetch::on_thread(move || {
                let file = fs::OpenOptions::new().create(true).append(true).open(&path);
                let written = file.and_then(|mut file| file.write_all(&bytes));
                written.map_err(|cause| failed(&path, &cause))
            })
            .await
        })
    }

    fn open<'a>(
        &'a self,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Box<dyn ByteSource>>, Error>> {
        Box::pin(async move {
            let path = self.inside(path)?;
            if !path.exists() {
                return Ok(None);
            }
            let path = path.to_string_lossy().into_owned();
            fetch::open(SnapshotLocation::File(path)).await.map(Some)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let exchange = Exchange::open(&folder.path().join("in")).unwrap();
        let inside = exchange.root.join("x/y").display().to_string();
        for good in ["a", "a/b/c", &inside] {
            assert!(exchange.inside(good).is_ok(), "{good}");
        }
        let beside = folder.path().join("other").display().to_string();
        for bad in ["", "..", "a/../../b", "/etc/passwd", &beside] {
            assert!(exchange.inside(bad).is_err(), "{bad}");
        }
    }
}

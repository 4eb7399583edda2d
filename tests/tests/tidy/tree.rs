//! The files of the repository: what git tracks, and what it would track once added.

use std::collections::BTreeSet;
use std::process::Command;

use skerry_tests::repository;

/// A file of the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
}

impl File {
    /// The text, or `None` when the file is not UTF-8.
    pub(crate) fn text(&self) -> Option<String> {
        let bytes = std::fs::read(repository().join(&self.path)).expect("a listed file is there");
        String::from_utf8(bytes).ok()
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path
            .rsplit('/')
            .next()
            .expect("a split yields at least one part")
    }

    /// The last part of the path without what follows its first dot.
    pub(crate) fn stem(&self) -> &str {
        self.name()
            .split('.')
            .next()
            .expect("a split yields at least one part")
    }
}

/// Every file of the repository, in order of path. Ignored files are left out.
pub(crate) fn files() -> Vec<File> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(repository())
        .output()
        .expect("git runs");
    assert!(
        listed.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let text = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let paths: BTreeSet<&str> = text.split('\0').filter(|path| !path.is_empty()).collect();
    let files: Vec<File> = paths
        .into_iter()
        // A file deleted but still in the index.
        .filter(|path| repository().join(path).is_file())
        .map(|path| File {
            path: path.to_owned(),
        })
        .collect();
    assert!(
        files.len() > 50,
        "the listing is too short to be the repository: {}",
        files.len()
    );
    files
}

/// The files whose names end with `suffix`.
pub(crate) fn files_ending(suffix: &str) -> Vec<File> {
    files()
        .into_iter()
        .filter(|file| file.path.ends_with(suffix))
        .collect()
}

//! Words that must not be in the repository, and files that must not.

use skerry_tests::repository;

use crate::assert_none;
use crate::tree::{File, files, files_ending};

/// Lines of text files that hold one of `words`, as `file:line: word`.
fn find(words: &[&str], skip: impl Fn(&File) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !skip(file)) {
        let Some(text) = file.text() else { continue };
        for (index, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {word}", file.path, index + 1));
            }
        }
    }
    found
}

/// Work that is left belongs in the tracker, where someone sees it. The words are put together
/// here so that this file does not hold them.
#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("XX", "X:"),
    ];
    assert_none("unfinished work", &find(&words, |_| false));
}

/// Packages are named, and the ordinary clients know where to find them.
#[test]
fn no_registry_host_is_named() {
    let words = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("files.python", "hosted.org"),
        concat!("registry.npm", "js.org"),
        concat!("deb.debian", ".org"),
        concat!("static.rust-", "lang.org"),
    ];
    // Cargo writes the lock file, and its one registry is part of the format.
    assert_none(
        "registry hosts",
        &find(&words, |file| file.name() == "Cargo.lock"),
    );
}

/// Paths of one machine mean nothing on another.
#[test]
fn no_path_of_one_machine_is_named() {
    let words = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    assert_none("paths of one machine", &find(&words, |_| false));
}

/// The inner layers are portable; only `kernels` may look at the processor.
#[test]
fn only_kernels_look_at_the_processor() {
    let word = concat!("target_", "arch");
    let violations = find(&[word], |file| {
        !file.path.ends_with(".rs") || file.path.starts_with("crates/kernels/")
    });
    assert_none("processor-specific code outside kernels", &violations);
}

/// Unsafe code is kept to kernels, and to the two places that map a file or speak to the guest.
#[test]
fn unsafe_code_is_in_named_places() {
    const NAMED: &[&str] = &[
        "crates/kernels/",
        "crates/storage-object/",
        "crates/guest/",
        "tests/no_std/",
    ];
    let violations = find(
        &[
            concat!("unsafe", " {"),
            concat!("unsafe", " fn"),
            concat!("unsafe", " impl"),
        ],
        |file| {
            !file.path.ends_with(".rs") || NAMED.iter().any(|place| file.path.starts_with(place))
        },
    );
    assert_none("unsafe code", &violations);
}

#[test]
fn no_large_file_is_tracked() {
    const BYTES_MAX: u64 = 2 << 20;
    let violations: Vec<String> = files()
        .iter()
        .filter_map(|file| {
            let bytes = repository().join(&file.path).metadata().ok()?.len();
            (bytes > BYTES_MAX).then(|| format!("{}:1: {bytes} bytes", file.path))
        })
        .collect();
    assert_none("large files", &violations);
}

/// A shell script without its mode bit fails only on someone else's machine.
#[test]
fn scripts_are_executable() {
    use std::os::unix::fs::PermissionsExt;
    let violations: Vec<String> = files()
        .iter()
        .filter(|file| file.text().is_some_and(|text| text.starts_with("#!/")))
        .filter(|file| {
            let mode = repository()
                .join(&file.path)
                .metadata()
                .expect("it is there")
                .permissions();
            mode.mode() & 0o111 == 0
        })
        .map(|file| format!("{}:1: not executable", file.path))
        .collect();
    assert_none("scripts", &violations);
}

/// Tests that can be skipped rot unseen: a test that cannot run must fail and say why.
#[test]
fn no_test_is_ignored() {
    let violations: Vec<String> = files_ending(".rs")
        .iter()
        .flat_map(|file| {
            let text = file.text().unwrap_or_default();
            let lines = text
                .lines()
                .enumerate()
                .filter(|(_, line)| line.trim_start().starts_with(concat!("#[ign", "ore")));
            lines
                .map(|(index, _)| format!("{}:{}", file.path, index + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none("ignored tests", &violations);
}

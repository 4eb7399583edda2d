//! Names of files, and the line that says what a file is for.

use crate::assert_none;
use crate::tree::{files, files_ending};

/// Names that say nothing about what is inside; such files grow into hubs that everything edits.
const BANNED: &[&str] = &[
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "types",
    "conversions",
];

#[test]
fn no_file_or_folder_is_a_junk_drawer() {
    let violations: Vec<String> = files()
        .iter()
        .filter(|file| {
            file.path.split('/').any(|part| {
                let stem = part
                    .split('.')
                    .next()
                    .expect("a split yields at least one part");
                BANNED.contains(&stem)
            })
        })
        .map(|file| format!("{}:1: name the file after the idea in it", file.path))
        .collect();
    assert_none("banned names", &violations);
}

#[test]
fn every_source_file_opens_by_saying_its_job() {
    let violations: Vec<String> = files_ending(".rs")
        .iter()
        .filter(|file| !file.text().is_some_and(|text| text.starts_with("//! ")))
        .map(|file| format!("{}:1: the first line must be a `//!` comment", file.path))
        .collect();
    assert_none("opening comment", &violations);
}

#[test]
fn python_tests_open_by_saying_their_job() {
    let violations: Vec<String> = files_ending(".py")
        .iter()
        .filter(|file| !file.text().is_some_and(|text| text.starts_with("\"\"\"")))
        .map(|file| format!("{}:1: the first line must open a docstring", file.path))
        .collect();
    assert_none("opening docstring", &violations);
}

//! Paths named in the documentation exist: maps rot when nobody walks them.

use std::collections::BTreeSet;
use std::path::Path;

use skerry_tests::repository;

use crate::assert_none;
use crate::tree::{File, files};

/// What may stand at the top level; a word in backticks that starts with one of these and a slash
/// is taken for a path.
const TOP_LEVEL: &[&str] = &[
    "crates", "docs", "tests", "scripts", "workers", "wasm", ".ci", ".config", ".cargo",
];

fn documents() -> Vec<File> {
    let is_document =
        |path: &str| path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'));
    files()
        .into_iter()
        .filter(|file| is_document(&file.path))
        .collect()
}

/// The words in backticks and the targets of links of one line.
fn mentions(line: &str) -> Vec<(String, bool)> {
    let in_backticks = line
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|word| (word.to_owned(), false));
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    in_backticks
        .chain(targets.map(|target| (target.to_owned(), true)))
        .collect()
}

/// `a/{b,c}/d` as `a/b/d` and `a/c/d`.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let Some((inside, after)) = rest.split_once('}') else {
        return vec![path.to_owned()];
    };
    inside
        .split(',')
        .flat_map(|choice| expand(&format!("{before}{choice}{after}")))
        .collect()
}

/// The path that a word in backticks names, if it looks like one of ours.
fn as_path(word: &str) -> Option<String> {
    let word = word.strip_prefix("./").unwrap_or(word);
    let odd = |c: char| c.is_whitespace() || "*<>$()|=\"'".contains(c);
    if word.is_empty() || word.contains(odd) || word.contains("...") || word.contains('…') {
        return None;
    }
    let (first, rest) = word.split_once('/')?;
    let last = rest.trim_end_matches(|c: char| c == ':' || c.is_ascii_digit());
    TOP_LEVEL
        .contains(&first)
        .then(|| format!("{first}/{}", last.split("::").next().unwrap_or("")))
}

/// What one line names that is not there.
fn missing_in(line: &str, folder: &Path, names: &BTreeSet<String>) -> Vec<String> {
    let mut missing = Vec::new();
    for (word, is_link) in mentions(line) {
        let is_file_name = word.ends_with(".rs") && !word.contains(['/', '*', ' ']);
        if is_link {
            let target = word.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.is_empty();
            if !outside && !repository().join(folder).join(target).exists() {
                missing.push(target.to_owned());
            }
        } else if let Some(path) = as_path(&word) {
            missing.extend(
                expand(&path)
                    .into_iter()
                    .filter(|it| !repository().join(it).exists()),
            );
        } else if is_file_name && !names.contains(&word) {
            missing.push(word);
        }
    }
    missing
}

#[test]
fn paths_in_the_documentation_exist() {
    let names: BTreeSet<String> = files().iter().map(|file| file.name().to_owned()).collect();
    let mut violations = Vec::new();
    for file in documents() {
        let folder = Path::new(&file.path)
            .parent()
            .unwrap_or(Path::new(""))
            .to_path_buf();
        let mut fenced = false;
        for (index, line) in file.text().unwrap_or_default().lines().enumerate() {
            // Fenced blocks are programs and their output, not claims about the tree.
            fenced ^= line.trim_start().starts_with("```");
            if !fenced {
                violations.extend(
                    missing_in(line, &folder, &names)
                        .into_iter()
                        .map(|what| format!("{}:{}: there is no {what}", file.path, index + 1)),
                );
            }
        }
    }
    assert_none("dead paths", &violations);
}

/// The way in exists at all, so that an empty `docs` cannot pass.
#[test]
fn the_documents_of_the_project_exist() {
    let wanted = [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs/ARCHITECTURE.md",
        "docs/FORMAT.md",
        "docs/testing.md",
        "docs/decisions",
    ];
    let violations: Vec<String> = wanted
        .iter()
        .filter(|path| !repository().join(path).exists())
        .map(|path| format!("{path}:1: missing"))
        .collect();
    assert_none("documents", &violations);
}

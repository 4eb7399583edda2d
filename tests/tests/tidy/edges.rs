//! Which crate may depend on which, and what may not enter the core.

use std::collections::{BTreeMap, BTreeSet};

use skerry_tests::repository;

use crate::assert_none;
use crate::tree::{File, files_ending};

/// The layers, lowest first: a crate and the crates of ours that it may depend on. `*` is a free
/// hand. Everything that is absent is forbidden: a dialect cannot see the engine, and the engine
/// cannot see a dialect.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("rows", &[]),
    ("kernels", &[]),
    ("index", &["model", "rows", "kernels"]),
    ("text", &["model", "rows"]),
    ("scalar", &["model"]),
    ("filter", &["model", "rows", "scalar", "text"]),
    (
        "engine",
        &["model", "rows", "kernels", "index", "text", "filter"],
    ),
    ("storage", &["model"]),
    ("storage-object", &["storage", "model"]),
    ("database", &["model", "engine", "storage"]),
    ("gateway", &["model", "kernels"]),
    ("dialects/where-clause", &["model"]),
    ("dialects/qdrant", &["gateway", "model", "text"]),
    ("dialects/milvus", &["gateway", "model"]),
    (
        "dialects/infinity",
        &["gateway", "model", "scalar", "text", "where-clause"],
    ),
    (
        "dialects/lynse",
        &["gateway", "model", "text", "where-clause"],
    ),
    (
        "dialects",
        &["gateway", "model", "qdrant", "milvus", "infinity", "lynse"],
    ),
    (
        "app",
        &[
            "database", "dialects", "gateway", "model", "storage", "engine",
        ],
    ),
    ("server", &["app", "storage-object"]),
    ("workers", &["app"]),
    ("wasm", &["app"]),
    ("testkit", &["*"]),
    ("bench", &["*"]),
    ("guest", &["*"]),
];

/// Crates that the tests of any crate may use besides its own dependencies.
const FOR_TESTS: &[&str] = &["testkit"];

/// The crates whose types must stay free of any wire format.
const CORE: &[&str] = &[
    "model", "rows", "kernels", "index", "text", "scalar", "filter", "engine",
];

/// What would bring a wire format, a transport or a runtime into the core.
const NOT_IN_CORE: &[&str] = &[
    "serde",
    "serde_json",
    "http",
    "http-body",
    "hyper",
    "axum",
    "tokio",
    "reqwest",
];

/// Adapters that stand beside `crates/` at the top of the repository.
const ADAPTERS: &[&str] = &["wasm", "workers"];

/// A manifest of ours, read.
struct Manifest {
    file: File,
    /// `engine`, `dialects/qdrant`, …
    krate: String,
    table: toml::Table,
}

impl Manifest {
    /// The names under `[dependencies]`, target tables included.
    fn dependencies(&self, kind: &str) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = keys(self.table.get(kind)).collect();
        let targets = self.table.get("target").and_then(toml::Value::as_table);
        for target in targets.into_iter().flat_map(toml::Table::values) {
            names.extend(keys(target.get(kind)));
        }
        names
    }

    /// The line that names a dependency, for messages.
    fn line_of(&self, dependency: &str) -> usize {
        let text = self.file.text().unwrap_or_default();
        let found = text.lines().position(|line| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        });
        found.map_or(1, |index| index + 1)
    }
}

fn keys(table: Option<&toml::Value>) -> impl Iterator<Item = String> {
    let table = table
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    table.into_iter().map(|(name, _)| name)
}

fn manifests() -> Vec<Manifest> {
    files_ending("Cargo.toml")
        .into_iter()
        .filter_map(|file| {
            let folder = file.path.strip_suffix("/Cargo.toml")?;
            let krate = match folder.strip_prefix("crates/") {
                Some(krate) => krate.to_owned(),
                None => folder.to_owned(),
            };
            if krate == folder && !ADAPTERS.contains(&folder) {
                return None;
            }
            let table = file.text()?.parse().expect("a manifest is TOML");
            Some(Manifest { file, krate, table })
        })
        .collect()
}

/// The names under which the workspace hands out its own crates.
fn ours() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("Cargo.toml")).expect("a root manifest");
    let root: toml::Table = text.parse().expect("a manifest is TOML");
    let all = root["workspace"]["dependencies"]
        .as_table()
        .expect("the workspace's dependencies");
    all.iter()
        .filter(|(_, value)| value.get("path").is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn crates_depend_only_downwards() {
    let (ours, table): (_, BTreeMap<_, _>) = (ours(), EDGES.iter().copied().collect());
    let mut violations = Vec::new();
    for manifest in manifests() {
        let path = &manifest.file.path;
        let Some(allowed) = table.get(manifest.krate.as_str()) else {
            violations.push(format!("{path}:1: add the crate to the table of edges"));
            continue;
        };
        let free = |name: &str| allowed.contains(&"*") || allowed.contains(&name);
        for name in manifest.dependencies("dependencies").intersection(&ours) {
            if !free(name) {
                let line = manifest.line_of(name);
                violations.push(format!(
                    "{path}:{line}: {} may not use {name}",
                    manifest.krate
                ));
            }
        }
        for name in manifest
            .dependencies("build-dependencies")
            .intersection(&ours)
        {
            let line = manifest.line_of(name);
            violations.push(format!("{path}:{line}: a build script may not use {name}"));
        }
    }
    assert_none("dependency edges", &violations);
}

/// Tests may reach for `testkit` and for what lies below a dependency, never upwards.
#[test]
fn tests_do_not_reach_upwards() {
    let (ours, table): (_, BTreeMap<_, _>) = (ours(), EDGES.iter().copied().collect());
    let mut violations = Vec::new();
    for manifest in manifests() {
        let mut below: BTreeSet<&str> = FOR_TESTS.iter().copied().collect();
        let mut waiting: Vec<&str> = table
            .get(manifest.krate.as_str())
            .map_or(vec![], |x| x.to_vec());
        if waiting.contains(&"*") || manifest.krate == "server" {
            continue;
        }
        while let Some(name) = waiting.pop() {
            if below.insert(name) {
                let folder = EDGES
                    .iter()
                    .find(|(krate, _)| krate.rsplit('/').next().is_some_and(|last| last == name));
                waiting.extend(folder.map_or(&[][..], |(_, edges)| edges));
            }
        }
        // The database is tested on a real directory, which is an adapter's.
        if ["database", "app"].contains(&manifest.krate.as_str()) {
            below.insert("storage-object");
        }
        for name in manifest
            .dependencies("dev-dependencies")
            .intersection(&ours)
        {
            if !below.contains(name.as_str()) {
                let (path, line) = (&manifest.file.path, manifest.line_of(name));
                violations.push(format!(
                    "{path}:{line}: tests of {} may not use {name}",
                    manifest.krate
                ));
            }
        }
    }
    assert_none("dependency edges of tests", &violations);
}

/// Exactly one outer layer knows JSON. `index` is let off for `serde` alone: the only way to take
/// the graph out of `instant-distance` is to serialise it into a serialiser of ours.
#[test]
fn the_core_knows_no_wire_format() {
    let mut violations = Vec::new();
    for manifest in manifests()
        .iter()
        .filter(|x| CORE.contains(&x.krate.as_str()))
    {
        for name in manifest.dependencies("dependencies") {
            let excepted = manifest.krate == "index" && name == "serde";
            if NOT_IN_CORE.contains(&name.as_str()) && !excepted {
                let (path, line) = (&manifest.file.path, manifest.line_of(&name));
                violations.push(format!("{path}:{line}: the core may not use {name}"));
            }
        }
    }
    assert_none("wire formats in the core", &violations);
}

/// The exception above is for reading a foreign graph, not for serialising types of ours.
#[test]
fn the_core_derives_no_serialisation() {
    let mut violations = Vec::new();
    for file in files_ending(".rs") {
        let core = CORE
            .iter()
            .any(|krate| file.path.starts_with(&format!("crates/{krate}/src/")));
        let text = file.text().unwrap_or_default();
        let product = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]");
        for (index, line) in product.enumerate().filter(|_| core) {
            let derives = line.trim_start().starts_with("#[derive(");
            if derives && (line.contains("Serialize") || line.contains("Deserialize")) {
                violations.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    assert_none("serialisation derived in the core", &violations);
}

/// The leaves run where there is no std at all; `tests/no_std` links them that way.
#[test]
fn the_leaves_are_no_std() {
    let violations: Vec<String> = ["model", "rows", "kernels"]
        .iter()
        .map(|krate| File {
            path: format!("crates/{krate}/src/lib.rs"),
        })
        .filter(|file| {
            let text = file.text().unwrap_or_default();
            !text.contains("#![no_std]") && !text.contains("#![cfg_attr(not(test), no_std)]")
        })
        .map(|file| format!("{}:1: missing #![no_std]", file.path))
        .collect();
    assert_none("no_std leaves", &violations);
}

//! Precedence, defaults and refusals of the settings.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use clap::{CommandFactory, Parser};

use super::*;
use crate::cli::Cli;

const DIALECTS: &[&str] = &["qdrant"];

fn load(arguments: &[&str]) -> Result<Settings, String> {
    let arguments = ["skerry"].iter().chain(arguments);
    let cli = Cli::try_parse_from(arguments).map_err(|error| error.to_string())?;
    Settings::load(&cli.serve, DIALECTS).map_err(|error| error.to_string())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings with {:?} in {}", self.endpoints, self.data)
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.data, Data::Directory("./skerry-data".into()));
    assert_eq!(settings.listen, IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(settings.endpoints, [(6333, Endpoint::Dialect("qdrant"))]);
    assert_eq!(settings.durability, Durability::Sync);
    assert_eq!(settings.log_format, LogFormat::Text);
    assert_eq!((settings.api_key, settings.missing.len()), (None, 0));
}

#[test]
fn the_help_names_every_usual_port() {
    let help = Cli::command().render_long_help().to_string();
    for (name, port) in USUAL_PORTS {
        assert!(help.contains(&format!("--{name}-port")), "{name}");
        assert!(help.contains(&format!("[default: {port}]")), "{port}");
    }
}

#[test]
fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
    let file = file("qdrant_port = 7001\ndata = \"memory:\"\ndurability = \"interval=50\"\n");
    let path = file.path().to_str().unwrap();
    let settings = load(&["--config", path, "--qdrant-port", "7002"]).unwrap();
    assert_eq!(settings.endpoints, [(7002, Endpoint::Dialect("qdrant"))]);
    assert_eq!(settings.data, Data::Memory);
    assert_eq!(settings.durability, Durability::Interval { period_ms: 50 });
}

#[test]
fn one_port_takes_the_place_of_the_usual_ones() {
    let all = Endpoint::All { root: "qdrant" };
    assert_eq!(
        load(&["--port", "80"]).unwrap().endpoints,
        [(80, all.clone())]
    );
    let both = load(&["--port", "80", "--qdrant-port", "81"]).unwrap();
    assert_eq!(
        both.endpoints,
        [(81, Endpoint::Dialect("qdrant")), (80, all)]
    );
}

#[test]
fn an_interface_that_is_asked_for_and_missing_is_named() {
    let settings = load(&["--milvus-port", "19121"]).unwrap();
    assert_eq!(settings.missing, ["milvus"]);
    assert_eq!(load(&["--milvus-port", "0"]).unwrap().missing, [""; 0]);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let unknown = file("qdrant_prot = 1\n");
    let unknown = unknown.path().to_str().unwrap();
    let wrong = file("qdrant_port = \"many\"\n");
    let wrong = wrong.path().to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--qdrant-port", "0"], "nothing would listen"),
        (&["--qdrant-port", "70000"], "70000"),
        (&["--port", "9", "--qdrant-port", "9"], "port 9"),
        (&["--root-dialect", "milvus"], "no interface `milvus`"),
        (&["--data", "s3:bucket"], "s3://BUCKET"),
        (&["--data", "http://host"], "no store"),
        (&["--data", "memory:x"], "memory:"),
        (&["--data", ""], "directory"),
        (&["--durability", "never"], "interval=MS"),
        (&["--durability", "interval=0"], "1 to 60000"),
        (&["--log-format", "xml"], "`json`"),
        (&["--listen", "localhost:1"], "--listen"),
        (&["--api-key", "a", "--read-only-api-key", "a"], "same key"),
        (&["--read-only-api-key", "a"], "nobody could write"),
        (&["--config", "/no/such/file"], "/no/such/file"),
        (&["--config", unknown], "qdrant_prot"),
        (&["--config", wrong], "qdrant_port"),
    ];
    for (arguments, part) in cases {
        let refusal = load(arguments).expect_err("it cannot be");
        assert!(refusal.contains(part), "{arguments:?}: {refusal}");
    }
}

#[test]
fn an_empty_key_is_no_key() {
    assert_eq!(load(&["--api-key", ""]).unwrap().api_key, None);
}

#[test]
fn tokens_and_second_keys_come_from_every_source() {
    let settings = load(&["--api-key", "a", "--alt-api-key", "b", "--jwt-rbac"]).unwrap();
    assert_eq!(settings.alt_api_key.as_deref(), Some("b"));
    assert!(settings.jwt_rbac);
    let file = file("alt_api_key = \"b\"\njwt_rbac = true\n");
    let path = file.path().to_str().unwrap();
    let settings = load(&["--config", path]).unwrap();
    assert!(settings.jwt_rbac && settings.asks_for_keys());
    let off = load(&["--config", path, "--jwt-rbac", "false"]).unwrap();
    assert!(!off.jwt_rbac);
    let alone = load(&["--jwt-rbac"]).unwrap_err();
    assert!(alone.contains("jwt_rbac needs an api_key"), "{alone}");
}

//! `skerry import`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use rustix::process::Signal;

use crate::server::{Server, skerry};

/// 1,000 rows of two components, the last `odd` of them with a vector that is too long.
fn lines(folder: &Path, odd: usize) -> PathBuf {
    let mut text = String::new();
    for row in 0..1000 {
        let more = if row >= 1000 - odd { ",0" } else { "" };
        writeln!(text, "{{\"vector\":[{row},1{more}],\"row\":{row}}}").unwrap();
    }
    let file = folder.join("rows.jsonl");
    std::fs::write(&file, text).unwrap();
    file
}

fn import(file: &Path, more: &[&str]) -> Output {
    let mut command = skerry();
    command.args([
        "import",
        file.to_str().unwrap(),
        "--collection",
        "c",
        "--metric",
        "l2",
    ]);
    command.args(more).output().unwrap()
}

fn count(server: &Server) -> u64 {
    let (status, reply) = server.ask("POST", "/collections/c/points/count", "{}");
    assert_eq!(status, 200, "{reply}");
    reply["result"]["count"].as_u64().unwrap()
}

#[test]
fn a_file_goes_to_a_running_server_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("memory:".as_ref(), &[]);
    let url = format!("http://{}", server.address);
    for _ in 0..2 {
        let output = import(&lines(folder.path(), 0), &["--url", &url, "--batch", "64"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("1000 rows are in `c`"));
        assert_eq!(count(&server), 1000);
    }
    let (_, point) = server.ask("GET", "/collections/c/points/999", "");
    assert_eq!(point["result"]["payload"]["row"], 999);
    let (_, info) = server.ask("GET", "/collections/c", "");
    assert_eq!(
        info["result"]["config"]["params"]["vectors"]["distance"],
        "Euclid"
    );
}

#[test]
fn a_file_goes_into_a_directory_and_a_server_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = lines(folder.path(), 0);
    let output = import(&file, &["--data", data.to_str().unwrap(), "--limit", "700"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let server = Server::start(&data, &[]);
    assert_eq!(count(&server), 700);
    let output = import(&file, &["--data", data.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "the directory is the server's"
    );
    server.signal(Signal::TERM);
    assert!(server.end().0.success());
}

#[test]
fn an_import_that_breaks_off_says_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("memory:".as_ref(), &[]);
    let url = format!("http://{}", server.address);
    let options = ["--url", url.as_str(), "--batch", "10"];
    let output = import(&lines(folder.path(), 5), &options);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("line 996") && text.contains("3 components"),
        "{text}"
    );
    assert!(text.contains("--skip 995"), "{text}");
    assert_eq!(count(&server), 995);
    let file = lines(folder.path(), 0);
    let output = import(&file, &[&options[..], &["--skip", "995"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(count(&server), 1000);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = import(&lines(folder.path(), 0), &["--url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("127.0.0.1:1"), "{text}");
}

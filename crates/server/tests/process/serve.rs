//! `skerry serve`.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::server::{Server, answer, exchange, free_port, head, skerry};

const SCHEMA: &str = r#"{"vectors":{"size":2,"distance":"Dot"}}"#;
const POINTS: &str = r#"{"points":[{"id":1,"vector":[1,0],"payload":{"a":"b"}},
                                    {"id":2,"vector":[0,1]}]}"#;

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.ask("PUT", "/collections/c", SCHEMA).0, 200);
    assert_eq!(
        server
            .ask("PUT", "/collections/c/points?wait=true", POINTS)
            .0,
        200
    );
    server.signal(Signal::TERM);
    let (status, printed, logged) = server.end();
    assert!(status.success(), "{status}: {logged}");
    assert!(printed.contains("try: curl http://127.0.0.1:"), "{printed}");

    let server = Server::start(folder.path(), &[]);
    let query = r#"{"query":[1,0.5],"limit":1,"with_payload":true}"#;
    let (status, found) = server.ask("POST", "/collections/c/points/query", query);
    assert_eq!(status, 200);
    assert_eq!(found["result"]["points"][0]["id"], 1);
    assert_eq!(found["result"]["points"][0]["payload"], json!({"a": "b"}));
    server.signal(Signal::INT);
    assert!(server.end().0.success());
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let server = Server::start("memory:".as_ref(), &[]);
    server.ask("PUT", "/collections/c", SCHEMA);
    let idle = server.connect();
    let mut stream = server.connect();
    let (early, late) = POINTS.split_at(20);
    stream
        .write_all(head("PUT", "/collections/c/points?wait=true", POINTS.len()).as_bytes())
        .unwrap();
    stream.write_all(early.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(late.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).0, 200);
    assert_eq!(
        (&idle).read(&mut [0]).unwrap(),
        0,
        "idle connections are closed"
    );
    assert!(server.end().0.success());
}

#[test]
fn a_second_signal_does_not_wait() {
    let server = Server::start("memory:".as_ref(), &[]);
    let mut stream = server.connect();
    stream
        .write_all(head("PUT", "/collections/c", 1000).as_bytes())
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    server.signal(Signal::TERM);
    assert_eq!(server.end().0.code(), Some(1));
}

#[test]
fn connections_are_kept_and_bodies_bounded() {
    let server = Server::start("memory:".as_ref(), &[]);
    let mut stream = server.connect();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, "GET", "/collections", "").0, 200);
    }
    assert_eq!(exchange(&mut stream, "GET", "/nowhere", "").0, 404);
    // It comes in pieces that the server joins.
    let body = format!("{}{}", SCHEMA.trim_end_matches('}'), " ".repeat(3 << 20)) + "}}";
    let (status, text) = exchange(&mut stream, "PUT", "/collections/c", &body);
    assert_eq!(status, 200, "{text}");
    let (_, info) = server.ask("GET", "/collections/c", "");
    assert_eq!(info["result"]["config"]["params"]["vectors"]["size"], 2);
    let body = " ".repeat(33 << 20);
    let (status, text) = exchange(&mut stream, "PUT", "/collections/c", &body);
    assert!(matches!(status, 400 | 413), "{status}: {text}");
    // The connection is closed then, and a new one works.
    assert_eq!(server.ask("GET", "/collections", "").0, 200);
}

#[test]
fn bodies_without_a_length_are_bounded_too() {
    let server = Server::start("memory:".as_ref(), &[]);
    let mut stream = server.connect();
    let head = "PUT /collections/c HTTP/1.1\r\nhost: l\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let (chunk, size) = (" ".repeat(1 << 20), 1 << 20);
    for _ in 0..33 {
        stream
            .write_all(format!("{size:x}\r\n{chunk}\r\n").as_bytes())
            .unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let (status, text) = answer(&mut stream);
    assert!(matches!(status, 400 | 413), "{status}: {text}");
    let mut stream = server.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let (first, second) = SCHEMA.split_at(5);
    for part in [first, second] {
        stream
            .write_all(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes())
            .unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(answer(&mut stream).0, 200);
}

#[test]
fn one_port_serves_every_interface_behind_its_name() {
    let port = free_port();
    let server = Server::start("memory:".as_ref(), &["--port", &port.to_string()]);
    let shared = |path| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        exchange(&mut stream, "GET", path, "").0
    };
    assert_eq!(shared("/qdrant/collections"), 200);
    assert_eq!(
        shared("/collections"),
        200,
        "the root is Qdrant's unless told otherwise"
    );
    assert_eq!(shared("/lynse/collections"), 404);
    assert_eq!(
        server.ask("GET", "/qdrant/collections", "").0,
        404,
        "no prefix on its own port"
    );
}

#[test]
fn keys_are_asked_for() {
    let keys = ["--api-key", "all", "--read-only-api-key", "look"];
    let server = Server::start("memory:".as_ref(), &keys);
    assert_eq!(server.ask("GET", "/collections", "").0, 401);
    for (key, method, path, status) in [
        ("look", "GET", "/collections", 200),
        ("look", "DELETE", "/collections/c", 403),
        ("all", "DELETE", "/collections/c", 200),
        ("none", "GET", "/collections", 401),
    ] {
        let mut stream = server.connect();
        let request = format!("{method} {path} HTTP/1.1\r\nhost: l\r\napi-key: {key}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let (got, text) = answer(&mut stream);
        assert_eq!(got, status, "{key} {method} {path}: {text}");
    }
}

#[test]
fn metrics_tell_about_collections_and_process() {
    let server = Server::start("memory:".as_ref(), &[]);
    server.ask("PUT", "/collections/c", SCHEMA);
    server.ask("PUT", "/collections/c/points?wait=true", POINTS);
    let (status, text) = server.ask("GET", "/metrics", "");
    assert_eq!(status, 200);
    let text = text.as_str().unwrap().to_owned();
    for part in [
        "collections_total 1\n",
        "collection_points{id=\"c\"} 2\n",
        "skerry_growing_rows{id=\"c\"} 2\n",
        "skerry_writes_total{id=\"c\"} 1\n",
        "process_resident_memory_bytes ",
        "rest_responses_total{method=\"PUT\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let mut names: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("# TYPE"))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a family appears twice");
}

#[test]
fn a_directory_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), &[]);
    let second = skerry()
        .args(["--data", folder.path().to_str().unwrap()])
        .args(["--qdrant-port", &free_port().to_string()])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = Server::start("memory:".as_ref(), &[]);
    let port = server.address.port().to_string();
    let second = skerry()
        .args(["--data", "memory:", "--qdrant-port", &port])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains(&port), "{text}");
}

#[test]
fn the_environment_and_a_file_are_settings_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("skerry.toml");
    std::fs::write(
        &file,
        "data = \"memory:\"\nlog_format = \"json\"\nlisten = \"nowhere\"\n",
    )
    .unwrap();
    let output = skerry()
        .args(["--config", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("listen") && text.contains("skerry.toml"),
        "{text}"
    );
    let output = skerry().env("SKERRY_QDRANT_PORT", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("nothing would listen"), "{text}");
}

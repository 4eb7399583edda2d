//! What every file format gives, and what is said about files that are wrong.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use clap::Parser;
use serde_json::json;

use super::source::{Position, Row};
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: ImportOptions,
}

fn options(file: &Path, more: &[&str]) -> ImportOptions {
    let file = file.to_str().unwrap();
    let line = ["import", file, "--collection", "c"]
        .into_iter()
        .chain(more.iter().copied());
    Line::try_parse_from(line).unwrap().options
}

/// A file called `name` with `bytes`, in a folder that lives as long as the first of the pair.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn rows(options: &ImportOptions) -> Result<Vec<Row>, String> {
    let source = open(options).map_err(|error| error.to_string())?;
    source
        .rows
        .collect::<Result<_, _>>()
        .map_err(|error: ImportError| error.to_string())
}

fn npy(rows: usize, dim: usize) -> Vec<u8> {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..rows * dim).flat_map(|x| (x as f32).to_le_bytes()));
    bytes
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lines_of_json_may_have_their_payload_inside_or_beside() {
    let text = "{\"id\": 7, \"vector\": [1, 2.5], \"payload\": {\"a\": 1}}\n\n\
                {\"vector\": [3, 4], \"a\": 2, \"payload\": \"text\"}\n\
                {\"id\": \"0b5b1e1c-4f5e-4a55-8f0b-2f9d6a3c1c11\", \"vector\": [0, 0]}";
    let (_folder, path) = file("a.jsonl", text.as_bytes());
    let rows = rows(&options(&path, &[])).unwrap();
    let payload = |at: usize| serde_json::Value::from(rows[at].payload.clone());
    assert_eq!(
        (rows[0].id.clone(), rows[0].vector.clone()),
        (json!(7), vec![1.0, 2.5])
    );
    assert_eq!(payload(0), json!({"a": 1}));
    assert_eq!(
        (rows[1].id.clone(), rows[1].at),
        (json!(1), Position::Line(3))
    );
    assert_eq!(payload(1), json!({"a": 2, "payload": "text"}));
    assert_eq!(rows[2].id, json!("0b5b1e1c-4f5e-4a55-8f0b-2f9d6a3c1c11"));
    assert_eq!(payload(2), json!({}));
}

#[test]
fn packed_lines_are_unpacked_and_fields_can_be_named() {
    let (_folder, path) = file("a.jsonl.gz", &packed("{\"key\": 3, \"e\": [1]}\n"));
    let rows = rows(&options(
        &path,
        &["--vector-field", "e", "--id-field", "key"],
    ))
    .unwrap();
    assert_eq!(
        (rows[0].id.clone(), rows[0].vector.clone()),
        (json!(3), vec![1.0])
    );
}

#[test]
fn what_is_wrong_with_a_line_is_said_with_its_number() {
    for (line, part) in [
        ("{\"vector\": [1", "EOF"),
        ("[1, 2]", "no JSON object"),
        ("{\"id\": 1}", "no field `vector`"),
        ("{\"vector\": 5}", "no array"),
        ("{\"vector\": [1, \"x\"]}", "component 1"),
        ("{\"vector\": [1e39]}", "component 0"),
        ("{\"id\": -1, \"vector\": [1]}", "not -1"),
        ("{\"id\": 1.5, \"vector\": [1]}", "not 1.5"),
    ] {
        let (_folder, path) = file(
            "a.jsonl",
            format!("{{\"vector\": [1]}}\n{line}\n").as_bytes(),
        );
        let refusal = rows(&options(&path, &[])).unwrap_err();
        assert!(
            refusal.contains("line 2") && refusal.contains(part),
            "{line}: {refusal}"
        );
    }
}

#[test]
fn arrays_take_payloads_from_a_second_file() {
    let (_folder, path) = file("a.npy", &npy(4, 2));
    let (_other, payload) = file("p.jsonl.gz", &packed("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"));
    let payload = payload.to_str().unwrap();
    let window = ["--payload", payload, "--skip", "1", "--limit", "2"];
    let some = rows(&options(&path, &window)).unwrap();
    assert_eq!(some.len(), 2);
    assert_eq!(
        (some[0].id.clone(), some[0].vector.clone()),
        (json!(1), vec![2.0, 3.0])
    );
    assert_eq!(some[1].payload["n"], 2);
    let refusal = rows(&options(&path, &["--payload", payload])).unwrap_err();
    assert!(
        refusal.contains("row 3") && refusal.contains("ends"),
        "{refusal}"
    );
    let (_lines, lines) = file("a.jsonl", b"{}");
    let refusal = rows(&options(&lines, &["--payload", payload])).unwrap_err();
    assert!(refusal.contains("bring their own"), "{refusal}");
}

#[test]
fn arrays_that_end_early_are_noticed() {
    let mut bytes = npy(3, 2);
    bytes.truncate(bytes.len() - 1);
    let (_folder, path) = file("a.npy", &bytes);
    let refusal = rows(&options(&path, &[])).unwrap_err();
    assert!(refusal.contains("row 2"), "{refusal}");
}

#[test]
fn vectors_with_their_lengths_are_read_and_odd_ones_refused() {
    let row = |dim: u32, x: f32| [dim.to_le_bytes(), x.to_le_bytes(), x.to_le_bytes()].concat();
    let (_folder, path) = file("a.fvecs", &[row(2, 1.0), row(2, 2.0)].concat());
    let both = rows(&options(&path, &[])).unwrap();
    assert_eq!(
        (both[1].id.clone(), both[1].vector.clone()),
        (json!(1), vec![2.0, 2.0])
    );
    for (bytes, part) in [
        ([row(2, 1.0), row(3, 2.0)].concat(), "row 1"),
        (row(3, 1.0), "no whole number"),
        (row(0, 1.0), "0 components"),
        (Vec::new(), "empty"),
    ] {
        let (_folder, path) = file("a.fvecs", &bytes);
        let refusal = rows(&options(&path, &[])).unwrap_err();
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[test]
fn names_of_files_decide_their_format() {
    let refusal = rows(&options(Path::new("a.csv"), &[])).unwrap_err();
    assert!(refusal.contains(".jsonl"), "{refusal}");
    let refusal = rows(&options(Path::new("/no/such.npy"), &[])).unwrap_err();
    assert!(refusal.contains("/no/such.npy"), "{refusal}");
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use super::*;
    use ::parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    const SCHEMA: &str = "message rows {
        required int64 key;
        optional binary name (STRING);
        required int64 at (TIMESTAMP(MILLIS, true));
        required group e (LIST) { repeated group list { required float element; } }
    }";

    /// Two rows; the second has no name.
    fn write() -> Vec<u8> {
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut bytes = Vec::new();
        let properties = Arc::new(WriterProperties::default());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[5, 6], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let name = [ByteArray::from("first")];
        column
            .typed::<ByteArrayType>()
            .write_batch(&name, Some(&[1, 0]), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[0, 1_709_208_000_000], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let (values, levels) = ([1.0, 2.0, 3.0, 4.0], ([1, 1, 1, 1], [0, 1, 0, 1]));
        let vectors = column.typed::<FloatType>();
        vectors
            .write_batch(&values, Some(&levels.0), Some(&levels.1))
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn columns_become_ids_vectors_and_payload() {
        let (_folder, path) = file("a.parquet", &write());
        let rows = rows(&options(
            &path,
            &["--vector-field", "e", "--id-field", "key"],
        ))
        .unwrap();
        assert_eq!(
            (rows[0].id.clone(), rows[0].vector.clone()),
            (json!(5), vec![1.0, 2.0])
        );
        let payload = json!({"name": "first", "at": "1970-01-01T00:00:00.000+00:00"});
        assert_eq!(serde_json::Value::from(rows[0].payload.clone()), payload);
        assert_eq!(
            (rows[1].id.clone(), rows[1].vector.clone()),
            (json!(6), vec![3.0, 4.0])
        );
        let payload = json!({"name": null, "at": "2024-02-29T12:00:00.000+00:00"});
        assert_eq!(serde_json::Value::from(rows[1].payload.clone()), payload);
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_exist() {
        let (_folder, path) = file("a.parquet", &write());
        let refusal = rows(&options(&path, &[])).unwrap_err();
        assert!(
            refusal.contains("`vector`") && refusal.contains("key, name, at, e"),
            "{refusal}"
        );
        let (_folder, path) = file("a.parquet", b"no parquet");
        assert!(rows(&options(&path, &[])).is_err());
    }
}

//! Tables read from files and written to files, below the directory that the server lends.
//!
//! | module | what |
//! |---|---|
//! | `import`, `export` | the two routes |
//! | `rows` | rows of a file, one after the other |
//! | `csv` | records of comma-separated values |
//! | `pieces` | a file as bytes that are taken piece by piece |

mod csv;
mod export;
mod import;
mod pieces;
mod rows;

use std::sync::Arc;

use gateway::{Call, Files};

use crate::error::{Failure, code};
use crate::json::Json;

pub(crate) use export::export;
pub(crate) use import::import;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    /// A list of objects.
    Json,
    /// An object on every line.
    JsonLines,
    /// Rows of one column of vectors, each with its dimension in front.
    Fvecs,
}

/// What both directions ask for.
struct Asked {
    path: String,
    format: Format,
    /// Whether the first line of CSV names the columns.
    header: bool,
    /// Between the values of CSV; one byte.
    delimiter: u8,
}

/// Keys that both directions have.
const KEYS: &[&str] = &["file_path", "file_type", "header", "delimiter"];

fn format_error(text: impl Into<String>) -> Failure {
    Failure::new(code::FILE_FORMAT, text)
}

impl Asked {
    /// Reads what is common; `others` are the keys that only this direction has.
    fn read(body: &Json, others: &[&str]) -> Result<Self, Failure> {
        let fields = body.as_object();
        let fields = fields.ok_or_else(|| Failure::json("the body must be an object"))?;
        for (key, _) in fields {
            let lower = key.to_ascii_lowercase();
            if !KEYS.contains(&lower.as_str()) && !others.contains(&lower.as_str()) {
                return Err(Failure::json(format_args!("unknown field {key}")));
            }
        }
        let path = body.get("file_path").and_then(Json::as_text);
        let path = path.filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| Failure::json("`file_path` must be a text"))?;
        Ok(Self {
            path: path.to_owned(),
            format: Self::format(body.get("file_type"))?,
            header: flag(body, "header")?,
            delimiter: Self::delimiter(body.get("delimiter"))?,
        })
    }

    fn format(value: Option<&Json>) -> Result<Format, Failure> {
        let text = match value {
            None => return Ok(Format::Csv),
            Some(Json::Text(text)) => text,
            Some(_) => return Err(Failure::json("`file_type` must be a text")),
        };
        match text.to_ascii_lowercase().as_str() {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            "jsonl" => Ok(Format::JsonLines),
            "fvecs" => Ok(Format::Fvecs),
            _ => Err(format_error(format!("Unrecognized file type: {text}"))),
        }
    }

    fn delimiter(value: Option<&Json>) -> Result<u8, Failure> {
        let text = match value {
            None => return Ok(b','),
            Some(Json::Text(text)) => text,
            Some(_) => return Err(Failure::json("`delimiter` must be a text")),
        };
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Ok(*byte),
            _ => Err(format_error(format!(
                "Unrecognized file delimiter: {text}: it must be one character"
            ))),
        }
    }
}

fn flag(body: &Json, name: &str) -> Result<bool, Failure> {
    match body.get(name) {
        None => Ok(false),
        Some(Json::Bool(truth)) => Ok(*truth),
        Some(Json::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Json::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(Failure::json(format_args!(
            "`{name}` must be true or false"
        ))),
    }
}

/// The files that the server lends.
fn files(call: &Call<'_>) -> Result<Arc<dyn Files>, Failure> {
    let none = || {
        Failure::not_supported(
            "this server reads and writes no files: start it with --exchange-dir to name a \
             directory for them",
        )
    };
    call.context.files.clone().ok_or_else(none)
}

//! JSON objects, one per line.
//!
//! Besides id and vector, an object has either a field `payload` that is an object, as points of
//! the Qdrant interface do, or fields that are the payload themselves.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::source::{ImportError, Position, Row, Source, text};

/// Opens `file`; empty lines are passed over.
pub(super) fn open(file: &Path, vector_field: &str, id_field: &str) -> Result<Source, ImportError> {
    let (lines, extent) = text(file)?;
    let fields = Fields {
        vector: vector_field.into(),
        id: id_field.into(),
    };
    let rows = Objects::new(file, lines)
        .enumerate()
        .map(move |(number, object)| {
            let Object {
                at,
                fields: object,
                file,
            } = object?;
            fields
                .row(number as u64, at, object)
                .map_err(|what| ImportError::row(&file, at, what))
        });
    Ok(Source {
        rows: Box::new(rows),
        extent,
    })
}

/// Which fields mean what.
struct Fields {
    vector: String,
    id: String,
}

impl Fields {
    fn row(
        &self,
        number: u64,
        at: Position,
        mut object: Map<String, Value>,
    ) -> Result<Row, String> {
        let vector = object
            .remove(&self.vector)
            .ok_or_else(|| format!("there is no field `{}`", self.vector))?;
        let id = match object.remove(&self.id) {
            None => Value::from(number),
            Some(id @ Value::String(_)) => id,
            Some(id) if id.is_u64() => id,
            Some(id) => return Err(format!("an id is an unsigned integer or a UUID, not {id}")),
        };
        let vector = components(&vector)?;
        let payload = match (object.len(), object.get_mut("payload")) {
            (1, Some(Value::Object(payload))) => std::mem::take(payload),
            // Points as a scroll gives them: no payload at all.
            (1, Some(Value::Null)) => Map::new(),
            _ => object,
        };
        Ok(Row {
            at,
            id,
            vector,
            payload,
        })
    }
}

/// The numbers of a JSON array.
pub(super) fn components(vector: &Value) -> Result<Vec<f32>, String> {
    let Value::Array(numbers) = vector else {
        return Err("the vector is no array".into());
    };
    let component = |(at, number): (usize, &Value)| {
        // Rounding to f32 is what the engine stores; 1e39 would become infinity and is refused.
        let number = number.as_f64().map(|number| number as f32);
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| format!("component {at} of the vector is no 32-bit number"))
    };
    numbers.iter().enumerate().map(component).collect()
}

/// One object and its line.
pub(super) struct Object {
    pub(super) at: Position,
    pub(super) fields: Map<String, Value>,
    pub(super) file: PathBuf,
}

/// The objects of a text file.
pub(super) struct Objects {
    file: PathBuf,
    lines: Box<dyn BufRead + Send>,
    line: u64,
    buffer: Vec<u8>,
    done: bool,
}

impl Objects {
    pub(super) fn new(file: &Path, lines: Box<dyn BufRead + Send>) -> Self {
        Self {
            file: file.into(),
            lines,
            line: 0,
            buffer: Vec::new(),
            done: false,
        }
    }

    /// The next line that is not empty, without its end; `None` at the end of the file.
    fn advance(&mut self) -> Option<Result<&[u8], ImportError>> {
        loop {
            self.buffer.clear();
            self.line += 1;
            match self.lines.read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Ok(_) if self.buffer.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Ok(self.buffer.trim_ascii())),
                Err(cause) => return Some(Err(ImportError::file(&self.file, cause))),
            }
        }
    }
}

impl Iterator for Objects {
    type Item = Result<Object, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let parsed = match self.advance() {
            None => {
                self.done = true;
                return None;
            }
            Some(Err(error)) => {
                // A file that cannot be read does not get better.
                self.done = true;
                return Some(Err(error));
            }
            Some(Ok(line)) => serde_json::from_slice(line),
        };
        let at = Position::Line(self.line);
        Some(match parsed {
            Ok(Value::Object(fields)) => Ok(Object {
                at,
                fields,
                file: self.file.clone(),
            }),
            Ok(_) => Err(ImportError::row(&self.file, at, "there is no JSON object")),
            Err(error) => Err(ImportError::row(&self.file, at, error.to_string())),
        })
    }
}

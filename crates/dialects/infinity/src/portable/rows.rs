//! Rows of a file, one after the other, as objects with a field for every column.

use bytes::Bytes;
use model::ByteSource;

use super::pieces::Pieces;
use super::{Asked, Format, csv, format_error};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::table::{Column, Table};

/// A file that is read row by row.
pub(super) struct Rows<'t> {
    table: &'t Table,
    pieces: Pieces,
    format: Format,
    delimiter: u8,
    /// Whether a line of names stands before the first row.
    header: bool,
    /// Whether the list of a JSON file was begun.
    begun: bool,
    /// Whether the end was reached.
    ended: bool,
    /// Rows so far.
    number: u64,
}

impl<'t> Rows<'t> {
    /// # Errors
    /// 3037 when a file of this format cannot be one of this table.
    pub(super) fn new(
        table: &'t Table,
        asked: &Asked,
        source: Box<dyn ByteSource>,
    ) -> Result<Self, Failure> {
        if asked.format == Format::Fvecs {
            vectors(table)?;
        }
        Ok(Self {
            table,
            pieces: Pieces::new(source),
            format: asked.format,
            delimiter: asked.delimiter,
            header: asked.header && asked.format == Format::Csv,
            begun: false,
            ended: false,
            number: 0,
        })
    }

    /// The next row; `None` when there is none.
    ///
    /// # Errors
    /// 3037, 3039 or 7012, with the number of the row.
    pub(super) async fn next(&mut self) -> Result<Option<Json>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let row = match self.format {
            Format::Csv => self.record().await,
            Format::Json => self.element().await,
            Format::JsonLines => self.line().await,
            Format::Fvecs => self.vector().await,
        };
        let row = row.map_err(|failure| self.located(failure))?;
        self.ended = row.is_none();
        self.number += u64::from(row.is_some());
        Ok(row)
    }

    /// `failure` with the number of the row that was read last; other numbers than those of
    /// imports are about the format.
    pub(super) fn located(&self, failure: Failure) -> Failure {
        let number = match failure.code {
            code::COLUMN_COUNT | code::PARSER => failure.code,
            _ => code::FILE_FORMAT,
        };
        Failure::new(number, format!("row {}: {}", self.number, failure.text))
    }

    async fn record(&mut self) -> Result<Option<Json>, Failure> {
        let delimiter = self.delimiter;
        loop {
            let find = |bytes: &[u8], ended| csv::record(bytes, delimiter, ended);
            let Some(values) = self.pieces.take(find).await? else {
                return Ok(None);
            };
            if core::mem::take(&mut self.header) {
                continue;
            }
            return of_record(self.table, values).map(Some);
        }
    }

    async fn line(&mut self) -> Result<Option<Json>, Failure> {
        loop {
            match self.pieces.line().await? {
                None => return Ok(None),
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let row = gateway::json::read(line.as_bytes()).map_err(Failure::json)?;
                    return of_object(self.table, row).map(Some);
                }
            }
        }
    }

    async fn element(&mut self) -> Result<Option<Json>, Failure> {
        if !self.begun {
            match self.mark().await? {
                None => return Ok(None),
                Some(b'[') => self.begun = true,
                Some(_) => return Err(format_error("the file is no list of objects")),
            }
            if self.closes().await? {
                return Ok(None);
            }
        } else {
            match self.mark().await? {
                Some(b',') => {}
                Some(b']') => return self.nothing_left().await,
                Some(_) | None => return Err(format_error("the list does not end")),
            }
        }
        let row = self.pieces.take(object).await?;
        let row = row.ok_or_else(|| format_error("the list does not end"))?;
        of_object(self.table, row).map(Some)
    }

    /// The next byte that is no white space.
    async fn mark(&mut self) -> Result<Option<u8>, Failure> {
        let find = |bytes: &[u8], _| {
            let at = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
            Ok(at.map(|at| (bytes[at], at + 1)))
        };
        self.pieces.take(find).await
    }

    /// Whether the list ends before its first element; if it does the end is taken.
    async fn closes(&mut self) -> Result<bool, Failure> {
        let find = |bytes: &[u8], ended: bool| {
            let at = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
            Ok(match at {
                Some(at) if bytes[at] == b']' => Some((true, at + 1)),
                Some(_) => Some((false, 0)),
                None => ended.then_some((false, bytes.len())),
            })
        };
        let closed = self.pieces.take(find).await?.unwrap_or_default();
        if closed {
            self.nothing_left().await?;
        }
        Ok(closed)
    }

    async fn nothing_left(&mut self) -> Result<Option<Json>, Failure> {
        match self.mark().await? {
            None => Ok(None),
            Some(_) => Err(format_error("something follows the list")),
        }
    }

    async fn vector(&mut self) -> Result<Option<Json>, Failure> {
        let Some(head) = self.pieces.exactly(4).await? else {
            return Ok(None);
        };
        let (column, dim) = vectors(self.table)?;
        let in_file = i32::from_le_bytes(word(&head));
        if usize::try_from(in_file) != Ok(dim) {
            return Err(format_error(format!(
                "the dimension in the file is {in_file}, that of the column {dim}"
            )));
        }
        let row = self.pieces.exactly(4 * dim).await?;
        let row = row.ok_or_else(|| format_error("the file ends in the middle of a row"))?;
        let numbers = row.chunks_exact(4).map(|chunk| {
            let x = f32::from_le_bytes(word(chunk));
            Json::Float(f64::from(x))
        });
        let row = (column.name.clone(), Json::List(numbers.collect()));
        Ok(Some(Json::Object(vec![row])))
    }
}

fn word(bytes: &[u8]) -> [u8; 4] {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[..4]);
    word
}

/// The one column of vectors of floats, and its dimension.
fn vectors(table: &Table) -> Result<(&Column, usize), Failure> {
    match table.columns.as_slice() {
        [column] => match &column.kind {
            Kind::Vector(rows) if rows.element == Part::Float => Ok((column, rows.dim.get())),
            _ => Err(format_error(
                "FVECS file must have only one column of vectors of floats",
            )),
        },
        _ => Err(format_error("FVECS file must have only one column")),
    }
}

/// The object that `bytes` begin with, and where it ends.
fn object(bytes: &[u8], _ended: bool) -> Result<Option<(Json, usize)>, Failure> {
    let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ if inside => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let text = Bytes::copy_from_slice(&bytes[..=at]);
                    let row = gateway::json::read(&text).map_err(Failure::json)?;
                    return Ok(Some((row, at + 1)));
                }
            }
            byte if depth == 0 && !byte.is_ascii_whitespace() => {
                return Err(format_error("an element of the list is no object"));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The row that an object is. What the table has no column for is left out, as in Infinity.
fn of_object(table: &Table, row: Json) -> Result<Json, Failure> {
    let Json::Object(fields) = row else {
        return Err(format_error("a row is no object"));
    };
    let known = fields
        .into_iter()
        .filter(|(name, _)| table.column(name).is_some());
    let row = Json::Object(known.collect());
    for column in &table.columns {
        if row.get(&column.name).is_none() && column.default.is_none() {
            let name = &column.name;
            return Err(format_error(format!("Column {name} not found in JSON.")));
        }
    }
    Ok(row)
}

/// The row that the values of a record are: by the order of the columns, whatever a header says,
/// as in Infinity. Where a value is empty or missing the default stands.
fn of_record(table: &Table, values: Vec<String>) -> Result<Json, Failure> {
    if values.len() > table.columns.len() {
        let text = format!(
            "the record has {} values, the table {} columns",
            values.len(),
            table.columns.len()
        );
        return Err(Failure::new(code::COLUMN_COUNT, text));
    }
    let mut values = values.into_iter();
    let mut fields = Vec::new();
    for column in &table.columns {
        let value = values.next().filter(|value| !value.is_empty());
        match value {
            Some(value) => fields.push((column.name.clone(), of_text(&column.kind, value)?)),
            None if column.default.is_some() => {}
            None => {
                let name = &column.name;
                return Err(format_error(format!("No value in column {name}")));
            }
        }
    }
    Ok(Json::Object(fields))
}

/// A value of CSV.
fn of_text(kind: &Kind, text: String) -> Result<Json, Failure> {
    let unparsed = |what: &str| {
        let text = format!("Error: parse {what}: {text}");
        Failure::new(code::PARSER, text)
    };
    match kind {
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            _ => Err(unparsed("boolean")),
        },
        Kind::Integer(_) => text.parse().map(Json::Int).map_err(|_| unparsed("integer")),
        Kind::Float | Kind::Double | Kind::Float16 | Kind::BFloat16 => {
            text.parse().map(Json::Float).map_err(|_| unparsed("float"))
        }
        Kind::Varchar | Kind::Date | Kind::Time | Kind::DateTime | Kind::Timestamp | Kind::Json => {
            Ok(Json::Text(text))
        }
        Kind::Sparse { .. } => sparse(&text),
        Kind::Array(_)
        | Kind::Vector(_)
        | Kind::MultiVector(_)
        | Kind::Tensor(_)
        | Kind::TensorArray(_) => {
            if !text.starts_with('[') {
                return Err(format_error("vectors and lists stand between [ and ]"));
            }
            gateway::json::read(text.as_bytes()).map_err(Failure::json)
        }
    }
}

/// `[10:1.5,20:2]`
fn sparse(text: &str) -> Result<Json, Failure> {
    let wrong = || format_error("a sparse vector is [index:value,…]");
    let inner = text
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let pairs = inner.ok_or_else(wrong)?.split(',').map(|pair| {
        let (index, value) = pair.split_once(':')?;
        let value: f64 = value.trim().parse().ok()?;
        Some((index.trim().to_owned(), Json::Float(value)))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.map(Json::Object).ok_or_else(wrong)
}

//! Rows of a table become a file, or several.

use bytes::Bytes;
use gateway::{Call, Files};
use model::query::{PayloadSelect, VectorSelect};
use model::{PointId, Query, Record, Reply, Select, Value, Vector};
use scalar::Fields;
use serde_json::{Map, Number, Value as Out};

use super::{Asked, Format, csv, files, format_error};
use crate::answer::{Answer, done};
use crate::error::{Failure, code};
use crate::json::Json;
use crate::kinds::{Kind, Part};
use crate::request;
use crate::shown;
use crate::table::{Column, Place, Table};

/// Rows read at once.
const PAGE: usize = 2048;

/// A column of the file.
enum Cell<'t> {
    Column(&'t Column),
    /// The id of the row.
    RowId,
}

impl Cell<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Column(column) => &column.name,
            Self::RowId => "_row_id",
        }
    }
}

/// What is exported.
struct Export<'t> {
    asked: Asked,
    cells: Vec<Cell<'t>>,
    offset: u64,
    limit: u64,
    /// Rows of each file.
    rows_per_file: u64,
}

impl<'t> Export<'t> {
    fn read(table: &'t Table, body: &Json) -> Result<Self, Failure> {
        let asked = Asked::read(body, &["offset", "limit", "row_limit", "columns"])?;
        if asked.format == Format::Json {
            return Err(format_error("Unrecognized export file type: json"));
        }
        let cells = cells(table, body)?;
        if asked.format == Format::Fvecs {
            check_vectors(&cells)?;
        }
        Ok(Self {
            asked,
            cells,
            offset: count(body, "offset")?.unwrap_or(0),
            limit: count(body, "limit")?.unwrap_or(u64::MAX),
            rows_per_file: count(body, "row_limit")?
                .filter(|&rows| rows > 0)
                .unwrap_or(u64::MAX),
        })
    }
}

/// A number, written as one or as a text.
fn count(body: &Json, name: &str) -> Result<Option<u64>, Failure> {
    match body.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            let number = value.as_count().and_then(|n| u64::try_from(n).ok());
            let wrong = || Failure::json(format_args!("`{name}` must be a number from 0"));
            number.map(Some).ok_or_else(wrong)
        }
    }
}

/// The columns that a body names; all when it names none.
fn cells<'t>(table: &'t Table, body: &Json) -> Result<Vec<Cell<'t>>, Failure> {
    let names = match body.get("columns") {
        None | Some(Json::Null) => &[][..],
        Some(Json::List(names)) => names,
        Some(_) => return Err(Failure::json("`columns` must be a list of names")),
    };
    let one = |name: &Json| {
        let name = name.as_text();
        let name = name.ok_or_else(|| Failure::json("`columns` must be a list of names"))?;
        match name.to_ascii_lowercase().as_str() {
            "_row_id" => Ok(Cell::RowId),
            "_create_timestamp" | "_delete_timestamp" => Err(Failure::not_supported(format_args!(
                "the column {name}: rows have no timestamps of transactions"
            ))),
            _ => table.known_column(name).map(Cell::Column),
        }
    };
    match names {
        [] => Ok(table.columns.iter().map(Cell::Column).collect()),
        names => names.iter().map(one).collect(),
    }
}

fn check_vectors(cells: &[Cell<'_>]) -> Result<(), Failure> {
    let [cell] = cells else {
        let text = format!("Attempt to export {} columns as FVECS file", cells.len());
        return Err(Failure::new(code::COLUMN_COUNT, text));
    };
    match cell {
        Cell::Column(column) => match &column.kind {
            Kind::Vector(rows) if rows.element != Part::Bit => Ok(()),
            kind => Err(Failure::not_supported(format_args!(
                "column {} with type {} as FVECS file",
                column.name,
                kind.shown()
            ))),
        },
        Cell::RowId => Err(Failure::not_supported("row ids as FVECS file")),
    }
}

/// `GET /databases/{database_name}/table/{table_name}`, and `POST` for browsers
pub(crate) async fn export(call: &Call<'_>) -> Answer {
    let body = request::body(call)?;
    let table = Table::of(call).await?;
    let export = Export::read(&table, &body)?;
    let files = files(call)?;
    let path = &export.asked.path;
    if let Some((directory, _)) = path.rsplit_once('/').filter(|(at, _)| !at.is_empty()) {
        // An absent path is checked before anything is made.
        check_new(&*files, path).await?;
        files.create_directory(directory).await?;
    }
    let mut file = File::begin(&*files, &export, 0).await?;
    let (mut skipped, mut left) = (0, export.limit);
    let mut from = None;
    loop {
        let (records, next) = page(call, &table, &export.cells, from).await?;
        for record in records {
            if skipped < export.offset {
                skipped += 1;
                continue;
            }
            if left == 0 {
                break;
            }
            if file.rows == export.rows_per_file {
                file.flush().await?;
                file = File::begin(&*files, &export, file.part + 1).await?;
            }
            file.add(&record);
            left -= 1;
        }
        file.flush().await?;
        from = next;
        if from.is_none() || left == 0 {
            return done();
        }
    }
}

async fn check_new(files: &dyn Files, path: &str) -> Result<(), Failure> {
    match files.exists(path).await? {
        true => {
            let text = format!("File already existed: {path}");
            Err(Failure::new(code::DUPLICATE_FILE, text))
        }
        false => Ok(()),
    }
}

async fn page(
    call: &Call<'_>,
    table: &Table,
    cells: &[Cell<'_>],
    from: Option<PointId>,
) -> Result<(Vec<Record>, Option<PointId>), Failure> {
    let columns = cells.iter().filter_map(|cell| match cell {
        Cell::Column(column) => Some(&column.place),
        Cell::RowId => None,
    });
    let (mut paths, mut names) = (Vec::new(), Vec::new());
    for place in columns {
        match place {
            Place::Payload(path) => paths.push(path.clone()),
            Place::Vector(name) => names.push(name.clone()),
        }
    }
    let asked = Query::Scroll {
        collection: table.collection.clone(),
        filter: None,
        from,
        limit: PAGE,
        order_by: None,
        select: Select {
            payload: PayloadSelect::Include(paths),
            vectors: VectorSelect::Named(names),
        },
    };
    match request::query(call, asked).await? {
        Reply::Page { records, next } => {
            let records = records.into_iter().map(|(record, _)| record);
            Ok((records.collect(), next))
        }
        other => Err(other.unexpected().into()),
    }
}

/// A file that is being written.
struct File<'e> {
    files: &'e dyn Files,
    export: &'e Export<'e>,
    path: String,
    part: u64,
    rows: u64,
    bytes: Vec<u8>,
}

impl<'e> File<'e> {
    /// Begins a file that must be new. The first has the name that was given, the others the
    /// number of their part behind it, as in Infinity.
    async fn begin(
        files: &'e dyn Files,
        export: &'e Export<'e>,
        part: u64,
    ) -> Result<Self, Failure> {
        let path = match part {
            0 => export.asked.path.clone(),
            part => format!("{}.part{part}", export.asked.path),
        };
        check_new(files, &path).await?;
        let mut file = Self {
            files,
            export,
            path,
            part,
            rows: 0,
            bytes: Vec::new(),
        };
        if part == 0 && export.asked.format == Format::Csv && export.asked.header {
            let mut line = String::new();
            for (at, cell) in export.cells.iter().enumerate() {
                if at > 0 {
                    line.push(char::from(export.asked.delimiter));
                }
                csv::write(&mut line, cell.name(), export.asked.delimiter, false);
            }
            line.push('\n');
            file.bytes.extend_from_slice(line.as_bytes());
        }
        file.flush().await?;
        Ok(file)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let bytes = Bytes::from(core::mem::take(&mut self.bytes));
        Ok(self.files.append(&self.path, bytes).await?)
    }

    fn add(&mut self, record: &Record) {
        self.rows += 1;
        let cells = &self.export.cells;
        match self.export.asked.format {
            Format::Csv => {
                let line = csv_line(cells, record, self.export.asked.delimiter);
                self.bytes.extend_from_slice(line.as_bytes());
            }
            Format::Json | Format::JsonLines => {
                let fields = cells.iter().map(|cell| {
                    let value = json_cell(cell, record);
                    (cell.name().to_owned(), value.unwrap_or(Out::Null))
                });
                let line = Out::Object(fields.collect::<Map<_, _>>());
                self.bytes.extend_from_slice(line.to_string().as_bytes());
                self.bytes.push(b'\n');
            }
            Format::Fvecs => self.add_vector(record),
        }
    }

    /// A row without a vector has no place in such a file.
    fn add_vector(&mut self, record: &Record) {
        let vectors = record.vectors.as_deref().unwrap_or_default();
        for (_, vector) in vectors {
            if let Vector::Dense(row) = vector {
                // No vector has more components than fit.
                let dim = i32::try_from(row.len()).unwrap_or(i32::MAX);
                self.bytes.extend_from_slice(&dim.to_le_bytes());
                for x in row {
                    self.bytes.extend_from_slice(&x.to_le_bytes());
                }
            }
        }
    }
}

fn row_id(record: &Record) -> String {
    record.id.to_string()
}

/// A line of CSV; a null is an empty value.
fn csv_line(cells: &[Cell<'_>], record: &Record, delimiter: u8) -> String {
    let mut line = String::new();
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            line.push(char::from(delimiter));
        }
        match cell {
            Cell::RowId => line.push_str(&row_id(record)),
            Cell::Column(column) => {
                let (text, quoted) = csv_cell(column, record);
                csv::write(&mut line, &text, delimiter, quoted);
            }
        }
    }
    line.push('\n');
    line
}

/// The text of a value, and whether it is always quoted.
fn csv_cell(column: &Column, record: &Record) -> (String, bool) {
    let quoted = !matches!(
        column.kind,
        Kind::Bool
            | Kind::Integer(_)
            | Kind::Float
            | Kind::Double
            | Kind::Float16
            | Kind::BFloat16
            | Kind::Varchar
            | Kind::Date
            | Kind::Time
            | Kind::DateTime
            | Kind::Timestamp
    );
    let number = |kind: &Kind, x: f64| match kind {
        Kind::Double => x.to_string(),
        _ => (x as f32).to_string(),
    };
    match payload(column, record) {
        Some(Value::Null) => (String::new(), false),
        Some(Value::Float(x)) if !quoted => (number(&column.kind, x), false),
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            (shown::to_json(&value).to_string(), true)
        }
        Some(value) if column.kind == Kind::Json => (shown::to_json(&value).to_string(), true),
        Some(_) | None => match shown::cell(column, record) {
            None => (String::new(), false),
            Some(Out::String(text)) => (text, quoted),
            Some(other) => (other.to_string(), quoted),
        },
    }
}

/// The value of a column that is no vector; `None` for vectors.
fn payload(column: &Column, record: &Record) -> Option<Value> {
    match &column.place {
        Place::Payload(path) => {
            let value = record
                .payload
                .as_ref()
                .map(|fields| fields.value(path).to_value());
            Some(value.unwrap_or(Value::Null))
        }
        Place::Vector(_) => None,
    }
}

fn json_cell(cell: &Cell<'_>, record: &Record) -> Option<Out> {
    let column = match cell {
        Cell::RowId => return Some(row_id(record).into()),
        Cell::Column(column) => column,
    };
    let name = match &column.place {
        Place::Payload(_) => {
            let value = payload(column, record).filter(|value| *value != Value::Null)?;
            return Some(match column.kind {
                // As a text it is read again, whatever it is.
                Kind::Json => shown::to_json(&value).to_string().into(),
                _ => shown::to_json(&value),
            });
        }
        Place::Vector(name) => name,
    };
    let vectors = record.vectors.as_ref()?;
    let (_, vector) = vectors.iter().find(|(other, _)| other == name)?;
    Some(json_vector(&column.kind, vector))
}

fn json_vector(kind: &Kind, vector: &Vector) -> Out {
    let whole = match kind {
        Kind::Vector(rows) | Kind::MultiVector(rows) | Kind::Tensor(rows) => is_whole(rows.element),
        Kind::Sparse { element, .. } => is_whole(*element),
        _ => false,
    };
    let number = |x: &f32| match whole {
        true => Out::from(*x as i64),
        false => Number::from_f64(f64::from(*x)).map_or(Out::Null, Out::Number),
    };
    let list = |row: &[f32]| Out::Array(row.iter().map(number).collect());
    match vector {
        Vector::Dense(row) => list(row),
        Vector::Multi(multi) => Out::Array(multi.rows().map(list).collect()),
        Vector::Sparse(sparse) => {
            let pairs = sparse.indices().iter().zip(sparse.values());
            let fields = pairs.map(|(index, x)| (index.to_string(), number(x)));
            Out::Object(fields.collect())
        }
        Vector::Binary(bytes) => {
            let bits = bytes
                .iter()
                .flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1));
            let dim = match kind {
                Kind::Vector(rows) => rows.dim.get(),
                _ => usize::MAX,
            };
            Out::Array(bits.take(dim).map(Out::from).collect())
        }
    }
}

fn is_whole(element: Part) -> bool {
    match element {
        Part::Int8 | Part::UInt8 | Part::Int16 | Part::Int32 | Part::Int64 | Part::Bit => true,
        Part::Float | Part::Double | Part::Float16 | Part::BFloat16 => false,
    }
}

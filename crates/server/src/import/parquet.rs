//! Apache Parquet: a column of lists of numbers is the vector, the other columns are the payload.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};
use serde_json::{Map, Value};

use super::source::{Extent, ImportError, Position, Row, Source};

/// Opens `file`; rows without an id column are numbered from 0.
pub(super) fn open(file: &Path, vector_field: &str, id_field: &str) -> Result<Source, ImportError> {
    let opened = File::open(file).map_err(|cause| ImportError::file(file, cause))?;
    let broken =
        |error: parquet::errors::ParquetError| ImportError::format(file, error.to_string());
    let reader = SerializedFileReader::new(opened).map_err(broken)?;
    let metadata = reader.metadata().file_metadata();
    let columns: Vec<String> = metadata
        .schema()
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    if !columns.iter().any(|name| name == vector_field) {
        let columns = columns.join(", ");
        let what = format!("there is no column `{vector_field}`, the columns are: {columns}");
        return Err(ImportError::format(file, what));
    }
    let count = u64::try_from(metadata.num_rows()).unwrap_or(0);
    let fields = Columns {
        vector: vector_field.into(),
        id: id_field.into(),
    };
    let path = file.to_owned();
    let rows = reader.into_iter().enumerate().map(move |(number, record)| {
        let number = number as u64;
        let at = Position::Row(number);
        record
            .map_err(|error| error.to_string())
            .and_then(|record| fields.row(number, at, &record))
            .map_err(|what| ImportError::row(&path, at, what))
    });
    Ok(Source {
        rows: Box::new(rows),
        extent: Extent::Rows(count),
    })
}

/// Which columns mean what.
struct Columns {
    vector: String,
    id: String,
}

impl Columns {
    fn row(&self, number: u64, at: Position, record: &Record) -> Result<Row, String> {
        let (mut id, mut vector, mut payload) = (Value::from(number), None, Map::new());
        for (name, field) in record.get_column_iter() {
            if *name == self.vector {
                vector = Some(components(field)?);
            } else if *name == self.id {
                id = identity(field)?;
            } else {
                payload.insert(name.clone(), value(field)?);
            }
        }
        let vector = vector.ok_or("there is no vector")?;
        Ok(Row {
            at,
            id,
            vector,
            payload,
        })
    }
}

fn identity(field: &Field) -> Result<Value, String> {
    match value(field)? {
        id @ Value::String(_) => Ok(id),
        id if id.is_u64() => Ok(id),
        id => Err(format!("an id is an unsigned integer or a UUID, not {id}")),
    }
}

fn components(field: &Field) -> Result<Vec<f32>, String> {
    let Field::ListInternal(list) = field else {
        return Err("the vector is no list".into());
    };
    let component = |(at, field): (usize, &Field)| {
        let number = match field {
            Field::Float(x) => Some(*x),
            // The engine stores 32 bits.
            Field::Double(x) => Some(*x as f32),
            Field::Float16(x) => Some(x.to_f32()),
            _ => value(field)
                .ok()
                .and_then(|value| value.as_f64())
                .map(|x| x as f32),
        };
        number
            .filter(|x| x.is_finite())
            .ok_or_else(|| format!("component {at} of the vector is no 32-bit number"))
    };
    list.elements().iter().enumerate().map(component).collect()
}

/// A field as JSON. Dates become RFC 3339, so that the payload can be filtered by them.
fn value(field: &Field) -> Result<Value, String> {
    let number = |x: f64| {
        let number = serde_json::Number::from_f64(x).map(Value::Number);
        number.ok_or_else(|| "JSON has no number for NaN or infinity".to_owned())
    };
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(x) => Value::from(*x),
        Field::Byte(x) => Value::from(*x),
        Field::Short(x) => Value::from(*x),
        Field::Int(x) => Value::from(*x),
        Field::Long(x) => Value::from(*x),
        Field::UByte(x) => Value::from(*x),
        Field::UShort(x) => Value::from(*x),
        Field::UInt(x) => Value::from(*x),
        Field::ULong(x) => Value::from(*x),
        Field::Float16(x) => number(f64::from(x.to_f32()))?,
        Field::Float(x) => number(f64::from(*x))?,
        Field::Double(x) => number(*x)?,
        Field::Str(text) => Value::from(text.as_str()),
        Field::TimestampMillis(_) | Field::TimestampMicros(_) | Field::Date(_) => {
            Value::from(timestamp(field))
        }
        Field::Group(record) => {
            let fields = record.get_column_iter();
            let fields = fields.map(|(name, field)| Ok((name.clone(), value(field)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        Field::ListInternal(list) => Value::Array(
            list.elements()
                .iter()
                .map(value)
                .collect::<Result<_, _>>()?,
        ),
        Field::MapInternal(map) => {
            let entries = map.entries().iter().map(|(name, field)| {
                let name = match name {
                    Field::Str(name) => name.clone(),
                    other => other.to_string(),
                };
                Ok((name, value(field)?))
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        Field::Bytes(_) => return Err("columns of bytes have no form in JSON".into()),
        // Decimals and times of day as the crate writes them.
        other => Value::from(other.to_string()),
    })
}

/// RFC 3339 of a date or a point in time. The crate writes `2024-02-29 12:30:00 +00:00`.
fn timestamp(field: &Field) -> String {
    let text = field.to_string();
    let mut parts = text.split(' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(date), Some(time), Some(zone)) => format!("{date}T{time}{zone}"),
        _ => text,
    }
}

//! Values of cells: from bodies to what is stored.

use model::{MultiVector, SparseVector, Timestamp, Value, Vector};

use crate::error::{Failure, code};
use crate::fde;
use crate::json::Json;
use crate::kinds::{Kind, Part, Rows};
use crate::table::Column;

/// What a cell becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Value(Value),
    Vector(Vector),
    /// A vector that the row does not have.
    Nothing,
}

fn mismatch(column: &Column) -> Failure {
    let text = format!("Column {} holds {}", column.name, column.kind.shown());
    Failure::new(code::TYPE_MISMATCH, format!("Type mismatch: {text}"))
}

fn embedding(text: impl Into<String>) -> Failure {
    Failure::new(code::EMBEDDING, text)
}

/// The cell that `value` is in `column`.
///
/// # Errors
/// 3010 for a value of another type, 3057 for a vector that is none.
pub(crate) fn read(column: &Column, value: &Json) -> Result<Cell, Failure> {
    if *value == Json::Null {
        if column.constraints.iter().any(|text| is_not_null(text)) {
            let text = format!("Column {} must not be null", column.name);
            return Err(Failure::new(code::CONSTRAINT, text));
        }
        return Ok(match column.place {
            crate::table::Place::Payload(_) => Cell::Value(Value::Null),
            crate::table::Place::Vector(_) => Cell::Nothing,
        });
    }
    match &column.kind {
        Kind::Vector(rows) => dense(column, rows, value),
        Kind::MultiVector(rows) | Kind::Tensor(rows) => {
            let flat = tensor(column, rows, value)?;
            let multi = MultiVector::new(rows.dim.get(), flat)?;
            Ok(Cell::Vector(Vector::Multi(multi)))
        }
        Kind::TensorArray(rows) => {
            let list = value.as_list().filter(|list| !list.is_empty());
            let list = list.ok_or_else(|| embedding("a tensor array needs tensors"))?;
            for part in list {
                tensor(column, rows, part)?;
            }
            Ok(Cell::Value(value.to_value()))
        }
        Kind::Sparse { dim, .. } => sparse(column, *dim, value),
        kind => scalar(column, kind, value).map(Cell::Value),
    }
}

fn is_not_null(constraint: &str) -> bool {
    let constraint = constraint.to_ascii_lowercase();
    constraint == "not null" || constraint == "primary key"
}

fn scalar(column: &Column, kind: &Kind, value: &Json) -> Result<Value, Failure> {
    let wrong = || mismatch(column);
    match (kind, value) {
        (Kind::Bool, Json::Bool(truth)) => Ok(Value::Bool(*truth)),
        (Kind::Integer(bits), value) => integer(*bits, value).map(Value::Int).ok_or_else(wrong),
        (Kind::Float, value) => {
            let x = value.as_number().ok_or_else(wrong)? as f32;
            finite(x.into()).ok_or_else(wrong)
        }
        (Kind::Double, value) => finite(value.as_number().ok_or_else(wrong)?).ok_or_else(wrong),
        (Kind::Float16, value) => {
            finite(to_float16(value.as_number().ok_or_else(wrong)?)).ok_or_else(wrong)
        }
        (Kind::BFloat16, value) => {
            let x = value.as_number().ok_or_else(wrong)? as f32;
            finite(to_bfloat16(x).into()).ok_or_else(wrong)
        }
        (Kind::Varchar, Json::Text(text)) => Ok(Value::Str(text.clone())),
        (Kind::Date | Kind::Time | Kind::DateTime | Kind::Timestamp, Json::Text(text)) => {
            moment(kind, text).map(Value::Str).ok_or_else(wrong)
        }
        (Kind::Json, Json::Text(text)) => {
            let read: Json = gateway::json::read(text.as_bytes()).map_err(Failure::json)?;
            Ok(read.to_value())
        }
        (Kind::Json, value) => Ok(value.to_value()),
        (Kind::Array(element), value) => {
            let list = value.get("array").unwrap_or(value);
            let list = list.as_list().ok_or_else(wrong)?;
            let read = list.iter().map(|part| scalar(column, element, part));
            read.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        (_, _) => Err(wrong()),
    }
}

fn finite(x: f64) -> Option<Value> {
    x.is_finite().then_some(Value::Float(x))
}

/// A whole number of so many bits; a fraction is cut off.
fn integer(bits: u32, value: &Json) -> Option<i64> {
    let n = match value {
        Json::Int(n) => *n,
        Json::Float(x) if libm::fabs(*x) < 9e18 => libm::trunc(*x) as i64,
        _ => return None,
    };
    let shift = 64 - bits.min(64);
    ((n << shift) >> shift == n).then_some(n)
}

/// The nearest number of 11 bits of precision within the range of half floats; infinite beyond.
fn to_float16(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let (_, exponent) = libm::frexp(x);
    // Below 2^-14 half floats are multiples of 2^-24.
    let unit = libm::ldexp(1.0, (exponent - 11).max(-24));
    let rounded = libm::rint(x / unit) * unit;
    if libm::fabs(rounded) > 65_504.0 {
        f64::INFINITY
    } else {
        rounded
    }
}

/// The nearest number whose lower 16 bits are zero.
fn to_bfloat16(x: f32) -> f32 {
    let bits = x.to_bits();
    let rounding = 0x7FFF + ((bits >> 16) & 1);
    f32::from_bits(bits.wrapping_add(rounding) & 0xFFFF_0000)
}

/// A date, a time or both in one way of writing.
fn moment(kind: &Kind, text: &str) -> Option<String> {
    let text = text.trim();
    match kind {
        Kind::Date => {
            let (year, rest) = text.split_once('-')?;
            let (month, day) = rest.split_once('-')?;
            let number = |part: &str| part.parse::<u32>().ok();
            let (year, month, day) = (number(year)?, number(month)?, number(day)?);
            let date = format!("{year:04}-{month:02}-{day:02}");
            Timestamp::parse(&date).map(|_| date)
        }
        Kind::Time => {
            let parts: Vec<u32> = text
                .split(':')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            let [hour, minute, second] = parts.as_slice() else {
                return None;
            };
            let inside = *hour < 24 && *minute < 60 && *second < 60;
            inside.then(|| format!("{hour:02}:{minute:02}:{second:02}"))
        }
        _ => {
            let (date, time) = text.split_once([' ', 'T'])?;
            let date = moment(&Kind::Date, date)?;
            let time = moment(&Kind::Time, time.trim_end_matches('Z'))?;
            Some(format!("{date} {time}"))
        }
    }
}

fn component(column: &Column, element: Part, value: &Json) -> Result<f32, Failure> {
    let x = value.as_number().ok_or_else(|| mismatch(column))?;
    let fits = match element {
        Part::Int8 => x.fract() == 0.0 && (-128.0..128.0).contains(&x),
        Part::UInt8 => x.fract() == 0.0 && (0.0..256.0).contains(&x),
        Part::Int16 | Part::Int32 | Part::Int64 => x.fract() == 0.0,
        Part::Bit => x == 0.0 || x == 1.0,
        Part::Float | Part::Double | Part::Float16 | Part::BFloat16 => true,
    };
    let x = match element {
        Part::Float16 => to_float16(x) as f32,
        Part::BFloat16 => to_bfloat16(x as f32),
        _ => x as f32,
    };
    if fits && x.is_finite() {
        Ok(x)
    } else {
        Err(mismatch(column))
    }
}

fn row(column: &Column, rows: &Rows, values: &[Json]) -> Result<Vec<f32>, Failure> {
    if values.len() != rows.dim.get() {
        let text = format!(
            "Type mismatch: column {} has {} components, got {}",
            column.name,
            rows.dim.get(),
            values.len()
        );
        return Err(Failure::new(code::TYPE_MISMATCH, text));
    }
    let read = values.iter().map(|x| component(column, rows.element, x));
    read.collect()
}

fn dense(column: &Column, rows: &Rows, value: &Json) -> Result<Cell, Failure> {
    if value.get("function").is_some() {
        let asked = fde::Asked::read(value, true).map_err(Failure::json)?;
        let encoded = asked.encode(fde::Side::Document);
        let encoded: Vec<Json> = encoded.iter().map(|x| Json::Float((*x).into())).collect();
        return vector_of(column, rows, &encoded);
    }
    let list = value.as_list().ok_or_else(|| mismatch(column))?;
    if list.is_empty() {
        return Err(embedding("an embedding must not be empty"));
    }
    vector_of(column, rows, list)
}

fn vector_of(column: &Column, rows: &Rows, list: &[Json]) -> Result<Cell, Failure> {
    let row = row(column, rows, list)?;
    Ok(Cell::Vector(match rows.element {
        Part::Bit => Vector::Binary(packed(&row)),
        _ => Vector::Dense(row),
    }))
}

/// Bits, eight to a byte, the first the most significant.
pub(crate) fn packed(bits: &[f32]) -> Vec<u8> {
    let byte = |bits: &[f32]| {
        let set = bits.iter().enumerate().filter(|(_, bit)| **bit != 0.0);
        set.fold(0, |byte, (at, _)| byte | 0x80_u8 >> at)
    };
    bits.chunks(8).map(byte).collect()
}

/// The rows of a tensor, one after the other: a list of rows or one list of all components.
pub(crate) fn tensor(column: &Column, rows: &Rows, value: &Json) -> Result<Vec<f32>, Failure> {
    let list = value.as_list().ok_or_else(|| mismatch(column))?;
    if list.is_empty() {
        return Err(embedding("a tensor must not be empty"));
    }
    let mut flat = Vec::new();
    if list.iter().all(|part| part.as_list().is_some()) {
        for part in list {
            flat.extend(row(column, rows, part.as_list().unwrap_or_default())?);
        }
        return Ok(flat);
    }
    if !list.len().is_multiple_of(rows.dim.get()) {
        let text = format!("a tensor of {} components per row", rows.dim.get());
        return Err(Failure::new(
            code::TYPE_MISMATCH,
            format!("Type mismatch: {text}"),
        ));
    }
    for part in list.chunks(rows.dim.get()) {
        flat.extend(row(column, rows, part)?);
    }
    Ok(flat)
}

fn sparse(column: &Column, dim: u64, value: &Json) -> Result<Cell, Failure> {
    let pairs = sparse_pairs(value)?;
    if pairs.is_empty() {
        return Err(embedding("a sparse vector must not be empty"));
    }
    if let Some((index, _)) = pairs.iter().find(|(index, _)| u64::from(*index) >= dim) {
        let text = format!("column {} has no component {index}", column.name);
        return Err(Failure::new(code::TYPE_MISMATCH, text));
    }
    sparse_vector(pairs).map(|vector| Cell::Vector(Vector::Sparse(vector)))
}

/// Indices and values of `{"10": 1.5, …}`.
pub(crate) fn sparse_pairs(value: &Json) -> Result<Vec<(u32, f32)>, Failure> {
    let wrong = || embedding("a sparse vector is an object of indices and numbers");
    let fields = value.as_object().ok_or_else(wrong)?;
    let pair = |(index, value): &(String, Json)| {
        let index = index.trim().parse().ok()?;
        let x = value.as_number().filter(|x| (*x as f32).is_finite())?;
        Some((index, x as f32))
    };
    let whole = |value: &Json| matches!(value, Json::Int(_) | Json::UInt(_));
    let wholes = fields.iter().filter(|(_, value)| whole(value)).count();
    if wholes != 0 && wholes != fields.len() {
        return Err(embedding(
            "the values of a sparse vector must be of one kind",
        ));
    }
    let read: Option<Vec<_>> = fields.iter().map(pair).collect();
    read.ok_or_else(wrong)
}

/// The sparse vector of these components.
pub(crate) fn sparse_vector(pairs: Vec<(u32, f32)>) -> Result<SparseVector, Failure> {
    let (indices, values) = pairs.into_iter().unzip();
    SparseVector::new(indices, values).map_err(|error| embedding(error.message))
}

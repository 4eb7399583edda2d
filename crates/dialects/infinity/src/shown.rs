//! Values of cells: from what is stored to answers.

use model::{NamedVectors, Object, Record, Value, Vector};
use scalar::{Datum, Fields};
use serde_json::{Map, Number, Value as Out};

use crate::fde::{Asked, Side};
use crate::kinds::{Kind, Part};
use crate::table::{Column, Place};

/// A cell of a row: one title and its value; a null says so beside it.
pub(crate) fn titled(title: &str, value: Option<Out>) -> Out {
    let mut cell = Map::new();
    match value {
        Some(value) => {
            cell.insert(title.to_owned(), value);
        }
        None => {
            cell.insert(title.to_owned(), "null".into());
            cell.insert(format!("{title}_bitmap"), false.into());
        }
    }
    Out::Object(cell)
}

/// The cell of `column` in a row; `None` when it is null.
pub(crate) fn cell(column: &Column, record: &Record) -> Option<Out> {
    match &column.place {
        Place::Payload(path) => {
            let payload = record.payload.as_ref()?;
            of_datum(Some(&column.kind), &payload.value(path))
        }
        Place::Vector(name) => {
            let vectors: &NamedVectors = record.vectors.as_ref()?;
            let (_, vector) = vectors.iter().find(|(other, _)| other == name)?;
            Some(vector_text(&column.kind, vector).into())
        }
    }
}

/// What `fde` makes of the cell of `column` in a row; `None` when that is null.
pub(crate) fn encoded(column: &Column, record: &Record, target: i64) -> Option<Out> {
    let Place::Vector(name) = &column.place else {
        return None;
    };
    let vectors: &NamedVectors = record.vectors.as_ref()?;
    let (_, vector) = vectors.iter().find(|(other, _)| other == name)?;
    let asked = match vector {
        Vector::Dense(row) => Asked::new(row.clone(), row.len(), target),
        Vector::Multi(multi) => Asked::new(
            multi.rows().flatten().copied().collect(),
            multi.dim(),
            target,
        ),
        Vector::Sparse(_) | Vector::Binary(_) => return None,
    };
    let encoded = asked.ok()?.encode(Side::Document);
    Some(vector_text(&column.kind, &Vector::Dense(encoded)).into())
}

/// A value as answers have it: numbers as numbers, all else as texts. `kind` is that of its
/// column, where it is one.
pub(crate) fn of_datum(kind: Option<&Kind>, value: &Datum<'_>) -> Option<Out> {
    match value {
        Datum::Null => None,
        Datum::Bool(truth) => Some(truth.to_string().into()),
        Datum::Int(n) => Some(match i64::try_from(*n) {
            Ok(n) => n.into(),
            Err(_) => Number::from_f64(*n as f64).map_or(Out::Null, Out::Number),
        }),
        Datum::Float(x) => Some(float(kind, *x)),
        Datum::Text(text) => Some(match kind {
            Some(Kind::Json) => Out::from(format!("\"{text}\"")),
            _ => Out::from(text.as_ref()),
        }),
        Datum::Packed(_) | Datum::Plain(_) => Some(compound(kind, &value.to_value()).into()),
    }
}

fn float(kind: Option<&Kind>, x: f64) -> Out {
    match kind {
        Some(Kind::Float16 | Kind::BFloat16) => format!("{x:.6}").into(),
        // A float of 32 bits with the fewest digits that are read back as the same.
        Some(Kind::Float) => single(x as f32),
        _ => match Number::from_f64(x) {
            Some(number) => Out::Number(number),
            None if x.is_nan() => "nan".into(),
            None if x > 0.0 => "inf".into(),
            None => "-inf".into(),
        },
    }
}

/// A float of 32 bits as a number with the fewest digits.
pub(crate) fn single(x: f32) -> Out {
    let shortest = x.to_string().parse().unwrap_or(f64::from(x));
    Number::from_f64(shortest).map_or(Out::Null, Out::Number)
}

fn compound(kind: Option<&Kind>, value: &Value) -> String {
    match (kind, value) {
        (Some(Kind::TensorArray(_) | Kind::Array(_)), Value::Array(list)) => {
            let parts: Vec<_> = list.iter().map(|part| compound(kind, part)).collect();
            format!("[{}]", parts.join(","))
        }
        (Some(Kind::TensorArray(_)), Value::Float(x)) => (*x as f32).to_string(),
        _ => to_json(value).to_string(),
    }
}

/// A value of a payload as JSON.
pub(crate) fn to_json(value: &Value) -> Out {
    match value {
        Value::Null => Out::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(n) => (*n).into(),
        Value::UInt(n) => (*n).into(),
        Value::Float(x) => Number::from_f64(*x).map_or(Out::Null, Out::Number),
        Value::Str(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(to_json).collect(),
        Value::Object(object) => object_json(object),
    }
}

fn object_json(object: &Object) -> Out {
    let fields = object.iter();
    Out::Object(
        fields
            .map(|(name, value)| (name.to_owned(), to_json(value)))
            .collect(),
    )
}

fn vector_text(kind: &Kind, vector: &Vector) -> String {
    let list = |row: &[f32]| {
        let parts: Vec<_> = row.iter().map(f32::to_string).collect();
        format!("[{}]", parts.join(","))
    };
    match vector {
        Vector::Dense(row) => list(row),
        Vector::Multi(multi) => {
            let rows: Vec<_> = multi.rows().map(list).collect();
            format!("[{}]", rows.join(","))
        }
        Vector::Sparse(sparse) => {
            let whole = matches!(
                kind,
                Kind::Sparse {
                    element: Part::Int8 | Part::Int16 | Part::Int32 | Part::Int64 | Part::UInt8,
                    ..
                }
            );
            let pairs = sparse.indices().iter().zip(sparse.values());
            let parts: Vec<_> = pairs
                .map(|(index, x)| match whole {
                    true => format!("{index}:{x}"),
                    false => format!("{index}:{x:.6}"),
                })
                .collect();
            format!("[{}]", parts.join(","))
        }
        Vector::Binary(bytes) => {
            let bits = bytes
                .iter()
                .flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1));
            // The last byte may have more bits than the column.
            let dim = match kind {
                Kind::Vector(rows) => rows.dim.get(),
                _ => usize::MAX,
            };
            let parts: Vec<_> = bits.take(dim).map(|bit| bit.to_string()).collect();
            format!("[{}]", parts.join(","))
        }
    }
}

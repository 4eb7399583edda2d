//! Texts: their parts, their case, their patterns, and values as texts.

use md5::{Digest, Md5};
use model::Function;

use crate::Datum;

/// Functions of one text.
pub(crate) fn unary(function: Function, of: &Datum<'_>) -> Datum<'static> {
    if let (Function::Length, Some(elements)) = (function, of.elements()) {
        return Datum::Int(elements.len() as i128);
    }
    let Some(text) = of.as_text() else {
        return Datum::Null;
    };
    match function {
        Function::CharacterLength | Function::Length => Datum::Int(text.chars().count() as i128),
        Function::Md5 => {
            let digest = Md5::digest(text.as_bytes());
            Datum::text(
                digest
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect::<String>(),
            )
        }
        Function::Lower => Datum::text(text.to_lowercase()),
        Function::Upper => Datum::text(text.to_uppercase()),
        Function::Reverse => Datum::text(text.chars().rev().collect::<String>()),
        Function::TrimStart => Datum::text(text.trim_start()),
        Function::TrimEnd => Datum::text(text.trim_end()),
        _ => Datum::text(text.trim()),
    }
}

/// `length` characters from `start`, which counts from 0, or to the end.
pub(crate) fn substring(
    of: &Datum<'_>,
    start: &Datum<'_>,
    length: Option<&Datum<'_>>,
) -> Datum<'static> {
    let (Some(text), Datum::Int(start)) = (of.as_text(), start) else {
        return Datum::Null;
    };
    let count = match length {
        None => usize::MAX,
        Some(Datum::Int(length)) => usize::try_from(*length).unwrap_or(0),
        Some(_) => return Datum::Null,
    };
    let start = usize::try_from(*start).unwrap_or(0);
    Datum::text(text.chars().skip(start).take(count).collect::<String>())
}

/// Where `wanted` is first found, in characters from 1.
pub(crate) fn position(of: &Datum<'_>, wanted: &Datum<'_>) -> Datum<'static> {
    let (Some(text), Some(wanted)) = (of.as_text(), wanted.as_text()) else {
        return Datum::Null;
    };
    Datum::Int(
        text.find(wanted)
            .map_or(0, |at| 1 + text[..at].chars().count() as i128),
    )
}

/// The value as another kind.
pub(crate) fn cast(function: Function, of: &Datum<'_>) -> Datum<'static> {
    match function {
        Function::ToInteger => to_integer(of),
        Function::ToFloat => match of {
            Datum::Text(text) => text.trim().parse().map_or(Datum::Null, Datum::Float),
            Datum::Bool(truth) => Datum::Float(f64::from(u8::from(*truth))),
            other => other.number().map_or(Datum::Null, Datum::Float),
        },
        Function::ToBool => match of {
            Datum::Bool(truth) => Datum::Bool(*truth),
            Datum::Text(text) if text.eq_ignore_ascii_case("true") => Datum::Bool(true),
            Datum::Text(text) if text.eq_ignore_ascii_case("false") => Datum::Bool(false),
            other => other
                .number()
                .map_or(Datum::Null, |x| Datum::Bool(x != 0.0)),
        },
        _ => match of {
            Datum::Null => Datum::Null,
            Datum::Text(text) => Datum::text(text.as_ref()),
            Datum::Packed(_) | Datum::Plain(_) => {
                Datum::text(crate::document::write(&of.to_value()))
            }
            Datum::Bool(_) | Datum::Int(_) | Datum::Float(_) => {
                Datum::text(scalar_text(of).unwrap_or_default())
            }
        },
    }
}

fn to_integer(of: &Datum<'_>) -> Datum<'static> {
    let cut = |x: f64| {
        // The ends are powers of two, so both comparisons are exact.
        let inside = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x);
        if inside {
            Datum::Int(libm::trunc(x) as i128)
        } else {
            Datum::Null
        }
    };
    match of {
        Datum::Bool(truth) => Datum::Int(i128::from(*truth)),
        Datum::Int(n) => Datum::Int(*n),
        Datum::Float(x) => cut(*x),
        Datum::Text(text) => {
            let text = text.trim();
            match text.parse::<i64>() {
                Ok(n) => Datum::Int(n.into()),
                Err(_) => text.parse::<f64>().map_or(Datum::Null, cut),
            }
        }
        Datum::Null | Datum::Packed(_) | Datum::Plain(_) => Datum::Null,
    }
}

/// A truth value or number as a text: the shortest that is read back as the same.
pub(crate) fn scalar_text(of: &Datum<'_>) -> Option<String> {
    match of {
        Datum::Bool(truth) => Some(truth.to_string()),
        Datum::Int(n) => Some(n.to_string()),
        Datum::Float(x) => Some(x.to_string()),
        Datum::Null | Datum::Text(_) | Datum::Packed(_) | Datum::Plain(_) => None,
    }
}

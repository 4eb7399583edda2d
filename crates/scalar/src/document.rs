//! Lists and objects: what a path reaches in them, and their JSON.

use core::fmt::Write as _;

use model::{Function, Value};

use crate::Datum;

/// The functions of JSON.
pub(crate) fn json(function: Function, of: &Datum<'_>, argument: &Datum<'_>) -> Datum<'static> {
    if of.is_null() {
        return Datum::Null;
    }
    if function == Function::JsonContains {
        return contains(&of.to_value(), &argument.to_value());
    }
    let Some(steps) = argument.as_text().and_then(steps) else {
        return Datum::Null;
    };
    let whole = of.to_value();
    let found = reach(&whole, &steps);
    match (function, found) {
        (Function::JsonExists, found) => Datum::Bool(found.is_some()),
        (Function::JsonIsNull, found) => found.map_or(Datum::Null, |value| {
            Datum::Bool(matches!(value, Value::Null))
        }),
        (_, None) => Datum::Null,
        (Function::JsonExtract, Some(value)) => Datum::text(write(value)),
        (Function::JsonText, Some(Value::Str(text))) => Datum::text(text.as_str()),
        (Function::JsonText, Some(value)) => Datum::text(write(value)),
        (Function::JsonInteger, Some(Value::Int(n))) => Datum::Int((*n).into()),
        (Function::JsonInteger, Some(Value::Float(x))) => Datum::Int(libm::trunc(*x) as i128),
        (Function::JsonFloat, Some(Value::Int(n))) => Datum::Float(*n as f64),
        (Function::JsonFloat, Some(Value::Float(x))) => Datum::Float(*x),
        (Function::JsonBool, Some(Value::Bool(truth))) => Datum::Bool(*truth),
        (_, Some(_)) => Datum::Null,
    }
}

fn contains(whole: &Value, wanted: &Value) -> Datum<'static> {
    Datum::Bool(match whole {
        Value::Array(list) => list.contains(wanted),
        Value::Object(object) => object.iter().any(|(_, value)| value == wanted),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::Str(_) => whole == wanted,
    })
}

/// One step of a path: a name or a place.
enum Step<'a> {
    Name(&'a str),
    At(usize),
}

/// Reads `$.a.b[0]`.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Name(&after[..end]));
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::At(inside.trim().parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

fn reach<'v>(whole: &'v Value, steps: &[Step<'_>]) -> Option<&'v Value> {
    steps
        .iter()
        .try_fold(whole, |value, step| match (step, value) {
            (Step::Name(name), Value::Object(object)) => object.get(name),
            (Step::At(at), Value::Array(list)) => list.get(*at),
            (Step::Name(_) | Step::At(_), _) => None,
        })
}

/// `value` as JSON without white space. Payloads are nested no deeper than their packed form
/// allows, so recursion is bounded.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, &mut out);
    out
}

fn append(value: &Value, out: &mut String) {
    // Writing to a string does not fail.
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(n) => drop(write!(out, "{n}")),
        Value::UInt(n) => drop(write!(out, "{n}")),
        Value::Float(x) if x.is_finite() => drop(write!(out, "{x:?}")),
        Value::Float(_) => out.push_str("null"),
        Value::Str(text) => quote(text, out),
        Value::Array(list) => {
            out.push('[');
            for (at, inner) in list.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                append(inner, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (at, (name, inner)) in object.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                quote(name, out);
                out.push(':');
                append(inner, out);
            }
            out.push('}');
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

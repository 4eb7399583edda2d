//! `formula`: scores computed from scores and payloads.

use model::{
    Decay, Expression, FieldPath, Formula, GeoPoint, Object, Rank, Step, Timestamp, Value,
};
use serde::Deserialize;

use crate::error::Failure;
use crate::filter;
use crate::request::BODY;
use crate::select;
use crate::value::{WireObject, WireValue};

/// `formula` and `defaults`.
#[derive(Deserialize)]
pub(crate) struct WireFormula {
    pub(crate) formula: WireValue,
    pub(crate) defaults: Option<WireObject>,
}

/// A name that stands for a number.
enum Variable {
    Score(usize),
    Field(FieldPath),
}

/// What the parsed formula contradicts.
fn invalid(text: impl core::fmt::Display) -> Failure {
    Failure::wrong_input(format_args!("Validation failed: {text}"))
}

/// What Qdrant says of an object that is no expression.
fn no_expression() -> Failure {
    Failure::format("data did not match any variant of untagged enum QueryInterface")
}

impl WireFormula {
    /// `at` is its place in the body.
    ///
    /// # Errors
    /// When something in it is no expression, or contradicts itself.
    pub(crate) fn decode(self, at: &str) -> Result<Rank, Failure> {
        let mut formula = Formula {
            expression: expression(self.formula.0)?,
            defaults: Vec::new(),
            score_defaults: Vec::new(),
        };
        let defaults = self.defaults.unwrap_or_default().0;
        for (name, value) in defaults.iter() {
            match variable(name)? {
                Variable::Field(path) => formula.defaults.push((path, value.clone())),
                Variable::Score(of) => {
                    let score = number(value).ok_or_else(|| {
                        let field = format!("{at}.defaults");
                        Failure::validation(BODY, field, "Score default must be a number")
                    })?;
                    formula.score_defaults.push((of, score));
                }
            }
        }
        Ok(Rank::Formula(Box::new(formula)))
    }
}

fn variable(name: &str) -> Result<Variable, Failure> {
    let refused = |what: &str| {
        invalid(format_args!(
            "failed to parse variable ID {name}: Invalid {what}: {name}"
        ))
    };
    let Some(reserved) = name.strip_prefix('$') else {
        let path = FieldPath::parse(name).map_err(|_| refused("payload variable"))?;
        return Ok(Variable::Field(path));
    };
    let path = FieldPath::parse(reserved).map_err(|_| refused("reserved variable"))?;
    match path.steps() {
        [Step::Key(word), rest @ ..] if &**word == "score" => match rest {
            [] => Ok(Variable::Score(0)),
            [Step::At(of)] => Ok(Variable::Score(*of as usize)),
            _ => Err(refused("reserved variable")),
        },
        _ => Err(refused("reserved word")),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::UInt(n) => Some(*n as f64),
        Value::Float(n) => Some(*n),
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Constants have single precision on the wire.
fn constant(value: &Value) -> Option<f64> {
    number(value)
        .map(|number| f64::from(number as f32))
        .filter(|number| number.is_finite())
}

fn expression(value: Value) -> Result<Expression, Failure> {
    match value {
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => constant(&value)
            .map(Expression::Number)
            .ok_or_else(no_expression),
        Value::Str(name) => Ok(match variable(&name)? {
            Variable::Score(of) => Expression::Score(of),
            Variable::Field(path) => Expression::Field(path),
        }),
        Value::Object(mut object) => match function(&mut object) {
            Some(expression) => expression,
            None => filter::condition(&object)
                .map(Expression::Condition)
                .map_err(|_| no_expression()),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) => Err(no_expression()),
    }
}

fn boxed(value: Value) -> Result<Box<Expression>, Failure> {
    expression(value).map(Box::new)
}

fn all(value: Value) -> Result<Vec<Expression>, Failure> {
    match value {
        Value::Array(of) => of.into_iter().map(expression).collect(),
        _ => Err(no_expression()),
    }
}

/// The function that a field of `object` names, if one does.
fn function(object: &mut Object) -> Option<Result<Expression, Failure>> {
    type Read = fn(Value) -> Result<Expression, Failure>;
    const FUNCTIONS: [(&str, Read); 16] = [
        ("geo_distance", geo_distance),
        ("datetime", datetime),
        ("datetime_key", datetime_key),
        ("mult", |value| all(value).map(Expression::Product)),
        ("sum", |value| all(value).map(Expression::Sum)),
        ("neg", |value| boxed(value).map(Expression::Negate)),
        ("abs", |value| boxed(value).map(Expression::Absolute)),
        ("div", quotient),
        ("sqrt", |value| boxed(value).map(Expression::SquareRoot)),
        ("pow", power),
        ("exp", |value| boxed(value).map(Expression::Exponential)),
        ("log10", |value| {
            boxed(value).map(Expression::CommonLogarithm)
        }),
        ("ln", |value| boxed(value).map(Expression::NaturalLogarithm)),
        ("lin_decay", |value| decay(Decay::Linear, value)),
        ("exp_decay", |value| decay(Decay::Exponential, value)),
        ("gauss_decay", |value| decay(Decay::Gaussian, value)),
    ];
    FUNCTIONS
        .iter()
        .find_map(|(name, read)| object.remove(name).map(read))
}

fn parts(value: Value) -> Result<Object, Failure> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(no_expression()),
    }
}

fn text(value: Option<Value>) -> Result<String, Failure> {
    match value {
        Some(Value::Str(text)) => Ok(text),
        _ => Err(no_expression()),
    }
}

/// A constant that may be absent.
fn optional(parts: &mut Object, name: &str) -> Result<Option<f64>, Failure> {
    match parts.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => constant(&value).map(Some).ok_or_else(no_expression),
    }
}

fn operand(parts: &mut Object, name: &str) -> Result<Box<Expression>, Failure> {
    boxed(parts.remove(name).ok_or_else(no_expression)?)
}

fn geo_distance(value: Value) -> Result<Expression, Failure> {
    let mut of = parts(value)?;
    let origin = parts(of.remove("origin").ok_or_else(no_expression)?)?;
    let degrees = |name: &str| origin.get(name).and_then(number).ok_or_else(no_expression);
    let origin = GeoPoint {
        lon: degrees("lon")?,
        lat: degrees("lat")?,
    };
    if !(-180.0..=180.0).contains(&origin.lon) || !(-90.0..=90.0).contains(&origin.lat) {
        return Err(no_expression());
    }
    Ok(Expression::GeoDistance {
        origin,
        to: select::path(&text(of.remove("to"))?)?,
    })
}

fn datetime(value: Value) -> Result<Expression, Failure> {
    let text = text(Some(value))?;
    let Timestamp(micros) = Timestamp::parse(&text).ok_or_else(|| {
        let reason = "input contains invalid characters";
        invalid(format_args!("failed to parse date-time {text}: {reason}"))
    })?;
    Ok(Expression::Number(micros as f64 / 1e6))
}

fn datetime_key(value: Value) -> Result<Expression, Failure> {
    Ok(Expression::Datetime(select::path(&text(Some(value))?)?))
}

fn quotient(value: Value) -> Result<Expression, Failure> {
    let mut of = parts(value)?;
    Ok(Expression::Quotient {
        by_zero: optional(&mut of, "by_zero_default")?,
        left: operand(&mut of, "left")?,
        right: operand(&mut of, "right")?,
    })
}

fn power(value: Value) -> Result<Expression, Failure> {
    let mut of = parts(value)?;
    Ok(Expression::Power {
        base: operand(&mut of, "base")?,
        exponent: operand(&mut of, "exponent")?,
    })
}

fn decay(kind: Decay, value: Value) -> Result<Expression, Failure> {
    let mut of = parts(value)?;
    let scale = optional(&mut of, "scale")?.unwrap_or(1.0);
    let midpoint = optional(&mut of, "midpoint")?.unwrap_or(0.5);
    match kind {
        Decay::Linear if !(0.0..=1.0).contains(&midpoint) => {
            return Err(invalid(format_args!(
                "Linear decay midpoint should be in the range [0.0, 1.0], got {midpoint}."
            )));
        }
        Decay::Exponential | Decay::Gaussian if midpoint <= 0.0 || midpoint >= 1.0 => {
            return Err(invalid(format_args!(
                "Decay midpoint should be in the range (0.0, 1.0), got {midpoint}."
            )));
        }
        Decay::Linear | Decay::Exponential | Decay::Gaussian => {}
    }
    if scale <= 0.0 {
        return Err(invalid(format_args!(
            "Decay scale should be non-zero positive, got {scale}."
        )));
    }
    let target = match of.remove("target") {
        None | Some(Value::Null) => None,
        Some(target) => Some(boxed(target)?),
    };
    Ok(Expression::Decay {
        kind,
        x: operand(&mut of, "x")?,
        target,
        scale,
        midpoint,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(json: &str) -> Result<Expression, String> {
        let value: WireValue = serde_json::from_str(json).unwrap();
        expression(value.0).map_err(|failure| failure.text)
    }

    #[test]
    fn every_function_is_read() {
        for json in [
            "0.5",
            "\"$score\"",
            "\"$score[3]\"",
            "\"a.b[0]\"",
            r#"{"key": "a", "match": {"value": 1}}"#,
            r#"{"must": [{"has_id": [1]}]}"#,
            r#"{"geo_distance": {"origin": {"lon": 1, "lat": 2.5}, "to": "place"}}"#,
            r#"{"datetime": "2024-01-01"}"#,
            r#"{"datetime_key": "at"}"#,
            r#"{"mult": [1, "a"]}"#,
            r#"{"sum": []}"#,
            r#"{"neg": 1}"#,
            r#"{"abs": {"neg": 1}}"#,
            r#"{"div": {"left": 1, "right": "a", "by_zero_default": 2}}"#,
            r#"{"sqrt": 4}"#,
            r#"{"pow": {"base": 2, "exponent": 3}}"#,
            r#"{"exp": 1}"#,
            r#"{"log10": 1}"#,
            r#"{"ln": 1}"#,
            r#"{"lin_decay": {"x": "a"}}"#,
            r#"{"exp_decay": {"x": "a", "target": 1, "scale": 2, "midpoint": 0.1}}"#,
            r#"{"gauss_decay": {"x": "a", "target": null}}"#,
        ] {
            assert!(parse(json).is_ok(), "{json}: {:?}", parse(json));
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for json in [
            "null",
            "true",
            "[1]",
            r#"{"sum": 1}"#,
            r#"{"div": {"left": 1}}"#,
            r#"{"unknown": 1}"#,
            r#"{"geo_distance": {"origin": {"lon": 1, "lat": 200}, "to": "place"}}"#,
            "\"a b\"",
            "\"$scores\"",
            "\"$score[]\"",
            r#"{"gauss_decay": {"x": 1, "midpoint": 1}}"#,
            r#"{"exp_decay": {"x": 1, "scale": 0}}"#,
            r#"{"lin_decay": {"x": 1, "midpoint": 1.5}}"#,
            r#"{"datetime": "yesterday"}"#,
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
        assert_eq!(
            parse("\"$scor\"").unwrap_err(),
            "Wrong input: Validation failed: failed to parse variable ID $scor: Invalid reserved \
             word: $scor"
        );
    }
}

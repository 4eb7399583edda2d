//! Scores that are computed from the scores of prefetches and from payloads.
//!
//! Computed in `f64`; functions come from `libm`, so that every platform gives the same bits.

use std::collections::BTreeMap;

use filter::{Compiled, compile, geo, payload};
use model::{
    Decay, Error, ErrorKind, Expression, FieldPath, Formula, GeoPoint, Subject, Timestamp, Value,
    ValueRef,
};
use rows::RowId;

use super::{Found, Hit};
use crate::collection::{Collection, Place};
use crate::source::Source;

/// The scores that each prefetch gave.
type Scores = Vec<BTreeMap<Place, f32>>;

/// The score of every point of `sources`, ascending by place.
///
/// # Errors
/// `Invalid`: without sources, about a variable that no payload and no default gives, or when a
/// function has no finite value, or a decay no shape.
pub(super) fn scores(
    collection: &Collection,
    formula: &Formula,
    sources: &[Found],
) -> Result<Vec<Hit>, Error> {
    if sources.is_empty() {
        return Err(Error::invalid("a formula needs prefetches"));
    }
    let told = |found: &Found| -> BTreeMap<Place, f32> {
        let hits = found.hits.iter();
        hits.map(|hit| (hit.place, found.told.of(hit.score)))
            .collect()
    };
    let scores: Scores = sources.iter().map(told).collect();
    let mut places: Vec<Place> = scores.iter().flat_map(BTreeMap::keys).copied().collect();
    places.sort_unstable();
    places.dedup();
    let mut hits = Vec::with_capacity(places.len());
    for run in places.chunk_by(|a, b| a.segment == b.segment) {
        let live = collection.segment(run[0].segment);
        let source = Source::new(&live.segment, &collection.schema);
        let node = Node::new(&formula.expression, &source)?;
        for &place in run {
            let point = Point {
                formula,
                scores: &scores,
                place,
                payload: live.segment.block.payload(place.row),
            };
            let score = point.value(&node)? as f32;
            if !score.is_finite() {
                return Err(not_finite(format_args!("the formula = {score}")));
            }
            hits.push(Hit::scored(place, score));
        }
    }
    Ok(hits)
}

/// An expression prepared for one segment.
enum Node<'a> {
    Number(f64),
    Score(usize),
    Field(&'a FieldPath),
    Condition(Compiled<'a>),
    GeoDistance(GeoPoint, &'a FieldPath),
    Datetime(&'a FieldPath),
    Product(Vec<Node<'a>>),
    Sum(Vec<Node<'a>>),
    Quotient(Box<[Node<'a>; 2]>, Option<f64>),
    Power(Box<[Node<'a>; 2]>),
    Function(Function, Box<Node<'a>>),
    /// What, target, slope.
    Decay(Decay, Box<[Node<'a>; 2]>, f64),
}

/// A function of one number.
#[derive(Clone, Copy)]
enum Function {
    Negate,
    Absolute,
    SquareRoot,
    Exponential,
    CommonLogarithm,
    NaturalLogarithm,
}

impl Function {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Negate => -x,
            Self::Absolute => x.abs(),
            Self::SquareRoot => libm::sqrt(x),
            Self::Exponential => libm::exp(x),
            Self::CommonLogarithm => libm::log10(x),
            Self::NaturalLogarithm => libm::log(x),
        }
    }

    fn shown(self, x: f64) -> String {
        match self {
            Self::Negate => format!("-{x}"),
            Self::Absolute => format!("|{x}|"),
            Self::SquareRoot => format!("√{x}"),
            Self::Exponential => format!("exp({x})"),
            Self::CommonLogarithm => format!("log10({x})"),
            Self::NaturalLogarithm => format!("ln({x})"),
        }
    }
}

impl<'a> Node<'a> {
    fn new(expression: &'a Expression, source: &'a Source<'_>) -> Result<Self, Error> {
        let one = |inner: &'a Expression| Self::new(inner, source);
        let pair = |x, y| Ok::<_, Error>(Box::new([one(x)?, one(y)?]));
        let all = |of: &'a [Expression]| of.iter().map(one).collect::<Result<_, _>>();
        let function = |kind, x: &'a Expression| Ok(Self::Function(kind, Box::new(one(x)?)));
        match expression {
            Expression::Number(number) => Ok(Self::Number(*number)),
            Expression::Score(at) => Ok(Self::Score(*at)),
            Expression::Field(path) => Ok(Self::Field(path)),
            Expression::Condition(filter) => Ok(Self::Condition(compile(filter, source))),
            Expression::GeoDistance { origin, to } => Ok(Self::GeoDistance(*origin, to)),
            Expression::Datetime(path) => Ok(Self::Datetime(path)),
            Expression::Product(of) => all(of).map(Self::Product),
            Expression::Sum(of) => all(of).map(Self::Sum),
            Expression::Negate(x) => function(Function::Negate, x),
            Expression::Absolute(x) => function(Function::Absolute, x),
            Expression::Quotient {
                left,
                right,
                by_zero,
            } => Ok(Self::Quotient(pair(left, right)?, *by_zero)),
            Expression::SquareRoot(x) => function(Function::SquareRoot, x),
            Expression::Power { base, exponent } => pair(base, exponent).map(Self::Power),
            Expression::Exponential(x) => function(Function::Exponential, x),
            Expression::CommonLogarithm(x) => function(Function::CommonLogarithm, x),
            Expression::NaturalLogarithm(x) => function(Function::NaturalLogarithm, x),
            Expression::Decay {
                kind,
                x,
                target,
                scale,
                midpoint,
            } => {
                let slope = slope(*kind, *scale, *midpoint)?;
                let target = match target {
                    Some(target) => one(target)?,
                    None => Self::Number(0.0),
                };
                Ok(Self::Decay(*kind, Box::new([one(x)?, target]), slope))
            }
        }
    }
}

/// The constant factor of a decay.
fn slope(kind: Decay, scale: f64, midpoint: f64) -> Result<f64, Error> {
    let shaped = match kind {
        Decay::Linear => (0.0..=1.0).contains(&midpoint),
        Decay::Exponential | Decay::Gaussian => midpoint > 0.0 && midpoint < 1.0,
    };
    if !shaped || scale.is_nan() || scale <= 0.0 {
        return Err(Error::invalid(
            "a decay needs a scale above 0 and a midpoint between 0 and 1",
        ));
    }
    Ok(match kind {
        Decay::Linear => (1.0 - midpoint) / scale,
        Decay::Exponential => libm::log(midpoint) / scale,
        Decay::Gaussian => libm::log(midpoint) / (scale * scale),
    })
}

fn decayed(kind: Decay, distance: f64, slope: f64) -> f64 {
    match kind {
        Decay::Linear => (1.0 - slope * distance.abs()).max(0.0),
        Decay::Exponential => libm::exp(slope * distance.abs()),
        Decay::Gaussian => libm::exp(slope * distance * distance),
    }
}

fn not_finite(what: impl core::fmt::Display) -> Error {
    Error::invalid(format!(
        "The expression {what} produced a non-finite number"
    ))
}

fn finite(value: f64, shown: impl FnOnce() -> String) -> Result<f64, Error> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(not_finite(format_args!("{} = {value}", shown())))
    }
}

/// One point that an expression is evaluated for.
struct Point<'a> {
    formula: &'a Formula,
    scores: &'a Scores,
    place: Place,
    payload: model::packed::ObjectRef<'a>,
}

impl Point<'_> {
    fn value(&self, node: &Node<'_>) -> Result<f64, Error> {
        match node {
            Node::Number(number) => Ok(*number),
            Node::Score(at) => Ok(self.score(*at)),
            Node::Field(path) => self.field(path, "number", |value| match value {
                Value::Int(n) => Ok(*n as f64),
                Value::UInt(n) => Ok(*n as f64),
                Value::Float(n) => Ok(*n),
                Value::Null
                | Value::Bool(_)
                | Value::Str(_)
                | Value::Array(_)
                | Value::Object(_) => Err("Value is not a number"),
            }),
            Node::Condition(filter) => Ok(f64::from(u8::from(filter.matches(self.row())))),
            Node::GeoDistance(origin, path) => {
                let point = self.field(path, "geo point", place)?;
                Ok(geo::distance_m(*origin, point))
            }
            Node::Datetime(path) => self.field(path, "datetime", seconds),
            Node::Product(factors) => {
                let mut product = 1.0;
                for factor in factors {
                    let value = self.value(factor)?;
                    if value == 0.0 {
                        return Ok(0.0);
                    }
                    product *= value;
                }
                Ok(product)
            }
            Node::Sum(terms) => terms
                .iter()
                .try_fold(0.0, |sum, term| Ok(sum + self.value(term)?)),
            Node::Quotient(of, by_zero) => self.quotient(of, *by_zero),
            Node::Power(of) => {
                let (base, exponent) = (self.value(&of[0])?, self.value(&of[1])?);
                finite(libm::pow(base, exponent), || format!("{base}^{exponent}"))
            }
            Node::Function(function, x) => {
                let x = self.value(x)?;
                finite(function.of(x), || function.shown(x))
            }
            Node::Decay(kind, of, slope) => {
                let distance = self.value(&of[0])? - self.value(&of[1])?;
                Ok(decayed(*kind, distance, *slope))
            }
        }
    }

    fn row(&self) -> RowId {
        self.place.row
    }

    fn quotient(&self, of: &[Node<'_>; 2], by_zero: Option<f64>) -> Result<f64, Error> {
        let left = self.value(&of[0])?;
        if left == 0.0 {
            return Ok(0.0);
        }
        let right = self.value(&of[1])?;
        match by_zero {
            Some(value) if right == 0.0 => Ok(value),
            Some(_) | None => finite(left / right, || format!("{left}/{right}")),
        }
    }

    fn score(&self, at: usize) -> f64 {
        let given = self.scores.get(at).and_then(|of| of.get(&self.place));
        let defaults = &self.formula.score_defaults;
        match given {
            Some(score) => f64::from(*score),
            None => {
                let default = defaults.iter().find(|(of, _)| *of == at);
                default.map_or(0.0, |(_, score)| *score)
            }
        }
    }

    /// The one value at `path`, read as what is `expected`.
    fn field<T>(
        &self,
        path: &FieldPath,
        expected: &'static str,
        read: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Result<T, Error> {
        let wrong = |reason: &str| {
            let path = path.to_string();
            Error::new(
                ErrorKind::Invalid,
                Subject::Variable { path, expected },
                reason,
            )
        };
        let mut values = Vec::new();
        let mut damaged = false;
        payload::any_value(self.payload, path, &mut |value: ValueRef<'_>| {
            match value.to_value() {
                Some(value) => values.push(value),
                None => damaged = true,
            }
            damaged
        });
        if damaged {
            return Err(Error::corrupt("a packed payload is malformed"));
        }
        let value = match values.len() {
            0 => {
                let defaults = self.formula.defaults.iter();
                let default = defaults.rev().find(|(of, _)| of == path);
                let missing = "No value found in a payload nor defaults";
                default
                    .map(|(_, value)| value)
                    .ok_or_else(|| wrong(missing))?
            }
            1 => &values[0],
            _ => &Value::Array(values),
        };
        read(value).map_err(wrong)
    }
}

fn place(value: &Value) -> Result<GeoPoint, &'static str> {
    let Value::Object(object) = value else {
        return Err("Value is not a geo point");
    };
    let number = |name: &str| match object.get(name) {
        Some(Value::Int(n)) => Some(*n as f64),
        Some(Value::UInt(n)) => Some(*n as f64),
        Some(Value::Float(n)) => Some(*n),
        Some(Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_))
        | None => None,
    };
    match (number("lon"), number("lat")) {
        (Some(lon), Some(lat))
            if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) =>
        {
            Ok(GeoPoint { lon, lat })
        }
        (Some(_), Some(_)) => Err("Wrong format of GeoPoint payload"),
        (None, _) => Err("missing field `lon`"),
        (_, None) => Err("missing field `lat`"),
    }
}

fn seconds(value: &Value) -> Result<f64, &'static str> {
    let Value::Str(text) = value else {
        return Err("value is not a string");
    };
    let Timestamp(micros) = Timestamp::parse(text).ok_or("the text is no date")?;
    Ok(micros as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearness_is_the_midpoint_at_the_scale() {
        for kind in [Decay::Linear, Decay::Exponential, Decay::Gaussian] {
            let slope = slope(kind, 3.0, 0.25).expect("a shape");
            assert_eq!(decayed(kind, 0.0, slope), 1.0);
            for distance in [3.0, -3.0] {
                assert!((decayed(kind, distance, slope) - 0.25).abs() < 1e-12);
            }
            assert!(decayed(kind, 1e6, slope) < 1e-9);
        }
    }

    #[test]
    fn decays_without_a_shape_are_refused() {
        assert!(slope(Decay::Linear, 1.0, 0.0).is_ok());
        assert!(slope(Decay::Linear, 1.0, 1.5).is_err());
        assert!(slope(Decay::Gaussian, 1.0, 1.0).is_err());
        assert!(slope(Decay::Exponential, 0.0, 0.5).is_err());
        assert!(slope(Decay::Exponential, f64::NAN, 0.5).is_err());
    }

    #[test]
    fn dates_are_seconds_with_fractions() {
        let date = Value::Str("1970-01-01T00:00:01.5Z".into());
        assert_eq!(seconds(&date), Ok(1.5));
        assert!(seconds(&Value::Int(5)).is_err());
    }
}

//! Expressions that give points a score.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{FieldPath, Filter, GeoPoint, Value};

/// An expression, and what takes the place of missing values.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// Gives the score, larger is better. Computed in `f64`, kept as `f32`.
    pub expression: Expression,
    /// Values of fields that a payload lacks.
    pub defaults: Vec<(FieldPath, Value)>,
    /// Scores of points that a prefetch did not find, by its position; 0 where none is given.
    pub score_defaults: Vec<(usize, f64)>,
}

/// A number that depends on a point.
///
/// A field stands for the one value that its path reaches, where lists stand for their elements.
/// It is an error when there is none and no default, when there are several, when the value is not
/// of the kind asked for, or when a function has no finite value.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// The same for every point.
    Number(f64),
    /// The score that the prefetch at that position gave the point: a similarity, or a distance
    /// where the metric has one.
    Score(usize),
    /// A number in the payload.
    Field(FieldPath),
    /// 1 for points that match, 0 for others.
    Condition(Filter),
    /// Great-circle distance from a place to the one in the payload, metres.
    GeoDistance {
        /// From where.
        origin: GeoPoint,
        /// The place: an object with `lon` and `lat`.
        to: FieldPath,
    },
    /// A date in the payload, seconds since 1970.
    Datetime(FieldPath),
    /// Product; what follows a factor of 0 is not evaluated.
    Product(Vec<Expression>),
    /// Sum.
    Sum(Vec<Expression>),
    /// Negation.
    Negate(Box<Expression>),
    /// Absolute value.
    Absolute(Box<Expression>),
    /// Quotient; 0 when `left` is 0, whatever `right` is.
    Quotient {
        /// What is divided.
        left: Box<Expression>,
        /// By what.
        right: Box<Expression>,
        /// The value when `right` is 0.
        by_zero: Option<f64>,
    },
    /// Square root.
    SquareRoot(Box<Expression>),
    /// Power.
    Power {
        /// What is raised.
        base: Box<Expression>,
        /// To what power.
        exponent: Box<Expression>,
    },
    /// Power of Euler's number.
    Exponential(Box<Expression>),
    /// Logarithm to base 10.
    CommonLogarithm(Box<Expression>),
    /// Natural logarithm.
    NaturalLogarithm(Box<Expression>),
    /// Nearness to a target, from 1 there to 0 far away.
    Decay {
        /// How nearness falls with distance.
        kind: Decay,
        /// What is compared.
        x: Box<Expression>,
        /// With what; `None`: 0.
        target: Option<Box<Expression>>,
        /// The distance at which nearness is `midpoint`; above 0.
        scale: f64,
        /// Between 0 and 1, exclusive; `Linear` takes both ends too.
        midpoint: f64,
    },
}

/// How nearness falls with the distance `d` from a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// `max(0, 1 − d (1 − midpoint) / scale)`.
    Linear,
    /// `exp(d ln(midpoint) / scale)`.
    Exponential,
    /// `exp(d² ln(midpoint) / scale²)`.
    Gaussian,
}

//! A value while it is computed, and where the values of fields come from.

use std::borrow::Cow;

use model::packed::ObjectRef;
use model::{FieldPath, Object, Step, Value, ValueRef};

/// A value while it is computed.
#[derive(Clone, Debug)]
pub enum Datum<'a> {
    /// No value, or an unknown one.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer of a payload, or one computed: between `i64::MIN` and `u64::MAX`.
    Int(i128),
    /// A number with a fraction; may be infinite or not a number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list or object of a payload, read in place.
    Packed(ValueRef<'a>),
    /// A list or object that is no part of a payload.
    Plain(&'a Value),
}

impl<'a> Datum<'a> {
    /// A text that was computed.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// An integer, as a float when it is outside of 64 bits.
    pub(crate) fn integer(n: i128) -> Self {
        if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&n) {
            Self::Int(n)
        } else {
            Self::Float(n as f64)
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The truth value; `None` for anything else.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Null
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Packed(_)
            | Self::Plain(_) => None,
        }
    }

    /// The number, integers rounded to the nearest float; `None` for anything else.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Packed(_) | Self::Plain(_) => None,
        }
    }

    /// The text; `None` for anything else.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Packed(_)
            | Self::Plain(_) => None,
        }
    }

    /// The elements of a list; `None` for anything else.
    pub fn elements(&self) -> Option<Vec<Datum<'a>>> {
        match self {
            Self::Packed(ValueRef::Array(list)) => Some(list.iter().map(Datum::from).collect()),
            Self::Plain(Value::Array(list)) => Some(list.iter().map(Datum::from).collect()),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Packed(_)
            | Self::Plain(_) => None,
        }
    }

    /// As a value of a payload. Floats that are not finite stay floats.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(n) => match (i64::try_from(*n), u64::try_from(*n)) {
                (Ok(n), _) => Value::Int(n),
                (Err(_), Ok(n)) => Value::UInt(n),
                (Err(_), Err(_)) => Value::Float(*n as f64),
            },
            Self::Float(x) => Value::Float(*x),
            Self::Text(text) => Value::Str(text.to_string()),
            Self::Packed(value) => value.to_value().unwrap_or(Value::Null),
            Self::Plain(value) => (*value).clone(),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Datum<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Bool(truth) => Self::Bool(truth),
            ValueRef::Int(n) => Self::Int(n.into()),
            ValueRef::UInt(n) => Self::Int(n.into()),
            ValueRef::Float(x) => Self::Float(x),
            ValueRef::Str(text) => Self::Text(Cow::Borrowed(text)),
            ValueRef::Array(_) | ValueRef::Object(_) => Self::Packed(value),
        }
    }
}

impl<'a> From<&'a Value> for Datum<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(n) => Self::Int((*n).into()),
            Value::UInt(n) => Self::Int((*n).into()),
            Value::Float(x) => Self::Float(*x),
            Value::Str(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Self::Plain(value),
        }
    }
}

/// Where the values of fields come from.
pub trait Fields {
    /// The one value that `path` reaches; null when it reaches none or several.
    fn value(&self, path: &FieldPath) -> Datum<'_>;
}

impl Fields for ObjectRef<'_> {
    fn value(&self, path: &FieldPath) -> Datum<'_> {
        let mut reached = One::Nothing;
        let mut visit = |value| reached.add(value);
        packed(ValueRef::Object(*self), path.steps(), &mut visit);
        reached.datum()
    }
}

impl Fields for Object {
    fn value(&self, path: &FieldPath) -> Datum<'_> {
        let Some((Step::Key(first), rest)) = path.steps().split_first() else {
            return Datum::Null;
        };
        let mut reached = One::Nothing;
        if let Some(value) = self.get(first) {
            plain(value, rest, &mut |value| reached.add(value));
        }
        reached.datum()
    }
}

/// What a path reached so far.
enum One<T> {
    Nothing,
    Value(T),
    Several,
}

impl<T> One<T> {
    fn add(&mut self, value: T) {
        *self = match self {
            Self::Nothing => Self::Value(value),
            Self::Value(_) | Self::Several => Self::Several,
        };
    }

    fn datum<'a>(self) -> Datum<'a>
    where
        Datum<'a>: From<T>,
    {
        match self {
            Self::Value(value) => value.into(),
            Self::Nothing | Self::Several => Datum::Null,
        }
    }
}

fn packed<'a>(value: ValueRef<'a>, steps: &[Step], visit: &mut dyn FnMut(ValueRef<'a>)) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(value);
    };
    match (step, value) {
        (Step::Key(key), ValueRef::Object(object)) => {
            if let Some(inner) = object.get(key) {
                packed(inner, rest, visit);
            }
        }
        (Step::Each, ValueRef::Array(list)) => {
            list.iter().for_each(|inner| packed(inner, rest, visit));
        }
        (Step::At(at), ValueRef::Array(list)) => {
            if let Some(inner) = list.iter().nth(*at as usize) {
                packed(inner, rest, visit);
            }
        }
        (Step::Key(_) | Step::Each | Step::At(_), _) => {}
    }
}

fn plain<'a>(value: &'a Value, steps: &[Step], visit: &mut dyn FnMut(&'a Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return visit(value);
    };
    match (step, value) {
        (Step::Key(key), Value::Object(object)) => {
            if let Some(inner) = object.get(key) {
                plain(inner, rest, visit);
            }
        }
        (Step::Each, Value::Array(list)) => {
            list.iter().for_each(|inner| plain(inner, rest, visit));
        }
        (Step::At(at), Value::Array(list)) => {
            if let Some(inner) = list.get(*at as usize) {
                plain(inner, rest, visit);
            }
        }
        (Step::Key(_) | Step::Each | Step::At(_), _) => {}
    }
}

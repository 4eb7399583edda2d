//! Aggregates over the rows of a group, and the order of values.

use core::cmp::Ordering;
use std::collections::BTreeSet;

use model::Value;
use scalar::{Datum, Prepared};

use super::output::Line;
use crate::vocabulary::{Aggregate, Over};

/// The value of an aggregate over the rows of a group.
pub(super) fn over(aggregate: &Aggregate, lines: &[Line]) -> Value {
    let Some(of) = &aggregate.of else {
        return Value::from(lines.len() as u64);
    };
    let of = Prepared::new(of);
    let mut values: Vec<Value> = lines
        .iter()
        .map(|line| of.value(&line.fields).to_value())
        .filter(|value| *value != Value::Null)
        .collect();
    if aggregate.distinct {
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(format!("{value:?}")));
    }
    let number = |value: &Value| Datum::from(value).number();
    match aggregate.over {
        Over::Count => Value::from(values.len() as u64),
        Over::First => values.into_iter().next().unwrap_or(Value::Null),
        Over::Maximum => extreme(values, false),
        Over::Minimum => extreme(values, true),
        Over::Sum => sum(&values),
        Over::Average => {
            let numbers: Vec<f64> = values.iter().filter_map(number).collect();
            match numbers.is_empty() {
                true => Value::Null,
                false => Value::Float(numbers.iter().sum::<f64>() / numbers.len() as f64),
            }
        }
    }
}

fn extreme(values: Vec<Value>, ascending: bool) -> Value {
    let mut values = values.into_iter();
    let first = values.next().unwrap_or(Value::Null);
    values.fold(first, |best, value| {
        match compare(&value, &best, ascending) {
            Ordering::Less => value,
            Ordering::Equal | Ordering::Greater => best,
        }
    })
}

/// Integers stay integers while they fit.
fn sum(values: &[Value]) -> Value {
    let whole: Option<i128> = values
        .iter()
        .map(|value| match value {
            Value::Int(n) => Some(i128::from(*n)),
            _ => None,
        })
        .sum();
    match whole.and_then(|sum| i64::try_from(sum).ok()) {
        Some(sum) => Value::Int(sum),
        None => {
            let numbers = values
                .iter()
                .filter_map(|value| Datum::from(value).number());
            Value::Float(numbers.sum())
        }
    }
}

/// The order of two values of one kind; nulls are last whatever the direction.
pub(super) fn compare(a: &Value, b: &Value, ascending: bool) -> Ordering {
    let order = match (a, b) {
        (Value::Null, Value::Null) => return Ordering::Equal,
        (Value::Null, _) => return Ordering::Greater,
        (_, Value::Null) => return Ordering::Less,
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => match (Datum::from(a).number(), Datum::from(b).number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (_, _) => Ordering::Equal,
        },
    };
    match ascending {
        true => order,
        false => order.reverse(),
    }
}

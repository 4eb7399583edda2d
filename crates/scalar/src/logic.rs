//! Truth: comparisons and their combinations, unknown where SQL says so.

use core::cmp::Ordering;

use model::Function;

use crate::Datum;
use crate::compare::compare;

fn of(truth: Option<bool>) -> Datum<'static> {
    truth.map_or(Datum::Null, Datum::Bool)
}

/// `And` and `Or`: decided by the first argument that is `decisive`.
pub(crate) fn chain<'a>(
    decisive: bool,
    arguments: impl Iterator<Item = Datum<'a>>,
) -> Datum<'static> {
    let mut unknown = false;
    for argument in arguments {
        match argument.truth() {
            Some(truth) if truth == decisive => return Datum::Bool(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown {
        Datum::Null
    } else {
        Datum::Bool(!decisive)
    }
}

/// A comparison of two values.
pub(crate) fn comparison(function: Function, a: &Datum<'_>, b: &Datum<'_>) -> Datum<'static> {
    let Some(order) = compare(a, b) else {
        return Datum::Null;
    };
    Datum::Bool(match function {
        Function::Equal => order == Ordering::Equal,
        Function::NotEqual => order != Ordering::Equal,
        Function::Less => order == Ordering::Less,
        Function::LessOrEqual => order != Ordering::Greater,
        Function::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

/// `value IN (others)`.
pub(crate) fn among<'a>(
    value: &Datum<'_>,
    others: impl Iterator<Item = Datum<'a>>,
) -> Datum<'static> {
    let mut unknown = false;
    for other in others {
        match compare(value, &other) {
            Some(Ordering::Equal) => return Datum::Bool(true),
            Some(Ordering::Less | Ordering::Greater) => {}
            None => unknown = true,
        }
    }
    of((!unknown).then_some(false))
}

/// `value BETWEEN low AND high`.
pub(crate) fn between(value: &Datum<'_>, low: &Datum<'_>, high: &Datum<'_>) -> Datum<'static> {
    let sides = [
        comparison(Function::GreaterOrEqual, value, low),
        comparison(Function::LessOrEqual, value, high),
    ];
    chain(false, sides.into_iter())
}

/// Whether the list has an element that equals `wanted`.
pub(crate) fn contains(list: &Datum<'_>, wanted: &Datum<'_>) -> Datum<'static> {
    if list.is_null() || wanted.is_null() {
        return Datum::Null;
    }
    let Some(elements) = list.elements() else {
        return Datum::Bool(false);
    };
    let found = elements
        .iter()
        .any(|element| compare(element, wanted) == Some(Ordering::Equal));
    Datum::Bool(found)
}

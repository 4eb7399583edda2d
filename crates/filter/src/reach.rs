//! From a path to the values that it reaches in a payload.

use model::packed::ObjectRef;
use model::{Step, ValueRef};

/// Calls `visit` with each value that `steps` reach in `object`, in order, until it returns
/// `true`; returns whether it did.
///
/// A key does not descend into lists and a list step reaches nothing outside lists.
pub(crate) fn any_reached<'a>(
    object: ObjectRef<'a>,
    steps: &[Step],
    visit: &mut dyn FnMut(ValueRef<'a>) -> bool,
) -> bool {
    descend(ValueRef::Object(object), steps, visit)
}

/// As [`any_reached`], but a list at the end of the path is visited by its elements (one level).
pub(crate) fn any_leaf<'a>(
    object: ObjectRef<'a>,
    steps: &[Step],
    visit: &mut dyn FnMut(ValueRef<'a>) -> bool,
) -> bool {
    any_reached(object, steps, &mut |value| match value {
        ValueRef::Array(array) => array.iter().any(&mut *visit),
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::UInt(_)
        | ValueRef::Float(_)
        | ValueRef::Str(_)
        | ValueRef::Object(_) => visit(value),
    })
}

fn descend<'a>(
    value: ValueRef<'a>,
    steps: &[Step],
    visit: &mut dyn FnMut(ValueRef<'a>) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return visit(value);
    };
    match (step, value) {
        (Step::Key(key), ValueRef::Object(object)) => match object.get(key) {
            Some(inner) => descend(inner, rest, visit),
            None => false,
        },
        (Step::Each, ValueRef::Array(array)) => {
            array.iter().any(|inner| descend(inner, rest, &mut *visit))
        }
        (Step::At(at), ValueRef::Array(array)) => match array.iter().nth(*at as usize) {
            Some(inner) => descend(inner, rest, visit),
            None => false,
        },
        (Step::Key(_) | Step::Each | Step::At(_), _) => false,
    }
}

//! Payload edits by path: merging fields in, removing values, projecting.

use model::packed::{ArrayRef, ObjectRef};
use model::query::PayloadSelect;
use model::{Error, FieldPath, Object, Step, Value, ValueRef};

use crate::reach::any_leaf;

/// Merges the fields of `patch` into the object at `at`, or into `payload` itself; a null field
/// removes what has its name.
///
/// Where the path leads through something that is not an object (or, for a list step, not a list),
/// it is replaced by one. Lists are never extended: a position behind the end sets nothing.
pub fn set(payload: &mut Object, at: Option<&FieldPath>, patch: &Object) {
    match at.map(FieldPath::steps) {
        Some([Step::Key(name), rest @ ..]) => set_at(field(payload, name), rest, patch),
        // A path begins with a key.
        Some(_) | None => merge(payload, patch),
    }
}

/// Removes what `path` reaches: a field with its value, or with a final `[]` all elements of a
/// list. A single element of a list is never removed, because doing it twice would remove two.
pub fn remove(payload: &mut Object, path: &FieldPath) {
    let [Step::Key(name), rest @ ..] = path.steps() else {
        return;
    };
    if rest.is_empty() {
        payload.remove(name);
    } else if let Some(inner) = payload.get_mut(name) {
        remove_at(inner, rest);
    }
}

/// Calls `visit` with each value that `path` reaches, in order, until it returns `true`; a list at
/// the end counts by its elements. Returns whether `visit` ever did.
pub fn any_value<'a>(
    payload: ObjectRef<'a>,
    path: &FieldPath,
    visit: &mut dyn FnMut(ValueRef<'a>) -> bool,
) -> bool {
    any_leaf(payload, path.steps(), visit)
}

/// The part of a payload that `select` wants; `None` when it wants nothing of it.
///
/// Only a final or inner `[]` reaches into lists, a position does not. A list that no path enters
/// is left empty when including and whole when excluding; values that a path would have to enter
/// but cannot (`a.b` where `a` is 5) stay as they are.
///
/// # Errors
/// `Corrupt` when the packed bytes are malformed.
pub fn project(payload: ObjectRef<'_>, select: &PayloadSelect) -> Result<Option<Object>, Error> {
    let projected = match select {
        PayloadSelect::Nothing => return Ok(None),
        PayloadSelect::All => payload.to_object(),
        PayloadSelect::Include(paths) => include(payload, &all_steps(paths)),
        PayloadSelect::Exclude(paths) => exclude(payload, &all_steps(paths)),
    };
    match projected {
        Some(object) => Ok(Some(object)),
        None => Err(Error::corrupt("a packed payload is malformed")),
    }
}

fn all_steps(paths: &[FieldPath]) -> Vec<&[Step]> {
    paths.iter().map(FieldPath::steps).collect()
}

/// The value of field `name`, null if there was none.
fn field<'a>(object: &'a mut Object, name: &str) -> &'a mut Value {
    if object.get(name).is_none() {
        object.insert(name, Value::Null);
    }
    object.get_mut(name).expect("the field was just inserted")
}

fn merge(object: &mut Object, patch: &Object) {
    for (name, value) in patch.iter() {
        if *value == Value::Null {
            object.remove(name);
        } else {
            object.insert(name, value.clone());
        }
    }
}

fn set_at(value: &mut Value, steps: &[Step], patch: &Object) {
    match steps {
        [] => merge(as_object(value), patch),
        [Step::Key(name), rest @ ..] => set_at(field(as_object(value), name), rest, patch),
        [Step::Each, rest @ ..] => {
            for element in as_list(value) {
                set_at(element, rest, patch);
            }
        }
        [Step::At(at), rest @ ..] => {
            if let Some(element) = as_list(value).get_mut(*at as usize) {
                set_at(element, rest, patch);
            }
        }
    }
}

/// The object in `value`, which becomes an empty one if it was none.
fn as_object(value: &mut Value) -> &mut Object {
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Object::new());
    }
    let Value::Object(object) = value else {
        unreachable!("the value was just made an object")
    };
    object
}

/// The list in `value`, which becomes an empty one if it was none.
fn as_list(value: &mut Value) -> &mut Vec<Value> {
    if !matches!(value, Value::Array(_)) {
        *value = Value::Array(Vec::new());
    }
    let Value::Array(list) = value else {
        unreachable!("the value was just made a list")
    };
    list
}

fn remove_at(value: &mut Value, steps: &[Step]) {
    match (steps, value) {
        ([Step::Key(name)], Value::Object(object)) => {
            object.remove(name);
        }
        ([Step::Each], Value::Array(list)) => list.clear(),
        ([Step::Key(name), rest @ ..], Value::Object(object)) => {
            if let Some(inner) = object.get_mut(name) {
                remove_at(inner, rest);
            }
        }
        ([Step::Each, rest @ ..], Value::Array(list)) => {
            for element in list {
                remove_at(element, rest);
            }
        }
        ([Step::At(at), rest @ ..], Value::Array(list)) => {
            if let Some(element) = list.get_mut(*at as usize) {
                remove_at(element, rest);
            }
        }
        // The path does not fit what is there: nothing to remove.
        (_, _) => {}
    }
}

/// What is left of each of `paths` behind the step `first`; paths that begin otherwise fall out.
fn behind<'p>(paths: &[&'p [Step]], first: impl Fn(&Step) -> bool) -> Vec<&'p [Step]> {
    let rests = paths.iter().filter_map(|path| path.split_first());
    rests
        .filter(|(step, _)| first(step))
        .map(|(_, rest)| rest)
        .collect()
}

fn is_key(step: &Step, name: &str) -> bool {
    matches!(step, Step::Key(key) if **key == *name)
}

fn is_each(step: &Step) -> bool {
    matches!(step, Step::Each)
}

fn include(object: ObjectRef<'_>, paths: &[&[Step]]) -> Option<Object> {
    let mut kept = Vec::new();
    let mut seen = 0;
    for (name, value) in object.iter() {
        seen += 1;
        let rests = behind(paths, |step| is_key(step, name));
        if !rests.is_empty() {
            kept.push((name, include_value(value, &rests)?));
        }
    }
    (seen == object.len()).then(|| kept.into_iter().collect())
}

/// `paths` lead here and are not empty.
fn include_value(value: ValueRef<'_>, paths: &[&[Step]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return value.to_value();
    }
    match value {
        ValueRef::Object(object) => include(object, paths).map(Value::Object),
        ValueRef::Array(array) => {
            let rests = behind(paths, is_each);
            if rests.is_empty() {
                return Some(Value::Array(Vec::new()));
            }
            elements(array, |element| include_value(element, &rests))
        }
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::UInt(_)
        | ValueRef::Float(_)
        | ValueRef::Str(_) => value.to_value(),
    }
}

fn exclude(object: ObjectRef<'_>, paths: &[&[Step]]) -> Option<Object> {
    let mut kept = Vec::new();
    let mut seen = 0;
    for (name, value) in object.iter() {
        seen += 1;
        let rests = behind(paths, |step| is_key(step, name));
        if !rests.iter().any(|rest| rest.is_empty()) {
            kept.push((name, exclude_value(value, &rests)?));
        }
    }
    (seen == object.len()).then(|| kept.into_iter().collect())
}

/// None of `paths` ends here.
fn exclude_value(value: ValueRef<'_>, paths: &[&[Step]]) -> Option<Value> {
    if paths.is_empty() {
        return value.to_value();
    }
    match value {
        ValueRef::Object(object) => exclude(object, paths).map(Value::Object),
        ValueRef::Array(array) => {
            let rests = behind(paths, is_each);
            if rests.iter().any(|rest| rest.is_empty()) {
                return Some(Value::Array(Vec::new()));
            }
            elements(array, |element| exclude_value(element, &rests))
        }
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Int(_)
        | ValueRef::UInt(_)
        | ValueRef::Float(_)
        | ValueRef::Str(_) => value.to_value(),
    }
}

fn elements(array: ArrayRef<'_>, project: impl Fn(ValueRef<'_>) -> Option<Value>) -> Option<Value> {
    let projected: Option<Vec<Value>> = array.iter().map(project).collect();
    projected
        .filter(|values| values.len() == array.len())
        .map(Value::Array)
}

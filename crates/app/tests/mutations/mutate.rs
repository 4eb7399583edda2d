//! Changes of a JSON body that keep most of its shape.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

/// A change at one place of a body; places are counted in the order of the text.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    /// Another value of another kind, or an extreme one.
    Replace(Index, Leaf),
    /// A value from elsewhere in the corpus.
    Splice(Index, Index),
    /// A field from elsewhere in the corpus, put into an object.
    Add(Index, Index),
    /// One element or field less.
    Remove(Index, Index),
    /// The elements of a list, many times over.
    Repeat(Index, usize),
    /// Lists and objects around a value.
    Wrap(Index, usize),
}

/// Values at the edges of what a decoder expects.
#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Null,
    Bool(bool),
    Whole(i64),
    Natural(u64),
    Float(f64),
    Text(String),
    Empty(bool),
    Long(usize),
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let naturals = [
        0,
        1,
        2,
        255,
        65_536,
        1 << 31,
        (1 << 32) - 1,
        1 << 53,
        u64::MAX - 1,
        u64::MAX,
    ];
    let floats = [
        0.5,
        -0.0,
        1e-45,
        3.5e38,
        -1e300,
        f64::MAX,
        f64::MIN_POSITIVE,
    ];
    let texts = [
        "",
        " ",
        "a..b",
        "a[",
        "a[].b",
        "\"",
        "🦀\u{0}",
        "2024-02-30",
        "-1",
        "1e5",
        "NaN",
        "../x",
        "550e8400-e29b-41d4-a716-446655440000",
        "$score",
        "$score[9]",
        "9999-12-31T23:59:59Z",
    ];
    prop_oneof![
        Just(Leaf::Null),
        any::<bool>().prop_map(Leaf::Bool),
        prop_oneof![Just(-1), Just(i64::MIN), any::<i64>()].prop_map(Leaf::Whole),
        prop::sample::select(naturals.to_vec()).prop_map(Leaf::Natural),
        prop::sample::select(floats.to_vec()).prop_map(Leaf::Float),
        prop::sample::select(texts.map(str::to_owned).to_vec()).prop_map(Leaf::Text),
        any::<bool>().prop_map(Leaf::Empty),
        (1usize..5000).prop_map(Leaf::Long),
    ]
}

/// Any change.
pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), leaf()).prop_map(|(at, leaf)| Mutation::Replace(at, leaf)),
        3 => (at(), at()).prop_map(|(at, from)| Mutation::Splice(at, from)),
        3 => (at(), at()).prop_map(|(at, from)| Mutation::Add(at, from)),
        2 => (at(), at()).prop_map(|(at, which)| Mutation::Remove(at, which)),
        1 => (at(), 1usize..300).prop_map(|(at, times)| Mutation::Repeat(at, times)),
        1 => (at(), 1usize..200).prop_map(|(at, depth)| Mutation::Wrap(at, depth)),
    ]
}

/// Changes `body`.
pub(crate) fn apply(mutation: &Mutation, body: &mut Value, pool: &[(Option<String>, Value)]) {
    let places = count(body);
    let (Mutation::Replace(at, _)
    | Mutation::Splice(at, _)
    | Mutation::Add(at, _)
    | Mutation::Remove(at, _)
    | Mutation::Repeat(at, _)
    | Mutation::Wrap(at, _)) = mutation;
    let mut left = at.index(places);
    let place = find(body, &mut left).expect("the place was counted");
    match mutation {
        Mutation::Replace(_, leaf) => *place = value(leaf),
        Mutation::Splice(_, from) => *place = from.get(pool).1.clone(),
        Mutation::Add(_, from) => {
            let (key, value) = from.get(pool).clone();
            match place {
                Value::Object(fields) => _ = fields.insert(key.unwrap_or_default(), value),
                Value::Array(all) => all.push(value),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        Mutation::Remove(_, which) => remove(place, which),
        Mutation::Repeat(_, times) => {
            if let Value::Array(all) = place
                && all.len() < 20
            {
                let once = all.clone();
                *all = once
                    .iter()
                    .cycle()
                    .take(once.len() * times)
                    .cloned()
                    .collect();
            }
        }
        Mutation::Wrap(_, depth) => {
            for level in 0..*depth {
                let inner = place.take();
                *place = if level % 2 == 0 {
                    json!([inner])
                } else {
                    Value::Object(Map::from_iter([("must".to_owned(), inner)]))
                };
            }
        }
    }
}

fn remove(place: &mut Value, which: &Index) {
    match place {
        Value::Object(fields) if !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            fields.remove(which.get(&keys));
        }
        Value::Array(all) if !all.is_empty() => _ = all.remove(which.index(all.len())),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
}

fn value(leaf: &Leaf) -> Value {
    match leaf {
        Leaf::Null => Value::Null,
        Leaf::Bool(value) => json!(value),
        Leaf::Whole(value) => json!(value),
        Leaf::Natural(value) => json!(value),
        Leaf::Float(value) => json!(value),
        Leaf::Text(value) => json!(value),
        Leaf::Empty(list) => {
            if *list {
                json!([])
            } else {
                json!({})
            }
        }
        Leaf::Long(length) => json!("x".repeat(*length)),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(all) => all.iter().map(count).sum(),
        Value::Object(all) => all.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The place that is `left` places after `value`.
fn find<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(all) => all.iter_mut().find_map(|item| find(item, left)),
        Value::Object(all) => all.values_mut().find_map(|item| find(item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

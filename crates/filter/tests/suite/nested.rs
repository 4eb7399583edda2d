//! Filters on single objects inside a payload.

#![allow(clippy::unwrap_used)]

use model::{Filter, PointId, Scalar, Test, VectorName};

use crate::semantics::{check_filter, field, path, text};

const NESTED: &[&str] = &[
    r#"{"d":[{"f":"meat","n":3,"likes":true},{"f":"leaves","n":1,"likes":false}]}"#,
    r#"{"d":[{"f":"meat","n":1,"likes":false},{"f":"leaves","n":3,"likes":true}]}"#,
    r#"{"d":{"f":"meat","likes":true}}"#,
    r#"{"d":["meat",{"f":["x","meat"],"likes":true,"in":[{"k":1}]}]}"#,
    r#"{"d":[{"likes":true}]}"#,
    r#"{}"#,
];

fn nested(at: &str, filter: Filter) -> Filter {
    Filter::Nested {
        path: path(at),
        filter: Box::new(filter),
    }
}

#[test]
fn one_nested_object_must_satisfy_everything() {
    let meat = field("f", Test::Equals(text("meat")));
    let likes = field("likes", Test::Equals(Scalar::Bool(true)));
    let both = Filter::All(vec![meat.clone(), likes.clone()]);
    check_filter(NESTED, "d[].f", &nested("d", both.clone()), &[0, 3]);
    check_filter(NESTED, "d[].f", &nested("d[]", both), &[0, 3]);
    let apart = Filter::All(vec![nested("d", meat.clone()), nested("d", likes)]);
    check_filter(NESTED, "d[].f", &apart, &[0, 1, 3]);
    // Some object that is not about meat, not: no object about meat.
    let not_meat = Filter::Not(Box::new(meat.clone()));
    check_filter(NESTED, "d[].f", &nested("d", not_meat), &[0, 1, 4]);
    let any = Filter::Any(vec![meat, field("f", Test::Equals(text("leaves")))]);
    check_filter(NESTED, "d[].f", &nested("d", any), &[0, 1, 3]);
    let deep = nested("in", field("k", Test::Equals(Scalar::Int(1))));
    check_filter(NESTED, "d[].in[].k", &nested("d", deep), &[3]);
    let empty = field("f", Test::IsEmpty(true));
    check_filter(NESTED, "d[].f", &nested("d", empty), &[4]);
}

#[test]
fn ids_and_vectors_never_match_inside_nested_objects() {
    let ids = Filter::HasId(vec![PointId::Num(0)]);
    check_filter(NESTED, "d[].f", &nested("d", ids.clone()), &[]);
    let none = Filter::Not(Box::new(ids));
    check_filter(NESTED, "d[].f", &nested("d", none), &[0, 1, 3, 4]);
    let even = Filter::HasVector(VectorName::new("even").unwrap());
    check_filter(NESTED, "d[].f", &nested("d", even), &[]);
    let slice = Filter::Slice { total: 1, index: 0 };
    check_filter(NESTED, "d[].f", &nested("d", slice), &[]);
}

//! Payload edits and projections against recorded results.

#![allow(clippy::unwrap_used)]

use model::packed::ObjectRef;
use model::query::PayloadSelect;
use model::{FieldPath, Packed};
use skerry_filter::payload;

use crate::fixture::object;

#[test]
fn edits_and_projections_do_what_was_recorded() {
    let cases = include_str!("payload_edits.txt");
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = case.split(" | ").collect();
        let &[act, before, path, after] = columns.as_slice() else {
            panic!("{case}");
        };
        let (act, more) = match act.strip_suffix('+') {
            Some(act) => (act, Some("a.c[].e")),
            None => (act, None),
        };
        let paths: Vec<FieldPath> = [Some(path), more]
            .into_iter()
            .flatten()
            .map(|path| FieldPath::parse(path).unwrap())
            .collect();
        let mut edited = object(before);
        let project = |select: PayloadSelect| {
            let packed = Packed::pack(&object(before)).unwrap();
            let view = ObjectRef::read(packed.as_bytes()).unwrap();
            payload::project(view, &select).unwrap().unwrap()
        };
        match act {
            "set" => {
                payload::set(&mut edited, paths.first(), &object(r#"{"n":1,"d":null}"#));
            }
            "remove" => payload::remove(&mut edited, &paths[0]),
            "include" => edited = project(PayloadSelect::Include(paths)),
            "exclude" => edited = project(PayloadSelect::Exclude(paths)),
            other => panic!("{other}"),
        }
        assert_eq!(edited, object(after), "{case}");
    }
}

#[test]
fn a_patch_at_the_root_merges_and_null_removes() {
    let mut payload = object(r#"{"a":{"b":1},"c":2,"d":3}"#);
    payload::set(
        &mut payload,
        None,
        &object(r#"{"a":{"x":1},"c":null,"e":[]}"#),
    );
    assert_eq!(payload, object(r#"{"a":{"x":1},"d":3,"e":[]}"#));
}

#[test]
fn the_whole_and_nothing_can_be_selected() {
    let packed = Packed::pack(&object(r#"{"a":[1,null]}"#)).unwrap();
    let view = ObjectRef::read(packed.as_bytes()).unwrap();
    let all = payload::project(view, &PayloadSelect::All).unwrap();
    assert_eq!(all, Some(object(r#"{"a":[1,null]}"#)));
    assert_eq!(
        payload::project(view, &PayloadSelect::Nothing).unwrap(),
        None
    );
}

#[test]
fn damaged_payloads_are_corrupt() {
    // An object that announces one field and ends.
    let view = ObjectRef::read(&[8, 1, 1]).unwrap();
    let paths = vec![FieldPath::parse("a").unwrap()];
    for select in [
        PayloadSelect::All,
        PayloadSelect::Include(paths.clone()),
        PayloadSelect::Exclude(paths),
    ] {
        let error = payload::project(view, &select).unwrap_err();
        assert_eq!(error.kind, model::ErrorKind::Corrupt);
    }
}

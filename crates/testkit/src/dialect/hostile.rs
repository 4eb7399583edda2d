//! Bodies that nobody should send.

use proptest::prelude::*;

/// JSON made of `words`, those of an interface, mostly in the wrong places.
pub fn hostile_json(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop::sample::select(words).prop_map(str::to_owned);
    let leaf = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|x| format!("{x:e}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e999".to_owned()),
        Just("[1,2]".to_owned()),
        word.clone().prop_map(|w| format!("{w:?}")),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let field = (word.clone(), inner.clone()).prop_map(|(w, v)| format!("{w:?}:{v}"));
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec(field, 0..7).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    })
}

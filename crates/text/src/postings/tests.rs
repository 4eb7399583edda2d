//! Postings against reading the texts, and damaged bytes against panics.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;
use model::TextOptions;
use proptest::prelude::*;
use proptest::sample::Index;
use rows::RowId;

use super::{Postings, PostingsBuilder};
use crate::{Analyzer, Question};

type Rows = Vec<Vec<String>>;

fn any_text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&["a", "b", "c", "dd", "é"][..]);
    prop::collection::vec(word, 0..6).prop_map(|words| words.join(" "))
}

fn any_rows() -> impl Strategy<Value = Rows> {
    prop::collection::vec(prop::collection::vec(any_text(), 0..3), 0..40)
}

fn build(rows: &Rows, analyzer: &Analyzer, keeps_places: bool) -> Postings {
    let mut builder = PostingsBuilder::new(analyzer, keeps_places);
    for (row, texts) in rows.iter().enumerate() {
        texts.iter().for_each(|text| builder.push(text));
        builder.finish_row(row as u32);
    }
    builder.finish()
}

fn reopened(postings: &Postings) -> Postings {
    let blocks: BTreeMap<_, _> = postings.encode().into_iter().collect();
    Postings::open(&|name| blocks.get(name).cloned()).unwrap()
}

proptest! {
    #[test]
    fn rows_are_those_whose_texts_have_it(rows in any_rows(), text in any_text()) {
        let analyzer = Analyzer::new(&TextOptions::default());
        let postings = reopened(&build(&rows, &analyzer, true));
        let without_places = build(&rows, &analyzer, false);
        for question in [
            Question::all(&analyzer, &text),
            Question::any(&analyzer, &text),
            Question::phrase(&analyzer, &text),
        ] {
            let found = postings.rows(&question);
            for (row, texts) in rows.iter().enumerate() {
                let mut reading = question.read();
                let has = texts.iter().any(|text| reading.has(&analyzer, text));
                let found = found.contains(RowId(row as u32));
                prop_assert_eq!(found, has, "{:?} {:?}", question, texts);
            }
            let is_phrase = matches!(question, Question::Phrase(_));
            let expected = if is_phrase { rows::RowSet::new() } else { found };
            prop_assert_eq!(without_places.rows(&question), expected);
        }
    }

    #[test]
    fn damage_never_panics(
        rows in any_rows(), text in any_text(), at: Index, byte: u8, which: Index
    ) {
        let analyzer = Analyzer::new(&TextOptions::default());
        let mut blocks = build(&rows, &analyzer, true).encode();
        let which = which.index(blocks.len());
        let mut bytes = blocks[which].1.to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        blocks[which].1 = Bytes::from(bytes);
        let blocks: BTreeMap<_, _> = blocks.into_iter().collect();
        if let Ok(postings) = Postings::open(&|name| blocks.get(name).cloned()) {
            postings.rows(&Question::all(&analyzer, &text));
            postings.rows(&Question::any(&analyzer, &text));
            postings.rows(&Question::phrase(&analyzer, &text));
        }
    }
}

#[test]
fn a_phrase_stays_within_one_text() {
    let analyzer = Analyzer::new(&TextOptions::default());
    let row = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let rows = vec![
        row(&["a b", "c"]),
        row(&["a b c"]),
        row(&["b a", "c b c a b"]),
    ];
    let postings = build(&rows, &analyzer, true);
    let found = |text: &str| -> Vec<u32> {
        let question = Question::phrase(&analyzer, text);
        postings.rows(&question).iter().map(|row| row.0).collect()
    };
    assert_eq!(found("b c"), [1, 2]);
    assert_eq!(found("a b"), [0, 1, 2]);
    assert_eq!(found("c b c"), [2]);
    assert_eq!(found("c a b x"), [0; 0]);
    assert_eq!(found(""), [0; 0]);
}

//! Texts of many scripts through every tokenizer, into postings and BM25 vectors.

use std::fmt::Write;

use model::{Language, Stopwords, TextOptions, Tokenizer};
use text::{Analyzer, Bm25, Bm25Options, PostingsBuilder, Question};

use crate::noise::Noise;

const WORDS: &[&str] = &[
    "the",
    "quick",
    "brown",
    "foxes",
    "jumping",
    "Ångström",
    "naïve",
    "café",
    "ﬁne",
    "x²",
    "Straße",
    "Привет",
    "бегущий",
    "Ёлка",
    "ΟΔΟΣ",
    "السلام",
    "שָׁלוֹם",
    "नमस्ते",
    "안녕하세요",
    "東京タワー",
    "สวัสดี",
    "don't",
    "v1.2",
    "foo_bar",
    "İstanbul",
];

const TOKENIZERS: &[Tokenizer] = &[
    Tokenizer::Word,
    Tokenizer::Whitespace,
    Tokenizer::Prefix,
    Tokenizer::Multilingual,
];

pub(super) fn texts() -> String {
    let mut noise = Noise::new(9);
    let mut answers = String::new();
    for &tokenizer in TOKENIZERS {
        for stemmer in [None, Some(Language::English), Some(Language::Russian)] {
            for ascii_folding in [false, true] {
                let options = TextOptions {
                    tokenizer,
                    ascii_folding,
                    stopwords: Stopwords {
                        languages: stemmer.into_iter().collect(),
                        custom: Vec::new(),
                    },
                    stemmer,
                    phrases: true,
                    ..TextOptions::default()
                };
                ask(&options, &mut noise, &mut answers);
            }
        }
    }
    answers
}

fn draw(noise: &mut Noise, words: u64) -> String {
    let words = (0..words).map(|_| WORDS[noise.below(WORDS.len() as u64) as usize]);
    words.collect::<Vec<_>>().join(" ")
}

fn ask(options: &TextOptions, noise: &mut Noise, answers: &mut String) {
    let analyzer = Analyzer::new(options);
    let bm25 = Bm25::new(&Bm25Options {
        text: options.clone(),
        ..Bm25Options::default()
    });
    let bm25 = bm25.expect("the usual parameters");
    let mut builder = PostingsBuilder::new(&analyzer, true);
    for row in 0..40 {
        let text = draw(noise, 9);
        analyzer.document(&text, &mut |token| {
            write!(answers, "{token}|").expect("a string takes everything");
        });
        let vector = bm25.document(&text);
        for (index, value) in vector.indices().iter().zip(vector.values()) {
            write!(answers, " {index}:{:08x}", value.to_bits()).expect("a string takes everything");
        }
        answers.push('\n');
        builder.push(&text);
        builder.finish_row(row);
    }
    let postings = builder.finish();
    for _ in 0..20 {
        let text = draw(noise, 2);
        for question in [
            Question::all(&analyzer, &text),
            Question::any(&analyzer, &text),
            Question::phrase(&analyzer, &text),
        ] {
            let rows: Vec<u32> = postings.rows(&question).iter().map(|row| row.0).collect();
            writeln!(answers, "{rows:?}").expect("a string takes everything");
        }
    }
}

//! Tokens of texts, postings of tokens, and the BM25 text encoder.
//!
//! | where | what |
//! |---|---|
//! | [`Analyzer`] | cuts a text into tokens: tokenizer, case, accents, stopwords, stems, lengths |
//! | [`Question`] | tokens that are asked for: all, any, or in a row |
//! | [`Postings`] | which rows hold which token, and where: immutable, read in place |
//! | [`Bm25`] | a text as a sparse vector whose dot product with a query is its BM25 score |
//!
//! Everything is a pure function of its input, with equal results on every platform.

mod analyzer;
mod bm25;
mod fold;
mod multilingual;
mod postings;
mod question;
mod stemmer;
mod stopwords;

pub use analyzer::{Analyzer, PREFIX_CHARS_MAX, REVISION};
pub use bm25::{Bm25, Bm25Options};
pub use postings::{Postings, PostingsBuilder};
pub use question::{Question, Reading};
pub use stemmer::has_stemmer;
pub use stopwords::has_stopwords;

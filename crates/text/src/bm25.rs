//! A text as a sparse vector, so that the dot product of a stored text and a query is the BM25
//! score of the one for the other.
//!
//! Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond". What
//! depends on a text alone (term frequency, length) is in its vector; how rare a token is depends
//! on the collection, and is multiplied in when a query is executed (the IDF modifier of a sparse
//! field). The average length of texts is a constant that the caller gives, because vectors would
//! have to change with every other text if it were measured.

use std::collections::BTreeMap;

use model::{Error, SparseVector, TextOptions};
use murmur3_32::Murmur3;

use crate::analyzer::Analyzer;

/// Parameters of [`Bm25`].
#[derive(Clone, Debug, PartialEq)]
pub struct Bm25Options {
    /// How soon more of the same token stops to matter; at least 0.
    pub k: f64,
    /// How much long texts are held back, 0 to 1.
    pub b: f64,
    /// Tokens of a text that is neither long nor short; above 0.
    pub tokens_average: f64,
    /// Which tokens a text is made of.
    pub text: TextOptions,
}

impl Default for Bm25Options {
    fn default() -> Self {
        Self {
            k: 1.2,
            b: 0.75,
            tokens_average: 256.0,
            text: TextOptions::default(),
        }
    }
}

/// Encodes texts and queries as sparse vectors.
#[derive(Debug)]
pub struct Bm25 {
    analyzer: Analyzer,
    k: f64,
    b: f64,
    tokens_average: f64,
}

impl Bm25 {
    /// # Errors
    /// `Invalid` when a parameter is out of its bounds.
    pub fn new(options: &Bm25Options) -> Result<Self, Error> {
        let Bm25Options {
            k,
            b,
            tokens_average,
            ref text,
        } = *options;
        if !(k.is_finite() && k >= 0.0) {
            return Err(Error::invalid(format!(
                "BM25 k1 must be finite and >= 0, got {k}"
            )));
        }
        if !(0.0..=1.0).contains(&b) {
            let text = format!("BM25 b must be finite and in [0.0, 1.0], got {b}");
            return Err(Error::invalid(text));
        }
        if !(tokens_average.is_finite() && tokens_average > 0.0) {
            let text = format!("BM25 avg_doc_len must be finite and > 0, got {tokens_average}");
            return Err(Error::invalid(text));
        }
        Ok(Self {
            analyzer: Analyzer::new(text),
            k,
            b,
            tokens_average,
        })
    }

    /// The vector of a text to be found: each token with its saturated frequency.
    pub fn document(&self, text: &str) -> SparseVector {
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        let mut tokens = 0.0;
        self.analyzer.document(text, &mut |token| {
            *counts.entry(index_of(token)).or_default() += 1.0;
            tokens += 1.0;
        });
        let length = 1.0 - self.b + self.b * tokens / self.tokens_average;
        let weight = |count: f64| {
            // Fused, which is exactly rounded and so the same everywhere.
            let divisor = libm::fma(self.k, length, count);
            let weight = (count * (self.k + 1.0) / divisor) as f32;
            // Parameters at the ends of the numbers give no number.
            if weight.is_finite() { weight } else { 0.0 }
        };
        sparse(
            counts
                .into_iter()
                .map(|(index, count)| (index, weight(count))),
        )
    }

    /// The vector of a query: each distinct token once.
    pub fn query(&self, text: &str) -> SparseVector {
        let mut indices = Vec::new();
        self.analyzer
            .query(text, &mut |token| indices.push(index_of(token)));
        indices.sort_unstable();
        indices.dedup();
        sparse(indices.into_iter().map(|index| (index, 1.0)))
    }
}

/// `pairs` ascend by index.
fn sparse(pairs: impl Iterator<Item = (u32, f32)>) -> SparseVector {
    let (indices, values) = pairs.unzip();
    SparseVector::new(indices, values).expect("indices are distinct, and weights finite")
}

/// The index of a token: its hash without the sign. Tokens of equal hashes count as one.
fn index_of(token: &str) -> u32 {
    (Murmur3::hash(0, token) as i32).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use model::{Language, Stopwords};

    use super::*;

    fn english() -> Bm25 {
        let text = TextOptions {
            stopwords: Stopwords {
                languages: vec![Language::English],
                custom: Vec::new(),
            },
            stemmer: Some(Language::English),
            ..TextOptions::default()
        };
        Bm25::new(&Bm25Options {
            text,
            ..Bm25Options::default()
        })
        .expect("the parameters are in bounds")
    }

    #[test]
    fn vectors_are_those_of_the_reference() {
        let document = english().document("the running the dogs");
        assert_eq!(document.indices(), [243_905_464, 1_312_749_093]);
        assert_eq!(document.values(), [1.683_203_8, 1.683_203_8]);
        let query = english().query("dog dogs cat");
        assert_eq!(query.indices(), [1_312_749_093, 1_751_422_759]);
        assert_eq!(query.values(), [1.0, 1.0]);
        assert_eq!(english().document("of the").indices(), [0; 0]);
    }

    #[test]
    fn parameters_have_bounds() {
        for (k, b, tokens_average) in [
            (-1.0, 0.5, 1.0),
            (f64::NAN, 0.5, 1.0),
            (1.0, 1.1, 1.0),
            (1.0, f64::NAN, 1.0),
            (1.0, 0.5, 0.0),
            (1.0, 0.5, f64::INFINITY),
        ] {
            let options = Bm25Options {
                k,
                b,
                tokens_average,
                text: TextOptions::default(),
            };
            assert!(Bm25::new(&options).is_err(), "{options:?}");
        }
    }

    #[test]
    fn extreme_parameters_give_finite_weights() {
        for (k, b, tokens_average) in [
            (f64::MAX, 0.5, 1.0),
            (0.0, 1.0, f64::MIN_POSITIVE),
            (1e300, 1.0, 1e308),
        ] {
            let options = Bm25Options {
                k,
                b,
                tokens_average,
                text: TextOptions::default(),
            };
            let bm25 = Bm25::new(&options).expect("the parameters are in bounds");
            let document = bm25.document("a a a a a a a a a a a a b");
            assert!(document.values().iter().all(|value| value.is_finite()));
        }
    }
}

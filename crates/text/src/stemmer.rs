//! Stemmers of the Snowball family.

use core::fmt;
use std::borrow::Cow;

use model::Language;
use qdrant_rust_stemmers::Algorithm;

/// Reduces words of one language to their stems.
pub(crate) struct Stemmer(qdrant_rust_stemmers::Stemmer);

impl Stemmer {
    /// `None` for a language without a stemmer.
    pub(crate) fn new(language: Language) -> Option<Self> {
        algorithm(language).map(|of| Self(qdrant_rust_stemmers::Stemmer::create(of)))
    }

    /// The stem of a word in lower case.
    pub(crate) fn stem<'t>(&self, word: Cow<'t, str>) -> Cow<'t, str> {
        self.0.stem_cow(word)
    }
}

impl fmt::Debug for Stemmer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stemmer")
    }
}

/// Whether there is a stemmer of `language`.
pub fn has_stemmer(language: Language) -> bool {
    algorithm(language).is_some()
}

fn algorithm(language: Language) -> Option<Algorithm> {
    Some(match language {
        Language::Arabic => Algorithm::Arabic,
        Language::Armenian => Algorithm::Armenian,
        Language::Danish => Algorithm::Danish,
        Language::Dutch => Algorithm::Dutch,
        Language::English => Algorithm::English,
        Language::Finnish => Algorithm::Finnish,
        Language::French => Algorithm::French,
        Language::German => Algorithm::German,
        Language::Greek => Algorithm::Greek,
        Language::Hungarian => Algorithm::Hungarian,
        Language::Italian => Algorithm::Italian,
        Language::Norwegian => Algorithm::Norwegian,
        Language::Portuguese => Algorithm::Portuguese,
        Language::Romanian => Algorithm::Romanian,
        Language::Russian => Algorithm::Russian,
        Language::Spanish => Algorithm::Spanish,
        Language::Swedish => Algorithm::Swedish,
        Language::Tamil => Algorithm::Tamil,
        Language::Turkish => Algorithm::Turkish,
        Language::Azerbaijani
        | Language::Basque
        | Language::Bengali
        | Language::Catalan
        | Language::Chinese
        | Language::Hebrew
        | Language::Hinglish
        | Language::Indonesian
        | Language::Japanese
        | Language::Kazakh
        | Language::Nepali
        | Language::Slovene
        | Language::Tajik => return None,
    })
}

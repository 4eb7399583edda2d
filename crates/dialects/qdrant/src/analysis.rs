//! How texts are cut into tokens, on the wire: what text indexes and BM25 documents have in common.

use core::marker::PhantomData;
use std::collections::BTreeSet;

use model::{Language, Stopwords, TextOptions, Tokenizer};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WireTokenizer {
    Prefix,
    Whitespace,
    #[default]
    Word,
    Multilingual,
}

/// Stopwords of a language, or several lists together.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum StopwordsInterface"
)]
pub(crate) enum WireStopwords {
    Language(Named<OfStopwords>),
    Set(WireStopwordsSet),
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub(crate) struct WireStopwordsSet {
    #[serde(skip_serializing_if = "Option::is_none")]
    languages: Option<BTreeSet<Named<OfStopwords>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(
    untagged,
    expecting = "data did not match any variant of untagged enum StemmingAlgorithm"
)]
pub(crate) enum WireStemmer {
    Snowball {
        r#type: Snowball,
        language: Named<OfStemmers>,
    },
    Disabled {
        r#type: NoStemmer,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Snowball {
    Snowball,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoStemmer {
    None,
}

/// Which languages a name may be of.
pub(crate) trait Listed {
    /// What a name of none of them is called in errors.
    const WHAT: &'static str;

    /// Whether the language is one of them.
    fn has(language: Language) -> bool;
}

/// The languages of lists of stopwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OfStopwords;

/// The languages of stemmers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OfStemmers;

impl Listed for OfStopwords {
    const WHAT: &'static str = "a language with stopwords";

    fn has(language: Language) -> bool {
        text::has_stopwords(language)
    }
}

impl Listed for OfStemmers {
    const WHAT: &'static str = "a language with a stemmer";

    fn has(language: Language) -> bool {
        text::has_stemmer(language)
    }
}

/// A language by its name or its short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named<L>(Language, PhantomData<L>);

impl<L: Listed> Named<L> {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let language = Language::named(name).or_else(|| of_short_name(name))?;
        L::has(language).then_some(Self(language, PhantomData))
    }
}

impl<L> Serialize for Named<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de, L: Listed> Deserialize<'de> for Named<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name)
            .ok_or_else(|| D::Error::custom(format_args!("`{name}` is not {}", L::WHAT)))
    }
}

/// Mostly ISO 639-1; where it is not, Qdrant's own.
fn of_short_name(name: &str) -> Option<Language> {
    Some(match name {
        "ar" => Language::Arabic,
        "hy" => Language::Armenian,
        "az" => Language::Azerbaijani,
        "eu" => Language::Basque,
        "bn" => Language::Bengali,
        "ca" => Language::Catalan,
        "zh" => Language::Chinese,
        "da" => Language::Danish,
        "nl" => Language::Dutch,
        "en" => Language::English,
        "fi" => Language::Finnish,
        "fr" => Language::French,
        "de" => Language::German,
        "el" => Language::Greek,
        "he" => Language::Hebrew,
        "hi-en" => Language::Hinglish,
        "hu" => Language::Hungarian,
        "id" => Language::Indonesian,
        "it" => Language::Italian,
        "jp" => Language::Japanese,
        "kk" => Language::Kazakh,
        "ne" => Language::Nepali,
        "no" => Language::Norwegian,
        "pt" => Language::Portuguese,
        "ro" => Language::Romanian,
        "ru" => Language::Russian,
        "sl" => Language::Slovene,
        "es" => Language::Spanish,
        "sv" => Language::Swedish,
        "tg" => Language::Tajik,
        "ta" => Language::Tamil,
        "tr" => Language::Turkish,
        _ => return None,
    })
}

impl WireTokenizer {
    pub(crate) fn decode(self) -> Tokenizer {
        match self {
            Self::Prefix => Tokenizer::Prefix,
            Self::Whitespace => Tokenizer::Whitespace,
            Self::Word => Tokenizer::Word,
            Self::Multilingual => Tokenizer::Multilingual,
        }
    }
}

impl WireStopwords {
    pub(crate) fn decode(&self) -> Stopwords {
        match self {
            Self::Language(language) => Stopwords {
                languages: vec![language.0],
                custom: Vec::new(),
            },
            Self::Set(WireStopwordsSet { languages, custom }) => Stopwords {
                languages: languages.iter().flatten().map(|named| named.0).collect(),
                custom: custom.iter().flatten().cloned().collect(),
            },
        }
    }
}

impl WireStemmer {
    pub(crate) fn decode(self) -> Option<Language> {
        match self {
            Self::Snowball { language, .. } => Some(language.0),
            Self::Disabled { .. } => None,
        }
    }
}

/// What an index and a document have in common; each decides what holds when a part is absent.
pub(crate) struct Parts<'a> {
    pub(crate) tokenizer: WireTokenizer,
    pub(crate) lowercase: Option<bool>,
    pub(crate) ascii_folding: Option<bool>,
    pub(crate) min_token_len: Option<u64>,
    pub(crate) max_token_len: Option<u64>,
    pub(crate) stopwords: Option<&'a WireStopwords>,
    pub(crate) stemmer: Option<WireStemmer>,
}

impl Parts<'_> {
    /// No stopwords and no stemmer unless they are given.
    pub(crate) fn decode(&self) -> TextOptions {
        // No token has so many characters that the difference could be seen.
        let chars = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        TextOptions {
            tokenizer: self.tokenizer.decode(),
            lowercase: self.lowercase.unwrap_or(true),
            ascii_folding: self.ascii_folding.unwrap_or(false),
            token_chars_min: self.min_token_len.map(chars),
            token_chars_max: self.max_token_len.map(chars),
            stopwords: self
                .stopwords
                .map(WireStopwords::decode)
                .unwrap_or_default(),
            stemmer: self.stemmer.and_then(WireStemmer::decode),
            phrases: false,
        }
    }
}
/// The stopwords and the stemmer that are usual for the language `name`, as far as there are any.
pub(crate) fn usual(name: &str) -> (Stopwords, Option<Language>) {
    let languages = Named::<OfStopwords>::parse(name).map(|named| named.0);
    let stopwords = Stopwords {
        languages: languages.into_iter().collect(),
        custom: Vec::new(),
    };
    (
        stopwords,
        Named::<OfStemmers>::parse(name).map(|named| named.0),
    )
}

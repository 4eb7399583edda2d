//! Analyzers: the tokens of texts, as full-text indexes of Infinity have them.

use model::{FieldKind, IndexParams, Language, TextOptions, Tokenizer};
use text::Analyzer;

use crate::error::{Failure, code};
use crate::table::Index;

/// An analyzer.
#[derive(Debug)]
pub(crate) enum Analysis {
    /// Words; both as they are and as their stems, where those differ.
    Words {
        options: Box<TextOptions>,
        words: Analyzer,
        stems: Option<Analyzer>,
    },
    /// The whole text is one token.
    Whole,
    /// Every run of so many characters.
    Grams(usize),
}

/// Names of languages that are stemmed.
const STEMMED: &[(&str, Language)] = &[
    ("danish", Language::Danish),
    ("dutch", Language::Dutch),
    ("english", Language::English),
    ("finnish", Language::Finnish),
    ("french", Language::French),
    ("german", Language::German),
    ("hungarian", Language::Hungarian),
    ("italian", Language::Italian),
    ("norwegian", Language::Norwegian),
    ("porter", Language::English),
    ("portuguese", Language::Portuguese),
    ("romanian", Language::Romanian),
    ("russian", Language::Russian),
    ("spanish", Language::Spanish),
    ("swedish", Language::Swedish),
    ("turkish", Language::Turkish),
];

impl Analysis {
    /// The analyzer of that name.
    ///
    /// # Errors
    /// 3077 for an unknown name, 3079 for a length of n-grams that is none.
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        let name = name.to_ascii_lowercase();
        let (base, suffix) = match name.split_once('-') {
            Some((base, suffix)) => (base, Some(suffix)),
            None => (name.as_str(), None),
        };
        match base {
            "standard" => {
                let wanted = suffix.unwrap_or("english");
                let found = STEMMED.iter().find(|(known, _)| *known == wanted);
                let (_, language) = found.ok_or_else(|| unknown(&name))?;
                Ok(Self::words(Tokenizer::Word, Some(*language)))
            }
            "rag" | "ik" | "chinese" | "traditional" | "japanese" | "korean"
                if matches!(suffix, None | Some("fine")) =>
            {
                Ok(Self::words(Tokenizer::Multilingual, None))
            }
            "whitespace" if suffix.is_none() => Ok(Self::words(Tokenizer::Whitespace, None)),
            "keyword" if suffix.is_none() => Ok(Self::Whole),
            "ngram" => {
                let length = suffix.and_then(|suffix| suffix.parse().ok());
                let length = length.filter(|length| (1..=32).contains(length));
                length.map(Self::Grams).ok_or_else(|| {
                    let text = format!("Invalid analyzer name: {name}");
                    Failure::new(code::ANALYZER_NAME, text)
                })
            }
            _ => Err(unknown(&name)),
        }
    }

    /// The analyzer of an index.
    pub(crate) fn of(index: &Index) -> Result<Self, Failure> {
        Self::named(index.parameter("analyzer").unwrap_or("standard"))
    }

    fn words(tokenizer: Tokenizer, stemmer: Option<Language>) -> Self {
        let plain = TextOptions {
            tokenizer,
            ..TextOptions::default()
        };
        let options = TextOptions {
            stemmer,
            phrases: true,
            ..plain.clone()
        };
        Self::Words {
            words: Analyzer::new(&plain),
            stems: stemmer.map(|_| Analyzer::new(&options)),
            options: Box::new(options),
        }
    }

    /// The payload index of such tokens.
    pub(crate) fn params(&self) -> IndexParams {
        match self {
            Self::Words { options, .. } => IndexParams {
                text: (**options).clone(),
                ..IndexParams::new(FieldKind::Text)
            },
            Self::Whole | Self::Grams(_) => IndexParams::new(FieldKind::Keyword),
        }
    }

    /// The tokens of a text, those of each place together: a word and, where it differs, its stem.
    pub(crate) fn tokens(&self, text: &str) -> Vec<Vec<String>> {
        match self {
            Self::Whole => vec![vec![text.to_owned()]],
            Self::Grams(length) => {
                let characters: Vec<char> = text.to_lowercase().chars().collect();
                let grams = characters.windows(*length);
                grams.map(|gram| vec![gram.iter().collect()]).collect()
            }
            Self::Words { words, stems, .. } => {
                let mut places = Vec::new();
                words.document(text, &mut |word| {
                    let mut tokens = vec![word.to_owned()];
                    if let Some(stems) = stems {
                        stems.document(word, &mut |stem| {
                            if stem != word {
                                tokens.push(stem.to_owned());
                            }
                        });
                    }
                    places.push(tokens);
                });
                places
            }
        }
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(code::ANALYZER, format!("Invalid analyzer: {name}"))
}

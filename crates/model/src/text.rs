//! How texts are cut into tokens: the options of full-text indexes and of text encoders.

use alloc::string::String;
use alloc::vec::Vec;

/// Which tokens a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// Where tokens begin and end.
    pub tokenizer: Tokenizer,
    /// Whether tokens are in lower case.
    pub lowercase: bool,
    /// Whether letters with accents lose them, ligatures are taken apart, and so on.
    pub ascii_folding: bool,
    /// Tokens of fewer characters are left out.
    pub token_chars_min: Option<u32>,
    /// Tokens of more characters are left out; prefixes get no longer than that.
    pub token_chars_max: Option<u32>,
    /// Tokens that are left out.
    pub stopwords: Stopwords,
    /// The language whose stemmer reduces tokens to their stems.
    pub stemmer: Option<Language>,
    /// Whether an index keeps where in a text its tokens are, without which no phrase is found.
    pub phrases: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            tokenizer: Tokenizer::Word,
            lowercase: true,
            ascii_folding: false,
            token_chars_min: None,
            token_chars_max: None,
            stopwords: Stopwords::default(),
            stemmer: None,
            phrases: false,
        }
    }
}

/// Where tokens begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenizer {
    /// Runs of letters and digits.
    Word,
    /// What is between white space.
    Whitespace,
    /// Every beginning of every run of letters and digits; a query is cut into whole runs.
    Prefix,
    /// Words by the rules of their script, without accents; characters one by one in scripts that
    /// put no space between words.
    Multilingual,
}

/// Tokens that are left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stopwords {
    /// The usual ones of these languages.
    pub languages: Vec<Language>,
    /// These.
    pub custom: Vec<String>,
}

macro_rules! languages {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A language for which there is a list of stopwords, a stemmer, or both.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "every name says what it is")]
        pub enum Language {
            $($variant),+
        }

        impl Language {
            /// All, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its English name in lower case.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

languages!(
    Arabic = "arabic",
    Armenian = "armenian",
    Azerbaijani = "azerbaijani",
    Basque = "basque",
    Bengali = "bengali",
    Catalan = "catalan",
    Chinese = "chinese",
    Danish = "danish",
    Dutch = "dutch",
    English = "english",
    Finnish = "finnish",
    French = "french",
    German = "german",
    Greek = "greek",
    Hebrew = "hebrew",
    Hinglish = "hinglish",
    Hungarian = "hungarian",
    Indonesian = "indonesian",
    Italian = "italian",
    Japanese = "japanese",
    Kazakh = "kazakh",
    Nepali = "nepali",
    Norwegian = "norwegian",
    Portuguese = "portuguese",
    Romanian = "romanian",
    Russian = "russian",
    Slovene = "slovene",
    Spanish = "spanish",
    Swedish = "swedish",
    Tajik = "tajik",
    Tamil = "tamil",
    Turkish = "turkish",
);

impl Language {
    /// The language of that English name in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.name() == name)
    }
}

//! From a text to its tokens.

use std::borrow::Cow;

use model::{TextOptions, Tokenizer};

use crate::fold::fold;
use crate::multilingual;
use crate::stemmer::Stemmer;
use crate::stopwords::StopwordSet;

/// Changes whenever the same options give other tokens than before, so that what was built from
/// the old ones is built again.
pub const REVISION: u32 = 1;

/// No prefix has more characters, and no token of the prefix tokenizer. Without a bound one long
/// word would have as many bytes of prefixes as the square of its length.
pub const PREFIX_CHARS_MAX: usize = 64;

/// Cuts texts into tokens; two of equal options give equal tokens.
///
/// Each token goes through the same steps in the same order: accents are folded, case is lowered,
/// stopwords drop out, the stemmer shortens, and what is too short or too long drops out. Lengths
/// are those of stems, in characters.
#[derive(Debug)]
pub struct Analyzer {
    tokenizer: Tokenizer,
    lowercase: bool,
    ascii_folding: bool,
    stopwords: StopwordSet,
    stemmer: Option<Stemmer>,
    chars_min: usize,
    chars_max: usize,
}

impl Analyzer {
    /// An analyzer of these options. A language without a stemmer or a list of stopwords stems or
    /// drops nothing; [`has_stemmer`](crate::has_stemmer) and
    /// [`has_stopwords`](crate::has_stopwords) tell which those are.
    pub fn new(options: &TextOptions) -> Self {
        let chars = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            tokenizer: options.tokenizer,
            lowercase: options.lowercase,
            ascii_folding: options.ascii_folding,
            stopwords: StopwordSet::new(&options.stopwords, options.lowercase),
            stemmer: options.stemmer.and_then(Stemmer::new),
            chars_min: options.token_chars_min.map_or(0, chars),
            chars_max: options.token_chars_max.map_or(usize::MAX, chars),
        }
    }

    /// Calls `emit` with each token of a text that is to be found, in order.
    pub fn document(&self, text: &str, emit: &mut dyn FnMut(&str)) {
        self.tokens(text, &mut |word| match self.tokenizer {
            Tokenizer::Prefix => self.prefixes(word, emit),
            Tokenizer::Word | Tokenizer::Whitespace | Tokenizer::Multilingual => {
                if let Some(token) = self.token(word, self.chars_max) {
                    emit(&token);
                }
            }
        });
    }

    /// Calls `emit` with each token of a text that is looked for, in order.
    ///
    /// They differ from those of [`Analyzer::document`] for the prefix tokenizer only: of each word
    /// just the longest prefix, and stopwords among them, as a word may not be typed to its end
    /// yet.
    pub fn query(&self, text: &str, emit: &mut dyn FnMut(&str)) {
        match self.tokenizer {
            Tokenizer::Prefix => self.tokens(text, &mut |word| {
                let token = self.stem(self.fold(word));
                if token.chars().count() >= self.chars_min {
                    emit(first_chars(&token, self.prefix_chars_max()));
                }
            }),
            Tokenizer::Word | Tokenizer::Whitespace | Tokenizer::Multilingual => {
                self.document(text, emit);
            }
        }
    }

    /// Calls `each` with what the tokenizer makes of a text; never empty.
    fn tokens<'t>(&self, text: &'t str, each: &mut dyn FnMut(Cow<'t, str>)) {
        match self.tokenizer {
            Tokenizer::Word | Tokenizer::Prefix => {
                let words = text.split(|c: char| !c.is_alphanumeric());
                words
                    .filter(|word| !word.is_empty())
                    .for_each(|word| each(Cow::Borrowed(word)));
            }
            Tokenizer::Whitespace => {
                text.split_whitespace()
                    .for_each(|word| each(Cow::Borrowed(word)));
            }
            Tokenizer::Multilingual => multilingual::words(text, each),
        }
    }

    fn fold<'t>(&self, word: Cow<'t, str>) -> Cow<'t, str> {
        let word = if self.ascii_folding { fold(word) } else { word };
        if self.lowercase {
            Cow::Owned(word.to_lowercase())
        } else {
            word
        }
    }

    fn stem<'t>(&self, word: Cow<'t, str>) -> Cow<'t, str> {
        match &self.stemmer {
            Some(stemmer) => stemmer.stem(word),
            None => word,
        }
    }

    /// The token that a word becomes, if any.
    fn token<'t>(&self, word: Cow<'t, str>, chars_max: usize) -> Option<Cow<'t, str>> {
        let word = self.fold(word);
        if self.stopwords.contains(&word) {
            return None;
        }
        let token = self.stem(word);
        let fits = (self.chars_min == 0 && chars_max == usize::MAX) || {
            let chars = token.chars().count();
            chars >= self.chars_min && chars <= chars_max
        };
        fits.then_some(token)
    }

    fn prefix_chars_max(&self) -> usize {
        self.chars_max.min(PREFIX_CHARS_MAX)
    }

    fn prefixes(&self, word: Cow<'_, str>, emit: &mut dyn FnMut(&str)) {
        let Some(word) = self.token(word, usize::MAX) else {
            return;
        };
        let shortest = self.chars_min.max(1);
        let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
        ends.take(self.prefix_chars_max())
            .skip(shortest - 1)
            .for_each(|end| emit(&word[..end]));
    }
}

/// At most the first `chars` characters.
fn first_chars(text: &str, chars: usize) -> &str {
    match text.char_indices().nth(chars) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use model::{Language, Stopwords};

    use super::*;

    fn tokens(options: &TextOptions, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        Analyzer::new(options).document(text, &mut |token| tokens.push(token.to_owned()));
        tokens
    }

    fn asked(options: &TextOptions, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        Analyzer::new(options).query(text, &mut |token| tokens.push(token.to_owned()));
        tokens
    }

    fn of(tokenizer: Tokenizer) -> TextOptions {
        TextOptions {
            tokenizer,
            ..TextOptions::default()
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "Hello, World foo_bar x² Привет!";
        let words = ["hello", "world", "foo", "bar", "x²", "привет"];
        assert_eq!(tokens(&of(Tokenizer::Word), text), words);
        let parts = ["hello,", "world", "foo_bar", "x²", "привет!"];
        assert_eq!(tokens(&of(Tokenizer::Whitespace), text), parts);
    }

    #[test]
    fn lengths_are_those_of_stems_in_characters() {
        let mut options = of(Tokenizer::Word);
        options.token_chars_min = Some(3);
        options.token_chars_max = Some(4);
        assert_eq!(tokens(&options, "a мир worlds foo"), ["мир", "foo"]);
        options.stemmer = Some(Language::English);
        assert_eq!(tokens(&options, "cats sings run s"), ["cat", "sing", "run"]);
    }

    #[test]
    fn steps_come_in_order() {
        let options = TextOptions {
            ascii_folding: true,
            stopwords: Stopwords {
                languages: vec![Language::English],
                custom: vec!["UBER".to_owned()],
            },
            stemmer: Some(Language::English),
            ..TextOptions::default()
        };
        assert_eq!(tokens(&options, "The Über runnings à la"), ["run", "la"]);
        let cased = TextOptions {
            lowercase: false,
            ..options
        };
        // Lists of stopwords are in lower case, and tokens are not.
        assert_eq!(tokens(&cased, "The the UBER uber"), ["The", "uber"]);
    }

    #[test]
    fn prefixes_are_found_by_the_longest() {
        let mut options = of(Tokenizer::Prefix);
        options.token_chars_min = Some(2);
        options.token_chars_max = Some(4);
        options.stopwords.languages = vec![Language::English];
        let found = ["th", "the", "theo", "ми", "мир"];
        assert_eq!(tokens(&options, "theory the h мир"), found);
        assert_eq!(asked(&options, "theory the h"), ["theo", "the"]);
        let unbounded = of(Tokenizer::Prefix);
        let long = "x".repeat(PREFIX_CHARS_MAX + 9);
        assert_eq!(tokens(&unbounded, &long).len(), PREFIX_CHARS_MAX);
        assert_eq!(asked(&unbounded, &long)[0].len(), PREFIX_CHARS_MAX);
        let nothing = TextOptions {
            token_chars_max: Some(1),
            ..options
        };
        assert_eq!(tokens(&nothing, "theory"), [""; 0]);
    }
}

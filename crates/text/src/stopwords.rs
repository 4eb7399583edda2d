//! Lists of words that say little.

use std::borrow::Cow;

use hashbrown::HashSet;
use model::Language;

/// Words to leave out.
#[derive(Debug, Default)]
pub(crate) struct StopwordSet(HashSet<Cow<'static, str>>);

impl StopwordSet {
    /// `lowercase`: the tokens that will be looked up are in lower case.
    pub(crate) fn new(stopwords: &model::Stopwords, lowercase: bool) -> Self {
        let listed = stopwords.languages.iter().filter_map(|of| list(*of));
        let listed = listed.flatten().map(|word| Cow::Borrowed(*word));
        let custom = stopwords.custom.iter().map(|word| {
            Cow::Owned(if lowercase {
                word.to_lowercase()
            } else {
                word.clone()
            })
        });
        Self(listed.chain(custom).collect())
    }

    pub(crate) fn contains(&self, word: &str) -> bool {
        !self.0.is_empty() && self.0.contains(word)
    }
}

/// Whether there is a list of stopwords of `language`.
pub fn has_stopwords(language: Language) -> bool {
    code(language).is_some()
}

fn list(language: Language) -> Option<&'static [&'static str]> {
    stop_words::lookup(code(language)?)
}

/// The name under which the crate `stop-words` has the list.
fn code(language: Language) -> Option<&'static str> {
    Some(match language {
        Language::Arabic => "ar",
        Language::Azerbaijani => "az",
        Language::Basque => "eu",
        Language::Bengali => "bn",
        Language::Catalan => "ca",
        Language::Chinese => "zh",
        Language::Danish => "da",
        Language::Dutch => "nl",
        Language::English => "en",
        Language::Finnish => "fi",
        Language::French => "fr",
        Language::German => "de",
        Language::Greek => "el",
        Language::Hebrew => "he",
        Language::Hinglish => "hinglish",
        Language::Hungarian => "hu",
        Language::Indonesian => "id",
        Language::Italian => "it",
        Language::Japanese => "ja",
        Language::Kazakh => "kk",
        Language::Nepali => "ne",
        Language::Norwegian => "no",
        Language::Portuguese => "pt",
        Language::Romanian => "ro",
        Language::Russian => "ru",
        Language::Slovene => "sl",
        Language::Spanish => "es",
        Language::Swedish => "sv",
        Language::Tajik => "tg",
        Language::Turkish => "tr",
        // There are lists of Tamil too, but no interface that can ask for them.
        Language::Armenian | Language::Tamil => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_list_is_there_and_not_empty() {
        for language in Language::ALL {
            let listed = list(*language).is_some_and(|words| !words.is_empty());
            assert_eq!(listed, has_stopwords(*language), "{language:?}");
        }
    }

    #[test]
    fn custom_words_are_looked_up_in_the_case_of_tokens() {
        let stopwords = model::Stopwords {
            languages: vec![Language::German],
            custom: vec!["Foo".to_owned()],
        };
        let lower = StopwordSet::new(&stopwords, true);
        assert!(lower.contains("foo") && lower.contains("und") && !lower.contains("haus"));
        let as_is = StopwordSet::new(&stopwords, false);
        assert!(as_is.contains("Foo") && !as_is.contains("foo"));
    }
}

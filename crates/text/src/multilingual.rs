//! Words of many scripts.
//!
//! Marks and other differences that writers leave out when they search (accents, vowel points,
//! the form of a final letter) are removed, script by script: what is an accent in Latin is a
//! letter of its own in Cyrillic. Scripts without spaces between words (Han, kana, Thai, Khmer …)
//! are cut into characters, runs of katakana excepted. A dictionary would find their words, but
//! needs megabytes and answers differently with each edition; characters find every text that
//! words would find, and with phrases in exactly their order.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// The Arabic article, which is written together with its noun.
const ARTICLE: &str = "ال";

/// Calls `each` with the words of a text that have a letter, in lower case.
pub(crate) fn words<'t>(text: &'t str, each: &mut dyn FnMut(Cow<'t, str>)) {
    for run in text.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c))) {
        if run.is_ascii() {
            // Most runs of most texts, and nothing to take apart in them.
            if run.contains(|c: char| c.is_ascii_alphabetic()) {
                each(Cow::Owned(run.to_ascii_lowercase()));
            }
            continue;
        }
        let decomposed: String = run.nfkd().collect();
        for word in decomposed.unicode_words().map(plain) {
            match word.strip_prefix(ARTICLE).filter(|noun| !noun.is_empty()) {
                Some(noun) => {
                    each(Cow::Borrowed(ARTICLE));
                    each(Cow::Owned(noun.to_owned()));
                }
                None if word.chars().any(char::is_alphabetic) => each(Cow::Owned(word)),
                None => {}
            }
        }
    }
}

/// A decomposed word in lower case, without what its script may leave out.
fn plain(segment: &str) -> String {
    let mut word = String::with_capacity(segment.len());
    let mut sheds_marks = false;
    for c in segment.chars() {
        if is_combining_mark(c) {
            if !sheds_marks {
                word.push(c);
            }
            continue;
        }
        sheds_marks = has_optional_marks(c);
        for c in c.to_lowercase() {
            match c {
                'ς' => word.push('σ'),
                'æ' => word.push_str("ae"),
                'œ' => word.push_str("oe"),
                'ى' => word.push('ي'),
                'ة' => word.push('ه'),
                // Only stretches the line.
                'ـ' => {}
                other => word.push(other),
            }
        }
    }
    // Not composed again: Qdrant's tokens are decomposed too, and their hashes are BM25 indices.
    word
}

/// Whether marks on the letter `c` are accents or vowel points, which may be left out in writing.
fn has_optional_marks(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{24f}'
            | '\u{370}'..='\u{3ff}'
            | '\u{590}'..='\u{6ff}'
            | '\u{e00}'..='\u{e7f}'
            | '\u{1e00}'..='\u{1fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, &mut |word| found.push(word.into_owned()));
        found
    }

    #[test]
    fn alphabets_are_cut_at_everything_else() {
        for (text, expected) in [
            (
                "Qdrant's don’t v1.2 3.14",
                &["qdrant", "s", "don", "t", "v1"][..],
            ),
            (
                "naïve Ångström İstanbul x² ﬁne",
                &["naive", "angstrom", "istanbul", "x2", "fine"],
            ),
            ("Straße đường œuvre", &["straße", "đuong", "oeuvre"]),
            ("Ένας ΟΣ", &["ενασ", "οσ"]),
            ("Ёлка й", &["ёлка", "й"]),
            ("السلام قرآن مُحَمَّد", &["ال", "سلام", "قران", "محمد"]),
            ("שָׁלוֹם", &["שלום"]),
            ("नमस्ते दुनिया", &["नमस्ते", "दुनिया"]),
            ("안녕하세요 세계", &["안녕하세요", "세계"]),
        ] {
            let decomposed = expected.iter().map(|word| word.nfkd().collect::<String>());
            assert_eq!(cut(text), decomposed.collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_characters() {
        assert_eq!(cut("hello 世界 test"), ["hello", "世", "界", "test"]);
        let voiced: String = "が".nfkd().collect();
        assert_eq!(cut("東京タワーが"), ["東", "京", "タワー", voiced.as_str()]);
        assert_eq!(cut("abc一二def"), ["abc", "一", "二", "def"]);
        assert!(cut("สวัสดี").len() > 1);
    }
}

//! The patterns of `LIKE`.

use std::borrow::Cow;

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Any characters, or none.
    Run,
    /// One character.
    One,
    /// This character.
    Char(char),
}

/// A pattern, read.
#[derive(Clone, Debug)]
pub struct Pattern(Vec<Place>);

impl Pattern {
    /// Reads `%`, `_` and, after `escape`, characters that stand for themselves. An escape
    /// character at the end stands for itself.
    pub fn new(pattern: &str, escape: Option<char>) -> Self {
        let mut places = Vec::new();
        let mut characters = pattern.chars();
        while let Some(c) = characters.next() {
            places.push(match c {
                c if Some(c) == escape => Place::Char(characters.next().unwrap_or(c)),
                '%' if places.last() == Some(&Place::Run) => continue,
                '%' => Place::Run,
                '_' => Place::One,
                c => Place::Char(c),
            });
        }
        Self(places)
    }

    /// Whether the whole `text` is of the pattern. Takes at most as many steps as the product of
    /// the two lengths.
    pub fn matches(&self, text: &str) -> bool {
        let places = &self.0;
        let (mut at, mut rest) = (0, text);
        // Where to go on when the places after the last run do not fit here.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let mut following = rest.chars();
            let next = following.next();
            match (places.get(at), next) {
                (Some(Place::Run), _) => {
                    at += 1;
                    retry = Some((at, rest));
                    continue;
                }
                (None, None) => return true,
                (Some(Place::One), Some(_)) => {}
                (Some(Place::Char(wanted)), Some(c)) if *wanted == c => {}
                _ => {
                    let Some((after, from)) = retry else {
                        return false;
                    };
                    let mut shorter = from.chars();
                    if shorter.next().is_none() {
                        return false;
                    }
                    at = after;
                    rest = shorter.as_str();
                    retry = Some((after, rest));
                    continue;
                }
            }
            at += 1;
            rest = following.as_str();
        }
    }

    /// The characters before the first wildcard, and whether they are all of the pattern.
    pub fn prefix(&self) -> (Cow<'static, str>, bool) {
        let known = self.0.iter().map_while(|place| match place {
            Place::Char(c) => Some(*c),
            Place::Run | Place::One => None,
        });
        let prefix: String = known.collect();
        let whole = prefix.chars().count() == self.0.len();
        (Cow::Owned(prefix), whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(places: &[Place], text: &[char]) -> bool {
        match (places.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Place::Run, rest)), _) => {
                (0..=text.len()).any(|skipped| naive(rest, &text[skipped..]))
            }
            (Some((Place::One, rest)), Some((_, after))) => naive(rest, after),
            (Some((Place::Char(wanted), rest)), Some((c, after))) => {
                wanted == c && naive(rest, after)
            }
            (None, Some(_)) | (Some((Place::One | Place::Char(_), _)), None) => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[ab%_!é]{0,7}", text in "[abé%]{0,8}") {
            let pattern = Pattern::new(&pattern, Some('!'));
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(pattern.matches(&text), naive(&pattern.0, &characters));
            let (prefix, whole) = pattern.prefix();
            if pattern.matches(&text) {
                prop_assert!(text.starts_with(&*prefix));
                prop_assert!(!whole || text == *prefix);
            }
        }
    }

    #[test]
    fn many_runs_end_soon() {
        let pattern = Pattern::new(&"%a".repeat(2_000), None);
        assert!(!pattern.matches(&"b".repeat(20_000)));
        assert!(pattern.matches(&"a".repeat(2_000)));
    }
}

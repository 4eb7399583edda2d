//! Paths into payloads: `name`, `a.b`, `a[].b`, `a[0]`, `"quoted name".b`.
//!
//! The grammar is Qdrant's, the richest of the four dialects: `first (.key | [] | [n])*`, where a
//! bare key has letters, digits, `_` and `-`, and any other key stands in double quotes (no
//! escapes). `a.b` does not descend into lists: `a[].b` does.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::{Error, ErrorKind, Subject};

/// One step of a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into the field of that name of an object.
    Key(Box<str>),
    /// Into every element of a list.
    Each,
    /// Into the element at that position of a list.
    At(u32),
}

/// A path into a payload; the first step is always a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath {
    steps: Vec<Step>,
}

impl FieldPath {
    /// Parses the text form.
    ///
    /// # Errors
    /// `Invalid` with [`Subject::Field`] when the text is not of the grammar.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        let mut steps = Vec::new();
        steps.push(Step::Key(parser.key().ok_or_else(|| malformed(text))?));
        while let Some(c) = parser.peek() {
            let step = match c {
                '.' => {
                    parser.bump(c);
                    parser.key().map(Step::Key)
                }
                '[' => parser.index(),
                _ => None,
            };
            steps.push(step.ok_or_else(|| malformed(text))?);
        }
        Ok(Self { steps })
    }

    /// The path that is the single field `name`, whatever characters it has.
    pub fn field(name: &str) -> Self {
        Self {
            steps: alloc::vec![Step::Key(name.into())],
        }
    }

    /// The path of these steps; `None` when there is none or the first is no key.
    pub fn from_steps(steps: Vec<Step>) -> Option<Self> {
        matches!(steps.first(), Some(Step::Key(_))).then_some(Self { steps })
    }

    /// All steps; never empty, and the first is a key.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// This path followed by [`Step::Each`], unless it ends so already.
    pub fn each(mut self) -> Self {
        if self.steps.last() != Some(&Step::Each) {
            self.steps.push(Step::Each);
        }
        self
    }

    /// This path followed by all steps of `inner`.
    pub fn join(&self, inner: &Self) -> Self {
        let mut steps = self.steps.clone();
        steps.extend_from_slice(&inner.steps);
        Self { steps }
    }
}

fn malformed(text: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        Subject::Field(text.into()),
        alloc::format!("`{text}` is not a payload path"),
    )
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    fn key(&mut self) -> Option<Box<str>> {
        let rest = &self.text[self.at..];
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            self.at += end + 2;
            return Some(quoted[..end].into());
        }
        let end = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
        self.at += end;
        (end > 0).then(|| rest[..end].into())
    }

    fn index(&mut self) -> Option<Step> {
        let inside = self.text[self.at..].strip_prefix('[')?;
        let end = inside.find(']')?;
        self.at += end + 2;
        match &inside[..end] {
            "" => Some(Step::Each),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().map(Step::At)
            }
            _ => None,
        }
    }
}

impl fmt::Display for FieldPath {
    /// The canonical text: parsing it gives the same path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    if !key.is_empty() && key.chars().all(is_bare) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{key}\"")?;
                    }
                }
                Step::Each => f.write_str("[]")?,
                Step::At(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_form_parses_and_prints_back() {
        for text in [
            "a",
            "a.b",
            "a[].b",
            "a[0]",
            "a[][]",
            "\"a b\".c",
            "\"\".x",
            "ключ-1_x",
        ] {
            assert_eq!(FieldPath::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            FieldPath::parse("a[].b").unwrap().steps(),
            [Step::Key("a".into()), Step::Each, Step::Key("b".into())]
        );
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in [
            "", ".", "a.", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a b", "\"a", "a]",
        ] {
            assert!(FieldPath::parse(text).is_err(), "{text:?}");
        }
    }
}

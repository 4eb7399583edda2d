//! Tokens that are asked for, and the search for them in texts.

use hashbrown::HashMap;

use crate::analyzer::Analyzer;

/// Which tokens a text must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// All of these, in any place; ascending, distinct. Without one, no text has them.
    All(Vec<String>),
    /// One of these; ascending, distinct.
    Any(Vec<String>),
    /// These in a row. Without one, no text has them.
    Phrase(Vec<String>),
}

impl Question {
    /// All tokens of `text`.
    pub fn all(analyzer: &Analyzer, text: &str) -> Self {
        Self::All(distinct(analyzer, text))
    }

    /// Any token of `text`.
    pub fn any(analyzer: &Analyzer, text: &str) -> Self {
        Self::Any(distinct(analyzer, text))
    }

    /// The tokens of `text` as it would be stored, in a row.
    pub fn phrase(analyzer: &Analyzer, text: &str) -> Self {
        let mut tokens = Vec::new();
        analyzer.document(text, &mut |token| tokens.push(token.to_owned()));
        Self::Phrase(tokens)
    }

    /// Starts to read texts that count as one.
    pub fn read(&self) -> Reading<'_> {
        let (tokens, mode) = match self {
            Self::All(tokens) => (tokens, Mode::All),
            Self::Any(tokens) => (tokens, Mode::Any),
            Self::Phrase(tokens) => (tokens, Mode::Phrase),
        };
        let mut numbers = HashMap::with_capacity(tokens.len());
        let numbered = tokens.iter().map(|token| {
            let next = numbers.len();
            *numbers.entry(token.as_str()).or_insert(next)
        });
        let row: Vec<usize> = numbered.collect();
        Reading {
            seen: vec![false; numbers.len()],
            missing: numbers.len(),
            numbers,
            row,
            mode,
        }
    }
}

fn distinct(analyzer: &Analyzer, text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    analyzer.query(text, &mut |token| tokens.push(token.to_owned()));
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    All,
    Any,
    Phrase,
}

/// A search for tokens in texts that are read one after the other.
#[derive(Debug)]
pub struct Reading<'q> {
    mode: Mode,
    /// Each distinct token with its number.
    numbers: HashMap<&'q str, usize>,
    /// By number: whether the token was seen.
    seen: Vec<bool>,
    /// Tokens that were not seen yet.
    missing: usize,
    /// The tokens as they were asked for, by their numbers.
    row: Vec<usize>,
}

impl Reading<'_> {
    /// Reads one more text; returns whether the texts so far have what is asked for. A phrase lies
    /// within one text; all other tokens may be spread over several.
    pub fn has(&mut self, analyzer: &Analyzer, text: &str) -> bool {
        if self.numbers.is_empty() {
            return false;
        }
        match self.mode {
            Mode::All | Mode::Any => {
                analyzer.document(text, &mut |token| {
                    if let Some(&number) = self.numbers.get(token) {
                        self.missing -= usize::from(!self.seen[number]);
                        self.seen[number] = true;
                    }
                });
                self.missing == 0 || (self.mode == Mode::Any && self.missing < self.seen.len())
            }
            Mode::Phrase => {
                let mut read = Vec::new();
                analyzer.document(text, &mut |token| {
                    read.push(self.numbers.get(token).copied())
                });
                read.windows(self.row.len()).any(|window| {
                    window
                        .iter()
                        .zip(&self.row)
                        .all(|(read, asked)| *read == Some(*asked))
                })
            }
        }
    }
}

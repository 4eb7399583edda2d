//! What a text index knows about a test.

use bytes::Bytes;
use model::TextOptions;
use rows::RowSet;
use text::{Postings, Question, REVISION};

use super::Column;
use crate::answer::Answer;
use crate::cardinality::Cardinality;
use crate::check::Check;

impl Column {
    /// The rows that pass `check`, which is on single values. The tokens of a text do not tell how
    /// it was written: what is not asked in tokens is left to the payloads.
    pub(super) fn text_answer(&self, postings: &Postings, check: &Check<'_>) -> Answer {
        match check {
            Check::Words(words) => {
                let found = postings.rows(&words.question);
                // Damaged postings may name rows that there are not.
                Answer::exact(found.intersection(&RowSet::full(self.rows)))
            }
            Check::In(_)
            | Check::NotIn(_)
            | Check::DateRange(_)
            | Check::Contains(_)
            | Check::Prefix(_) => Answer::new(RowSet::new(), &self.sets.filled),
            Check::Range(_)
            | Check::Within(_)
            | Check::ValuesCount(_)
            | Check::IsEmpty(_)
            | Check::IsNull(_) => Answer::new(RowSet::new(), &self.sets.foreign),
        }
    }

    /// How many rows [`Column::text_answer`] would leave. Tokens are taken for independent.
    pub(super) fn text_estimate(&self, postings: &Postings, check: &Check<'_>) -> Cardinality {
        let at_most = |rows: &RowSet| {
            let max = rows.len() as u64;
            Cardinality::new(0, max as f64 / 2.0, max)
        };
        match check {
            Check::Words(words) => question_estimate(postings, &words.question, self.rows.into()),
            Check::In(_)
            | Check::NotIn(_)
            | Check::DateRange(_)
            | Check::Contains(_)
            | Check::Prefix(_) => at_most(&self.sets.filled),
            Check::Range(_)
            | Check::Within(_)
            | Check::ValuesCount(_)
            | Check::IsEmpty(_)
            | Check::IsNull(_) => at_most(&self.sets.foreign),
        }
    }
}

fn question_estimate(postings: &Postings, question: &Question, rows: u64) -> Cardinality {
    let each = |tokens: &[String]| -> Vec<Cardinality> {
        let counts = tokens
            .iter()
            .map(|token| rows.min(postings.count(token).into()));
        counts.map(Cardinality::exact).collect()
    };
    match question {
        Question::All(tokens) | Question::Phrase(tokens) if tokens.is_empty() => {
            Cardinality::exact(0)
        }
        Question::All(tokens) => Cardinality::all(&each(tokens), rows),
        Question::Any(tokens) => Cardinality::any(&each(tokens), rows),
        Question::Phrase(_) if !postings.has_places() => Cardinality::exact(0),
        Question::Phrase(tokens) => {
            let mut distinct = tokens.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let together = Cardinality::all(&each(&distinct), rows);
            if distinct.len() == 1 && tokens.len() == 1 {
                return together;
            }
            // Tokens that stand in some order stand in a given one the more rarely the more they
            // are.
            let share = together.expected as f64 / (tokens.len() * tokens.len()) as f64;
            Cardinality::new(0, share, together.max)
        }
    }
}

/// The bytes of all that decides which tokens a text has; equal for equal options only.
pub(super) fn fingerprint(options: &TextOptions) -> Bytes {
    let TextOptions {
        tokenizer,
        lowercase,
        ascii_folding,
        token_chars_min,
        token_chars_max,
        stopwords,
        stemmer,
        phrases,
    } = options;
    let tokenizer = match tokenizer {
        model::Tokenizer::Word => 0,
        model::Tokenizer::Whitespace => 1,
        model::Tokenizer::Prefix => 2,
        model::Tokenizer::Multilingual => 3,
    };
    let mut bytes = REVISION.to_le_bytes().to_vec();
    bytes.push(tokenizer);
    bytes.extend([*lowercase, *ascii_folding, *phrases].map(u8::from));
    for chars in [token_chars_min, token_chars_max] {
        bytes.push(chars.is_some().into());
        bytes.extend(chars.unwrap_or(0).to_le_bytes());
    }
    let mut text = |text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    text(stemmer.map_or("", model::Language::name));
    stopwords
        .languages
        .iter()
        .for_each(|language| text(language.name()));
    // No language has this name: it parts languages from words.
    text("");
    stopwords.custom.iter().for_each(|word| text(word));
    bytes.into()
}

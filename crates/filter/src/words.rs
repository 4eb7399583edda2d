//! Tests on the tokens of texts.

use model::packed::ObjectRef;
use model::{Step, TextOptions};
use text::{Analyzer, Question};

use crate::reach::any_leaf;

/// Tokens that the texts at a path with a text index must have.
#[derive(Debug)]
pub(crate) struct Words {
    analyzer: Analyzer,
    pub(crate) question: Question,
    /// Whether some single text must have them, and not all texts at the path together.
    in_one: bool,
}

/// Which tokens a test asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Any,
    Phrase,
}

impl Words {
    /// The tokens that an index of `options` makes of `text`. An index that keeps no phrases finds
    /// none.
    pub(crate) fn new(wanted: Wanted, text: &str, options: &TextOptions) -> Self {
        let analyzer = Analyzer::new(options);
        let question = match wanted {
            Wanted::All => Question::all(&analyzer, text),
            Wanted::Any => Question::any(&analyzer, text),
            Wanted::Phrase if options.phrases => Question::phrase(&analyzer, text),
            Wanted::Phrase => Question::Phrase(Vec::new()),
        };
        Self {
            analyzer,
            question,
            in_one: false,
        }
    }

    /// The same, asked of every text on its own.
    pub(crate) fn in_one(self) -> Self {
        Self {
            in_one: true,
            ..self
        }
    }

    /// Whether one text has the tokens.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.question.read().has(&self.analyzer, text)
    }

    /// Whether the texts that `steps` reach in `object` have the tokens.
    pub(crate) fn matches(&self, object: ObjectRef<'_>, steps: &[Step]) -> bool {
        if self.in_one {
            return any_leaf(object, steps, &mut |leaf| {
                leaf.as_str().is_some_and(|text| self.has(text))
            });
        }
        let mut reading = self.question.read();
        any_leaf(object, steps, &mut |leaf| {
            leaf.as_str()
                .is_some_and(|text| reading.has(&self.analyzer, text))
        })
    }
}

//! The syntax of text queries: words, phrases, `AND`, `OR`, `NOT`, fields, weights.

use crate::error::{Failure, code};

/// Levels of parentheses, at most.
const LEVELS_MAX: usize = 64;

/// A text query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// Some text to be cut into tokens, in the fields that are searched or in this one.
    Words {
        field: Option<String>,
        text: String,
        boost: f64,
    },
    /// Tokens in a row, with so many others between at most.
    Phrase {
        field: Option<String>,
        text: String,
        slop: usize,
        boost: f64,
    },
    All(Vec<Question>),
    Any(Vec<Question>),
    Not(Box<Question>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Open,
    Close,
    And,
    Or,
    Not,
    Colon,
    Boost(f64),
    Slop(usize),
}

fn malformed(text: &str) -> Failure {
    let text = format!("Invalid match expression: {text}");
    Failure::new(code::MATCH_SYNTAX, text)
}

/// Reads a query; `all`: words beside each other must all be found.
///
/// # Errors
/// 3052 when it is none.
pub(crate) fn read(text: &str, all: bool) -> Result<Question, Failure> {
    let tokens = tokens(text)?;
    let mut reader = Reader {
        tokens: &tokens,
        all,
        level: 0,
    };
    let question = reader.any()?;
    match reader.tokens {
        [] => Ok(question),
        _ => Err(malformed(text)),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Failure> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            ':' => found.push(Token::Colon),
            '"' | '\'' => {
                let mut inside = String::new();
                loop {
                    match rest.next() {
                        None => return Err(malformed(text)),
                        Some('\\') => inside.extend(rest.next()),
                        Some(end) if end == c => break,
                        Some(other) => inside.push(other),
                    }
                }
                found.push(Token::Quoted(inside));
            }
            '^' | '~' => {
                let mut digits = String::new();
                while let Some(d) = rest.next_if(|d| d.is_ascii_digit() || *d == '.') {
                    digits.push(d);
                }
                found.push(match c {
                    '^' => Token::Boost(digits.parse().map_err(|_| malformed(text))?),
                    _ => Token::Slop(digits.parse().map_err(|_| malformed(text))?),
                });
            }
            first => {
                let mut word = String::new();
                let mut escaped = first == '\\';
                match escaped {
                    true => word.extend(rest.next()),
                    false => word.push(first),
                }
                let inner = |c: &char| !c.is_whitespace() && !"():^~\"".contains(*c);
                while let Some(c) = rest.next_if(inner) {
                    if c == '\\' {
                        escaped = true;
                        word.extend(rest.next());
                    } else {
                        word.push(c);
                    }
                }
                found.push(match word.as_str() {
                    "AND" | "&&" if !escaped => Token::And,
                    "OR" | "||" if !escaped => Token::Or,
                    "NOT" | "!" if !escaped => Token::Not,
                    _ => Token::Word(word),
                });
            }
        }
    }
    Ok(found)
}

struct Reader<'t> {
    tokens: &'t [Token],
    all: bool,
    level: usize,
}

impl Reader<'_> {
    fn take(&mut self, token: &Token) -> bool {
        match self.tokens.split_first() {
            Some((first, rest)) if first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    /// Parts joined by `OR`, or standing beside each other.
    fn any(&mut self) -> Result<Question, Failure> {
        let mut parts = vec![self.every()?];
        let mut beside = Vec::new();
        loop {
            if self.take(&Token::Or) {
                parts.push(self.every()?);
            } else if matches!(self.tokens.first(), None | Some(Token::Close)) {
                break;
            } else {
                beside.push(self.every()?);
            }
        }
        let first = joined(parts, false);
        if beside.is_empty() {
            return Ok(first);
        }
        beside.insert(0, first);
        Ok(joined(beside, self.all))
    }

    /// Parts joined by `AND`.
    fn every(&mut self) -> Result<Question, Failure> {
        let mut parts = vec![self.one()?];
        while self.take(&Token::And) {
            parts.push(self.one()?);
        }
        Ok(joined(parts, true))
    }

    fn one(&mut self) -> Result<Question, Failure> {
        self.level += 1;
        if self.level > LEVELS_MAX {
            return Err(malformed("it is nested too deeply"));
        }
        let question = self.inner();
        self.level -= 1;
        question
    }

    fn inner(&mut self) -> Result<Question, Failure> {
        if self.take(&Token::Not) {
            return Ok(Question::Not(Box::new(self.one()?)));
        }
        if self.take(&Token::Open) {
            let inside = self.any()?;
            if !self.take(&Token::Close) {
                return Err(malformed("a parenthesis is not closed"));
            }
            let boost = self.boost();
            return Ok(boosted(inside, boost));
        }
        let (first, rest) = self
            .tokens
            .split_first()
            .ok_or_else(|| malformed("its end"))?;
        self.tokens = rest;
        let (field, token) = match (first, rest) {
            (Token::Word(field), [Token::Colon, token, rest @ ..]) => {
                self.tokens = rest;
                (Some(field.clone()), token)
            }
            (token, _) => (None, token),
        };
        match token {
            Token::Word(text) => Ok(Question::Words {
                field,
                text: text.clone(),
                boost: self.boost(),
            }),
            Token::Quoted(text) => {
                let slop = match self.tokens.split_first() {
                    Some((Token::Slop(slop), rest)) => {
                        self.tokens = rest;
                        *slop
                    }
                    _ => 0,
                };
                Ok(Question::Phrase {
                    field,
                    text: text.clone(),
                    slop,
                    boost: self.boost(),
                })
            }
            _ => Err(malformed("a word is missing")),
        }
    }

    fn boost(&mut self) -> f64 {
        match self.tokens.split_first() {
            Some((Token::Boost(boost), rest)) => {
                self.tokens = rest;
                *boost
            }
            _ => 1.0,
        }
    }
}

fn joined(mut parts: Vec<Question>, all: bool) -> Question {
    match (parts.len(), all) {
        (1, _) => parts.remove(0),
        (_, true) => Question::All(parts),
        (_, false) => Question::Any(parts),
    }
}

/// Every word in it counts so many times more.
fn boosted(question: Question, by: f64) -> Question {
    let each = |of: Vec<Question>| of.into_iter().map(|part| boosted(part, by)).collect();
    match question {
        Question::Words { field, text, boost } => Question::Words {
            field,
            text,
            boost: boost * by,
        },
        Question::Phrase {
            field,
            text,
            slop,
            boost,
        } => Question::Phrase {
            field,
            text,
            slop,
            boost: boost * by,
        },
        Question::All(of) => Question::All(each(of)),
        Question::Any(of) => Question::Any(each(of)),
        Question::Not(of) => Question::Not(of),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(question: &Question) -> String {
        let each = |of: &[Question]| of.iter().map(show).collect::<Vec<_>>().join(" ");
        match question {
            Question::Words { field, text, boost } => {
                format!(
                    "{}{text}^{boost}",
                    field.clone().map_or(String::new(), |f| f + ":")
                )
            }
            Question::Phrase { text, slop, .. } => format!("'{text}'~{slop}"),
            Question::All(of) => format!("(all {})", each(of)),
            Question::Any(of) => format!("(any {})", each(of)),
            Question::Not(of) => format!("(not {})", show(of)),
        }
    }

    #[test]
    fn queries_mean_what_they_say() {
        for (text, all, meaning) in [
            ("fox", false, "fox^1"),
            ("fox dog", false, "(any fox^1 dog^1)"),
            ("fox dog", true, "(all fox^1 dog^1)"),
            ("a AND b OR c", false, "(any (all a^1 b^1) c^1)"),
            ("(a OR b) AND NOT c", false, "(all (any a^1 b^1) (not c^1))"),
            ("s:fox^2.5", false, "s:fox^2.5"),
            ("\"quick brown\"~3", false, "'quick brown'~3"),
            ("(a b)^2", false, "(any a^2 b^2)"),
            ("a\\:b \\AND", false, "(any a:b^1 AND^1)"),
        ] {
            let read = read(text, all).map(|question| show(&question));
            assert_eq!(read.as_deref(), Ok(meaning), "{text}");
        }
        for text in [
            "", "AND", "a AND", "(a", "a)", "\"a", "a^", ":", "s:", "NOT",
        ] {
            assert_eq!(read(text, false).map_err(|f| f.code), Err(3052), "{text}");
        }
        assert!(read(&"(".repeat(100_000), false).is_err());
        assert!(read(&"NOT ".repeat(100_000), false).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ab:^~\"()\\\\ ANDORT2.]{0,24}") {
            let _ = read(&text, true);
        }
    }
}

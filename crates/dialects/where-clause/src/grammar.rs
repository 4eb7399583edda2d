//! From a text to the syntax tree of `sqlparser`, bounded in depth and size.

use sqlparser::ast::{BinaryOperator, DateTimeField, Expr, Ident, Interval, Value};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::{Fault, Notation};

/// Tokens that may make the tree deeper, at most. A chain `a OR b OR …` becomes a tree as deep as
/// it is long, which is dropped by recursion.
const OPERATORS_MAX: usize = 2_000;

/// Levels of parentheses and the like, at most; `sqlparser` needs much stack for each.
const LEVELS_MAX: usize = 40;

/// The operator that is no part of SQL.
pub(crate) const CONTAINS: &str = "CONTAINS";

/// The tree of `text`.
pub(crate) fn parse(text: &str, notation: Notation) -> Result<Expr, Fault> {
    let grammar = Grammar(notation);
    let tokens = Tokenizer::new(&grammar, text)
        .tokenize()
        .map_err(|error| Fault::Syntax(error.to_string()))?;
    check(&tokens, notation)?;
    let mut parser = Parser::new(&grammar)
        .with_recursion_limit(LEVELS_MAX)
        .with_tokens(tokens);
    let expression = parser.parse_expr().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => Fault::TooLarge,
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => Fault::Syntax(text),
    })?;
    match parser.next_token().token {
        Token::EOF => Ok(expression),
        other => Err(Fault::Syntax(format!("unexpected `{other}`"))),
    }
}

fn check(tokens: &[Token], notation: Notation) -> Result<(), Fault> {
    let mut operators = 0;
    let mut after_comma = false;
    let mut empty = true;
    for token in tokens {
        match token {
            Token::Whitespace(_) => continue,
            Token::DoubleEq if !notation.double_equals => {
                return Err(Fault::Syntax("`==` is written `=`".into()));
            }
            Token::Mod if !notation.remainder => {
                return Err(Fault::Syntax("unexpected `%`".into()));
            }
            Token::Comma | Token::RParen | Token::Number(..) | Token::SingleQuotedString(_) => {}
            // The members of a long list, signs and all, make it no deeper.
            _ if after_comma => {}
            _ => operators += 1,
        }
        empty = false;
        after_comma = matches!(token, Token::Comma);
    }
    if empty {
        return Err(Fault::Empty);
    }
    if operators > OPERATORS_MAX {
        return Err(Fault::TooLarge);
    }
    Ok(())
}

/// How texts are cut into tokens and which operators there are.
#[derive(Debug)]
struct Grammar(Notation);

impl Dialect for Grammar {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '"' || (c == '`' && self.0.backquotes)
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_in_empty_list(&self) -> bool {
        true
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else {
            return None;
        };
        if is_contains(word) {
            return Some(Ok(self.prec_value(Precedence::Like)));
        }
        let is_length = self.0.lengths_of_time && unit(word).is_some();
        is_length.then(|| Ok(self.prec_value(Precedence::DoubleColon)))
    }

    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else {
            return None;
        };
        if is_contains(word) {
            parser.next_token();
            let right = parser.parse_subexpr(self.prec_value(Precedence::Like));
            return Some(right.map(|right| Expr::BinaryOp {
                left: Box::new(left.clone()),
                op: BinaryOperator::Custom(CONTAINS.into()),
                right: Box::new(right),
            }));
        }
        let unit = unit(word).filter(|_| self.0.lengths_of_time)?;
        let Expr::Value(value) = left else {
            return None;
        };
        if !matches!(value.value, Value::Number(..)) {
            return None;
        }
        parser.next_token();
        Some(Ok(Expr::Interval(Interval {
            value: Box::new(left.clone()),
            leading_field: Some(DateTimeField::Custom(Ident::new(unit))),
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        })))
    }
}

fn is_contains(word: &Word) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(CONTAINS)
}

/// The unit of time that the word names, in the singular.
fn unit(word: &Word) -> Option<&'static str> {
    if word.quote_style.is_some() {
        return None;
    }
    time_unit(&word.value)
}

/// As `unit`, of a name.
pub(crate) fn time_unit(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let singular = name.strip_suffix('s').unwrap_or(&name);
    ["year", "month", "day", "hour", "minute", "second"]
        .into_iter()
        .find(|unit| *unit == singular)
}

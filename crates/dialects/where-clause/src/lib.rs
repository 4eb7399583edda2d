//! Conditions in the manner of SQL, read into scalar expressions.
//!
//! | where | what |
//! |---|---|
//! | [`read_filter`], [`read_term`] | a text as a filter, or as an expression |
//! | [`Notation`] | what the dialects write differently |
//! | [`Vocabulary`] | which fields there are, and functions of a dialect's own |
//! | [`Fault`] | why a text is refused |
//!
//! The grammar is that of the crate `sqlparser`, of which only expressions over the fields of one
//! point are taken: no statement, no query inside a query, nothing that changes anything.

mod functions;
mod grammar;
mod meaning;
mod reader;

use model::{FieldPath, Filter, Term};

pub use meaning::Meaning;

/// What the dialects write differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notation {
    /// `==` for `=`.
    pub double_equals: bool,
    /// `%` for the remainder.
    pub remainder: bool,
    /// `3 days` for a length of time.
    pub lengths_of_time: bool,
    /// What stands in double quotes and is no field is a text.
    pub double_quoted_texts: bool,
    /// Names may stand in backquotes.
    pub backquotes: bool,
}

impl Notation {
    /// What Infinity's expressions are written in.
    pub const INFINITY: Self = Self {
        double_equals: true,
        remainder: true,
        lengths_of_time: true,
        double_quoted_texts: false,
        backquotes: false,
    };

    /// What LynseDB's conditions are written in.
    pub const LYNSE: Self = Self {
        double_equals: false,
        remainder: false,
        lengths_of_time: false,
        double_quoted_texts: true,
        backquotes: true,
    };
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// `*`.
    Star,
    /// An expression.
    Term(Term),
}

/// A function as it was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Called<'a> {
    /// In lower case.
    pub name: &'a str,
    /// In order.
    pub arguments: Vec<Argument>,
    /// Whether `DISTINCT` stood before them.
    pub distinct: bool,
}

/// What names mean.
pub trait Vocabulary {
    /// The field of a name, which may have parts between dots; `None` when there is none.
    fn field(&mut self, parts: &[&str]) -> Option<FieldPath>;

    /// What a function means that SQL does not know; `None` when it is asked about another one.
    ///
    /// # Errors
    /// When it is called wrongly.
    fn function(&mut self, called: &Called<'_>) -> Option<Result<Meaning, Fault>> {
        let _ = called;
        None
    }
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is nothing in it.
    Empty,
    /// It is not of the grammar.
    Syntax(String),
    /// It is nested too deeply or has too many parts.
    TooLarge,
    /// No field has that name.
    NoField(String),
    /// No function has that name.
    NoFunction(String),
    /// The function of that name is called with the wrong arguments.
    Arguments(String),
    /// SQL has it, and conditions on points do not.
    Unsupported(String),
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => f.write_str("the condition is empty"),
            Self::Syntax(text) => f.write_str(text),
            Self::TooLarge => f.write_str("the condition has too many parts or levels"),
            Self::NoField(name) => write!(f, "there is no field `{name}`"),
            Self::NoFunction(name) => write!(f, "there is no function `{name}`"),
            Self::Arguments(name) => write!(f, "`{name}` does not take these arguments"),
            Self::Unsupported(what) => write!(f, "a condition cannot have {what}"),
        }
    }
}

impl core::error::Error for Fault {}

/// The filter that `text` means.
///
/// # Errors
/// Why it means none.
pub fn read_filter(
    text: &str,
    notation: Notation,
    vocabulary: &mut dyn Vocabulary,
) -> Result<Filter, Fault> {
    let expression = grammar::parse(text, notation)?;
    let meaning = reader::Reader::new(notation, vocabulary).read(&expression)?;
    Ok(meaning.into_filter())
}

/// The expression that `text` means.
///
/// # Errors
/// Why it means none.
pub fn read_term(
    text: &str,
    notation: Notation,
    vocabulary: &mut dyn Vocabulary,
) -> Result<Term, Fault> {
    let expression = grammar::parse(text, notation)?;
    reader::Reader::new(notation, vocabulary).term(&expression)
}

#[cfg(test)]
mod tests;

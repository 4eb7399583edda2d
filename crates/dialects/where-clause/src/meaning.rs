//! What a part of a condition means: an expression, or a filter that no expression can say.

use model::{Filter, Function, Term};

use crate::Fault;

/// What a part of a condition means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// An expression with a value.
    Term(Term),
    /// A test that is true of some points and false of all others.
    Test {
        /// The points of which it is true.
        holds: Filter,
        /// The points of which it is false; not all others, where it is made of expressions.
        fails: Filter,
    },
}

impl From<Filter> for Meaning {
    fn from(holds: Filter) -> Self {
        let fails = Filter::Not(Box::new(holds.clone()));
        Self::Test { holds, fails }
    }
}

impl Meaning {
    /// The points of which it is true.
    pub(crate) fn into_filter(self) -> Filter {
        match self {
            Self::Term(term) => Filter::Where(term),
            Self::Test { holds, .. } => holds,
        }
    }

    /// The expression.
    pub(crate) fn into_term(self) -> Result<Term, Fault> {
        match self {
            Self::Term(term) => Ok(term),
            Self::Test { .. } => Err(Fault::Unsupported(
                "a test of texts in an expression".into(),
            )),
        }
    }

    fn sides(self) -> Result<(Filter, Filter), Fault> {
        match self {
            Self::Term(term) => {
                let contrary = call(Function::Not, vec![term.clone()])?;
                Ok((Filter::Where(term), Filter::Where(contrary)))
            }
            Self::Test { holds, fails } => Ok((holds, fails)),
        }
    }

    /// The contrary.
    pub(crate) fn not(self) -> Result<Self, Fault> {
        Ok(match self {
            Self::Term(term) => Self::Term(call(Function::Not, vec![term])?),
            Self::Test { holds, fails } => Self::Test {
                holds: fails,
                fails: holds,
            },
        })
    }

    /// All of `parts`, or one of them.
    pub(crate) fn chain(function: Function, parts: Vec<Self>) -> Result<Self, Fault> {
        if parts.iter().all(|part| matches!(part, Self::Term(_))) {
            let terms: Result<Vec<_>, _> = parts.into_iter().map(Self::into_term).collect();
            return Ok(Self::Term(call(function, terms?)?));
        }
        let sides: Result<Vec<_>, _> = parts.into_iter().map(Self::sides).collect();
        let (holds, fails) = sides?.into_iter().unzip();
        Ok(match function {
            Function::And => Self::Test {
                holds: Filter::All(holds),
                fails: Filter::Any(fails),
            },
            _ => Self::Test {
                holds: Filter::Any(holds),
                fails: Filter::All(fails),
            },
        })
    }
}

/// A call whose number of arguments is right.
pub(crate) fn call(function: Function, arguments: Vec<Term>) -> Result<Term, Fault> {
    Term::call(function, arguments).map_err(|_| Fault::TooLarge)
}

//! What names in expressions mean: columns, what a search found, aggregates, tests of texts.

use model::{FieldPath, Filter, Term, Test, Value};
use where_clause::{Argument, Called, Fault, Meaning, Notation, Vocabulary};

use crate::error::{Failure, code};
use crate::fde;
use crate::json::Json;
use crate::kinds::Kind;
use crate::table::{Place, Table};

/// Before the names of what is computed and not stored; no column begins with it.
const COMPUTED: char = '\u{1}';

/// What is computed for each row that a search finds.
pub(crate) const SEARCHED: &[(&str, &str)] = &[
    ("_row_id", "ROW_ID"),
    ("_score", "SCORE"),
    ("_distance", "DISTANCE"),
    ("_similarity", "SIMILARITY"),
];

/// A function over the rows of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Average,
    Count,
    First,
    Maximum,
    Minimum,
    Sum,
}

/// An aggregate as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) over: Over,
    /// `None`: `count(*)`.
    pub(crate) of: Option<Term>,
    pub(crate) distinct: bool,
}

/// The names of one table, and the aggregates that were asked for so far.
pub(crate) struct Words<'t> {
    pub(crate) table: &'t Table,
    /// `None` where there are no aggregates: in filters.
    pub(crate) aggregates: Option<Vec<Aggregate>>,
    /// Set when an aggregate stands where there are none.
    misplaced: bool,
}

/// The path of what is computed under a name.
pub(crate) fn computed(name: &str) -> FieldPath {
    FieldPath::field(&computed_name(name))
}

/// The field in which what is computed lies.
pub(crate) fn computed_name(name: &str) -> String {
    format!("{COMPUTED}{name}")
}

/// The path of the value of the aggregate at that place.
pub(crate) fn aggregate_name(at: usize) -> String {
    format!("{COMPUTED}{at}")
}

/// The name behind a path of [`computed`]; `None` for columns.
pub(crate) fn of_computed(path: &FieldPath) -> Option<&str> {
    match path.steps() {
        [model::Step::Key(key)] => key.strip_prefix(COMPUTED),
        _ => None,
    }
}

impl<'t> Words<'t> {
    /// For filters.
    pub(crate) fn of_filter(table: &'t Table) -> Self {
        Self {
            table,
            aggregates: None,
            misplaced: false,
        }
    }

    /// For what is shown of groups.
    pub(crate) fn of_output(table: &'t Table) -> Self {
        Self {
            aggregates: Some(Vec::new()),
            ..Self::of_filter(table)
        }
    }

    /// The expression that `text` means; `malformed` is the number when it means none.
    pub(crate) fn term(&mut self, text: &str, malformed: u32) -> Result<Term, Failure> {
        where_clause::read_term(text, Notation::INFINITY, self)
            .map_err(|fault| self.failure(&fault, malformed))
    }

    /// The filter that `text` means.
    pub(crate) fn filter(&mut self, text: &str, malformed: u32) -> Result<Filter, Failure> {
        where_clause::read_filter(text, Notation::INFINITY, self)
            .map_err(|fault| self.failure(&fault, malformed))
    }

    fn failure(&self, fault: &Fault, malformed: u32) -> Failure {
        if self.misplaced {
            return Failure::new(
                code::AGGREGATE_IN_WHERE,
                "an aggregate cannot be in a filter",
            );
        }
        Failure::of_fault(fault, malformed)
    }

    fn aggregate(&mut self, called: &Called<'_>, over: Over) -> Result<Meaning, Fault> {
        let of = match called.arguments.as_slice() {
            [Argument::Star] if over == Over::Count => None,
            [Argument::Term(term)] => Some(term.clone()),
            _ => return Err(Fault::Arguments(called.name.into())),
        };
        let Some(aggregates) = &mut self.aggregates else {
            self.misplaced = true;
            return Err(Fault::Unsupported("an aggregate".into()));
        };
        let aggregate = Aggregate {
            over,
            of,
            distinct: called.distinct,
        };
        let known = aggregates.iter().position(|other| *other == aggregate);
        let at = known.unwrap_or_else(|| {
            aggregates.push(aggregate);
            aggregates.len() - 1
        });
        let path = FieldPath::field(&aggregate_name(at));
        Ok(Meaning::Term(Term::Field(path)))
    }

    /// `filter_text('a,b', 'words')`: the rows that a search for the words in these columns finds.
    fn text_test(&mut self, called: &Called<'_>) -> Result<Meaning, Fault> {
        let wrong = || Fault::Arguments(called.name.into());
        let texts: Option<Vec<&str>> = called
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Term(Term::Constant(Value::Str(text))) => Some(text.as_str()),
                Argument::Term(_) | Argument::Star => None,
            })
            .collect();
        let texts = texts.ok_or_else(wrong)?;
        let (fields, words) = match texts.as_slice() {
            [words] => ("", *words),
            [fields, words] | [fields, words, _] => (*fields, *words),
            _ => return Err(wrong()),
        };
        let options = texts.get(2).copied().unwrap_or_default();
        crate::search::fulltext::test(self.table, fields, words, options)
            .map(Meaning::from)
            .map_err(|failure| Fault::Syntax(failure.text))
    }
}

impl Vocabulary for Words<'_> {
    fn field(&mut self, parts: &[&str]) -> Option<FieldPath> {
        let name = match parts {
            [name] => *name,
            // A column of the table that is searched, with its name in front.
            [table, name] if table.eq_ignore_ascii_case(self.table.collection.name.as_str()) => {
                *name
            }
            _ => return None,
        };
        if let Some(column) = self.table.column(name) {
            return match &column.place {
                Place::Payload(path) => Some(path.clone()),
                Place::Vector(_) => None,
            };
        }
        let lower = name.to_ascii_lowercase();
        let known = SEARCHED.iter().find(|(searched, _)| *searched == lower);
        known.map(|(searched, _)| computed(searched))
    }

    fn function(&mut self, called: &Called<'_>) -> Option<Result<Meaning, Fault>> {
        let over = match called.name {
            "avg" => Over::Average,
            "count" => Over::Count,
            "first" => Over::First,
            "max" => Over::Maximum,
            "min" => Over::Minimum,
            "sum" => Over::Sum,
            "filter_text" | "filter_fulltext" => return Some(self.text_test(called)),
            "fde" => return Some(encoding(called)),
            _ => return None,
        };
        Some(self.aggregate(called, over))
    }
}

/// `fde([[1, 2], [3, 4]], 8)`: the encoding of a tensor, as of one that is stored.
fn encoding(called: &Called<'_>) -> Result<Meaning, Fault> {
    let wrong = || Fault::Arguments(called.name.into());
    let [
        Argument::Term(Term::Constant(tensor)),
        Argument::Term(Term::Constant(Value::Int(target))),
    ] = called.arguments.as_slice()
    else {
        return Err(wrong());
    };
    let asked = fde::Asked::of(&Json::from(tensor), *target).map_err(|_| wrong())?;
    let encoded = asked.encode(fde::Side::Document);
    // With the fewest digits that are read back as the same, as vectors are shown.
    let short = |x: &f32| {
        let digits = x.to_string();
        let whole = digits.parse().map(Value::Int);
        whole.unwrap_or_else(|_| Value::Float(digits.parse().unwrap_or(f64::from(*x))))
    };
    let list = encoded.iter().map(short).collect();
    Ok(Meaning::Term(Term::Constant(Value::Array(list))))
}

/// The type of the values of a term, where they are those of a column.
pub(crate) fn kind_of<'t>(table: &'t Table, term: &Term) -> Option<&'t Kind> {
    let Term::Field(path) = term else {
        return None;
    };
    let place = Place::Payload(path.clone());
    let found = table.columns.iter().find(|column| column.place == place);
    found.map(|column| &column.kind)
}

/// A filter of text tests in one column.
pub(crate) fn text_filter(path: &FieldPath, words: &str, all: bool) -> Filter {
    let test = match all {
        true => Test::Text(words.into()),
        false => Test::TextAny(words.into()),
    };
    Filter::Field {
        path: path.clone(),
        test,
    }
}

//! A term made ready to be evaluated on many payloads.

use model::{FieldPath, Function, Term, Value};
use regex_lite::Regex;

use crate::like::Pattern;
use crate::{Datum, Fields, calendar, document, logic, number, writing};

/// A term whose constant patterns are compiled.
#[derive(Debug)]
pub struct Prepared<'t>(Node<'t>);

#[derive(Debug)]
enum Node<'t> {
    Constant(&'t Value),
    Field(&'t FieldPath),
    Call(Function, Vec<Node<'t>>),
    Like(Box<Node<'t>>, Pattern),
    /// `None`: the pattern is no regular expression.
    Regex(Box<Node<'t>>, Option<Regex>),
}

impl<'t> Prepared<'t> {
    /// Prepares `term`.
    pub fn new(term: &'t Term) -> Self {
        Self(prepare(term))
    }

    /// The value of the term for one payload.
    pub fn value<'a>(&'a self, fields: &'a dyn Fields) -> Datum<'a> {
        self.0.value(fields)
    }

    /// Whether the term is true for one payload: neither false nor null.
    pub fn holds(&self, fields: &dyn Fields) -> bool {
        self.value(fields).truth() == Some(true)
    }
}

fn prepare(term: &Term) -> Node<'_> {
    let (function, arguments) = match term {
        Term::Constant(value) => return Node::Constant(value),
        Term::Field(path) => return Node::Field(path),
        Term::Call {
            function,
            arguments,
        } => (*function, arguments),
    };
    match (function, arguments.as_slice()) {
        (Function::Like, [value, Term::Constant(Value::Str(pattern)), rest @ ..]) => {
            if let Some(escape) = constant_escape(rest) {
                return Node::Like(Box::new(prepare(value)), Pattern::new(pattern, escape));
            }
        }
        (Function::Regex, [value, Term::Constant(Value::Str(pattern))]) => {
            return Node::Regex(Box::new(prepare(value)), Regex::new(pattern).ok());
        }
        _ => {}
    }
    Node::Call(function, arguments.iter().map(prepare).collect())
}

/// The escape character, when there is none or it is a constant of one character.
fn constant_escape(rest: &[Term]) -> Option<Option<char>> {
    match rest {
        [] => Some(None),
        [Term::Constant(Value::Str(text))] => {
            let mut characters = text.chars();
            let first = characters.next();
            characters.next().is_none().then_some(first)
        }
        _ => None,
    }
}

impl Node<'_> {
    fn value<'a>(&'a self, fields: &'a dyn Fields) -> Datum<'a> {
        match self {
            Self::Constant(value) => Datum::from(*value),
            Self::Field(path) => fields.value(path),
            Self::Like(value, pattern) => match value.value(fields).as_text() {
                Some(text) => Datum::Bool(pattern.matches(text)),
                None => Datum::Null,
            },
            Self::Regex(value, regex) => match (value.value(fields).as_text(), regex) {
                (Some(text), Some(regex)) => Datum::Bool(regex.is_match(text)),
                (Some(_), None) | (None, _) => Datum::Null,
            },
            Self::Call(function, arguments) => call(*function, arguments, fields),
        }
    }
}

fn call<'a>(function: Function, arguments: &'a [Node<'_>], fields: &'a dyn Fields) -> Datum<'a> {
    let argument = |at: usize| {
        let node = arguments.get(at);
        node.map_or(Datum::Null, |node| node.value(fields))
    };
    let each = |from: usize| arguments.iter().skip(from).map(|node| node.value(fields));
    use Function as F;
    match function {
        F::And => logic::chain(false, each(0)),
        F::Or => logic::chain(true, each(0)),
        F::Not => argument(0)
            .truth()
            .map_or(Datum::Null, |truth| Datum::Bool(!truth)),
        F::Equal | F::NotEqual | F::Less | F::LessOrEqual | F::Greater | F::GreaterOrEqual => {
            logic::comparison(function, &argument(0), &argument(1))
        }
        F::In => logic::among(&argument(0), each(1)),
        F::Between => logic::between(&argument(0), &argument(1), &argument(2)),
        F::IsNull => Datum::Bool(argument(0).is_null()),
        F::Like => like(
            &argument(0),
            &argument(1),
            arguments.get(2).map(|_| argument(2)),
        ),
        F::Regex => regex(&argument(0), &argument(1)),
        F::Contains => logic::contains(&argument(0), &argument(1)),
        F::Add | F::Subtract | F::Multiply | F::Divide | F::Modulo | F::Power => {
            number::binary(function, &argument(0), &argument(1))
        }
        F::Negate
        | F::Absolute
        | F::SquareRoot
        | F::Ceiling
        | F::Floor
        | F::Logarithm
        | F::IsNan
        | F::IsInfinite
        | F::IsFinite => number::unary(function, &argument(0)),
        F::Round | F::Truncate => {
            let places = arguments.get(1).map_or(Datum::Int(0), |_| argument(1));
            number::decimals(function, &argument(0), &places)
        }
        _ => call_on_values(function, argument, arguments.len()),
    }
}

/// The functions of texts, times and documents.
fn call_on_values<'a>(
    function: Function,
    argument: impl Fn(usize) -> Datum<'a>,
    count: usize,
) -> Datum<'a> {
    use Function as F;
    match function {
        F::Substring => {
            let length = (count > 2).then(|| argument(2));
            writing::substring(&argument(0), &argument(1), length.as_ref())
        }
        F::Position => writing::position(&argument(0), &argument(1)),
        F::CharacterLength
        | F::Length
        | F::Md5
        | F::Lower
        | F::Upper
        | F::Reverse
        | F::TrimStart
        | F::TrimEnd
        | F::Trim => writing::unary(function, &argument(0)),
        F::ToInteger | F::ToFloat | F::ToText | F::ToBool => writing::cast(function, &argument(0)),
        F::ToDate | F::ToTime | F::ToDateTime => calendar::cast(function, &argument(0)),
        F::Century
        | F::Year
        | F::Month
        | F::Day
        | F::Hour
        | F::Minute
        | F::Second
        | F::DayOfYear
        | F::DayOfWeek
        | F::Era
        | F::Epoch
        | F::Quarter
        | F::WeekDay
        | F::WeekOfYear => calendar::part(function, &argument(0)),
        F::Shift => calendar::shift(&argument(0), &argument(1), &argument(2)),
        // Those of documents.
        _ => document::json(function, &argument(0), &argument(1)),
    }
}

fn like(value: &Datum<'_>, pattern: &Datum<'_>, escape: Option<Datum<'_>>) -> Datum<'static> {
    let escape = match &escape {
        None => None,
        Some(escape) => match escape
            .as_text()
            .map(|text| text.chars().collect::<Vec<_>>())
        {
            Some(text) if text.len() <= 1 => text.first().copied(),
            Some(_) | None => return Datum::Null,
        },
    };
    match (value.as_text(), pattern.as_text()) {
        (Some(text), Some(pattern)) => Datum::Bool(Pattern::new(pattern, escape).matches(text)),
        (_, _) => Datum::Null,
    }
}

fn regex(value: &Datum<'_>, pattern: &Datum<'_>) -> Datum<'static> {
    match (value.as_text(), pattern.as_text().map(Regex::new)) {
        (Some(text), Some(Ok(regex))) => Datum::Bool(regex.is_match(text)),
        (_, _) => Datum::Null,
    }
}

#[cfg(test)]
mod tests {
    use model::Object;
    use proptest::prelude::*;

    use super::*;

    fn call(function: Function, arguments: Vec<Term>) -> Term {
        Term::call(function, arguments).expect("the number of arguments fits")
    }

    fn constant(value: impl Into<Value>) -> Term {
        Term::Constant(value.into())
    }

    fn value(term: &Term) -> Value {
        let fields: Object = [("a", Value::Int(3)), ("n", Value::Null)]
            .into_iter()
            .collect();
        Prepared::new(term).value(&fields).to_value()
    }

    /// The truth of a term of `And`, `Or`, `Not`, `Less` and constants, by the tables of Kleene.
    fn naive(term: &Term) -> Option<bool> {
        match term {
            Term::Constant(Value::Bool(truth)) => Some(*truth),
            Term::Constant(_) | Term::Field(_) => None,
            Term::Call {
                function,
                arguments,
            } => match function {
                Function::Not => naive(&arguments[0]).map(|truth| !truth),
                // The absorbing truth decides, then the unknown.
                Function::And | Function::Or => {
                    let absorbing = *function == Function::Or;
                    let truths: Vec<_> = arguments.iter().map(naive).collect();
                    if truths.contains(&Some(absorbing)) {
                        Some(absorbing)
                    } else {
                        (!truths.contains(&None)).then_some(!absorbing)
                    }
                }
                _ => match arguments.as_slice() {
                    [Term::Constant(Value::Int(a)), Term::Constant(Value::Int(b))] => Some(a < b),
                    [Term::Constant(Value::Str(a)), Term::Constant(Value::Str(b))] => Some(a < b),
                    _ => None,
                },
            },
        }
    }

    fn truths() -> impl Strategy<Value = Term> {
        let number = || prop_oneof![(0_i64..3).prop_map(constant), Just(constant("x"))];
        let leaf = prop_oneof![
            any::<bool>().prop_map(constant),
            Just(Term::Constant(Value::Null)),
            (number(), number()).prop_map(|(a, b)| call(Function::Less, vec![a, b])),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let several = || prop::collection::vec(inner.clone(), 0..4);
            prop_oneof![
                several().prop_map(|of| call(Function::And, of)),
                several().prop_map(|of| call(Function::Or, of)),
                inner.prop_map(|of| call(Function::Not, vec![of])),
            ]
        })
    }

    fn anything() -> impl Strategy<Value = Term> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(constant),
            any::<f64>().prop_map(constant),
            "[a-c%_0-9:. -]{0,12}".prop_map(|text| constant(text.as_str())),
            Just(constant("2024-02-29")),
            Just(constant("2024-02-29 23:59:59")),
            Just(constant("day")),
            Just(constant("$.a[0]")),
            any::<bool>().prop_map(constant),
            Just(Term::Constant(Value::Array(vec![
                Value::Int(1),
                Value::Null
            ]))),
            prop::sample::select(vec!["a", "n", "b"])
                .prop_map(|at| { Term::Field(FieldPath::field(at)) }),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let functions = prop::sample::select(Function::ALL);
            (functions, prop::collection::vec(inner, 3)).prop_map(|(function, mut arguments)| {
                arguments.truncate(function.arity().1.max(1));
                call(function, arguments)
            })
        })
    }

    proptest! {
        #[test]
        fn unknown_truths_follow_the_tables(term in truths()) {
            let expected = naive(&term).map_or(Value::Null, Value::Bool);
            prop_assert_eq!(value(&term), expected);
        }

        #[test]
        fn no_term_fails(term in anything()) {
            let _ = value(&term);
        }
    }

    fn a() -> Term {
        Term::Field(FieldPath::field("a"))
    }

    fn text(text: &str) -> Term {
        constant(text)
    }

    fn assert_values(cases: impl IntoIterator<Item = (Function, Vec<Term>, Value)>) {
        for (function, arguments, expected) in cases {
            let term = call(function, arguments);
            assert_eq!(value(&term), expected, "{term:?}");
        }
    }

    #[test]
    fn functions_of_numbers_have_the_values_they_should() {
        assert_values([
            (Function::Add, vec![a(), constant(0.5)], Value::Float(3.5)),
            (
                Function::Divide,
                vec![a(), constant(2_i64)],
                Value::Float(1.5),
            ),
            (Function::Divide, vec![a(), constant(0_i64)], Value::Null),
            (
                Function::Modulo,
                vec![constant(-7_i64), a()],
                Value::Int(-1),
            ),
            (
                Function::Multiply,
                vec![constant(i64::MAX), a()],
                Value::Float(2.767_011_611_056_432_6e19),
            ),
            (
                Function::Round,
                vec![constant(2.345), constant(2_i64)],
                Value::Float(2.35),
            ),
            (Function::Truncate, vec![constant(-2.7)], Value::Float(-2.0)),
        ]);
    }

    #[test]
    fn functions_of_texts_have_the_values_they_should() {
        assert_values([
            (
                Function::Substring,
                vec![text("héllo"), constant(1_i64), constant(3_i64)],
                "éll".into(),
            ),
            (
                Function::Position,
                vec![text("héllo"), text("l")],
                Value::Int(3),
            ),
            (
                Function::Md5,
                vec![text("abc")],
                "900150983cd24fb0d6963f7d28e17f72".into(),
            ),
            (Function::Reverse, vec![text("abc")], "cba".into()),
            (Function::ToInteger, vec![text(" 12.9 ")], Value::Int(12)),
            (Function::ToText, vec![constant(1.5)], "1.5".into()),
            (
                Function::ToDate,
                vec![text("2024-02-29 12:00:00")],
                "2024-02-29".into(),
            ),
            (Function::ToDate, vec![text("2023-02-29")], Value::Null),
            (Function::Year, vec![text("2024-02-29")], Value::Int(2024)),
            (Function::Century, vec![text("2000-01-01")], Value::Int(20)),
            (Function::DayOfWeek, vec![text("2024-02-29")], Value::Int(4)),
            (Function::Quarter, vec![text("2024-12-31")], Value::Int(4)),
            (
                Function::Epoch,
                vec![text("1970-01-02")],
                Value::Int(86_400),
            ),
            (Function::Hour, vec![text("23:59:01")], Value::Int(23)),
            (
                Function::Shift,
                vec![text("2024-01-31"), constant(1_i64), text("month")],
                "2024-02-29".into(),
            ),
            (
                Function::Regex,
                vec![text("abc"), text("^a.c$")],
                Value::Bool(true),
            ),
            (Function::Regex, vec![text("abc"), text("(")], Value::Null),
        ]);
    }

    #[test]
    fn comparisons_have_the_values_they_should() {
        assert_values([
            (Function::In, vec![a(), constant(3.0)], Value::Bool(true)),
            (
                Function::In,
                vec![a(), constant(1_i64), text("x")],
                Value::Null,
            ),
            (Function::Equal, vec![a(), text("3")], Value::Null),
            (
                Function::IsNull,
                vec![Term::Field(FieldPath::field("n"))],
                Value::Bool(true),
            ),
        ]);
        let list = Term::Constant(Value::Array(vec!["x".into(), Value::Int(1)]));
        let contains = |of, wanted| value(&call(Function::Contains, vec![of, wanted]));
        assert_eq!(contains(list.clone(), text("x")), Value::Bool(true));
        assert_eq!(contains(list, text("y")), Value::Bool(false));
        assert_eq!(contains(text("xy"), text("x")), Value::Bool(false));
    }
}

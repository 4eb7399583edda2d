//! What columns can say about rows for which a scalar expression is true.

use model::filter::Range;
use model::{FieldPath, Filter, Function, Scalar, Step, Term, Test, Value};
use scalar::like::Pattern;

use crate::source::RowSource;

/// More members of an `IN` than this are looked up as one range of numbers.
const NUMBERS_MAX: usize = 64;

/// A filter that holds wherever `term` is true, made of tests that columns of `source` answer.
/// `None` when nothing is known.
///
/// It is never the same as the term: a test counts a list by its elements, a term does not.
pub(crate) fn implied(term: &Term, source: &dyn RowSource) -> Option<Filter> {
    let Term::Call {
        function,
        arguments,
    } = term
    else {
        return None;
    };
    match (function, arguments.as_slice()) {
        (Function::And, of) => {
            let known: Vec<_> = of.iter().filter_map(|part| implied(part, source)).collect();
            (!known.is_empty()).then_some(Filter::All(known))
        }
        (Function::Or, of) => {
            let known: Option<Vec<_>> = of.iter().map(|part| implied(part, source)).collect();
            known.map(Filter::Any)
        }
        (_, [Term::Field(path), constants @ ..]) => {
            source.column(path)?;
            of_field(*function, path, &values(constants)?)
        }
        (_, [Term::Constant(constant), Term::Field(path)]) => {
            source.column(path)?;
            of_field(mirrored(*function)?, path, &[constant])
        }
        _ => None,
    }
}

fn values<'a>(terms: &'a [Term]) -> Option<Vec<&'a Value>> {
    let constant = |term: &'a Term| match term {
        Term::Constant(value) => Some(value),
        Term::Field(_) | Term::Call { .. } => None,
    };
    terms.iter().map(constant).collect()
}

/// The comparison that says the same with its sides exchanged.
fn mirrored(function: Function) -> Option<Function> {
    match function {
        Function::Equal => Some(Function::Equal),
        Function::Less => Some(Function::Greater),
        Function::LessOrEqual => Some(Function::GreaterOrEqual),
        Function::Greater => Some(Function::Less),
        Function::GreaterOrEqual => Some(Function::LessOrEqual),
        _ => None,
    }
}

fn of_field(function: Function, path: &FieldPath, constants: &[&Value]) -> Option<Filter> {
    let test = |test| {
        let path = path.clone();
        Some(Filter::Field { path, test })
    };
    // Ends are included even where the term excludes them: integers are rounded to floats.
    match (function, constants) {
        (Function::Equal | Function::Contains, [constant]) => test(equal(constant)?),
        (Function::In, constants) => member(path, constants),
        (Function::Less | Function::LessOrEqual, [constant]) => {
            test(range(None, Some(number(constant)?)))
        }
        (Function::Greater | Function::GreaterOrEqual, [constant]) => {
            test(range(Some(number(constant)?), None))
        }
        (Function::Between, [low, high]) => test(range(Some(number(low)?), Some(number(high)?))),
        (Function::Like, [Value::Str(pattern)]) => {
            let (prefix, whole) = Pattern::new(pattern, None).prefix();
            if whole {
                test(Test::Equals(Scalar::Str(prefix.into())))
            } else if prefix.is_empty() {
                None
            } else {
                test(Test::Prefix(prefix.into()))
            }
        }
        // Several values are null to a term, and none of them need be empty.
        (Function::IsNull, []) if !path.steps().contains(&Step::Each) => test(Test::IsEmpty(true)),
        _ => None,
    }
}

fn equal(constant: &Value) -> Option<Test> {
    match constant {
        Value::Str(text) => Some(Test::Equals(Scalar::Str(text.clone()))),
        Value::Bool(truth) => Some(Test::Equals(Scalar::Bool(*truth))),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            let x = number(constant)?;
            Some(range(Some(x), Some(x)))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn member(path: &FieldPath, constants: &[&Value]) -> Option<Filter> {
    let (mut scalars, mut numbers) = (Vec::new(), Vec::new());
    for constant in constants {
        match constant {
            Value::Str(text) => scalars.push(Scalar::Str(text.clone())),
            Value::Bool(truth) => scalars.push(Scalar::Bool(*truth)),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => numbers.push(number(constant)?),
            Value::Null | Value::Array(_) | Value::Object(_) => {}
        }
    }
    if numbers.len() > NUMBERS_MAX {
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        numbers = vec![low, high];
    } else {
        numbers = numbers.into_iter().flat_map(|x| [x, x]).collect();
    }
    let ranges = numbers
        .chunks_exact(2)
        .map(|ends| range(Some(ends[0]), Some(ends[1])));
    let tests = ranges.chain((!scalars.is_empty()).then_some(Test::In(scalars)));
    let field = |test| Filter::Field {
        path: path.clone(),
        test,
    };
    Some(Filter::Any(tests.map(field).collect()))
}

/// The number as columns have it; `None` when it is none.
fn number(constant: &Value) -> Option<f64> {
    match constant {
        Value::Int(n) => Some(*n as f64),
        Value::UInt(n) => Some(*n as f64),
        Value::Float(x) if !x.is_nan() => Some(*x),
        Value::Float(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Str(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

fn range(gte: Option<f64>, lte: Option<f64>) -> Test {
    Test::Range(Range {
        gte,
        lte,
        ..Range::default()
    })
}

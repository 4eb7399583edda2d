//! Titles of what is computed, as Infinity writes expressions.

use model::{Function, Term, Value};

use crate::vocabulary::{Aggregate, Over, of_computed};

/// Splits `expression AS alias`.
pub(crate) fn alias(text: &str) -> Option<(&str, &str)> {
    let (before, alias) = text.rsplit_once(char::is_whitespace)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !alias.chars().all(is_name) {
        return None;
    }
    let before = before.trim_end();
    let start = before.len().checked_sub(3)?;
    let word = before.get(start..)?;
    let is_as = word.starts_with(char::is_whitespace) && word[1..].eq_ignore_ascii_case("as");
    is_as.then(|| (before[..start].trim_end(), alias))
}

/// The title of a term; `aggregates` are those that it names.
pub(crate) fn of(term: &Term, aggregates: &[Aggregate]) -> String {
    let show = |term| of(term, aggregates);
    let (function, arguments) = match term {
        Term::Constant(value) => return constant(value),
        Term::Field(path) => {
            let Some(name) = of_computed(path) else {
                return path.to_string();
            };
            let aggregate = name.parse().ok().and_then(|at: usize| aggregates.get(at));
            return match aggregate {
                Some(aggregate) => over(aggregate, aggregates),
                None => name.trim_start_matches('_').to_ascii_uppercase(),
            };
        }
        Term::Call {
            function,
            arguments,
        } => (*function, arguments),
    };
    match (infix(function), arguments.as_slice()) {
        (Some(sign), [a, b]) => format!("({} {sign} {})", show(a), show(b)),
        (Some(sign), all) => {
            let all: Vec<_> = all.iter().map(show).collect();
            format!("({})", all.join(&format!(" {sign} ")))
        }
        (None, all) => {
            let all: Vec<_> = all.iter().map(show).collect();
            format!("{}({})", name(function), all.join(", "))
        }
    }
}

fn over(aggregate: &Aggregate, aggregates: &[Aggregate]) -> String {
    let inner = match &aggregate.of {
        None => "star".to_owned(),
        Some(term) => of(term, aggregates),
    };
    match aggregate.over {
        // Infinity computes it so, and shows it so.
        Over::Average => format!("(sum({inner}) / count({inner}))"),
        Over::Count => format!("count({inner})"),
        Over::First => format!("first({inner})"),
        Over::Maximum => format!("max({inner})"),
        Over::Minimum => format!("min({inner})"),
        Over::Sum => format!("sum({inner})"),
    }
}

fn constant(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("'{text}'"),
        other => crate::shown::to_json(other).to_string(),
    }
}

fn infix(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::And => "AND",
        Function::Or => "OR",
        Function::Equal => "=",
        Function::NotEqual => "<>",
        Function::Less => "<",
        Function::LessOrEqual => "<=",
        Function::Greater => ">",
        Function::GreaterOrEqual => ">=",
        Function::Add => "+",
        Function::Subtract => "-",
        Function::Multiply => "*",
        Function::Divide => "/",
        Function::Modulo => "%",
        Function::Like => "LIKE",
        _ => return None,
    })
}

fn name(function: Function) -> String {
    match function {
        Function::Negate => "-".into(),
        // In capitals there, alone among the functions.
        Function::Absolute => "ABS".into(),
        Function::Power => "pow".into(),
        Function::SquareRoot => "sqrt".into(),
        Function::Ceiling => "ceil".into(),
        Function::Logarithm => "log".into(),
        Function::Truncate => "trunc".into(),
        Function::CharacterLength => "char_length".into(),
        Function::TrimStart => "ltrim".into(),
        Function::TrimEnd => "rtrim".into(),
        Function::JsonExtract => "json_extract".into(),
        Function::JsonText => "json_extract_string".into(),
        Function::JsonInteger => "json_extract_int".into(),
        Function::JsonFloat => "json_extract_double".into(),
        Function::JsonBool => "json_extract_bool".into(),
        Function::JsonIsNull => "json_extract_isnull".into(),
        Function::JsonExists => "json_exists_path".into(),
        Function::JsonContains => "json_contains".into(),
        other => format!("{other:?}").to_ascii_lowercase(),
    }
}

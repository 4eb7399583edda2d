//! From the syntax tree to what it means.

use model::{Function, Term, Value};
use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, Interval, TrimWhereField, UnaryOperator, Value as Literal,
};

use crate::meaning::call;
use crate::{Argument, Called, Fault, Meaning, Notation, Vocabulary, functions, grammar};

/// Reads a tree with a vocabulary.
pub(crate) struct Reader<'v> {
    notation: Notation,
    vocabulary: &'v mut dyn Vocabulary,
}

impl<'v> Reader<'v> {
    pub(crate) fn new(notation: Notation, vocabulary: &'v mut dyn Vocabulary) -> Self {
        Self {
            notation,
            vocabulary,
        }
    }

    /// What `expression` means as an expression.
    pub(crate) fn term(&mut self, expression: &Expr) -> Result<Term, Fault> {
        self.read(expression)?.into_term()
    }

    /// What `expression` means.
    pub(crate) fn read(&mut self, expression: &Expr) -> Result<Meaning, Fault> {
        match expression {
            Expr::Nested(inner) => self.read(inner),
            Expr::BinaryOp {
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                ..
            } => self.chain(op, expression),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => self.read(expr)?.not(),
            Expr::Function(function) => self.function(function),
            other => self.plain(other).map(Meaning::Term),
        }
    }

    /// `a AND b AND …`, whose tree leans to the left, without recursion along it.
    fn chain(&mut self, op: &BinaryOperator, expression: &Expr) -> Result<Meaning, Fault> {
        let mut parts = Vec::new();
        let mut rest = expression;
        while let Expr::BinaryOp {
            left,
            op: other,
            right,
        } = rest
            && other == op
        {
            parts.push(self.read(right)?);
            rest = left;
        }
        parts.push(self.read(rest)?);
        parts.reverse();
        let function = match op {
            BinaryOperator::And => Function::And,
            _ => Function::Or,
        };
        Meaning::chain(function, parts)
    }

    fn plain(&mut self, expression: &Expr) -> Result<Term, Fault> {
        match expression {
            Expr::Identifier(name) => self.name(core::slice::from_ref(name)),
            Expr::CompoundIdentifier(names) => self.name(names),
            Expr::Value(value) => constant(&value.value),
            Expr::Array(array) => self.list(&array.elem),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(of) => self.call(Function::IsNull, &[of]),
            Expr::IsNotNull(of) => not(self.call(Function::IsNull, &[of])?),
            Expr::IsTrue(of) => self.is(of, true),
            Expr::IsNotTrue(of) => not(self.is(of, true)?),
            Expr::IsFalse(of) => self.is(of, false),
            Expr::IsNotFalse(of) => not(self.is(of, false)?),
            Expr::InList {
                expr,
                list,
                negated,
            } => {
                let members = core::iter::once(&**expr).chain(list).collect::<Vec<_>>();
                negate(*negated, self.call(Function::In, &members)?)
            }
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => negate(*negated, self.call(Function::Between, &[expr, low, high])?),
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => {
                let mut arguments: Vec<&Expr> = vec![expr, pattern];
                arguments.extend(escape_char.as_deref());
                negate(*negated, self.call(Function::Like, &arguments)?)
            }
            Expr::RLike {
                negated,
                expr,
                pattern,
                ..
            } => negate(*negated, self.call(Function::Regex, &[expr, pattern])?),
            other => self.special(other),
        }
    }

    /// What has a syntax of its own and is a function.
    fn special(&mut self, expression: &Expr) -> Result<Term, Fault> {
        match expression {
            Expr::Cast {
                expr, data_type, ..
            } => self.cast(&data_type.to_string(), expr),
            Expr::TypedString(typed) => {
                let cast = functions::cast_to(&typed.data_type.to_string());
                let cast = cast.ok_or_else(|| Fault::NoFunction(typed.data_type.to_string()))?;
                call(cast, vec![constant(&typed.value.value)?])
            }
            Expr::Extract { field, expr, .. } => {
                let name = field.to_string().trim_matches('\'').to_ascii_lowercase();
                let part = functions::date_part(&name).ok_or(Fault::NoFunction(name))?;
                self.call(part, &[expr])
            }
            Expr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(_),
            } => self.call(Function::Ceiling, &[expr]),
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(_),
            } => self.call(Function::Floor, &[expr]),
            Expr::Position { expr, r#in } => self.call(Function::Position, &[r#in, expr]),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let mut arguments: Vec<&Expr> = vec![expr];
                arguments.extend(substring_from.as_deref());
                arguments.extend(substring_for.as_deref());
                self.checked("substring", Function::Substring, &arguments)
            }
            Expr::Trim {
                trim_where,
                trim_what: None,
                expr,
                trim_characters: None,
            } => {
                let function = match trim_where {
                    None | Some(TrimWhereField::Both) => Function::Trim,
                    Some(TrimWhereField::Leading) => Function::TrimStart,
                    Some(TrimWhereField::Trailing) => Function::TrimEnd,
                };
                self.call(function, &[expr])
            }
            other => Err(Fault::Unsupported(format!("`{}`", shortened(other)))),
        }
    }

    fn call(&mut self, function: Function, of: &[&Expr]) -> Result<Term, Fault> {
        let arguments: Result<Vec<_>, _> = of.iter().map(|part| self.term(part)).collect();
        call(function, arguments?)
    }

    fn checked(&mut self, name: &str, function: Function, of: &[&Expr]) -> Result<Term, Fault> {
        let (min, max) = function.arity();
        if !(min..=max).contains(&of.len()) {
            return Err(Fault::Arguments(name.into()));
        }
        self.call(function, of)
    }

    fn is(&mut self, of: &Expr, wanted: bool) -> Result<Term, Fault> {
        let term = self.term(of)?;
        let known = not(call(Function::IsNull, vec![term.clone()])?)?;
        let term = if wanted { term } else { not(term)? };
        call(Function::And, vec![term, known])
    }

    fn name(&mut self, names: &[Ident]) -> Result<Term, Fault> {
        let parts: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
        if let Some(path) = self.vocabulary.field(&parts) {
            return Ok(Term::Field(path));
        }
        match names {
            [name] if name.quote_style == Some('"') && self.notation.double_quoted_texts => {
                Ok(Term::Constant(Value::Str(name.value.clone())))
            }
            _ => Err(Fault::NoField(parts.join("."))),
        }
    }

    fn list(&mut self, elements: &[Expr]) -> Result<Term, Fault> {
        let values: Result<Vec<_>, _> = elements
            .iter()
            .map(|element| match self.term(element)? {
                Term::Constant(value) => Ok(value),
                Term::Field(_) | Term::Call { .. } => Err(Fault::Unsupported(
                    "a list of anything but constants".into(),
                )),
            })
            .collect();
        Ok(Term::Constant(Value::Array(values?)))
    }

    fn unary(&mut self, op: UnaryOperator, of: &Expr) -> Result<Term, Fault> {
        let term = self.term(of)?;
        match (op, term) {
            (UnaryOperator::Plus, term) => Ok(term),
            (UnaryOperator::Minus, Term::Constant(value)) => match negative(&value) {
                Some(value) => Ok(Term::Constant(value)),
                None => call(Function::Negate, vec![Term::Constant(value)]),
            },
            (UnaryOperator::Minus, term) => call(Function::Negate, vec![term]),
            (UnaryOperator::Not, term) => not(term),
            (other, _) => Err(Fault::Unsupported(format!("`{other}`"))),
        }
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Term, Fault> {
        let function = match op {
            BinaryOperator::Plus | BinaryOperator::Minus => {
                if let Expr::Interval(length) = right {
                    return self.shift(left, *op == BinaryOperator::Minus, length);
                }
                match op {
                    BinaryOperator::Plus => Function::Add,
                    _ => Function::Subtract,
                }
            }
            BinaryOperator::Multiply => Function::Multiply,
            BinaryOperator::Divide => Function::Divide,
            BinaryOperator::Modulo => Function::Modulo,
            BinaryOperator::Eq => Function::Equal,
            BinaryOperator::NotEq => Function::NotEqual,
            BinaryOperator::Lt => Function::Less,
            BinaryOperator::LtEq => Function::LessOrEqual,
            BinaryOperator::Gt => Function::Greater,
            BinaryOperator::GtEq => Function::GreaterOrEqual,
            BinaryOperator::Custom(name) if name == grammar::CONTAINS => Function::Contains,
            other => return Err(Fault::Unsupported(format!("`{other}`"))),
        };
        self.call(function, &[left, right])
    }

    /// `date + 3 days`.
    fn shift(&mut self, date: &Expr, back: bool, length: &Interval) -> Result<Term, Fault> {
        let unit = length.leading_field.as_ref().map(ToString::to_string);
        let unit = unit.as_deref().and_then(grammar::time_unit);
        let unit = unit.ok_or_else(|| Fault::Unsupported("this length of time".into()))?;
        let count = match self.term(&length.value)? {
            Term::Constant(Value::Str(text)) => text.trim().parse().map(Value::Int).ok(),
            Term::Constant(value @ Value::Int(_)) => Some(value),
            Term::Constant(_) | Term::Field(_) | Term::Call { .. } => None,
        };
        let count = count.ok_or_else(|| Fault::Unsupported("this length of time".into()))?;
        let count = if back { negative(&count) } else { Some(count) };
        let arguments = vec![
            self.term(date)?,
            Term::Constant(count.unwrap_or(Value::Null)),
            Term::Constant(Value::Str(unit.into())),
        ];
        call(Function::Shift, arguments)
    }

    fn cast(&mut self, type_name: &str, of: &Expr) -> Result<Term, Fault> {
        let function = functions::cast_to(type_name);
        let function = function.ok_or_else(|| Fault::NoFunction(type_name.into()))?;
        self.call(function, &[of])
    }

    fn function(&mut self, function: &sqlparser::ast::Function) -> Result<Meaning, Fault> {
        let name = function.name.to_string().to_ascii_lowercase();
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.within_group.is_empty()
            && function.null_treatment.is_none();
        if !plain {
            return Err(Fault::Arguments(name));
        }
        let mut distinct = false;
        let arguments = match &function.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::List(list) if list.clauses.is_empty() => {
                distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
                let read = list.args.iter().map(|argument| self.argument(argument));
                read.collect::<Result<Vec<_>, _>>()?
            }
            FunctionArguments::List(_) | FunctionArguments::Subquery(_) => {
                return Err(Fault::Arguments(name));
            }
        };
        let called = Called {
            name: &name,
            arguments,
            distinct,
        };
        if let Some(meaning) = self.vocabulary.function(&called) {
            return meaning;
        }
        let mut terms = Vec::new();
        for argument in called.arguments {
            match argument {
                Argument::Term(term) if !distinct => terms.push(term),
                Argument::Term(_) | Argument::Star => return Err(Fault::Arguments(name)),
            }
        }
        if name == "date_part" {
            return of_part(terms).map(Meaning::Term);
        }
        let known = functions::named(&name).ok_or_else(|| Fault::NoFunction(name.clone()))?;
        let (min, max) = known.arity();
        if !(min..=max).contains(&terms.len()) {
            return Err(Fault::Arguments(name));
        }
        call(known, terms).map(Meaning::Term)
    }

    fn argument(&mut self, argument: &FunctionArg) -> Result<Argument, Fault> {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => {
                self.term(expression).map(Argument::Term)
            }
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Ok(Argument::Star),
            other => Err(Fault::Unsupported(format!("`{other}`"))),
        }
    }
}

/// `date_part('year', date)`.
fn of_part(mut terms: Vec<Term>) -> Result<Term, Fault> {
    let wrong = || Fault::Arguments("date_part".into());
    let date = terms.pop().ok_or_else(wrong)?;
    match terms.as_slice() {
        [Term::Constant(Value::Str(name))] => {
            let name = name.to_ascii_lowercase();
            let part = functions::date_part(&name).ok_or(Fault::NoFunction(name))?;
            call(part, vec![date])
        }
        _ => Err(wrong()),
    }
}

fn not(term: Term) -> Result<Term, Fault> {
    call(Function::Not, vec![term])
}

fn negate(negated: bool, term: Term) -> Result<Term, Fault> {
    if negated { not(term) } else { Ok(term) }
}

fn negative(value: &Value) -> Option<Value> {
    match value {
        Value::Int(n) => n.checked_neg().map(Value::Int),
        Value::UInt(n) => i64::try_from(-i128::from(*n)).map(Value::Int).ok(),
        Value::Float(x) => Some(Value::Float(-x)),
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn constant(literal: &Literal) -> Result<Term, Fault> {
    Ok(Term::Constant(match literal {
        Literal::Number(digits, _) => number(digits)?,
        Literal::SingleQuotedString(text) => Value::Str(text.clone()),
        Literal::Boolean(truth) => Value::Bool(*truth),
        Literal::Null => Value::Null,
        other => return Err(Fault::Unsupported(format!("`{other}`"))),
    }))
}

fn number(digits: &str) -> Result<Value, Fault> {
    if let Ok(n) = digits.parse::<u64>() {
        return Ok(Value::from(n));
    }
    match digits.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(Value::Float(x)),
        Ok(_) | Err(_) => Err(Fault::Syntax(format!("`{digits}` is no number"))),
    }
}

fn shortened(expression: &Expr) -> String {
    expression.to_string().chars().take(60).collect()
}

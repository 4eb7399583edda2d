//! Arithmetic.

use model::Function;

use crate::Datum;

/// Sum, difference, product, quotient, remainder, power.
pub(crate) fn binary(function: Function, a: &Datum<'_>, b: &Datum<'_>) -> Datum<'static> {
    if let (Datum::Int(a), Datum::Int(b)) = (a, b)
        && let Some(result) = integers(function, *a, *b)
    {
        return result;
    }
    let (Some(a), Some(b)) = (a.number(), b.number()) else {
        return Datum::Null;
    };
    match function {
        Function::Add => Datum::Float(a + b),
        Function::Subtract => Datum::Float(a - b),
        Function::Multiply => Datum::Float(a * b),
        Function::Divide | Function::Modulo if b == 0.0 => Datum::Null,
        Function::Divide => Datum::Float(a / b),
        Function::Modulo => Datum::Float(libm::fmod(a, b)),
        _ => Datum::Float(libm::pow(a, b)),
    }
}

/// `None` where floats have the answer. The operands have at most 64 bits, so nothing overflows.
fn integers(function: Function, a: i128, b: i128) -> Option<Datum<'static>> {
    match function {
        Function::Add => Some(Datum::integer(a + b)),
        Function::Subtract => Some(Datum::integer(a - b)),
        Function::Multiply => Some(
            a.checked_mul(b)
                .map_or_else(|| Datum::Float(a as f64 * b as f64), Datum::integer),
        ),
        Function::Modulo if b != 0 => Some(Datum::Int(a % b)),
        _ => None,
    }
}

/// Functions of one number.
pub(crate) fn unary(function: Function, of: &Datum<'_>) -> Datum<'static> {
    if let Datum::Int(n) = of {
        match function {
            Function::Negate => return Datum::integer(-n),
            Function::Absolute => return Datum::integer(n.abs()),
            Function::Ceiling | Function::Floor => return Datum::Int(*n),
            _ => {}
        }
    }
    let Some(x) = of.number() else {
        return Datum::Null;
    };
    match function {
        Function::Negate => Datum::Float(-x),
        Function::Absolute => Datum::Float(libm::fabs(x)),
        Function::SquareRoot => Datum::Float(libm::sqrt(x)),
        Function::Ceiling => Datum::Float(libm::ceil(x)),
        Function::Floor => Datum::Float(libm::floor(x)),
        Function::Logarithm => Datum::Float(libm::log(x)),
        Function::IsNan => Datum::Bool(x.is_nan()),
        Function::IsInfinite => Datum::Bool(x.is_infinite()),
        _ => Datum::Bool(x.is_finite()),
    }
}

/// `ROUND` and `TRUNC` to so many decimals.
pub(crate) fn decimals(function: Function, of: &Datum<'_>, places: &Datum<'_>) -> Datum<'static> {
    let (Some(x), Datum::Int(places)) = (of.number(), places) else {
        return Datum::Null;
    };
    let to_whole = |x| match function {
        Function::Round => libm::round(x),
        _ => libm::trunc(x),
    };
    if let (Datum::Int(n), 0..) = (of, *places) {
        return Datum::Int(*n);
    }
    // More than these many digits no float has on either side of its point.
    let places = (*places).clamp(-400, 400) as i32;
    let scale = libm::pow(10.0, places.abs().into());
    let rounded = if places >= 0 {
        to_whole(x * scale) / scale
    } else {
        to_whole(x / scale) * scale
    };
    // The scale may leave what floats can say; the number then has no such digits.
    Datum::Float(if rounded.is_nan() && !x.is_nan() {
        if places > 0 { x } else { 0.0 }
    } else {
        rounded
    })
}

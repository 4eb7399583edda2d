//! Order and equality of values.

use core::cmp::Ordering;

use crate::Datum;

/// How `a` compares to `b`; `None` when they are not of one kind or one is null.
///
/// Numbers are compared by their exact values, whether integers or floats; nothing compares to what
/// is not a number.
pub(crate) fn compare(a: &Datum<'_>, b: &Datum<'_>) -> Option<Ordering> {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => Some(a.cmp(b)),
        (Datum::Float(a), Datum::Float(b)) => a.partial_cmp(b),
        (Datum::Int(a), Datum::Float(b)) => mixed(*a, *b),
        (Datum::Float(a), Datum::Int(b)) => mixed(*b, *a).map(Ordering::reverse),
        (Datum::Text(a), Datum::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Datum::Bool(a), Datum::Bool(b)) => Some(a.cmp(b)),
        (
            Datum::Null
            | Datum::Bool(_)
            | Datum::Int(_)
            | Datum::Float(_)
            | Datum::Text(_)
            | Datum::Packed(_)
            | Datum::Plain(_),
            _,
        ) => None,
    }
}

fn mixed(n: i128, x: f64) -> Option<Ordering> {
    // Beyond these ends lies no integer of ours; between them the integral part of `x` is an
    // integer of 128 bits, without rounding.
    if x >= 1e30 {
        return Some(Ordering::Less);
    }
    if x <= -1e30 {
        return Some(Ordering::Greater);
    }
    let whole = libm::trunc(x);
    let fraction = whole.partial_cmp(&x)?;
    Some(n.cmp(&(whole as i128)).then(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_are_compared_exactly() {
        let float = |n: i128, x: f64| compare(&Datum::Int(n), &Datum::Float(x));
        assert_eq!(float(4, 4.0), Some(Ordering::Equal));
        assert_eq!(
            float((1 << 53) + 1, 9_007_199_254_740_992.0),
            Some(Ordering::Greater)
        );
        assert_eq!(float(-1, -0.5), Some(Ordering::Less));
        assert_eq!(float(0, -0.5), Some(Ordering::Greater));
        assert_eq!(float(5, f64::NAN), None);
        assert_eq!(float(5, f64::NEG_INFINITY), Some(Ordering::Greater));
        assert!(compare(&Datum::Int(1), &Datum::text("1")).is_none());
        assert!(compare(&Datum::Bool(true), &Datum::Int(1)).is_none());
    }
}

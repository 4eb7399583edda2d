//! Values as unsigned integers of the same order.

const SIGN: u64 = 1 << 63;

pub(super) fn of_int(n: i64) -> u64 {
    n as u64 ^ SIGN
}

pub(super) fn to_int(key: u64) -> i64 {
    (key ^ SIGN) as i64
}

/// Negative zero becomes zero: the two are equal in every comparison.
pub(super) fn of_float(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

pub(super) fn to_float(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_keep_their_order(a: i64, b: i64) {
            prop_assert_eq!(of_int(a).cmp(&of_int(b)), a.cmp(&b));
            prop_assert_eq!(to_int(of_int(a)), a);
        }

        #[test]
        fn floats_keep_their_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(Some(of_float(a).cmp(&of_float(b))), a.partial_cmp(&b));
            prop_assert_eq!(to_float(of_float(a)), a);
        }
    }

    #[test]
    fn zeros_are_one_key() {
        assert_eq!(of_float(-0.0), of_float(0.0));
        assert!(of_float(f64::NEG_INFINITY) < of_float(-1e300));
    }
}

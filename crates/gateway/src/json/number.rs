//! Digits to numbers, rounded to the nearest.
//!
//! A decimal of at most 19 digits and a power of ten up to 22 needs one conversion and one
//! multiplication or division in `f64` (Clinger 1990), each off by half a unit in the last place
//! at most. Rounded once more to `f32`, the result can only be wrong when the `f64` lies next to
//! the middle between two `f32`; then, and outside these bounds, the standard library decides.

use super::reader::Malformed;

/// A number of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// Without sign, fraction and exponent, and below 2^64.
    Unsigned(u64),
    /// With a sign, without fraction and exponent, not below −2^63.
    Negative(i64),
    /// Any other.
    Float(f64),
}

/// The digits of a number, taken apart.
struct Parts {
    negative: bool,
    /// All digits as one integer; meaningless when `digits` is above 19.
    mantissa: u64,
    digits: usize,
    /// Power of ten that the mantissa is multiplied with.
    exponent: i64,
    is_integer: bool,
    end: usize,
}

/// Digits of which every combination fits `u64`.
const DIGITS_MAX: usize = 19;

/// The powers of ten that `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The powers of ten of up to seven digits.
#[rustfmt::skip]
const INTEGER_POWERS: [u64; 8] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Bits that an `f64` has more than an `f32`.
const EXTRA_BITS: u32 = 29;

/// Eight decimal digits, one per byte, the first in the lowest byte.
#[inline]
fn eight_digits(chunk: u64) -> u64 {
    // Pairs, then quadruples, then all eight, each step in parallel.
    let pairs = chunk.wrapping_mul(10).wrapping_add(chunk >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Adds the digits that start at `at` to `mantissa` (modulo 2^64); the position behind them.
///
/// Eight bytes are looked at in one register. How many of them are digits differs from number to
/// number, and a processor guesses such branches badly, so one to seven take one path.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mantissa: &mut u64) -> usize {
    while let Some(chunk) = bytes.get(at..at + 8) {
        let chunk = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
        let offset = chunk.wrapping_sub(0x3030_3030_3030_3030);
        // A byte is a digit when it is from 0x30 on and 0x46 more do not carry it past 0x7F.
        // Borrows and carries only disturb bytes behind the first that is none.
        let carried = chunk.wrapping_add(0x4646_4646_4646_4646);
        let others = (carried | offset) & 0x8080_8080_8080_8080;
        // Two branches, so that the next position does not wait for the count of this chunk.
        if others != 0 {
            let count = (others.trailing_zeros() / 8) as usize;
            // The digits move to the end, behind zeros; in two steps, since there may be none.
            let value = eight_digits(offset << (56 - 8 * count) << 8);
            *mantissa = mantissa
                .wrapping_mul(INTEGER_POWERS[count])
                .wrapping_add(value);
            return at + count;
        }
        *mantissa = mantissa
            .wrapping_mul(100_000_000)
            .wrapping_add(eight_digits(offset));
        at += 8;
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

#[inline]
fn parts(bytes: &[u8], start: usize) -> Result<Parts, Malformed> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let mut mantissa = 0;
    let mut end = first;
    // The usual component of a vector has one digit before the point.
    if let [digit @ b'0'..=b'9', b'.', ..] = bytes.get(first..).unwrap_or_default() {
        mantissa = u64::from(digit - b'0');
        end += 1;
    } else {
        end = digits(bytes, first, &mut mantissa);
    }
    let mut count = end - first;
    if count == 0 || (count > 1 && bytes[first] == b'0') {
        return Err(Malformed);
    }
    let mut exponent = 0;
    let mut is_integer = true;
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits(bytes, fraction, &mut mantissa);
        if end == fraction {
            return Err(Malformed);
        }
        exponent = -((end - fraction) as i64);
        // Zeros in front are no digits of the mantissa.
        if bytes[first] == b'0' {
            count = end - fraction;
            if count > DIGITS_MAX {
                let digits = bytes[fraction..end].iter();
                count -= digits.take_while(|digit| **digit == b'0').count();
            }
        } else {
            count += end - fraction;
        }
        is_integer = false;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = bytes.get(end + 1);
        let from = end + 1 + usize::from(matches!(sign, Some(b'+' | b'-')));
        let mut power = 0;
        end = digits(bytes, from, &mut power);
        if end == from {
            return Err(Malformed);
        }
        // Far beyond any float; the exact value does not matter, only that it is not wrapped.
        let power = if end - from > 9 {
            1_000_000_000
        } else {
            power as i64
        };
        exponent += if sign == Some(&b'-') { -power } else { power };
        is_integer = false;
    }
    Ok(Parts {
        negative,
        mantissa,
        digits: count,
        exponent,
        is_integer,
        end,
    })
}

impl Parts {
    /// The value, off by one unit in the last place of an `f64` at most, where that is cheap.
    #[inline]
    fn approximate(&self) -> Option<f64> {
        if self.digits > DIGITS_MAX {
            return None;
        }
        // Signed integers convert in one instruction.
        let mantissa = match i64::try_from(self.mantissa) {
            Ok(mantissa) => mantissa as f64,
            Err(_) => self.mantissa as f64,
        };
        let power = POWERS.get(usize::try_from(self.exponent.unsigned_abs()).ok()?)?;
        let value = if self.exponent < 0 {
            mantissa / power
        } else {
            mantissa * power
        };
        Some(if self.negative { -value } else { value })
    }
}

/// The text of a number, which is ASCII.
fn text(bytes: &[u8], start: usize, end: usize) -> Result<&str, Malformed> {
    core::str::from_utf8(&bytes[start..end]).map_err(|_| Malformed)
}

/// The number that starts at `start`, nearest to what is written, and the position behind it. It
/// is infinite when it is too large for an `f32`.
#[inline]
pub(super) fn read_f32(bytes: &[u8], start: usize) -> Result<(f32, usize), Malformed> {
    let parts = parts(bytes, start)?;
    if let Some(value) = parts.approximate() {
        let beyond = value.to_bits() & ((1 << EXTRA_BITS) - 1);
        let middle = 1 << (EXTRA_BITS - 1);
        // Subnormal `f32` have their middles elsewhere.
        let normal = value.abs() >= f64::from(f32::MIN_POSITIVE) || value == 0.0;
        if normal && beyond.abs_diff(middle) > 2 {
            return Ok((value as f32, parts.end));
        }
    }
    let exact = text(bytes, start, parts.end)?
        .parse()
        .map_err(|_| Malformed)?;
    Ok((exact, parts.end))
}

/// The number that starts at `start`, and the position behind it.
pub(super) fn read(bytes: &[u8], start: usize) -> Result<(Number, usize), Malformed> {
    let parts = parts(bytes, start)?;
    if parts.is_integer && parts.digits <= DIGITS_MAX {
        let integer = if parts.negative {
            // −0 is a float: no integer keeps its sign.
            let value = 0_i64.checked_sub_unsigned(parts.mantissa);
            value.filter(|value| *value != 0).map(Number::Negative)
        } else {
            Some(Number::Unsigned(parts.mantissa))
        };
        if let Some(integer) = integer {
            return Ok((integer, parts.end));
        }
    }
    let text = text(bytes, start, parts.end)?;
    if parts.is_integer
        && let Ok(integer) = text.parse()
    {
        return Ok((Number::Unsigned(integer), parts.end));
    }
    let value: f64 = text.parse().map_err(|_| Malformed)?;
    if value.is_finite() {
        Ok((Number::Float(value), parts.end))
    } else {
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn single(text: &str) -> f32 {
        let (value, end) = read_f32(text.as_bytes(), 0).unwrap();
        assert_eq!(end, text.len());
        value
    }

    #[test]
    fn eight_digits_at_a_time_are_read_in_order() {
        let mut mantissa = 0;
        assert_eq!(digits(b"1234567890123x", 0, &mut mantissa), 13);
        assert_eq!(mantissa, 1_234_567_890_123);
        for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
            for place in 0..8 {
                let mut text = *b"12345678";
                text[place] = byte;
                assert_eq!(digits(&text, 0, &mut 0), place, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn every_kind_of_number_is_told_apart() {
        let read = |text: &str| read(text.as_bytes(), 0).map(|(number, _)| number);
        assert_eq!(read("0"), Ok(Number::Unsigned(0)));
        assert_eq!(read("18446744073709551615"), Ok(Number::Unsigned(u64::MAX)));
        assert_eq!(
            read("18446744073709551616"),
            Ok(Number::Float(18446744073709551616.0))
        );
        assert_eq!(read("-9223372036854775808"), Ok(Number::Negative(i64::MIN)));
        assert_eq!(
            read("-9223372036854775809"),
            Ok(Number::Float(-9223372036854775809.0))
        );
        assert_eq!(read("1.0"), Ok(Number::Float(1.0)));
        assert_eq!(read("1e2"), Ok(Number::Float(100.0)));
        assert!(matches!(read("-0"), Ok(Number::Float(zero)) if zero.is_sign_negative()));
        for bad in [
            "", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "1e999", "x",
        ] {
            assert_eq!(read(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn the_middle_between_two_floats_is_rounded_exactly() {
        // 1 + 2^-24 lies in the middle between 1 and the next f32; a hair more rounds up.
        assert_eq!(single("1.000000059604644775390625"), 1.0);
        assert_eq!(single("1.0000000596046447754"), 1.0 + f32::EPSILON);
        assert_eq!(single("1.0000000596046448"), 1.0 + f32::EPSILON);
        assert_eq!(single("1e-45"), f32::from_bits(1));
        assert_eq!(single("0.00000000000000000000000000001"), 1e-29);
        assert_eq!(single("1e39"), f32::INFINITY);
    }

    proptest! {
        #[test]
        fn floats_are_the_nearest(bits in any::<u32>(), spread in 0_u64..64) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            // As a client writes a 32-bit float that it keeps as a 64-bit one, and neighbours.
            let near = f64::from_bits(f64::from(value).to_bits().wrapping_add(spread));
            for text in [format!("{value}"), format!("{near}"), format!("{value:e}")] {
                prop_assert_eq!(single(&text).to_bits(), text.parse::<f32>().unwrap().to_bits());
            }
        }

        #[test]
        fn decimals_are_the_nearest(
            sign in "-?", whole in "0|[1-9][0-9]{0,20}", fraction in "(\\.[0-9]{1,25})?",
            exponent in "([eE][+-]?[0-9]{1,3})?",
        ) {
            let text = format!("{sign}{whole}{fraction}{exponent}");
            prop_assert_eq!(single(&text).to_bits(), text.parse::<f32>().unwrap().to_bits());
        }

        /// Middles between neighbouring floats, written out in full and with one digit changed.
        #[test]
        fn middles_are_rounded_to_even(bits in 0x0080_0000_u32..0x7F00_0000, change in 0_u8..10) {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = f64::midpoint(f64::from(low), f64::from(high));
            let mut text = format!("{middle:.40e}");
            prop_assert_eq!(single(&text).to_bits(), text.parse::<f32>().unwrap().to_bits());
            let at = 5 + usize::from(change) * 3;
            text.replace_range(at..=at, &change.to_string());
            prop_assert_eq!(single(&text).to_bits(), text.parse::<f32>().unwrap().to_bits());
        }
    }
}

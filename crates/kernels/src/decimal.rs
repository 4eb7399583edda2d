//! Decimals of a text, many at once.
//!
//! Nearly every byte of a large upload is a digit of a component. Where the numbers of a list all
//! look like `-0.0123`, which is how the usual clients write them, a processor can find the end of
//! one and add up its digits in a few instructions (Muła & Lemire, "Number parsing at a gigabyte
//! per second", 2021, discuss this and the scalar ways).

use alloc::vec::Vec;

use crate::Level;
use crate::level::Forms;

/// The decimal kernels of one [`Level`].
#[derive(Clone, Copy, Debug)]
pub struct DecimalKernels {
    /// Reads plain decimals, each rounded to the nearest `f32`, from position `at` of a text on,
    /// and appends them to `values`. Gives the position behind the last one, or `at` when there
    /// was none.
    ///
    /// Plain is a number of JSON with one digit before the point and no exponent. Between two of
    /// them stands a comma, and behind it at most one blank. Reading may stop before any number,
    /// for whatever reason: the caller reads that one in another way.
    pub list: fn(text: &[u8], at: usize, values: &mut Vec<f32>) -> usize,
}

impl DecimalKernels {
    /// The kernels of the best level of this processor.
    #[must_use]
    pub fn best() -> &'static Self {
        FORMS.best()
    }

    /// The kernels of `level`; `None` when this processor or build lacks it.
    #[must_use]
    pub fn at(level: Level) -> Option<&'static Self> {
        FORMS.at(level)
    }
}

/// Where there is no faster way than that of the caller, nothing is read.
static PORTABLE: DecimalKernels = DecimalKernels {
    list: |_, at, _| at,
};

static FORMS: Forms<DecimalKernels> = Forms {
    portable: &PORTABLE,
    #[cfg(target_arch = "x86_64")]
    avx2: &crate::x86::decimal::AVX2,
    #[cfg(target_arch = "x86_64")]
    avx512: &crate::x86::decimal::AVX2,
};

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// What stands at `at`, a number and its end, read by the standard library.
    fn number(text: &str, at: usize) -> Option<(f32, usize)> {
        let rest = &text[at..];
        let length = rest.find([',', ']', ' ']).unwrap_or(rest.len());
        Some((rest[..length].parse().ok()?, at + length))
    }

    /// Reads with every level, and compares all that was read with the standard library; the
    /// numbers that the fastest level read.
    fn check(text: &str, at: usize) -> usize {
        let mut most = 0;
        for level in Level::ALL {
            let Some(kernels) = DecimalKernels::at(level) else {
                continue;
            };
            let mut values = Vec::new();
            let end = (kernels.list)(text.as_bytes(), at, &mut values);
            let mut next = at;
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    assert_eq!(&text[next..=next], ",", "{text}");
                    next += 1;
                    next += usize::from(text[next..].starts_with(' '));
                }
                let (expected, behind) = number(text, next).expect("a number");
                assert_eq!(
                    value.to_bits(),
                    expected.to_bits(),
                    "{}",
                    &text[next..behind]
                );
                next = behind;
            }
            assert_eq!(end, next, "{text}");
            most = values.len();
        }
        most
    }

    #[test]
    fn the_usual_list_is_read_to_its_end() {
        let numbers: Vec<String> = (0..100).map(|i| format!("-0.{i}4703")).collect();
        for comma in [",", ", "] {
            let text = format!(
                "{{\"vector\":[{}], \"payload\": {{\"a\": \"text behind the list\"}}}}",
                numbers.join(comma)
            );
            let at = text.find("-").expect("a number");
            let read = check(&text, at);
            // Only the numbers at the very start have no room before them.
            assert!(read == 0 || read == 100 || at < 32, "{read}");
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_left() {
        for odd in [
            "1", "-1", "1e5", "0.5e5", "0.5E5", "10.25", "0.", ".5", "-.5", "--0.5", "0.5.5",
            "\"\"", "01.5", "+0.5", "0.5x",
        ] {
            let text = format!("{}[0.25,{odd},0.75]{}", " ".repeat(40), " ".repeat(40));
            for level in Level::ALL {
                let Some(kernels) = DecimalKernels::at(level) else {
                    continue;
                };
                let mut values = Vec::new();
                let end = (kernels.list)(text.as_bytes(), 41, &mut values);
                let rest = &text[end..];
                // A caller that goes on at `end` finds what is wrong with the odd one.
                let is_left = values.is_empty() && end == 41
                    || values == [0.25] && rest.starts_with(&format!(",{odd},"));
                let is_cut = values.len() == 2 && rest.starts_with([',', 'x', '.']);
                assert!(
                    is_left || (is_cut && !rest.starts_with(",0")),
                    "{odd}: {values:?} {rest}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn decimals_are_the_nearest(
            numbers in prop::collection::vec("-?[0-9]\\.[0-9]{1,24}", 1..40),
            blank in " ?",
        ) {
            let list = numbers.join(&format!(",{blank}"));
            check(&format!("{}{list}]{}", " ".repeat(40), " ".repeat(40)), 40);
            check(&list, 0);
        }

        #[test]
        fn floats_of_clients_are_the_nearest(
            bits in prop::collection::vec(0x3000_0000_u32..0x4118_0000, 1..40),
            spread in 0_u64..64,
        ) {
            let near = |bits: u32| {
                let exact = f64::from(f32::from_bits(bits));
                f64::from_bits(exact.to_bits().wrapping_add(spread))
            };
            let list: Vec<String> = bits.iter().map(|bits| format!("{}", near(*bits))).collect();
            check(&format!("{}{}]{}", " ".repeat(40), list.join(","), " ".repeat(40)), 40);
        }

        /// Middles between neighbouring floats.
        #[test]
        fn middles_are_rounded_to_even(bits in 0x3E00_0000_u32..0x4118_0000) {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = f64::midpoint(f64::from(low), f64::from(high));
            for places in [8, 12, 17, 22, 24] {
                check(&format!("{}{middle:.places$}]{}", " ".repeat(40), " ".repeat(40)), 40);
            }
        }
    }
}

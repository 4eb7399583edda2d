//! Names of immutable objects: unique, and old enough or not to be collected.

use std::fmt;

/// A ULID: 48 bits of milliseconds since 1970, then 80 random bits; written as 26 characters of
/// Crockford's base 32. Unique without coordination, and its age can be read off its name on
/// every store, whatever that store keeps as modification time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(u128);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

impl Ulid {
    /// From a time and ten random bytes; bits of the time above the 48th are lost (the year
    /// 10889).
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        let mut low = [0; 16];
        low[6..].copy_from_slice(&random);
        Self((u128::from(unix_ms) << 80) | u128::from_be_bytes(low))
    }

    /// From its sixteen bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Sixteen bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// When it was made, in milliseconds since 1970.
    pub fn unix_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// Reads the 26 characters that `Display` writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        // 26 digits hold 130 bits: the first may only carry three.
        if text.len() != LENGTH || text.as_bytes()[0] > b'7' {
            return None;
        }
        text.bytes()
            .try_fold(0_u128, |sum, byte| {
                let digit = DIGITS.iter().position(|&d| d == byte)?;
                Some((sum << 5) | digit as u128)
            })
            .map(Self)
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for at in (0..LENGTH).rev() {
            let digit = (self.0 >> (at * 5)) as usize & 31;
            fmt::Write::write_char(f, char::from(DIGITS[digit]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_text_and_time() {
        // The example of the ULID specification.
        let id = Ulid::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("a ULID");
        assert_eq!(id.unix_ms(), 1_469_922_850_259);
        assert_eq!(id.to_string(), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        for bad in [
            "",
            "81ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01ARZ3NDEKTSV4RRFFQ69G5FAI",
            "é",
        ] {
            assert_eq!(Ulid::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_round_trip_and_sort_by_time(
            a in 0_u64..1 << 48, b in 0_u64..1 << 48, x: [u8; 10], y: [u8; 10],
        ) {
            let (first, second) = (Ulid::new(a, x), Ulid::new(b, y));
            prop_assert_eq!(first.unix_ms(), a);
            prop_assert_eq!(Ulid::parse(&first.to_string()), Some(first));
            prop_assert_eq!(Ulid::from_bytes(first.to_bytes()), first);
            if a != b {
                prop_assert_eq!(first.to_string() < second.to_string(), a < b);
            }
        }
    }
}

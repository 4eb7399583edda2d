//! Ids of points as callers name them.

use alloc::boxed::Box;
use core::fmt;

/// A point's id, chosen by the caller, unique in its collection.
///
/// Ordered as Qdrant orders them: every number before every UUID, UUIDs by their bytes; text ids
/// (LynseDB 0.4 and later) come last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointId {
    /// An unsigned integer.
    Num(u64),
    /// A UUID, big-endian bytes.
    Uuid([u8; 16]),
    /// Any other text.
    Text(Box<str>),
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Num(n) => write!(f, "{n}"),
            Self::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<u64> for PointId {
    fn from(n: u64) -> Self {
        Self::Num(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn numbers_sort_before_uuids_and_uuids_before_text() {
        let mut ids = [
            PointId::Text("a".into()),
            PointId::Uuid([0; 16]),
            PointId::Num(u64::MAX),
            PointId::Num(0),
        ];
        ids.sort();
        assert_eq!(ids[0], PointId::Num(0));
        assert_eq!(ids[1], PointId::Num(u64::MAX));
        assert_eq!(ids[2], PointId::Uuid([0; 16]));
    }

    #[test]
    fn uuids_display_hyphenated_lowercase() {
        let id =
            PointId::Uuid(*b"\xAB\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
        assert_eq!(id.to_string(), "ab010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}

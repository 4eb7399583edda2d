//! The bytes of a body: white space, literals, strings.

use std::borrow::Cow;

use super::reader::Malformed;

/// A position in a body. That strings are UTF-8 is checked string by string: the numbers, which
/// are most of a body, are ASCII anyway.
pub(super) struct Scan<'de> {
    bytes: &'de [u8],
    at: usize,
}

impl<'de> Scan<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn bytes(&self) -> &'de [u8] {
        self.bytes
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Continues behind a number that was read elsewhere.
    pub(super) fn continue_at(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte that is no white space, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8, Malformed> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Malformed),
            }
        }
    }

    /// Takes the byte that was peeked.
    #[inline]
    pub(super) fn bump(&mut self) {
        self.at += 1;
    }

    /// Takes `byte` behind white space.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek()? == byte {
            self.bump();
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Takes `literal`, which starts here.
    pub(super) fn literal(&mut self, literal: &str) -> Result<(), Malformed> {
        if self.bytes[self.at..].starts_with(literal.as_bytes()) {
            self.at += literal.len();
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// Whether nothing but white space is left.
    pub(super) fn is_finished(&mut self) -> bool {
        self.peek().is_err()
    }

    /// Takes a string whose quote starts here.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, Malformed> {
        self.bump();
        let start = self.at;
        let end = self.plain()?;
        if self.bytes[end] == b'"' {
            self.at = end + 1;
            return Ok(Cow::Borrowed(self.text(start, end)?));
        }
        let mut decoded = String::from(self.text(start, end)?);
        self.at = end;
        loop {
            let start = self.at;
            let end = self.plain()?;
            decoded.push_str(self.text(start, end)?);
            self.at = end + 1;
            if self.bytes[end] == b'"' {
                return Ok(Cow::Owned(decoded));
            }
            decoded.push(self.escape()?);
        }
    }

    fn text(&self, start: usize, end: usize) -> Result<&'de str, Malformed> {
        core::str::from_utf8(&self.bytes[start..end]).map_err(|_| Malformed)
    }

    /// The position of the next quote or backslash. Both are ASCII, so no character is cut.
    fn plain(&self) -> Result<usize, Malformed> {
        let rest = &self.bytes[self.at..];
        let special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
        let length = rest.iter().position(special).ok_or(Malformed)?;
        // Control characters must be escaped.
        if rest[length] < 0x20 {
            Err(Malformed)
        } else {
            Ok(self.at + length)
        }
    }

    /// Takes what follows a backslash.
    fn escape(&mut self) -> Result<char, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(Malformed),
        })
    }

    /// Takes four digits, and a second escape when they are half a surrogate pair.
    fn code_point(&mut self) -> Result<char, Malformed> {
        let first = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Malformed);
        }
        self.literal("\\u")?;
        let second = self.four_digits()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Malformed);
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(Malformed)
    }

    fn four_digits(&mut self) -> Result<u32, Malformed> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Malformed)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, digit| {
            Ok(value * 16 + (*digit as char).to_digit(16).ok_or(Malformed)?)
        })
    }
}

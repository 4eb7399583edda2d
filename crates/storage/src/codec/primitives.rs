//! The fields that everything else is made of.

use bytes::Bytes;
use model::Error;
use thiserror::Error as ThisError;

/// Deepest nesting of a filter, written or read; so recursion is bounded.
const DEPTH_MAX: u32 = 128;

/// Bytes that are not the value they should be.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("byte {at}: expected {expected}")]
pub struct DecodeError {
    /// Position of the first byte after the last good field.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::corrupt(error.to_string())
    }
}

/// Collects fields.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    depth: u32,
}

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Bytes {
        self.out.into()
    }

    /// Makes room for `bytes` more, so that they are written without moving what is there.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, IEEE 754, little-endian; every bit pattern survives.
    pub fn f64(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// LEB128: seven bits a byte, low ones first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// A count or length, LEB128.
    pub fn length(&mut self, value: usize) {
        self.varint(value as u64);
    }

    /// Bytes as they are; the reader must know how many.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Length, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// Length in bytes, then UTF-8.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Count, then each component as four bytes, little-endian: a copy on every machine we run on.
    pub fn f32s(&mut self, values: &[f32]) {
        self.length(values.len());
        self.words(values, |value| value.to_le_bytes());
    }

    /// Count, then each number as four bytes, little-endian.
    pub fn u32s(&mut self, values: &[u32]) {
        self.length(values.len());
        self.words(values, |value| value.to_le_bytes());
    }

    fn words<T: bytemuck::Pod>(&mut self, values: &[T], to_le: impl Fn(&T) -> [u8; 4]) {
        if cfg!(target_endian = "little") {
            self.out.extend_from_slice(bytemuck::cast_slice(values));
        } else {
            self.out.extend(values.iter().flat_map(to_le));
        }
    }

    /// Writes a value that may contain others of its kind.
    ///
    /// # Errors
    /// `Invalid` beyond 128 levels, or what `write` reports.
    pub fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.depth == DEPTH_MAX {
            let message = format!("a filter must not be nested deeper than {DEPTH_MAX} levels");
            return Err(Error::invalid(message));
        }
        self.depth += 1;
        let written = write(self);
        self.depth -= 1;
        written
    }
}

/// Takes fields off the front of some bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            total: bytes.len(),
            depth: 0,
        }
    }

    /// The error that something else than `expected` stands here.
    pub fn malformed(&self, expected: &'static str) -> DecodeError {
        DecodeError {
            at: self.total - self.rest.len(),
            expected,
        }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.malformed("the end"))
        }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| self.malformed("more bytes"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.malformed("more bytes"))?;
        self.rest = rest;
        Ok(*head)
    }

    /// As [`Writer::u8`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    /// As [`Writer::u32`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// As [`Writer::u64`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// As [`Writer::i64`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    /// As [`Writer::f64`].
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        self.array().map(f64::from_le_bytes)
    }

    /// As [`Writer::bool`].
    ///
    /// # Errors
    /// When the byte is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed("0 or 1")),
        }
    }

    /// As [`Writer::varint`].
    ///
    /// # Errors
    /// When it does not end within ten bytes or is larger than 64 bits.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.malformed("a number of at most 64 bits"))
    }

    /// As [`Writer::length`]: not more than the bytes that are left, since whatever is counted
    /// takes a byte each at least.
    ///
    /// # Errors
    /// When it is more.
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let value = self.varint()?;
        usize::try_from(value)
            .ok()
            .filter(|&length| length <= self.rest.len())
            .ok_or_else(|| self.malformed("a length within the bytes"))
    }

    /// As [`Writer::bytes`].
    ///
    /// # Errors
    /// When there are fewer.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.length()?;
        self.raw(length)
    }

    /// As [`Writer::text`].
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("UTF-8"))
    }

    /// As [`Writer::f32s`].
    ///
    /// # Errors
    /// When there are fewer.
    pub fn f32s(&mut self) -> Result<Vec<f32>, DecodeError> {
        self.words(f32::from_le_bytes)
    }

    /// As [`Writer::u32s`].
    ///
    /// # Errors
    /// When there are fewer.
    pub fn u32s(&mut self) -> Result<Vec<u32>, DecodeError> {
        self.words(u32::from_le_bytes)
    }

    fn words<T: bytemuck::Pod>(
        &mut self,
        from_le: impl Fn([u8; 4]) -> T,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.length()?;
        // No overflow: the count is at most the bytes that are left.
        let bytes = self.raw(count.checked_mul(4).ok_or_else(|| self.malformed("less"))?)?;
        if cfg!(target_endian = "little") {
            let mut values = vec![T::zeroed(); count];
            bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
            return Ok(values);
        }
        let words = bytes
            .chunks_exact(4)
            .map(|word| from_le([word[0], word[1], word[2], word[3]]));
        Ok(words.collect())
    }

    /// Reads a value that may contain others of its kind.
    ///
    /// # Errors
    /// Beyond 128 levels, or what `read` reports.
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == DEPTH_MAX {
            return Err(self.malformed("at most 128 levels"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}

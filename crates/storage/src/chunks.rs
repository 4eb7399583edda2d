//! Builds an object out of small fields and large payloads without copying the large ones.

use bytes::{BufMut, Bytes, BytesMut};

use crate::blob::Body;

/// Payloads up to this size are copied beside the fields: cheaper than one more chunk to write.
const COPY_BYTES_MAX: usize = 4096;

/// Collects an object's bytes in order.
#[derive(Default)]
pub(crate) struct ChunkWriter {
    done: Vec<Bytes>,
    open: BytesMut,
    length: u64,
}

impl ChunkWriter {
    /// Appends a small field.
    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.open.put_slice(bytes);
        self.length += bytes.len() as u64;
    }

    /// Appends a payload, which is shared and not copied when it is large.
    pub(crate) fn payload(&mut self, bytes: &Bytes) {
        if bytes.len() <= COPY_BYTES_MAX {
            return self.field(bytes);
        }
        if !self.open.is_empty() {
            self.done.push(self.open.split().freeze());
        }
        self.done.push(bytes.clone());
        self.length += bytes.len() as u64;
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// CRC32C of everything so far.
    pub(crate) fn crc(&self) -> u32 {
        let done = self
            .done
            .iter()
            .fold(0, |crc, chunk| crc32c::crc32c_append(crc, chunk));
        crc32c::crc32c_append(done, &self.open)
    }

    /// Appends the CRC32C of everything so far and ends the object; returns the CRC too.
    pub(crate) fn finish_with_crc(mut self) -> (Body, u32) {
        let crc = self.crc();
        self.field(&crc.to_le_bytes());
        (self.finish(), crc)
    }

    /// Ends the object.
    pub(crate) fn finish(mut self) -> Body {
        if !self.open.is_empty() {
            self.done.push(self.open.freeze());
        }
        self.done.into()
    }
}

/// Splits off the trailing CRC32C and checks it; `None` when it does not match.
pub(crate) fn strip_crc(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let (content, crc) = bytes.split_last_chunk::<4>()?;
    let crc = u32::from_le_bytes(*crc);
    (crc32c::crc32c(content) == crc).then_some((content, crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_order_and_large_payloads_are_shared() {
        let large = Bytes::from(vec![7; COPY_BYTES_MAX + 1]);
        let mut writer = ChunkWriter::default();
        writer.field(b"head");
        writer.payload(&large);
        writer.payload(&Bytes::from_static(b"small"));
        assert_eq!(writer.length(), 4 + large.len() as u64 + 5);
        let (body, crc) = writer.finish_with_crc();
        assert_eq!(body.chunks()[1].as_ptr(), large.as_ptr());
        let whole = body.to_aligned();
        let (content, found) = strip_crc(&whole).expect("the CRC holds");
        assert_eq!(found, crc);
        assert_eq!(&content[..4], b"head");
        assert_eq!(&content[content.len() - 5..], b"small");
        let mut broken = whole.to_vec();
        broken[10] ^= 1;
        assert!(strip_crc(&broken).is_none());
    }
}

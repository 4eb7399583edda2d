//! Bytes that are kept with a collection, as logs and checkpoints name them.

use model::{Attachment, AttachmentKey, Error};

use super::{Codec, DecodeError, Reader, Writer};
use crate::ulid::Ulid;

impl Codec for AttachmentKey {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.text(self.as_str());
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let text = input.text()?;
        Self::new(text).map_err(|_| input.malformed("a key of an attachment"))
    }
}

impl Codec for Attachment {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        Ulid::from_bytes(self.file.to_be_bytes()).encode(out)?;
        out.varint(self.bytes);
        out.u32(self.crc);
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let file: Ulid = Codec::decode(input)?;
        Ok(Self {
            file: u128::from_be_bytes(file.to_bytes()),
            bytes: input.varint()?,
            crc: input.u32()?,
        })
    }
}

//! Payloads and the paths into them.

use model::packed::{ObjectRef, Packed};
use model::{Error, FieldPath, Object, Step};

use super::{Codec, DecodeError, Reader, Writer};

impl Codec for Object {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        if self.is_empty() {
            // The common empty payload takes one byte.
            out.length(0);
        } else {
            out.bytes(Packed::pack(self)?.as_bytes());
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packed = input.bytes()?;
        if packed.is_empty() {
            return Ok(Self::new());
        }
        ObjectRef::read(packed)
            .and_then(|object| object.to_object())
            .ok_or_else(|| input.malformed("a packed object"))
    }
}

impl Codec for Step {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        match self {
            Self::Key(key) => {
                out.u8(0);
                out.text(key);
            }
            Self::Each => out.u8(1),
            Self::At(n) => {
                out.u8(2);
                out.u32(*n);
            }
        }
        Ok(())
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match input.u8()? {
            0 => Ok(Self::Key(input.text()?.into())),
            1 => Ok(Self::Each),
            2 => input.u32().map(Self::At),
            _ => Err(input.malformed("a step of a path")),
        }
    }
}

impl Codec for FieldPath {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        // Not as text: a key may hold a quotation mark, which the text form cannot.
        out.length(self.steps().len());
        self.steps().iter().try_for_each(|step| step.encode(out))
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let steps = Vec::decode(input)?;
        Self::from_steps(steps).ok_or_else(|| input.malformed("a path that begins with a key"))
    }
}

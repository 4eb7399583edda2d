//! Scalar expressions.

use model::{Error, Function, Object, Term};

use super::{Codec, DecodeError, Reader, Writer};

impl Codec for Term {
    fn encode(&self, out: &mut Writer) -> Result<(), Error> {
        out.nested(|out| match self {
            Self::Constant(value) => {
                out.u8(0);
                // A constant is the one field of an object, since objects are what is packed.
                Object::from_iter([("", value.clone())]).encode(out)
            }
            Self::Field(path) => {
                out.u8(1);
                path.encode(out)
            }
            Self::Call {
                function,
                arguments,
            } => {
                out.u8(2);
                out.u8(function.code());
                arguments.encode(out)
            }
        })
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.nested(|input| match input.u8()? {
            0 => {
                let object = Object::decode(input)?;
                let value = object.into_iter().next().map(|(_, value)| value);
                value
                    .map(Self::Constant)
                    .ok_or_else(|| input.malformed("a constant"))
            }
            1 => Codec::decode(input).map(Self::Field),
            2 => {
                let function = Function::of_code(input.u8()?);
                let function = function.ok_or_else(|| input.malformed("a function"))?;
                let arguments = Vec::decode(input)?;
                Self::call(function, arguments).map_err(|_| input.malformed("a call"))
            }
            _ => Err(input.malformed("a kind of term")),
        })
    }
}

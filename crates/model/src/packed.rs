//! Payloads packed into bytes, and the lazy view that reads them without decoding the whole.
//!
//! Growing and sealed segments keep every payload in this form, and filters read it in place. One
//! tag byte opens each value; numbers are little-endian; lengths are LEB128 `u32`:
//!
//! | tag | value |
//! |---|---|
//! | 0, 1, 2 | null, false, true |
//! | 3 | `i64` |
//! | 4 | `u64` (above `i64::MAX`) |
//! | 5 | `f64` |
//! | 6 | length, UTF-8 |
//! | 7 | byte length of the rest, count, values |
//! | 8 | byte length of the rest, count, then name (length, UTF-8) and value of each field |
//!
//! The byte length lets a reader skip a container in one step.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Error, Object, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const UINT: u8 = 4;
const FLOAT: u8 = 5;
const STR: u8 = 6;
const ARRAY: u8 = 7;
const OBJECT: u8 = 8;

/// Deepest nesting that is read or written; deeper input is refused, so recursion is bounded.
pub const DEPTH_MAX: usize = 128;

/// A packed payload: the encoding of one [`Object`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// Packs `object`.
    ///
    /// # Errors
    /// `Invalid` when nested deeper than [`DEPTH_MAX`] or longer than 4 GiB.
    pub fn pack(object: &Object) -> Result<Self, Error> {
        let mut out = Vec::new();
        pack_object(object, &mut out, 0)?;
        Ok(Self(out))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Appends the encoding of any `value`.
///
/// # Errors
/// `Invalid` when nested deeper than [`DEPTH_MAX`] or longer than 4 GiB.
pub fn pack_value(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    pack_nested(value, out, 0)
}

fn pack_nested(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Error> {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(n) => {
            out.push(INT);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Value::UInt(n) => {
            out.push(UINT);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Value::Float(x) => {
            out.push(FLOAT);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::Str(text) => {
            out.push(STR);
            push_text(text, out)?;
        }
        Value::Array(values) => {
            check_depth(depth)?;
            out.push(ARRAY);
            let mut body = Vec::new();
            push_length(values.len(), &mut body)?;
            for value in values {
                pack_nested(value, &mut body, depth + 1)?;
            }
            push_length(body.len(), out)?;
            out.extend_from_slice(&body);
        }
        Value::Object(object) => pack_object(object, out, depth)?,
    }
    Ok(())
}

fn pack_object(object: &Object, out: &mut Vec<u8>, depth: usize) -> Result<(), Error> {
    check_depth(depth)?;
    out.push(OBJECT);
    let mut body = Vec::new();
    push_length(object.len(), &mut body)?;
    for (name, value) in object.iter() {
        push_text(name, &mut body)?;
        pack_nested(value, &mut body, depth + 1)?;
    }
    push_length(body.len(), out)?;
    out.extend_from_slice(&body);
    Ok(())
}

fn check_depth(depth: usize) -> Result<(), Error> {
    if depth >= DEPTH_MAX {
        return Err(Error::invalid(alloc::format!(
            "payload is nested deeper than {DEPTH_MAX} levels"
        )));
    }
    Ok(())
}

fn push_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    push_length(text.len(), out)?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn push_length(length: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut rest =
        u32::try_from(length).map_err(|_| Error::invalid("payload is longer than 4 GiB"))?;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    Ok(())
}

/// A value read in place; containers are views.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// Explicit null.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits `i64`.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// A list, read in place.
    Array(ArrayRef<'a>),
    /// An object, read in place.
    Object(ObjectRef<'a>),
}

/// A packed list.
#[derive(Clone, Copy, Debug)]
pub struct ArrayRef<'a> {
    len: usize,
    body: &'a [u8],
}

/// A packed object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectRef<'a> {
    len: usize,
    body: &'a [u8],
}

impl<'a> ValueRef<'a> {
    /// Reads the value at the start of `bytes`; `None` when they are not an encoding.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        take_value(&mut { bytes })
    }

    /// The text of a text.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Float(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// The object, when it is one.
    pub fn as_object(self) -> Option<ObjectRef<'a>> {
        match self {
            Self::Object(object) => Some(object),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Float(_)
            | Self::Str(_)
            | Self::Array(_) => None,
        }
    }

    /// The number of a number; integers are rounded to the nearest `f64`.
    pub fn as_number(self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(n as f64),
            Self::UInt(n) => Some(n as f64),
            Self::Float(x) => Some(x),
            Self::Null | Self::Bool(_) | Self::Str(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// Decodes the whole value; `None` when the bytes are malformed anywhere in it.
    pub fn to_value(self) -> Option<Value> {
        self.decode(0)
    }

    fn decode(self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(n) => Value::Int(n),
            Self::UInt(n) => Value::UInt(n),
            Self::Float(x) => Value::Float(x),
            Self::Str(text) => Value::Str(String::from(text)),
            Self::Array(array) => {
                let values: Vec<Value> = array.iter().map_while(|v| v.decode(depth + 1)).collect();
                if values.len() != array.len() {
                    return None;
                }
                Value::Array(values)
            }
            Self::Object(object) => Value::Object(object.decode(depth)?),
        })
    }
}

impl<'a> ArrayRef<'a> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Values in order; ends early at malformed bytes.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let mut rest = self.body;
        (0..self.len).map_while(move |_| take_value(&mut rest))
    }
}

impl<'a> ObjectRef<'a> {
    /// An object without fields.
    pub const fn empty() -> Self {
        Self { len: 0, body: &[] }
    }

    /// Reads a packed payload; `None` when `bytes` are not the encoding of an object.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        ValueRef::read(bytes)?.as_object()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fields in order; ends early at malformed bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let mut rest = self.body;
        (0..self.len).map_while(move |_| {
            let name = take_text(&mut rest)?;
            Some((name, take_value(&mut rest)?))
        })
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        let mut rest = self.body;
        for _ in 0..self.len {
            let found = take_bytes(&mut rest)? == name.as_bytes();
            if found {
                return take_value(&mut rest);
            }
            skip_value(&mut rest)?;
        }
        None
    }

    /// Decodes the whole object; `None` when the bytes are malformed anywhere in it.
    pub fn to_object(self) -> Option<Object> {
        self.decode(0)
    }

    fn decode(self, depth: usize) -> Option<Object> {
        let mut count = 0;
        let object: Object = self
            .iter()
            .map_while(|(name, value)| {
                let value = value.decode(depth + 1)?;
                count += 1;
                Some((name, value))
            })
            .collect();
        (count == self.len).then_some(object)
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0u64;
    for shift in [0, 7, 14, 21, 28] {
        let [byte] = take_array(rest)?;
        length |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return u32::try_from(length).ok().map(|n| n as usize);
        }
    }
    None
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest)?;
    take(rest, length)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    core::str::from_utf8(take_bytes(rest)?).ok()
}

fn take_container<'a>(rest: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    let mut body = take_bytes(rest)?;
    let len = take_length(&mut body)?;
    Some((len, body))
}

fn take_value<'a>(rest: &mut &'a [u8]) -> Option<ValueRef<'a>> {
    let [tag] = take_array(rest)?;
    Some(match tag {
        NULL => ValueRef::Null,
        FALSE => ValueRef::Bool(false),
        TRUE => ValueRef::Bool(true),
        INT => ValueRef::Int(i64::from_le_bytes(take_array(rest)?)),
        UINT => ValueRef::UInt(u64::from_le_bytes(take_array(rest)?)),
        FLOAT => ValueRef::Float(f64::from_le_bytes(take_array(rest)?)),
        STR => ValueRef::Str(take_text(rest)?),
        ARRAY => {
            let (len, body) = take_container(rest)?;
            ValueRef::Array(ArrayRef { len, body })
        }
        OBJECT => {
            let (len, body) = take_container(rest)?;
            ValueRef::Object(ObjectRef { len, body })
        }
        _ => return None,
    })
}

fn skip_value(rest: &mut &[u8]) -> Option<()> {
    let [tag] = take_array(rest)?;
    let length = match tag {
        NULL | FALSE | TRUE => 0,
        INT | UINT | FLOAT => 8,
        STR | ARRAY | OBJECT => take_length(rest)?,
        _ => return None,
    };
    take(rest, length).map(|_| ())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::Int),
            (-1e300..1e300).prop_map(Value::Float),
            ".{0,12}".prop_map(Value::Str),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::vec((".{0,4}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(value in any_value()) {
            let mut bytes = vec![];
            pack_value(&value, &mut bytes).unwrap();
            prop_assert_eq!(ValueRef::read(&bytes).unwrap().to_value(), Some(value));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(value) = ValueRef::read(&bytes) {
                let _ = value.to_value();
                if let ValueRef::Object(object) = value {
                    let _ = object.get("a");
                }
            }
        }

        #[test]
        fn get_finds_what_iter_shows(
            fields in prop::collection::vec(("[a-c]{1,2}", any_value()), 0..6),
        ) {
            let object: Object = fields.into_iter().collect();
            let packed = Packed::pack(&object).unwrap();
            let view = ObjectRef::read(packed.as_bytes()).unwrap();
            for (name, value) in object.iter() {
                let found = view.get(name).unwrap().to_value().unwrap();
                prop_assert_eq!(&found, value);
            }
            prop_assert!(view.get("absent").is_none());
        }
    }

    #[test]
    fn too_deep_nesting_is_refused() {
        let mut value = Value::Null;
        for _ in 0..=DEPTH_MAX {
            value = Value::Array(vec![value]);
        }
        assert!(pack_value(&value, &mut vec![]).is_err());
    }
}

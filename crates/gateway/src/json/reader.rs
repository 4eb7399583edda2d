//! The serde deserializer over a body.

use core::fmt;
use std::borrow::Cow;

use serde::de::value::{BorrowedStrDeserializer, CowStrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::ahead::{Ahead, Components, Cursor};
use super::number::{self, Number};
use super::scan::Scan;

mod ready;

/// The body is not what was expected. Why is for another reader to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed JSON")
    }
}

impl core::error::Error for Malformed {}

impl Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Deepest nesting, as `serde_json` has it.
const DEPTH_MAX: u8 = 127;

/// `body` as a `T`, or nothing. `ahead` has read some of its lists.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], ahead: Option<&Ahead>) -> Option<T> {
    let mut reader = Reader {
        scan: Scan::new(body),
        depth: 0,
        ahead,
        cursor: Cursor::default(),
    };
    let value = T::deserialize(&mut reader).ok()?;
    reader.scan.is_finished().then_some(value)
}

struct Reader<'de> {
    scan: Scan<'de>,
    depth: u8,
    ahead: Option<&'de Ahead>,
    /// How far its lists were taken.
    cursor: Cursor,
}

impl<'de> Reader<'de> {
    /// Goes one level deeper, behind the bracket that was peeked.
    fn enter(&mut self) -> Result<(), Malformed> {
        if self.depth == DEPTH_MAX {
            return Err(Malformed);
        }
        self.depth += 1;
        self.scan.bump();
        Ok(())
    }

    /// Leaves the level, whose closing bracket must follow: whoever reads a list or an object
    /// must read it to its end.
    fn leave(&mut self, bracket: u8) -> Result<(), Malformed> {
        self.depth -= 1;
        self.scan.expect(bracket)
    }

    /// The list whose bracket was peeked, if it was read ahead.
    fn known_list(&mut self) -> Option<Components<'de>> {
        let start = self.scan.position();
        self.ahead?.list(start, &mut self.cursor)
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Malformed> {
        let (number, end) = number::read(self.scan.bytes(), self.scan.position())?;
        self.scan.continue_at(end);
        match number {
            Number::Unsigned(number) => visitor.visit_u64(number),
            Number::Negative(number) => visitor.visit_i64(number),
            Number::Float(number) => visitor.visit_f64(number),
        }
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Malformed> {
        match self.scan.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Malformed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.scan.peek()? {
            b'"' => self.string(visitor),
            b'{' => {
                self.enter()?;
                let value = visitor.visit_map(Items::of(self))?;
                self.leave(b'}')?;
                Ok(value)
            }
            b'[' => {
                let known = self.known_list();
                self.enter()?;
                let value = match known {
                    None => visitor.visit_seq(Items::of(self))?,
                    Some(list) => visitor.visit_seq(ready::Elements::of(self, list))?,
                };
                self.leave(b']')?;
                Ok(value)
            }
            b't' => {
                self.scan.literal("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.scan.literal("false")?;
                visitor.visit_bool(false)
            }
            b'n' => {
                self.scan.literal("null")?;
                visitor.visit_unit()
            }
            _ => self.number(visitor),
        }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        // What is no number is refused there.
        self.scan.peek()?;
        let (number, end) = number::read_f32(self.scan.bytes(), self.scan.position())?;
        self.scan.continue_at(end);
        visitor.visit_f32(number)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.scan.peek()? == b'n' {
            self.scan.literal("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        if name == super::NUMBERS
            && self.scan.peek()? == b'['
            && let Some(list) = self.known_list()
        {
            // It is known where the list ends, so no level is entered.
            self.scan.continue_at(list.end + 1);
            return visitor.visit_bytes(bytemuck::cast_slice(list.values));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        match self.scan.peek()? {
            b'"' => {
                let name = self.scan.string()?;
                visitor.visit_enum(name.into_deserializer())
            }
            b'{' => {
                self.enter()?;
                let value = visitor.visit_enum(Tagged(self))?;
                self.leave(b'}')?;
                Ok(value)
            }
            _ => Err(Malformed),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The elements of a list or the fields of an object.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_first: bool,
}

impl<'a, 'de> Items<'a, 'de> {
    fn of(reader: &'a mut Reader<'de>) -> Self {
        Self {
            reader,
            is_first: true,
        }
    }

    /// Whether another item follows before `bracket`; then the comma before it is taken.
    #[inline]
    fn advance(&mut self, bracket: u8) -> Result<bool, Malformed> {
        let byte = self.reader.scan.peek()?;
        if byte == bracket {
            return Ok(false);
        }
        if self.is_first {
            self.is_first = false;
            return Ok(true);
        }
        if byte != b',' {
            return Err(Malformed);
        }
        self.reader.scan.bump();
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Malformed> {
        if self.advance(b']')? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Malformed> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        if self.reader.scan.peek()? != b'"' {
            return Err(Malformed);
        }
        let key = match self.reader.scan.string()? {
            Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
            owned @ Cow::Owned(_) => seed.deserialize(CowStrDeserializer::new(owned)),
        };
        key.map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Malformed> {
        self.reader.scan.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// An enum variant with content: an object of one field.
struct Tagged<'a, 'de>(&'a mut Reader<'de>);

impl<'de> EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = Malformed;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Malformed> {
        if self.0.scan.peek()? != b'"' {
            return Err(Malformed);
        }
        let name = self.0.scan.string()?;
        let variant = seed.deserialize(CowStrDeserializer::<Malformed>::new(name))?;
        self.0.scan.expect(b':')?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'_, 'de> {
    type Error = Malformed;

    fn unit_variant(self) -> Result<(), Malformed> {
        serde::de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Malformed> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Malformed> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.0.deserialize_any(visitor)
    }
}

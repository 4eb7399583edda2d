//! A list whose components were read ahead.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::ahead::Components;
use super::{Items, Malformed, Reader};

/// The elements of a list, its components as far as they are asked for as `f32`.
pub(super) struct Elements<'a, 'de> {
    items: Items<'a, 'de>,
    /// The position behind the opening bracket.
    start: usize,
    /// `None` once elements are read from the text.
    ready: Option<Components<'de>>,
    taken: usize,
}

impl<'a, 'de> Elements<'a, 'de> {
    /// The list whose opening bracket `reader` has just taken.
    pub(super) fn of(reader: &'a mut Reader<'de>, list: Components<'de>) -> Self {
        Self {
            start: reader.scan.position(),
            items: Items::of(reader),
            ready: Some(list),
            taken: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Malformed;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Malformed> {
        let Some(list) = self.ready else {
            return self.items.next_element_seed(seed);
        };
        let Some(number) = list.values.get(self.taken) else {
            self.items.reader.scan.continue_at(list.end);
            return Ok(None);
        };
        let mut from_text = false;
        let value = seed.deserialize(Element {
            reader: self.items.reader,
            number: *number,
            start: self.start,
            before: self.taken,
            from_text: &mut from_text,
        })?;
        // Whoever reads a list tells by its first element what it is; one who wants something
        // else of the second too reads the rest as text.
        if from_text && self.taken > 0 {
            self.ready = None;
            self.items.is_first = false;
        }
        self.taken += 1;
        Ok(Some(value))
    }
}

/// One element.
struct Element<'a, 'de> {
    reader: &'a mut Reader<'de>,
    number: f32,
    /// The position behind the opening bracket of the list.
    start: usize,
    /// How many elements stand before it.
    before: usize,
    /// Told that the element was read from the text.
    from_text: &'a mut bool,
}

impl<'a, 'de> Element<'a, 'de> {
    /// The reader at the text of the element.
    fn text(self) -> Result<&'a mut Reader<'de>, Malformed> {
        *self.from_text = true;
        let list = &self.reader.scan.bytes()[self.start..];
        let skipped = match self.before {
            0 => 0,
            // Numbers contain no comma.
            before => {
                let comma = memchr::memchr_iter(b',', list).nth(before - 1);
                comma.ok_or(Malformed)? + 1
            }
        };
        self.reader.scan.continue_at(self.start + skipped);
        Ok(self.reader)
    }
}

impl<'de> Deserializer<'de> for Element<'_, 'de> {
    type Error = Malformed;

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_f32(self.number)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.text()?.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.text()?.deserialize_option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.text()?.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.text()?.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

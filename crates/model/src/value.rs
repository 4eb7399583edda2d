//! Payload values: a JSON-like tree that is not tied to JSON.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// One payload value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Explicit null.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits `i64`.
    Int(i64),
    /// An integer above `i64::MAX`; smaller ones are always [`Value::Int`].
    UInt(u64),
    /// A number written with a fraction or exponent.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    Array(Vec<Value>),
    /// Fields in the order they were written.
    Object(Object),
}

/// Fields of an object in the order they were written; names are unique.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(Box<str>, Value)>);

impl PartialEq for Object {
    /// Order does not count.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .0
                .iter()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Object {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }

    /// The value of `name`, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0
            .iter_mut()
            .find(|(n, _)| &**n == name)
            .map(|(_, v)| v)
    }

    /// Sets `name`, replacing an earlier value in its place; returns the earlier value.
    pub fn insert(&mut self, name: impl Into<Box<str>>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.get_mut(&name) {
            Some(slot) => Some(core::mem::replace(slot, value)),
            None => {
                self.0.push((name, value));
                None
            }
        }
    }

    /// Removes `name`, keeping the order of the rest.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(n, _)| &**n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Fields in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Keeps the fields for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }
}

impl IntoIterator for Object {
    type Item = (Box<str>, Value);
    type IntoIter = alloc::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<N: Into<Box<str>>> FromIterator<(N, Value)> for Object {
    /// A later field replaces an earlier one of the same name.
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        let mut kept: Vec<(Box<str>, Value)> = Vec::new();
        // A map rather than a scan: an object of a hostile request may have a million fields.
        let mut position: BTreeMap<Box<str>, usize> = BTreeMap::new();
        for (name, value) in fields {
            let name = name.into();
            match position.get(&name) {
                Some(&at) => kept[at].1 = value,
                None => {
                    position.insert(name.clone(), kept.len());
                    kept.push((name, value));
                }
            }
        }
        Self(kept)
    }
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        i64::try_from(n).map_or(Self::UInt(n), Self::Int)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_compare_without_order_and_keep_it_when_replaced() {
        let mut a: Object = [("x", Value::Int(1)), ("y", Value::Int(2))]
            .into_iter()
            .collect();
        let b: Object = [("y", Value::Int(2)), ("x", Value::Int(1))]
            .into_iter()
            .collect();
        assert_eq!(a, b);
        assert_eq!(a.insert("x", Value::Null), Some(Value::Int(1)));
        assert_eq!(a.iter().next(), Some(("x", &Value::Null)));
        assert_ne!(a, b);
    }
}

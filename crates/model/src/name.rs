//! Names of databases, collections and vector fields, checked once at the door.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::Error;

/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Characters that no collection name may contain: what some file system or URL forbids.
const FORBIDDEN: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '\0', '\u{1F}'];

/// Name of a database; Qdrant and Milvus live in [`DatabaseName::default`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(Box<str>);

/// Name of a collection (or of an alias), unique in its database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(Box<str>);

/// Name of a vector field in a schema. The empty name is Qdrant's unnamed vector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VectorName(Box<str>);

/// Where a request is aimed: a collection or alias in a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionRef {
    /// The database.
    pub database: DatabaseName,
    /// Collection or alias.
    pub name: CollectionName,
}

fn check(name: &str, what: &str) -> Result<Box<str>, Error> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(alloc::format!(
            "{what} name must have 1 to {NAME_BYTES_MAX} bytes, got {}",
            name.len()
        )));
    }
    match name.chars().find(|c| FORBIDDEN.contains(c)) {
        Some(c) => Err(Error::invalid(alloc::format!(
            "{what} name cannot contain {c:?}"
        ))),
        None => Ok(name.into()),
    }
}

impl DatabaseName {
    /// The database that dialects without databases use.
    pub const DEFAULT: &'static str = "default_db";

    /// # Errors
    /// `Invalid` when empty, too long, or with a forbidden character.
    pub fn new(name: &str) -> Result<Self, Error> {
        check(name, "database").map(Self)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for DatabaseName {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl CollectionName {
    /// # Errors
    /// `Invalid` when empty, too long, or with a forbidden character.
    pub fn new(name: &str) -> Result<Self, Error> {
        check(name, "collection").map(Self)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl VectorName {
    /// Any text up to [`NAME_BYTES_MAX`] bytes; empty is the unnamed vector.
    ///
    /// # Errors
    /// `Invalid` when too long.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name: String = name.into();
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::invalid(alloc::format!(
                "vector name must have at most {NAME_BYTES_MAX} bytes, got {}",
                name.len()
            )));
        }
        Ok(Self(name.into_boxed_str()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the unnamed vector.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_empty()
    }
}

impl CollectionRef {
    /// A collection of the default database.
    ///
    /// # Errors
    /// `Invalid` when `name` is no collection name.
    pub fn in_default(name: &str) -> Result<Self, Error> {
        Ok(Self {
            database: DatabaseName::default(),
            name: CollectionName::new(name)?,
        })
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collection_names_refuse_path_characters_and_extremes() {
        for bad in ["", "a/b", "a\\b", "a*", "a\0", &"x".repeat(256)] {
            assert!(CollectionName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "ünï", "with space", &"x".repeat(255)] {
            assert!(CollectionName::new(good).is_ok(), "{good:?}");
        }
    }
}

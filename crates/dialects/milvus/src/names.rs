//! Names of collections and tags of partitions, as Milvus allows them.

use gateway::Call;
use model::CollectionRef;

use crate::error::{Code, Failure};

/// Longest name or tag, in bytes.
pub(crate) const BYTES_MAX: usize = 255;

/// The partition of points that are in no other.
pub(crate) const DEFAULT_TAG: &str = "_default";

/// The collection called `name`.
///
/// # Errors
/// 9 when no collection of Milvus can have the name.
pub(crate) fn collection(name: &str) -> Result<CollectionRef, Failure> {
    let wrong = |reason: &str| {
        let message = format!("Invalid collection name: {name}. {reason}");
        Err(Failure::new(Code::IllegalCollectionName, message))
    };
    let Some(first) = name.bytes().next() else {
        let message = "Collection name should not be empty.";
        return Err(Failure::new(Code::IllegalCollectionName, message));
    };
    if name.len() > BYTES_MAX {
        return wrong("The length of a collection name must be less than 255 characters.");
    }
    if !first.is_ascii_alphabetic() && first != b'_' {
        return wrong("The first character of a collection name must be an underscore or letter.");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.bytes().all(allowed) {
        return wrong("Collection name can only contain numbers, letters, and underscores.");
    }
    Ok(CollectionRef::in_default(name)?)
}

/// The collection in the path.
///
/// # Errors
/// As [`collection`].
pub(crate) fn in_path(call: &Call<'_>) -> Result<CollectionRef, Failure> {
    collection(call.param("collection_name"))
}

/// A tag without the blanks around it.
///
/// # Errors
/// 1 when nothing is left, or too much.
pub(crate) fn tag(tag: &str) -> Result<&str, Failure> {
    let trimmed = tag.trim();
    if trimmed.is_empty() {
        let message = "Invalid partition tag: it should not be empty.";
        return Err(Failure::new(Code::Unexpected, message));
    }
    if trimmed.len() > BYTES_MAX {
        let message = "Invalid partition tag: it must be shorter than 255 characters.";
        return Err(Failure::new(Code::Unexpected, message));
    }
    Ok(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_milvus() {
        for good in ["a", "_", "_1", "A9_z", &"x".repeat(255)] {
            assert!(collection(good).is_ok(), "{good}");
        }
        for (bad, part) in [
            ("", "should not be empty"),
            ("9a", "first character"),
            ("9090&*&()", "first character"),
            ("a-b", "can only contain"),
            ("aü", "can only contain"),
            (&"x".repeat(256), "length"),
        ] {
            let failure = collection(bad).unwrap_err();
            assert_eq!(failure.code, Code::IllegalCollectionName);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn tags_lose_their_blanks() {
        assert_eq!(tag("  a b ").unwrap(), "a b");
        for bad in ["", "  ", &"x".repeat(256)] {
            assert_eq!(tag(bad).unwrap_err().code, Code::Unexpected);
        }
    }
}

//! What Milvus keeps about a collection and Skerry has no word for: an object of the schema's
//! attributes.

use model::{Object, Value};

use crate::index_kind::Index;
use crate::names::DEFAULT_TAG;

/// The attribute.
pub(crate) const DIALECT: &str = "milvus";

/// MiB of raw vectors per segment where none is said.
pub(crate) const FILE_SIZE: u32 = 1024;

/// Who chooses the ids of a collection's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdMode {
    /// The caller.
    User,
    /// The server.
    Auto,
}

/// A partition besides the default one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Partition {
    /// Its tag, which is also the value in the payload of its points.
    pub(crate) tag: String,
    /// The name of its one segment.
    pub(crate) segment: String,
}

/// What is kept about a collection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    /// MiB of raw vectors per segment.
    pub(crate) file_size: u32,
    /// The index that was asked for; `None`: none was.
    pub(crate) index: Option<Index>,
    /// `None` until the first insert.
    pub(crate) ids: Option<IdMode>,
    /// The name of the one segment of the default partition.
    pub(crate) segment: String,
    /// In the order of their creation.
    pub(crate) partitions: Vec<Partition>,
}

impl Default for Kept {
    /// Of a collection that another interface created.
    fn default() -> Self {
        Self {
            file_size: FILE_SIZE,
            index: None,
            ids: None,
            segment: "0".into(),
            partitions: Vec::new(),
        }
    }
}

impl Kept {
    /// What the attributes of a schema hold; what cannot be read counts as absent.
    pub(crate) fn of(attributes: &Object) -> Self {
        let mut kept = Self::default();
        let Some(Value::Object(fields)) = attributes.get(DIALECT) else {
            return kept;
        };
        if let Some(Value::Int(size)) = fields.get("index_file_size") {
            kept.file_size = u32::try_from(*size).unwrap_or(FILE_SIZE);
        }
        kept.index = fields.get("index").and_then(Index::of_value);
        kept.ids = match fields.get("ids") {
            Some(Value::Str(mode)) if mode == "user" => Some(IdMode::User),
            Some(Value::Str(mode)) if mode == "auto" => Some(IdMode::Auto),
            _ => None,
        };
        if let Some(Value::Str(segment)) = fields.get("segment") {
            kept.segment.clone_from(segment);
        }
        if let Some(Value::Array(partitions)) = fields.get("partitions") {
            kept.partitions = partitions.iter().filter_map(partition).collect();
        }
        kept
    }

    /// As an attribute.
    pub(crate) fn to_value(&self) -> Value {
        let mut fields = Object::new();
        fields.insert("index_file_size", Value::Int(i64::from(self.file_size)));
        if let Some(index) = &self.index {
            fields.insert("index", index.to_value());
        }
        if let Some(mode) = self.ids {
            let mode = match mode {
                IdMode::User => "user",
                IdMode::Auto => "auto",
            };
            fields.insert("ids", Value::from(mode));
        }
        fields.insert("segment", Value::from(self.segment.as_str()));
        let partitions = self.partitions.iter().map(|partition| {
            let fields = [
                ("tag", Value::from(partition.tag.as_str())),
                ("segment", Value::from(partition.segment.as_str())),
            ];
            Value::Object(fields.into_iter().collect())
        });
        fields.insert("partitions", Value::Array(partitions.collect()));
        Value::Object(fields)
    }

    /// `attributes` with this in its place.
    pub(crate) fn put_into(&self, attributes: &Object) -> Object {
        let mut new = attributes.clone();
        new.insert(DIALECT, self.to_value());
        new
    }

    /// Tags and names of segments of all partitions, the default one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.partitions.iter();
        let others = others.map(|partition| (partition.tag.as_str(), partition.segment.as_str()));
        core::iter::once((DEFAULT_TAG, self.segment.as_str())).chain(others)
    }

    /// Whether there is a partition of this tag.
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.all().any(|(known, _)| known == tag)
    }
}

fn partition(value: &Value) -> Option<Partition> {
    let Value::Object(fields) = value else {
        return None;
    };
    match (fields.get("tag"), fields.get("segment")) {
        (Some(Value::Str(tag)), Some(Value::Str(segment))) => Some(Partition {
            tag: tag.clone(),
            segment: segment.clone(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_leaves_others_alone() {
        let kept = Kept {
            file_size: 10,
            index: Some(Index::flat()),
            ids: Some(IdMode::Auto),
            segment: "1".into(),
            partitions: vec![Partition {
                tag: "red".into(),
                segment: "2".into(),
            }],
        };
        let others: Object = [("qdrant", Value::Int(1))].into_iter().collect();
        let attributes = kept.put_into(&others);
        assert_eq!(attributes.get("qdrant"), Some(&Value::Int(1)));
        assert_eq!(Kept::of(&attributes), kept);
        assert_eq!(Kept::of(&others), Kept::default());
        assert!(kept.has("red") && kept.has(DEFAULT_TAG) && !kept.has("blue"));
    }
}

//! Partitions as conditions on points: a point is in the partition that its payload names, and in
//! the default one when it names none that exists.

use model::{FieldPath, Filter, Object, Scalar, Test, Value};
use regex_lite::Regex;

use crate::error::{Code, Failure};
use crate::kept::Kept;
use crate::names::{self, DEFAULT_TAG};

/// The payload field that names the partition of a point.
pub(crate) const FIELD: &str = "milvus_partition";

/// Some partitions of a collection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scope<'a> {
    kept: &'a Kept,
    default: bool,
    /// Of the others.
    tags: Vec<&'a str>,
}

/// There is no partition of this tag.
pub(crate) fn no_partition() -> Failure {
    let message = "The specified partition does not exist";
    Failure::new(Code::Unexpected, message)
}

fn tagged(tags: &[&str]) -> Filter {
    let scalars = tags.iter().map(|tag| Scalar::Str((*tag).to_owned()));
    Filter::Field {
        path: FieldPath::field(FIELD),
        test: Test::In(scalars.collect()),
    }
}

impl<'a> Scope<'a> {
    /// The whole collection.
    pub(crate) fn whole(kept: &'a Kept) -> Self {
        Self {
            kept,
            default: true,
            tags: kept.partitions.iter().map(|p| p.tag.as_str()).collect(),
        }
    }

    /// One partition.
    ///
    /// # Errors
    /// 1 when there is none of this tag.
    pub(crate) fn one(kept: &'a Kept, tag: &str) -> Result<Self, Failure> {
        let tag = names::tag(tag)?;
        let mut scope = Self::whole(kept);
        scope.default = tag == DEFAULT_TAG;
        scope.tags.retain(|known| *known == tag);
        scope.found()
    }

    /// The partitions that `patterns` mean: whole tags, or regular expressions that match whole
    /// tags. The default partition is meant only by its own tag.
    ///
    /// # Errors
    /// 1 when there is none.
    pub(crate) fn matching(kept: &'a Kept, patterns: &[&str]) -> Result<Self, Failure> {
        let patterns: Vec<&str> = patterns.iter().map(|pattern| pattern.trim()).collect();
        let compiled: Vec<Regex> = patterns
            .iter()
            // One that is malformed matches nothing but itself.
            .filter_map(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok())
            .collect();
        let mut scope = Self::whole(kept);
        scope.default = patterns.contains(&DEFAULT_TAG);
        scope.tags.retain(|tag| {
            patterns.contains(tag) || compiled.iter().any(|pattern| pattern.is_match(tag))
        });
        scope.found()
    }

    /// The partitions whose segments have these names.
    ///
    /// # Errors
    /// 1 when there is none.
    pub(crate) fn of_segments(kept: &'a Kept, segments: &[&str]) -> Result<Self, Failure> {
        let mut scope = Self::whole(kept);
        scope.default = segments.contains(&kept.segment.as_str());
        let partitions = kept.partitions.iter();
        let wanted = partitions.filter(|p| segments.contains(&p.segment.as_str()));
        scope.tags = wanted.map(|partition| partition.tag.as_str()).collect();
        scope
            .found()
            .map_err(|_| Failure::new(Code::Unexpected, "Invalid file id"))
    }

    fn found(self) -> Result<Self, Failure> {
        if self.default || !self.tags.is_empty() {
            Ok(self)
        } else {
            Err(no_partition())
        }
    }

    /// The condition that a point is in one of them; `None`: every point is.
    pub(crate) fn filter(&self) -> Option<Filter> {
        if !self.default {
            return Some(tagged(&self.tags));
        }
        let all = self.kept.partitions.iter();
        let outside: Vec<&str> = all
            .map(|partition| partition.tag.as_str())
            .filter(|tag| !self.tags.contains(tag))
            .collect();
        (!outside.is_empty()).then(|| Filter::Not(Box::new(tagged(&outside))))
    }

    /// Whether a point with this payload is in one of them.
    pub(crate) fn holds(&self, payload: Option<&Object>) -> bool {
        let named = match payload.and_then(|payload| payload.get(FIELD)) {
            Some(Value::Str(tag)) if self.kept.has(tag) && tag != DEFAULT_TAG => Some(tag),
            _ => None,
        };
        match named {
            Some(tag) => self.tags.contains(&tag.as_str()),
            None => self.default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::Partition;

    fn kept() -> Kept {
        let partition = |tag: &str, segment: &str| Partition {
            tag: tag.into(),
            segment: segment.into(),
        };
        Kept {
            partitions: vec![
                partition("red", "1"),
                partition("dark red", "2"),
                partition("a(b", "3"),
            ],
            ..Kept::default()
        }
    }

    fn tags(patterns: &[&str]) -> Result<(bool, Vec<String>), Failure> {
        let kept = kept();
        let scope = Scope::matching(&kept, patterns)?;
        Ok((
            scope.default,
            scope.tags.iter().map(|&tag| tag.into()).collect(),
        ))
    }

    #[test]
    fn patterns_match_whole_tags() {
        assert_eq!(tags(&["red"]).unwrap(), (false, vec!["red".into()]));
        let both = vec!["red".to_owned(), "dark red".to_owned()];
        assert_eq!(tags(&["(.*)red"]).unwrap(), (false, both.clone()));
        assert!(tags(&["_default", " red "]).unwrap().0);
        assert_eq!(tags(&["a(b"]).unwrap().1, ["a(b"]);
        for nothing in [&["re"][..], &["^d"], &["("], &[]] {
            assert_eq!(tags(nothing).unwrap_err(), no_partition(), "{nothing:?}");
        }
    }

    #[test]
    fn points_without_a_known_tag_are_in_the_default_partition() {
        let kept = kept();
        let of = |tag: Option<&str>| {
            let tag = tag.map(|tag| (FIELD, Value::from(tag)));
            tag.into_iter().collect::<Object>()
        };
        let default = Scope::one(&kept, " _default ").unwrap();
        let red = Scope::one(&kept, "red").unwrap();
        for (tag, in_default, in_red) in [
            (None, true, false),
            (Some("red"), false, true),
            (Some("blue"), true, false),
            (Some("dark red"), false, false),
        ] {
            assert_eq!(default.holds(Some(&of(tag))), in_default, "{tag:?}");
            assert_eq!(red.holds(Some(&of(tag))), in_red, "{tag:?}");
        }
        assert!(Scope::whole(&kept).filter().is_none());
        assert_eq!(red.filter(), Some(tagged(&["red"])));
        let outside = tagged(&["red", "dark red", "a(b"]);
        assert_eq!(default.filter(), Some(Filter::Not(Box::new(outside))));
    }

    #[test]
    fn segments_stand_for_their_partitions() {
        let kept = kept();
        let scope = Scope::of_segments(&kept, &["0", "2", "77"]).unwrap();
        assert!(scope.default && scope.tags == ["dark red"]);
        let none = Scope::of_segments(&kept, &["77"]).unwrap_err();
        assert_eq!(none.message, "Invalid file id");
    }
}

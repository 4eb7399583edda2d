//! Filters on single objects inside a payload.

use model::packed::ObjectRef;
use model::{FieldPath, Filter, Step, Test};
use scalar::Prepared;

use crate::check::Check;
use crate::reach::any_reached;
use crate::source::RowSource;

/// A filter prepared to be evaluated on an object alone; ids and vectors never match.
#[derive(Debug)]
pub(crate) enum ObjectFilter<'a> {
    /// At least `count` hold.
    AtLeast {
        count: usize,
        of: Vec<ObjectFilter<'a>>,
    },
    /// It does not hold.
    Not(Box<ObjectFilter<'a>>),
    /// A test on values.
    Field {
        steps: &'a [Step],
        check: Box<Check<'a>>,
    },
    /// Some object that the path reaches satisfies the filter.
    Nested {
        path: FieldPath,
        filter: Box<ObjectFilter<'a>>,
    },
    /// A scalar expression is true of the object.
    Where(Box<Prepared<'a>>),
    /// Holds for no object.
    Never,
}

impl<'a> ObjectFilter<'a> {
    /// Prepares `filter` for the objects that `outer` reaches in the payloads of `source`.
    pub(crate) fn new(filter: &'a Filter, outer: &FieldPath, source: &'a dyn RowSource) -> Self {
        let each = |of: &'a [Filter]| of.iter().map(|f| Self::new(f, outer, source)).collect();
        match filter {
            Filter::All(of) => Self::AtLeast {
                count: of.len(),
                of: each(of),
            },
            Filter::Any(of) => Self::AtLeast {
                count: 1,
                of: each(of),
            },
            Filter::AtLeast { count, of } => Self::AtLeast {
                count: *count,
                of: each(of),
            },
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, outer, source))),
            Filter::Field { path, test } => Self::Field {
                steps: path.steps(),
                check: Box::new(Check::in_object(test, source.declared(&outer.join(path)))),
            },
            Filter::Nested { path, filter } => {
                let path = path.clone().each();
                let inner = Self::new(filter, &outer.join(&path), source);
                Self::Nested {
                    path,
                    filter: Box::new(inner),
                }
            }
            Filter::HasId(_) | Filter::HasVector(_) | Filter::Slice { .. } => Self::Never,
            Filter::Where(term) => Self::Where(Box::new(Prepared::new(term))),
        }
    }

    /// Whether `object` satisfies the filter.
    pub(crate) fn matches(&self, object: ObjectRef<'_>) -> bool {
        match self {
            Self::AtLeast { count, of } => {
                let mut passing = of.iter().filter(|inner| inner.matches(object));
                *count == 0 || passing.nth(count - 1).is_some()
            }
            Self::Not(inner) => !inner.matches(object),
            Self::Field { steps, check } => check.matches(object, steps),
            Self::Nested { path, filter } => some_object(object, path, filter),
            Self::Where(term) => term.holds(&object),
            Self::Never => false,
        }
    }
}

/// Whether some object that `path` reaches in `object` satisfies `filter`.
pub(crate) fn some_object(
    object: ObjectRef<'_>,
    path: &FieldPath,
    filter: &ObjectFilter<'_>,
) -> bool {
    any_reached(object, path.steps(), &mut |value| {
        value.as_object().is_some_and(|inner| filter.matches(inner))
    })
}

/// A filter on whole payloads that holds wherever an object reached by `outer` satisfies `filter`,
/// made of tests that columns of `source` answer. `None` when nothing is known.
pub(crate) fn implied(
    filter: &Filter,
    outer: &FieldPath,
    source: &dyn RowSource,
) -> Option<Filter> {
    match filter {
        Filter::All(of) => {
            let known: Vec<_> = of
                .iter()
                .filter_map(|f| implied(f, outer, source))
                .collect();
            (!known.is_empty()).then_some(Filter::All(known))
        }
        Filter::Any(of) => {
            let known: Option<Vec<_>> = of.iter().map(|f| implied(f, outer, source)).collect();
            known.map(Filter::Any)
        }
        Filter::Field { path, test } if is_existential(test) => {
            let path = outer.join(path);
            source.column(&path)?;
            Some(Filter::Field {
                path,
                test: test.clone(),
            })
        }
        Filter::Nested { path, filter } => {
            implied(filter, &outer.join(&path.clone().each()), source)
        }
        Filter::HasId(_) | Filter::HasVector(_) | Filter::Slice { .. } => {
            Some(Filter::Any(Vec::new()))
        }
        Filter::Field { .. } | Filter::Not(_) | Filter::AtLeast { .. } | Filter::Where(_) => None,
    }
}

/// Whether the test passes as soon as one leaf does, so that more objects can only add matches.
fn is_existential(test: &Test) -> bool {
    match test {
        Test::Equals(_)
        | Test::In(_)
        | Test::NotIn(_)
        | Test::Range(_)
        | Test::DateRange(_)
        | Test::Contains(_)
        | Test::Text(_)
        | Test::TextAny(_)
        | Test::Phrase(_)
        | Test::Prefix(_)
        | Test::GeoBox { .. }
        | Test::GeoRadius { .. }
        | Test::GeoPolygon { .. } => true,
        Test::ValuesCount(_) | Test::IsEmpty(_) | Test::IsNull(_) => false,
    }
}

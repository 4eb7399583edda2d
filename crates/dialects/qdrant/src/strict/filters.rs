//! How large filters are, and which of their keys, and of those of formulas, have no index.

use model::{Expression, FieldKind, FieldPath, Filter, Scalar, Schema, Test};

/// A condition of a filter, for whoever counts them.
pub(crate) enum Leaf<'a> {
    /// About a value of the payload; the path is the whole, nested filters included.
    Field(FieldPath, &'a Test),
    /// About so many ids.
    Ids(usize),
    /// About something else of a point.
    Other,
}

/// Calls `visit` with each condition of `filter`.
///
/// # Errors
/// The first of `visit`.
pub(crate) fn walk<'a, E>(
    filter: &'a Filter,
    visit: &mut impl FnMut(Leaf<'a>) -> Result<(), E>,
) -> Result<(), E> {
    below(filter, None, visit)
}

fn below<'a, E>(
    filter: &'a Filter,
    base: Option<&FieldPath>,
    visit: &mut impl FnMut(Leaf<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let whole = |path: &FieldPath| base.map_or_else(|| path.clone(), |base| base.join(path));
    match filter {
        Filter::All(all) | Filter::Any(all) | Filter::AtLeast { of: all, .. } => {
            all.iter().try_for_each(|part| below(part, base, visit))
        }
        Filter::Not(part) => below(part, base, visit),
        Filter::Nested { path, filter } => below(filter, Some(&whole(path)), visit),
        Filter::HasId(ids) => visit(Leaf::Ids(ids.len())),
        Filter::HasVector(_) | Filter::Slice { .. } | Filter::Where(_) => visit(Leaf::Other),
        Filter::Field { path, test } => visit(Leaf::Field(whole(path), test)),
    }
}

/// What a formula reads of a payload.
pub(super) enum Read<'a> {
    Condition(&'a Filter),
    /// A value, which indexes of these kinds have.
    Value(&'a FieldPath, &'static [FieldKind]),
}

/// Calls `visit` with all that `expression` reads.
///
/// # Errors
/// The first of `visit`.
pub(super) fn reads<'a, E>(
    expression: &'a Expression,
    visit: &mut impl FnMut(Read<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match expression {
        Expression::Number(_) | Expression::Score(_) => Ok(()),
        Expression::Field(path) => {
            visit(Read::Value(path, &[FieldKind::Integer, FieldKind::Float]))
        }
        Expression::GeoDistance { to, origin: _ } => visit(Read::Value(to, &[FieldKind::Geo])),
        Expression::Datetime(path) => visit(Read::Value(path, &[FieldKind::Datetime])),
        Expression::Condition(filter) => visit(Read::Condition(filter)),
        Expression::Product(of) | Expression::Sum(of) => {
            of.iter().try_for_each(|part| reads(part, visit))
        }
        Expression::Negate(of)
        | Expression::Absolute(of)
        | Expression::SquareRoot(of)
        | Expression::Exponential(of)
        | Expression::CommonLogarithm(of)
        | Expression::NaturalLogarithm(of) => reads(of, visit),
        Expression::Quotient { left, right, .. } => {
            reads(left, visit)?;
            reads(right, visit)
        }
        Expression::Power { base, exponent } => {
            reads(base, visit)?;
            reads(exponent, visit)
        }
        Expression::Decay { x, target, .. } => {
            reads(x, visit)?;
            target.iter().try_for_each(|target| reads(target, visit))
        }
    }
}

/// `path` and `kinds`, unless it has an index of one of them.
pub(super) fn lacking<'a>(
    path: &'a FieldPath,
    kinds: &'static [FieldKind],
    schema: &Schema,
) -> Option<(&'a FieldPath, &'static [FieldKind])> {
    let has = |kind: FieldKind| kinds.contains(&kind);
    let index = schema.index(path);
    (!index.is_some_and(|index| has(index.params.kind))).then_some((path, kinds))
}

/// The first key of `filter` without an index that answers its condition, and the kinds of index
/// that would.
pub(crate) fn unindexed(
    filter: &Filter,
    schema: &Schema,
) -> Option<(FieldPath, &'static [FieldKind])> {
    let found = walk(filter, &mut |leaf| {
        let Leaf::Field(path, test) = leaf else {
            return Ok(());
        };
        match lacking(&path, usable(test), schema) {
            None => Ok(()),
            Some((_, kinds)) => Err((path, kinds)),
        }
    });
    found.err()
}

/// Values that a test compares with.
pub(super) fn size(test: &Test) -> usize {
    match test {
        Test::In(values) | Test::NotIn(values) => values.len(),
        Test::GeoPolygon {
            exterior,
            interiors,
        } => exterior.len() + interiors.iter().map(Vec::len).sum::<usize>(),
        Test::Equals(_)
        | Test::Range(_)
        | Test::DateRange(_)
        | Test::Contains(_)
        | Test::Text(_)
        | Test::TextAny(_)
        | Test::Phrase(_)
        | Test::Prefix(_)
        | Test::GeoBox { .. }
        | Test::GeoRadius { .. }
        | Test::ValuesCount(_)
        | Test::IsEmpty(_)
        | Test::IsNull(_) => 1,
    }
}

/// The kinds of index that answer a test.
pub(crate) fn usable(test: &Test) -> &'static [FieldKind] {
    use FieldKind::{Bool, Datetime, Float, Geo, Integer, Keyword, Text, Uuid};
    let of_scalar = |scalar: Option<&Scalar>| match scalar {
        Some(Scalar::Int(_)) => &[Integer][..],
        Some(Scalar::Bool(_)) => &[Bool],
        Some(Scalar::Str(_)) | None => &[Keyword, Uuid],
    };
    match test {
        Test::Equals(scalar) => of_scalar(Some(scalar)),
        Test::In(scalars) | Test::NotIn(scalars) => of_scalar(scalars.first()),
        Test::Range(_) => &[Integer, Float],
        Test::DateRange(_) => &[Datetime],
        Test::Text(_) | Test::TextAny(_) | Test::Phrase(_) => &[Text],
        Test::Contains(_) | Test::Prefix(_) => &[Keyword],
        Test::GeoBox { .. } | Test::GeoRadius { .. } | Test::GeoPolygon { .. } => &[Geo],
        Test::ValuesCount(_) | Test::IsEmpty(_) | Test::IsNull(_) => {
            &[Keyword, Integer, Float, Geo, Text, Bool, Datetime, Uuid]
        }
    }
}

//! A prepared filter: tests rows one by one, lists them, estimates how many there are.

use core::fmt;

use model::{FieldPath, Filter, VectorName};
use rows::{RowId, RowSet};
use scalar::Prepared;

use crate::cardinality::Cardinality;
use crate::compile::compile;
use crate::field::FieldNode;
use crate::nested::{ObjectFilter, some_object};
use crate::slice;
use crate::source::RowSource;

/// Rows looked at to estimate a condition that no column answers.
const SAMPLE_ROWS: u32 = 256;

/// A filter prepared for one source by [`compile`].
///
/// It may be shared between threads. All methods give the same answer for the same row: that of
/// evaluating the filter on the row's payload, id and vectors.
pub struct Compiled<'a> {
    root: Node<'a>,
    source: &'a dyn RowSource,
}

impl fmt::Debug for Compiled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// One condition, prepared.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// All hold; cheapest first.
    All(Vec<Node<'a>>),
    /// One holds; cheapest first.
    Any(Vec<Node<'a>>),
    /// At least `count` hold.
    AtLeast { count: usize, of: Vec<Node<'a>> },
    /// It does not hold.
    Not(Box<Node<'a>>),
    /// A test on payload values.
    Field(Box<FieldNode<'a>>),
    /// The row is one of these.
    Rows(RowSet),
    /// The row carries a vector of that name.
    HasVector(&'a VectorName),
    /// The id falls into a part of a partition.
    Slice { total: u32, index: u32 },
    /// Some object at `path` satisfies `filter`.
    Nested(Box<NestedNode<'a>>),
    /// A scalar expression is true.
    Where(Box<WhereNode<'a>>),
}

/// A scalar expression.
#[derive(Debug)]
pub(crate) struct WhereNode<'a> {
    /// Is true.
    pub(crate) term: Prepared<'a>,
    /// Holds for every row that matches; answered by columns.
    pub(crate) implied: Option<Filter>,
}

/// A filter on the single objects at a path.
#[derive(Debug)]
pub(crate) struct NestedNode<'a> {
    /// Reaches the objects.
    pub(crate) path: FieldPath,
    /// What some one of them must satisfy.
    pub(crate) filter: ObjectFilter<'a>,
    /// Holds for every row that matches; answered by columns.
    pub(crate) implied: Option<Filter>,
}

impl<'a> Compiled<'a> {
    pub(crate) fn new(root: Node<'a>, source: &'a dyn RowSource) -> Self {
        Self { root, source }
    }

    /// How many rows of the source match, deleted ones included.
    ///
    /// Columns give their counts; conditions without one are tried on a fixed sample of rows.
    /// The bounds always hold.
    pub fn estimate(&self) -> Cardinality {
        if self.root.is_covered() {
            return self.root.estimate(self.source);
        }
        // The sample sees what the conditions have to do with each other; the columns see rare
        // values. Both bounds hold, and the guess of the columns is better for what is rare.
        let sampled = sample(self.source, |row| self.root.matches(row, self.source));
        let combined = self.root.estimate(self.source);
        if self.root.has_column() {
            combined.tightened(sampled)
        } else {
            sampled.tightened(combined)
        }
    }

    /// Whether a row matches. Cheap enough for the inner loop of a graph walk: after some calls
    /// the columns' answers are kept as bits.
    pub fn matches(&self, row: RowId) -> bool {
        self.root.matches(row, self.source)
    }

    /// The matching rows among `among`, or of the whole source; exact.
    pub fn rows(&self, among: Option<&RowSet>) -> RowSet {
        self.root.select(among, self.source)
    }
}

/// Tries `passes` on a fixed choice of rows, one from each of as many equal stretches.
fn sample(source: &dyn RowSource, passes: impl Fn(RowId) -> bool) -> Cardinality {
    let rows = source.len();
    let sampled = rows.min(SAMPLE_ROWS);
    let start = |at: u32| u64::from(at) * u64::from(rows) / u64::from(sampled);
    let hits = (0..sampled)
        .filter(|&at| {
            // Not the first row of each stretch: what repeats with the same period in the data
            // would be seen always or never. Multiples of the golden ratio spread evenly.
            let scattered = u64::from(at.wrapping_mul(0x9E37_79B9));
            let offset = ((start(at + 1) - start(at)) * scattered) >> 32;
            passes(RowId((start(at) + offset) as u32))
        })
        .count();
    Cardinality::sampled(hits as u64, sampled.into(), rows.into())
}

fn full(among: Option<&RowSet>, source: &dyn RowSource) -> RowSet {
    among.map_or_else(|| RowSet::full(source.len()), RowSet::clone)
}

impl Node<'_> {
    /// What to try first: the kind of work per row, then how few rows are expected to pass.
    pub(crate) fn cost(&self) -> (u8, u64) {
        match self {
            Self::Rows(rows) => (0, rows.len() as u64),
            Self::Field(field) => match field.estimate() {
                Some(estimate) => (1, estimate.expected),
                None => (3, 0),
            },
            Self::Slice { .. } | Self::HasVector(_) => (2, 0),
            Self::Nested(_) | Self::Where(_) => (4, 0),
            Self::Not(inner) => (inner.cost().0, u64::MAX),
            Self::All(of) | Self::Any(of) | Self::AtLeast { of, .. } => (
                of.iter().map(|node| node.cost().0).max().unwrap_or(0),
                u64::MAX,
            ),
        }
    }

    /// Whether columns and ids alone give the estimate.
    fn is_covered(&self) -> bool {
        self.cost().0 <= 1
    }

    /// Whether some condition is answered by a column or by ids.
    fn has_column(&self) -> bool {
        match self {
            Self::Rows(_) => true,
            Self::Field(field) => field.estimate().is_some(),
            Self::Slice { .. } | Self::HasVector(_) => false,
            Self::Nested(nested) => nested.implied.is_some(),
            Self::Where(node) => node.implied.is_some(),
            Self::Not(inner) => inner.has_column(),
            Self::All(of) | Self::Any(of) | Self::AtLeast { of, .. } => {
                of.iter().any(Self::has_column)
            }
        }
    }

    fn estimate(&self, source: &dyn RowSource) -> Cardinality {
        let rows = u64::from(source.len());
        let each = |of: &[Self]| {
            of.iter()
                .map(|node| node.estimate(source))
                .collect::<Vec<_>>()
        };
        match self {
            Self::All(of) => Cardinality::all(&each(of), rows),
            Self::Any(of) => Cardinality::any(&each(of), rows),
            Self::AtLeast { count, of } => Cardinality::at_least(*count, &each(of), rows),
            Self::Not(inner) => inner.estimate(source).not(rows),
            Self::Rows(of) => Cardinality::exact(of.len() as u64),
            Self::Slice { .. } | Self::HasVector(_) => {
                sample(source, |row| self.matches(row, source))
            }
            Self::Field(field) => field
                .estimate()
                .unwrap_or_else(|| sample(source, |row| self.matches(row, source))),
            Self::Nested(nested) => self.bounded(nested.implied.as_ref(), source),
            Self::Where(node) => self.bounded(node.implied.as_ref(), source),
        }
    }

    /// The estimate of a sample, below that of what the condition implies.
    fn bounded(&self, implied: Option<&Filter>, source: &dyn RowSource) -> Cardinality {
        let sampled = sample(source, |row| self.matches(row, source));
        match implied {
            Some(implied) => {
                let bound = compile(implied, source).root.estimate(source);
                sampled.tightened(Cardinality { min: 0, ..bound })
            }
            None => sampled,
        }
    }

    fn matches(&self, row: RowId, source: &dyn RowSource) -> bool {
        match self {
            Self::All(of) => of.iter().all(|node| node.matches(row, source)),
            Self::Any(of) => of.iter().any(|node| node.matches(row, source)),
            Self::AtLeast { count, of } => {
                let mut passing = of.iter().filter(|node| node.matches(row, source));
                *count == 0 || passing.nth(count - 1).is_some()
            }
            Self::Not(inner) => !inner.matches(row, source),
            Self::Field(field) => field.matches(row, source),
            Self::Rows(rows) => rows.contains(row),
            Self::HasVector(name) => source.has_vector(row, name),
            Self::Slice { total, index } => slice::holds(&source.id(row), *total, *index),
            Self::Nested(nested) => some_object(source.payload(row), &nested.path, &nested.filter),
            Self::Where(node) => node.term.holds(&source.payload(row)),
        }
    }

    fn select(&self, among: Option<&RowSet>, source: &dyn RowSource) -> RowSet {
        match self {
            Self::All(of) => {
                let mut left = among.cloned();
                for node in of {
                    left = Some(node.select(left.as_ref(), source));
                    if left.as_ref().is_some_and(RowSet::is_empty) {
                        break;
                    }
                }
                left.unwrap_or_else(|| full(None, source))
            }
            Self::Any(of) => {
                let mut found = RowSet::new();
                for node in of {
                    let selected = if found.is_empty() {
                        node.select(among, source)
                    } else {
                        node.select(Some(&full(among, source).difference(&found)), source)
                    };
                    found = found.union(&selected);
                }
                found
            }
            Self::Not(inner) => full(among, source).difference(&inner.select(among, source)),
            Self::Rows(rows) => match among {
                Some(among) => rows.intersection(among),
                None => rows.clone(),
            },
            Self::Field(field) => field.select(among, source),
            Self::Nested(nested) => self.narrowed(nested.implied.as_ref(), among, source),
            Self::Where(node) => self.narrowed(node.implied.as_ref(), among, source),
            Self::AtLeast { .. } | Self::HasVector(_) | Self::Slice { .. } => {
                self.sieve(&full(among, source), source)
            }
        }
    }

    /// The matching rows, looked for among those that satisfy what the condition implies.
    fn narrowed(
        &self,
        implied: Option<&Filter>,
        among: Option<&RowSet>,
        source: &dyn RowSource,
    ) -> RowSet {
        match implied {
            Some(implied) => self.sieve(&compile(implied, source).rows(among), source),
            None => self.sieve(&full(among, source), source),
        }
    }

    fn sieve(&self, among: &RowSet, source: &dyn RowSource) -> RowSet {
        among
            .iter()
            .filter(|&row| self.matches(row, source))
            .collect()
    }
}

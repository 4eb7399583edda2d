//! A test on payload values at one path of one source.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use model::Step;
use rows::{BitSet, RowId, RowSet};

use crate::answer::Answer;
use crate::cardinality::Cardinality;
use crate::check::Check;
use crate::column::Column;
use crate::source::RowSource;

/// A prepared test, with the column that answers it where there is one.
#[derive(Debug)]
pub(crate) struct FieldNode<'a> {
    steps: &'a [Step],
    check: Check<'a>,
    column: Option<Indexed<'a>>,
}

#[derive(Debug)]
struct Indexed<'a> {
    column: &'a Column,
    estimate: Cardinality,
    /// Rows tested one by one so far.
    visits: AtomicU32,
    /// The answer of the column as bits, once enough rows were tested one by one.
    bits: OnceLock<Bits>,
}

#[derive(Debug)]
struct Bits {
    sure: BitSet,
    maybe: BitSet,
}

impl Bits {
    fn new(answer: &Answer, rows: u32) -> Self {
        Self {
            sure: answer.sure.to_bits(rows as usize),
            maybe: answer.maybe.to_bits(rows as usize),
        }
    }
}

impl<'a> FieldNode<'a> {
    pub(crate) fn new(steps: &'a [Step], check: Check<'a>, column: Option<&'a Column>) -> Self {
        let column = column.map(|column| Indexed {
            column,
            estimate: column.estimate(&check),
            visits: AtomicU32::new(0),
            bits: OnceLock::new(),
        });
        Self {
            steps,
            check,
            column,
        }
    }

    /// The column's estimate; `None` without a column.
    pub(crate) fn estimate(&self) -> Option<Cardinality> {
        self.column.as_ref().map(|indexed| indexed.estimate)
    }

    /// Whether a row passes.
    pub(crate) fn matches(&self, row: RowId, source: &dyn RowSource) -> bool {
        match self.column.as_ref().and_then(|indexed| self.bits(indexed)) {
            Some(bits) if bits.sure.contains(row) => true,
            Some(bits) if !bits.maybe.contains(row) => false,
            Some(_) | None => self.passes(row, source),
        }
    }

    /// Whether a row passes, by its payload.
    fn passes(&self, row: RowId, source: &dyn RowSource) -> bool {
        self.check.matches(source.payload(row), self.steps)
    }

    fn bits<'s>(&self, indexed: &'s Indexed<'a>) -> Option<&'s Bits> {
        let rows = indexed.column.rows();
        if let Some(bits) = indexed.bits.get() {
            return Some(bits);
        }
        // Making bits touches every row of the answer, reading one payload costs as much as some
        // dozens of those: a scan of few rows is better off without.
        let visits = indexed.visits.fetch_add(1, Ordering::Relaxed);
        (visits > 16 + rows / 64).then(|| {
            indexed
                .bits
                .get_or_init(|| Bits::new(&indexed.column.answer(&self.check), rows))
        })
    }

    /// The rows among `among` (or all) that pass, exactly.
    pub(crate) fn select(&self, among: Option<&RowSet>, source: &dyn RowSource) -> RowSet {
        let Some(indexed) = &self.column else {
            return match among {
                Some(among) => self.sieve(among.iter(), source),
                None => self.sieve((0..source.len()).map(RowId), source),
            };
        };
        match among {
            Some(among) if (among.len() as u64) < indexed.estimate.expected / 32 => among
                .iter()
                .filter(|&row| self.matches(row, source))
                .collect(),
            Some(among) => {
                let answer = indexed.column.answer(&self.check);
                let maybe = answer.maybe.intersection(among);
                let sieved = self.sieve(maybe.iter(), source);
                answer.sure.intersection(among).union(&sieved)
            }
            None => {
                let answer = indexed.column.answer(&self.check);
                let sieved = self.sieve(answer.maybe.iter(), source);
                answer.sure.union(&sieved)
            }
        }
    }

    fn sieve(&self, rows: impl Iterator<Item = RowId>, source: &dyn RowSource) -> RowSet {
        rows.filter(|&row| self.passes(row, source)).collect()
    }
}

//! The points of a collection in the order of a payload value.

use std::cmp::Ordering;
use std::sync::Arc;

use filter::{Column, Ordered, compile};
use model::reply::OrderValue;
use model::{Direction, Error, ErrorKind, Filter, OrderBy, Subject};
use rows::{RowId, RowSet};

use crate::collection::{Collection, Place, has_order};
use crate::source::Source;

/// The ordered values of one segment and which rows count.
struct Run<'a> {
    values: Ordered<'a>,
    kept: RowSet,
    head: Option<(OrderValue, RowId)>,
}

impl Run<'_> {
    fn advance(&mut self) {
        let kept = &self.kept;
        self.head = self.values.find(|(_, row)| kept.contains(*row));
    }
}

impl Collection {
    /// At most `count` pairs of a value and its point, after the first `skip`, in the order asked
    /// for. Points without a value are left out, those with several come once for each. Equal
    /// values come by id, in the same direction.
    ///
    /// # Errors
    /// `Invalid` about the field when no payload index at the path gives an order.
    pub(crate) fn by_value(
        &self,
        order: &OrderBy,
        filter: Option<&Filter>,
        skip: usize,
        count: usize,
    ) -> Result<Vec<(OrderValue, Place)>, Error> {
        let index = self
            .schema
            .index(&order.path)
            .filter(|index| has_order(index.params.kind));
        let index = index.ok_or_else(|| no_order(order))?;
        let columns: Vec<Arc<Column>> = self
            .segments()
            .map(|live| live.segment.column_or_build(index, &self.schema))
            .collect();
        let mut runs = Vec::with_capacity(columns.len());
        for (live, column) in self.segments().zip(&columns) {
            let source = Source::new(&live.segment, &self.schema);
            let kept = match filter {
                None => live.live(),
                Some(filter) => compile(filter, &source).rows(Some(&live.live())),
            };
            let values = column.ordered(order.direction, order.start_from);
            let values = values.ok_or_else(|| no_order(order))?;
            let mut run = Run {
                values,
                kept,
                head: None,
            };
            run.advance();
            runs.push(run);
        }
        let mut found = Vec::new();
        let mut skipped = 0;
        while found.len() < count {
            let Some((at, value, row)) = self.first_head(&runs, order.direction) else {
                break;
            };
            runs[at].advance();
            if skipped < skip {
                skipped += 1;
            } else {
                found.push((value, Place { segment: at, row }));
            }
        }
        Ok(found)
    }

    /// The run whose head comes first. Runs are few, so they are looked through.
    fn first_head(
        &self,
        runs: &[Run<'_>],
        direction: Direction,
    ) -> Option<(usize, OrderValue, RowId)> {
        let id = |at: usize, row: RowId| self.segment(at).segment.block.ids.get(row);
        runs.iter()
            .enumerate()
            .filter_map(|(at, run)| run.head.map(|(value, row)| (at, value, row)))
            .min_by(|&(a, x, row_a), &(b, y, row_b)| {
                let ascending = compare(x, y).then_with(|| id(a, row_a).cmp(&id(b, row_b)));
                match direction {
                    Direction::Ascending => ascending,
                    Direction::Descending => ascending.reverse(),
                }
            })
    }
}

/// Values of one column are of one kind.
fn compare(a: OrderValue, b: OrderValue) -> Ordering {
    match (a, b) {
        (OrderValue::Int(a), OrderValue::Int(b)) => a.cmp(&b),
        (OrderValue::Float(a), OrderValue::Float(b)) => a.total_cmp(&b),
        (OrderValue::Datetime(a), OrderValue::Datetime(b)) => a.cmp(&b),
        (OrderValue::Int(_) | OrderValue::Float(_) | OrderValue::Datetime(_), _) => Ordering::Equal,
    }
}

fn no_order(order: &OrderBy) -> Error {
    Error::new(
        ErrorKind::Invalid,
        Subject::Field(order.path.to_string()),
        format!("no payload index at `{}` gives an order", order.path),
    )
}

//! Pages of points, by id or by a payload value.

use model::{Error, Filter, OrderBy, PointId, Reply, Select};

use crate::collection::Collection;

/// Which points of a scroll are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Only points that match.
    pub filter: Option<&'a Filter>,
    /// First id, inclusive; not together with `order_by`.
    pub from: Option<&'a PointId>,
    /// Points per page.
    pub limit: usize,
    /// Order by a payload value instead of the id.
    pub order_by: Option<&'a OrderBy>,
}

impl Collection {
    /// One page of points: `Reply::Page`.
    ///
    /// # Errors
    /// - `Invalid` when the limit is 0 or `from` is given together with `order_by`.
    /// - `Invalid` about the field when no payload index gives the order.
    /// - `Corrupt` when a stored payload is malformed.
    pub fn scroll(&self, page: &Page<'_>, select: &Select) -> Result<Reply, Error> {
        if page.limit == 0 {
            return Err(Error::invalid("a page has at least one point"));
        }
        if let Some(order) = page.order_by {
            if page.from.is_some() {
                return Err(Error::invalid("a scroll starts from an id or has an order, not both"));
            }
            let records = self
                .by_value(order, page.filter, 0, page.limit)?
                .into_iter()
                .map(|(value, place)| Ok((self.record(place, select)?, Some(value))))
                .collect::<Result<_, Error>>()?;
            return Ok(Reply::Page { records, next: None });
        }
        // One more than the page: the id at which the next one begins.
        let mut places = self.by_id(page.filter, page.from, 0, page.limit.saturating_add(1));
        let next = (places.len() > page.limit).then(|| places.pop()).flatten();
        let next = next.map(|place| {
            self.segment(place.segment).segment.block.ids.get(place.row).into()
        });
        let records = places
            .into_iter()
            .map(|place| Ok((self.record(place, select)?, None)))
            .collect::<Result<_, Error>>()?;
        Ok(Reply::Page { records, next })
    }
}

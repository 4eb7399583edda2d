//! Pages of points, by id or by a payload value.

use model::{Error, Filter, OrderBy, PointId, Reply, Select};

use crate::collection::Collection;

impl Collection {
    /// One page of at most `limit` points that match: `Reply::Page`. Ascending by id beginning at
    /// `from` (inclusive), or ordered by a payload value.
    ///
    /// # Errors
    /// - `Invalid` when the limit is 0 or `from` is given together with `order_by`.
    /// - `Invalid` about the field when no payload index gives the order or `select` names none.
    /// - `Corrupt` when a stored payload is malformed.
    pub fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&PointId>,
        limit: usize,
        order_by: Option<&OrderBy>,
        select: &Select,
    ) -> Result<Reply, Error> {
        self.check_select(select)?;
        if limit == 0 {
            return Err(Error::invalid("a page has at least one point"));
        }
        if let Some(order) = order_by {
            if from.is_some() {
                return Err(Error::invalid(
                    "a scroll starts from an id or has an order, not both",
                ));
            }
            let records = self
                .by_value(order, filter, 0, limit)?
                .into_iter()
                .map(|(value, place)| Ok((self.record(place, select)?, Some(value))))
                .collect::<Result<_, Error>>()?;
            return Ok(Reply::Page {
                records,
                next: None,
            });
        }
        // One more than the page: the id at which the next one begins.
        let mut places = self.by_id(filter, from, 0, limit.saturating_add(1));
        let next = (places.len() > limit).then(|| places.pop()).flatten();
        let next = next.map(|place| {
            self.segment(place.segment)
                .segment
                .block
                .ids
                .get(place.row)
                .into()
        });
        let records = places
            .into_iter()
            .map(|place| Ok((self.record(place, select)?, None)))
            .collect::<Result<_, Error>>()?;
        Ok(Reply::Page { records, next })
    }
}

//! Filters that come again and again, with the rows that they leave.
//!
//! A segment never changes, so what a filter leaves of it does not either (deleted rows are taken
//! off elsewhere). A walk that only has to look at a bit per row is several times as fast as one
//! that evaluates a filter, and applications ask with the same few filters: a tenant, a language.

use std::sync::{Arc, Mutex, PoisonError};

use model::filter::Test;
use model::{Filter, Schema};
use rows::BitSet;

/// Filters remembered per segment, the latest ones.
const FILTERS_MAX: usize = 8;

/// Longer filters are not remembered: lists of ids rarely come twice.
const FILTER_PARTS_MAX: usize = 256;

/// The latest filters of one segment.
#[derive(Debug, Default)]
pub(crate) struct FilterCache(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    filter: Filter,
    /// What a filter means depends on the indexes declared. Held, so that its address is its own.
    schema: Arc<Schema>,
    /// `None` when the filter was seen once: listing all rows would not pay.
    rows: Option<Arc<BitSet>>,
}

impl FilterCache {
    /// The rows that `filter` leaves, if it was seen before; `list` lists them.
    pub(crate) fn rows(
        &self,
        filter: &Filter,
        schema: &Arc<Schema>,
        list: impl FnOnce() -> BitSet,
    ) -> Option<Arc<BitSet>> {
        let is_same = |entry: &Entry| Arc::ptr_eq(&entry.schema, schema) && entry.filter == *filter;
        {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = entries.iter().position(is_same) else {
                if parts(filter) > FILTER_PARTS_MAX {
                    return None;
                }
                entries.truncate(FILTERS_MAX - 1);
                let (filter, schema) = (filter.clone(), Arc::clone(schema));
                entries.insert(
                    0,
                    Entry {
                        filter,
                        schema,
                        rows: None,
                    },
                );
                return None;
            };
            // The latest first.
            entries[..=at].rotate_right(1);
            if let Some(rows) = &entries[0].rows {
                return Some(Arc::clone(rows));
            }
        }
        // Listed without the lock: another search may do the same, to the same end.
        let rows = Arc::new(list());
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.iter_mut().find(|entry| is_same(entry)) {
            entry.rows = Some(Arc::clone(&rows));
        }
        Some(rows)
    }
}

/// Conditions, ids and values of a filter.
fn parts(filter: &Filter) -> usize {
    match filter {
        Filter::All(of) | Filter::Any(of) | Filter::AtLeast { of, .. } => {
            1 + of.iter().map(parts).sum::<usize>()
        }
        Filter::Not(inner) | Filter::Nested { filter: inner, .. } => 1 + parts(inner),
        Filter::Field { test, .. } => match test {
            Test::In(scalars) | Test::NotIn(scalars) => 1 + scalars.len(),
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
        },
        Filter::HasId(ids) => 1 + ids.len(),
        Filter::HasVector(_) | Filter::Slice { .. } => 1,
        Filter::Where(term) => term.size(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use model::PointId;
    use rows::RowId;

    use super::*;

    fn filter(id: u64) -> Filter {
        Filter::HasId(vec![PointId::Num(id)])
    }

    #[test]
    fn rows_are_listed_at_the_second_sight_and_kept() {
        let (cache, schema) = (FilterCache::default(), Arc::new(Schema::default()));
        let listed = || BitSet::from_rows(9, [RowId(7)]);
        assert!(
            cache
                .rows(&filter(1), &schema, || panic!("at first sight"))
                .is_none()
        );
        assert!(
            cache
                .rows(&filter(1), &schema, listed)
                .unwrap()
                .contains(RowId(7))
        );
        let again = cache.rows(&filter(1), &schema, || panic!("listed twice"));
        assert_eq!(again.unwrap().count(), 1);
        let other = Arc::new(Schema::default());
        assert!(
            cache
                .rows(&filter(1), &other, || panic!("another schema"))
                .is_none()
        );
    }

    #[test]
    fn the_filter_unused_for_longest_is_forgotten() {
        let (cache, schema) = (FilterCache::default(), Arc::new(Schema::default()));
        let seen = |id| {
            cache
                .rows(&filter(id), &schema, || BitSet::new(1))
                .is_some()
        };
        assert!((0..FILTERS_MAX as u64).all(|id| !seen(id)));
        assert!(seen(0));
        assert!(!seen(99));
        assert!(seen(0) && !seen(1));
    }
}

//! Results that are unlike each other (maximal marginal relevance; Carbonell & Goldstein 1998).

use super::{Hit, Run};
use crate::prepared::{Comparison, Prepared};

impl Run<'_> {
    /// At most `limit` of `hits`, best first, in the order in which they are chosen: each time the
    /// one for which `(1 − diversity) · score − diversity · max similarity to those chosen` is
    /// largest, equal ones in the order of `hits`. Scores stay as they are.
    pub(super) fn diverse(
        &self,
        field: usize,
        hits: Vec<Hit>,
        diversity: f32,
        limit: usize,
    ) -> Vec<Hit> {
        let mut left = hits;
        let mut nearest_chosen = vec![f32::NEG_INFINITY; left.len()];
        let mut chosen: Vec<Hit> = Vec::new();
        let relevance = 1.0 - diversity;
        while chosen.len() < limit && !left.is_empty() {
            let best = if chosen.is_empty() {
                0
            } else {
                let value =
                    |at: usize| relevance * left[at].score - (1.0 - relevance) * nearest_chosen[at];
                (1..left.len()).fold(
                    0,
                    |best, at| if value(at) > value(best) { at } else { best },
                )
            };
            let hit = left.remove(best);
            nearest_chosen.remove(best);
            chosen.push(hit);
            self.raise(field, hit, &left, &mut nearest_chosen);
        }
        chosen
    }

    /// Takes account of similarities to a newly chosen hit.
    fn raise(&self, field: usize, chosen: Hit, left: &[Hit], nearest: &mut [f32]) {
        let vectors = |segment: usize| &self.collection.segment(segment).segment.block.vectors;
        let stored = vectors(chosen.place.segment)[field].get(chosen.place.row);
        let Some(query) = stored.map(Prepared::from_stored) else {
            return;
        };
        let segments = 0..self.collection.segment_count();
        let mut comparisons: Vec<_> = segments
            .map(|segment| Comparison::new(&query, &vectors(segment)[field]))
            .collect();
        for (hit, nearest) in left.iter().zip(nearest) {
            let place = hit.place;
            // Nothing in common is no similarity.
            let similarity = comparisons[place.segment].of(place.row).unwrap_or(0.0);
            *nearest = nearest.max(similarity);
        }
    }
}

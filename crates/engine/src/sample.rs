//! Random choices of points that can be repeated.

use std::collections::BinaryHeap;

use filter::compile;
use model::Filter;

use crate::collection::{Collection, Place};
use crate::ids::IdRef;
use crate::source::Source;

/// Mixes the bits of `x` so that equal inputs alone give equal outputs (the finisher of
/// `SplitMix64`: Steele, Lea & Flood 2014).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// What decides whether a point is chosen.
fn ticket(id: IdRef<'_>, seed: u64) -> u64 {
    match id {
        IdRef::Num(n) => mixed(seed ^ mixed(n)),
        IdRef::Uuid(bytes) => {
            let bits = u128::from_be_bytes(bytes);
            mixed(mixed(seed ^ mixed(bits as u64)) ^ (bits >> 64) as u64)
        }
        IdRef::Text(text) => text
            .bytes()
            .fold(mixed(seed), |hash, byte| mixed(hash ^ u64::from(byte))),
    }
}

impl Collection {
    /// At most `count` points that match and, when `field` is given, carry its vector; each set of
    /// so many is as likely as any other. In random order. Equal seeds choose equally, however the
    /// points are spread over segments.
    pub(crate) fn sample(
        &self,
        filter: Option<&Filter>,
        field: Option<usize>,
        count: usize,
        seed: u64,
    ) -> Vec<Place> {
        // The lowest tickets win; the highest of them is on top.
        let mut chosen: BinaryHeap<(u64, IdRef<'_>, Place)> = BinaryHeap::new();
        for (at, live) in self.segments().enumerate() {
            let block = &live.segment.block;
            let source = Source::new(&live.segment, &self.schema);
            let rows = match filter {
                None => live.live(),
                Some(filter) => compile(filter, &source).rows(Some(&live.live())),
            };
            for row in rows.iter() {
                if field.is_some_and(|field| !block.vectors[field].has(row)) {
                    continue;
                }
                let id = block.ids.get(row);
                let ticket = ticket(id, seed);
                let full = chosen.len() == count;
                if full && chosen.peek().is_none_or(|(worst, ..)| *worst <= ticket) {
                    continue;
                }
                chosen.push((ticket, id, Place { segment: at, row }));
                if full {
                    chosen.pop();
                }
            }
        }
        let chosen = chosen.into_sorted_vec().into_iter();
        chosen.map(|(_, _, place)| place).collect()
    }
}

//! From a test to the positions of a column that answer it.

use core::ops::Range;

use model::{FieldKind, Timestamp};
use rows::{BitSet, RowId, RowSet};
use text::Postings;

use super::store::{Store, Terms};
use super::{Column, key};
use crate::answer::Answer;
use crate::cardinality::Cardinality;
use crate::check::{Check, Few, Members, parse_uuid};
use crate::geo::Region;

/// Up to this many texts or places are tried for an estimate; of more, a sample.
const SCAN_MAX: usize = 2048;
/// Texts or places in such a sample.
const SCAN_SAMPLE: usize = 512;

/// Ranges of positions, ascending and disjoint.
type Ranges = Vec<Range<usize>>;

/// Where the values are that pass a test.
enum Plan<'c> {
    /// Values at `sure` pass, those at `maybe` may pass.
    Positions { sure: Ranges, maybe: Ranges },
    /// These texts (or the places at these positions) must be tried one by one.
    Scan(Range<usize>),
    /// Tokens tell.
    Tokens(&'c Postings),
}

impl Plan<'_> {
    fn nothing() -> Self {
        Self::sure(Vec::new())
    }

    fn sure(sure: Ranges) -> Self {
        let maybe = Vec::new();
        Self::Positions { sure, maybe }
    }

    fn maybe(maybe: Ranges) -> Self {
        let sure = Vec::new();
        Self::Positions { sure, maybe }
    }

    /// The values at `equal` are those of the members, if `certain`; otherwise some of them are
    /// not, but none elsewhere is.
    fn members(equal: Ranges, certain: bool) -> Self {
        if certain {
            Self::sure(equal)
        } else {
            Self::maybe(equal)
        }
    }

    /// As [`Plan::members`], for the values that are no members, of `positions` in all.
    fn strangers(equal: Ranges, certain: bool, positions: usize) -> Self {
        let mut sure = Vec::new();
        let mut from = 0;
        for range in &equal {
            sure.push(from..range.start);
            from = range.end;
        }
        sure.push(from..positions);
        sure.retain(|range| !range.is_empty());
        let maybe = if certain { Vec::new() } else { equal };
        Self::Positions { sure, maybe }
    }
}

impl Column {
    /// The rows that pass `check`.
    pub(crate) fn answer(&self, check: &Check<'_>) -> Answer {
        match check {
            Check::IsEmpty(false) => Answer::exact(self.sets.filled.clone()),
            Check::IsEmpty(true) => Answer::exact(self.sets.filled.complement(self.rows)),
            Check::IsNull(true) => Answer::exact(self.sets.null.clone()),
            Check::IsNull(false) => Answer::exact(self.sets.null.complement(self.rows)),
            Check::ValuesCount(range) => {
                let mut sure = RowSet::new();
                if range.contains(&1) {
                    sure = sure.union(&self.sets.filled);
                }
                if range.contains(&0) {
                    sure = sure.union(&self.sets.filled.complement(self.rows));
                }
                Answer::new(sure.difference(&self.sets.uneven), &self.sets.uneven)
            }
            Check::In(_)
            | Check::NotIn(_)
            | Check::Range(_)
            | Check::DateRange(_)
            | Check::Contains(_)
            | Check::Prefix(_)
            | Check::Words(_)
            | Check::Within(_) => match self.plan(check) {
                Plan::Tokens(postings) => self.text_answer(postings, check),
                Plan::Positions { sure, maybe } => {
                    let maybe = self.rows_at(maybe.into_iter()).union(&self.sets.foreign);
                    Answer::new(self.rows_at(sure.into_iter()), &maybe)
                }
                Plan::Scan(items) => {
                    let passing = items.filter(|&item| self.passes(item, check));
                    let sure = self.rows_at(passing.map(|item| self.positions(item)));
                    Answer::new(sure, &self.sets.foreign)
                }
            },
        }
    }

    /// How many rows pass `check`, without listing them.
    pub(crate) fn estimate(&self, check: &Check<'_>) -> Cardinality {
        let rows = u64::from(self.rows);
        let filled = Cardinality::exact(self.sets.filled.len() as u64);
        let null = Cardinality::exact(self.sets.null.len() as u64);
        match check {
            Check::IsEmpty(false) => filled,
            Check::IsEmpty(true) => filled.not(rows),
            Check::IsNull(true) => null,
            Check::IsNull(false) => null.not(rows),
            Check::ValuesCount(_) => {
                let answer = self.answer(check);
                let (sure, maybe) = (answer.sure.len() as u64, answer.maybe.len() as u64);
                Cardinality::new(sure, sure as f64 + maybe as f64 / 2.0, sure + maybe)
            }
            Check::In(_)
            | Check::NotIn(_)
            | Check::Range(_)
            | Check::DateRange(_)
            | Check::Contains(_)
            | Check::Prefix(_)
            | Check::Words(_)
            | Check::Within(_) => match self.plan(check) {
                Plan::Tokens(postings) => self.text_estimate(postings, check),
                Plan::Positions { sure, maybe } => {
                    let total = |ranges: Ranges| ranges.into_iter().map(|range| range.len()).sum();
                    self.rows_of_values(total(sure), total(maybe))
                }
                Plan::Scan(items) => self.scan_estimate(items, check),
            },
        }
    }

    /// What so many passing values, and so many that may pass, say about rows.
    fn rows_of_values(&self, sure: usize, maybe: usize) -> Cardinality {
        let points = u64::from(self.points);
        let rows_of = |values: usize| (values as u64).min(points);
        let foreign = self.sets.foreign.len() as u64;
        let values_per_row = self.store.rows().len() as f64 / points.max(1) as f64;
        let guess = (sure as f64 + maybe as f64 / 2.0) / values_per_row.max(1.0);
        let max = rows_of(sure) + rows_of(maybe) + foreign;
        Cardinality::new(
            (sure as u64).div_ceil(u64::from(self.values_max).max(1)),
            guess + foreign as f64 / 2.0,
            max.min(self.rows.into()),
        )
    }

    fn scan_estimate(&self, items: Range<usize>, check: &Check<'_>) -> Cardinality {
        let sampled = if items.len() <= SCAN_MAX {
            items.len()
        } else {
            SCAN_SAMPLE
        };
        let (mut hits, mut tried) = (0, 0);
        for at in 0..sampled {
            let item = items.start + at * items.len() / sampled;
            let values = self.positions(item).len();
            tried += values;
            if self.passes(item, check) {
                hits += values;
            }
        }
        let total = match (
            self.positions(items.start),
            self.positions(items.end.max(1) - 1),
        ) {
            (first, last) if !items.is_empty() => last.end.saturating_sub(first.start),
            (_, _) => 0,
        };
        let untried = total.saturating_sub(tried);
        let known = self.rows_of_values(hits, untried);
        let share = hits as f64 / tried.max(1) as f64;
        let guess = self
            .rows_of_values((share * total as f64) as usize, 0)
            .expected;
        Cardinality::new(known.min, guess as f64, known.max)
    }

    /// Whether the text or place `item` passes.
    fn passes(&self, item: usize, check: &Check<'_>) -> bool {
        match &self.store {
            Store::Terms(terms) => match core::str::from_utf8(terms.text(item)) {
                Ok(text) => check.accepts(model::ValueRef::Str(text)),
                Err(_) => false,
            },
            Store::Places { lats, lons, .. } => match check {
                Check::Within(region) => region.contains(model::GeoPoint {
                    lon: lons.as_slice()[item],
                    lat: lats.as_slice()[item],
                }),
                Check::In(_)
                | Check::NotIn(_)
                | Check::Range(_)
                | Check::DateRange(_)
                | Check::Contains(_)
                | Check::Words(_)
                | Check::Prefix(_)
                | Check::ValuesCount(_)
                | Check::IsEmpty(_)
                | Check::IsNull(_) => false,
            },
            Store::Keys { .. } | Store::Uuids { .. } | Store::Text(_) => false,
        }
    }

    /// Positions of the text or place `item`.
    fn positions(&self, item: usize) -> Range<usize> {
        match &self.store {
            Store::Terms(terms) => terms.positions(item..item + 1),
            Store::Places { .. } | Store::Keys { .. } | Store::Uuids { .. } | Store::Text(_) => {
                item..item + 1
            }
        }
    }

    /// The rows at these positions.
    fn rows_at(&self, ranges: impl Iterator<Item = Range<usize>>) -> RowSet {
        let slices: Vec<&[u32]> = ranges.map(|range| self.store.rows_at(range)).collect();
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let inside = slices.into_iter().flatten().filter(|&&row| row < self.rows);
        if total > self.rows as usize / 64 {
            let rows = inside.map(|&row| RowId(row));
            return RowSet::from(&BitSet::from_rows(self.rows as usize, rows));
        }
        let mut rows: Vec<RowId> = inside.map(|&row| RowId(row)).collect();
        rows.sort_unstable();
        rows.into_iter().collect()
    }

    fn plan(&self, check: &Check<'_>) -> Plan<'_> {
        match &self.store {
            Store::Text(postings) => Plan::Tokens(postings),
            Store::Keys { keys, .. } => self.plan_keys(keys.as_slice(), check),
            Store::Uuids { keys, .. } => plan_uuids(keys.as_slice(), check),
            Store::Terms(terms) => plan_terms(terms, check),
            Store::Places { lats, .. } => plan_places(lats.as_slice(), check),
        }
    }

    fn plan_keys(&self, keys: &[u64], check: &Check<'_>) -> Plan<'static> {
        let everything = || Plan::maybe(whole(keys.len()));
        match check {
            Check::In(members) => {
                let (wanted, certain) = member_keys(self.kind, members);
                Plan::members(equal_ranges(keys, wanted), certain)
            }
            Check::NotIn(members) => {
                let (wanted, certain) = member_keys(self.kind, members);
                Plan::strangers(equal_ranges(keys, wanted), certain, keys.len())
            }
            Check::Range(range) => match self.kind {
                FieldKind::Integer => {
                    Plan::sure(within(keys, range, |key| key::to_int(key) as f64))
                }
                FieldKind::Float => Plan::sure(within(keys, range, key::to_float)),
                FieldKind::Bool
                | FieldKind::Datetime
                | FieldKind::Keyword
                | FieldKind::Uuid
                | FieldKind::Geo
                | FieldKind::Text => Plan::nothing(),
            },
            Check::DateRange(range) if self.kind == FieldKind::Datetime => {
                Plan::sure(within(keys, range, |key| Timestamp(key::to_int(key))))
            }
            // The keys of dates do not tell how they were written.
            Check::Contains(_) | Check::Prefix(_) | Check::Words(_)
                if self.kind == FieldKind::Datetime =>
            {
                everything()
            }
            Check::DateRange(_)
            | Check::Contains(_)
            | Check::Words(_)
            | Check::Prefix(_)
            | Check::Within(_)
            | Check::ValuesCount(_)
            | Check::IsEmpty(_)
            | Check::IsNull(_) => Plan::nothing(),
        }
    }
}

/// Keys of the members that a column of `kind` may hold, ascending, and whether every value with
/// such a key is a member.
fn member_keys(kind: FieldKind, members: &Members<'_>) -> (Vec<u64>, bool) {
    let mut keys: Vec<u64> = match kind {
        FieldKind::Integer => members.integers.iter().map(key::of_int).collect(),
        FieldKind::Bool => members.bools.iter().map(u64::from).collect(),
        // 3 and 3.0 have the same key, and only the first can be a member.
        FieldKind::Float => members
            .integers
            .iter()
            .map(|n| key::of_float(n as f64))
            .collect(),
        // One instant can be written in many ways, and texts are compared as written.
        FieldKind::Datetime => members
            .texts
            .iter()
            .filter_map(Timestamp::parse)
            .map(|instant| key::of_int(instant.0))
            .collect(),
        FieldKind::Keyword | FieldKind::Uuid | FieldKind::Geo | FieldKind::Text => Vec::new(),
    };
    keys.sort_unstable();
    keys.dedup();
    (keys, matches!(kind, FieldKind::Integer | FieldKind::Bool))
}

/// Positions of each of the keys `wanted` (ascending, distinct) that occurs.
fn equal_ranges<K: Ord + Copy>(keys: &[K], wanted: impl IntoIterator<Item = K>) -> Ranges {
    let mut ranges = Vec::new();
    for key in wanted {
        let start = keys.partition_point(|&k| k < key);
        let end = keys.partition_point(|&k| k <= key);
        push_range(&mut ranges, start, end);
    }
    ranges
}

/// All of so many positions.
fn whole(positions: usize) -> Ranges {
    core::iter::once(0..positions).collect()
}

/// Appends `start..end` unless it is empty or, in a damaged column, out of order.
fn push_range(ranges: &mut Ranges, start: usize, end: usize) {
    if start < end && ranges.last().is_none_or(|last| last.end <= start) {
        ranges.push(start..end);
    }
}

/// Positions of the values in `range`.
fn within<T: PartialOrd>(
    keys: &[u64],
    range: &model::filter::Range<T>,
    value: impl Fn(u64) -> T,
) -> Ranges {
    let start = keys.partition_point(|&key| {
        let value = value(key);
        !(range.gt.as_ref().is_none_or(|bound| value > *bound)
            && range.gte.as_ref().is_none_or(|bound| value >= *bound))
    });
    let end = keys.partition_point(|&key| {
        let value = value(key);
        range.lt.as_ref().is_none_or(|bound| value < *bound)
            && range.lte.as_ref().is_none_or(|bound| value <= *bound)
    });
    let mut ranges = Vec::new();
    push_range(&mut ranges, start, end);
    ranges
}

fn plan_uuids(keys: &[u128], check: &Check<'_>) -> Plan<'static> {
    // Without a declared UUID index texts are compared as written, which the keys do not tell.
    let parsed = |texts: &Few<&str>| {
        let mut keys: Vec<u128> = texts.iter().filter_map(parse_uuid).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let equal = |members: &Members<'_>| match &members.uuids {
        Some(uuids) => (equal_ranges(keys, uuids.iter()), true),
        None => (equal_ranges(keys, parsed(&members.texts)), false),
    };
    match check {
        Check::In(members) => {
            let (equal, certain) = equal(members);
            Plan::members(equal, certain)
        }
        Check::NotIn(members) => {
            let (equal, certain) = equal(members);
            Plan::strangers(equal, certain, keys.len())
        }
        Check::Contains(_) | Check::Words(_) | Check::Prefix(_) | Check::DateRange(_) => {
            Plan::maybe(whole(keys.len()))
        }
        Check::Range(_)
        | Check::Within(_)
        | Check::ValuesCount(_)
        | Check::IsEmpty(_)
        | Check::IsNull(_) => Plan::nothing(),
    }
}

fn plan_terms(terms: &Terms, check: &Check<'_>) -> Plan<'static> {
    let positions = terms.rows.len();
    let equal = |members: &Members<'_>| {
        let mut ranges = Vec::new();
        for text in members.texts.iter() {
            let term = terms.partition_point(|other| other < text.as_bytes());
            if term < terms.len() && terms.text(term) == text.as_bytes() {
                let range = terms.positions(term..term + 1);
                push_range(&mut ranges, range.start, range.end);
            }
        }
        ranges
    };
    match check {
        // Where the schema declares a UUID index, a text can equal another way to write it.
        Check::In(members) | Check::NotIn(members) if members.uuids.is_some() => {
            Plan::Scan(0..terms.len())
        }
        Check::In(members) => Plan::members(equal(members), true),
        Check::NotIn(members) => Plan::strangers(equal(members), true, positions),
        Check::Prefix(start) => {
            let start = start.as_bytes();
            let from = terms.partition_point(|text| text < start);
            let to = terms.partition_point(|text| text < start || text.starts_with(start));
            let mut ranges = Vec::new();
            let range = terms.positions(from..to.max(from));
            push_range(&mut ranges, range.start, range.end);
            Plan::sure(ranges)
        }
        // The texts of a row may have the tokens together.
        Check::Words(_) => Plan::maybe(whole(positions)),
        Check::Contains(_) | Check::DateRange(_) => Plan::Scan(0..terms.len()),
        Check::Range(_)
        | Check::Within(_)
        | Check::ValuesCount(_)
        | Check::IsEmpty(_)
        | Check::IsNull(_) => Plan::nothing(),
    }
}

fn plan_places(lats: &[f64], check: &Check<'_>) -> Plan<'static> {
    let band = |region: &Region<'_>| {
        let (south, north) = region.latitudes();
        let start = lats.partition_point(|&lat| lat < south);
        let end = lats.partition_point(|&lat| lat <= north);
        start.min(end)..end
    };
    match check {
        Check::Within(region) => Plan::Scan(band(region)),
        // An object equals no scalar.
        Check::NotIn(_) => Plan::sure(whole(lats.len())),
        Check::In(_)
        | Check::Range(_)
        | Check::DateRange(_)
        | Check::Contains(_)
        | Check::Words(_)
        | Check::Prefix(_)
        | Check::ValuesCount(_)
        | Check::IsEmpty(_)
        | Check::IsNull(_) => Plan::nothing(),
    }
}

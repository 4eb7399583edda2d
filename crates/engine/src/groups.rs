//! Search results put into groups by a payload value.
//!
//! Groups are found by searching again and again: first for points of groups that are not full
//! yet, then for more points of the best groups that are not. Both end early, when the groups are
//! full or nothing is left, and at the latest after a fixed number of searches, so that a value
//! that most points share costs no more than any other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use filter::payload;
use model::aggregate::{Group, GroupKey, Groups};
use model::filter::Test;
use model::{Error, Filter, PointId, Scalar, ScoredPoint, Search, Select, ValueRef};
use rows::{RowId, rank_key};

use crate::collection::Collection;
use crate::patience::Patience;
use crate::search::ScratchPool;

/// Searches for new groups.
const COLLECT_MAX: usize = 5;

/// Searches for more points of known groups.
const FILL_MAX: usize = 5;

impl Collection {
    /// The best groups, each with its best points; both best first.
    ///
    /// # Errors
    /// Those of [`Collection::search`], and of `patience`, which is asked before every search.
    pub fn groups(
        &self,
        groups: &Groups,
        scratch: &ScratchPool,
        patience: Patience<'_>,
    ) -> Result<Vec<Group>, Error> {
        let mut found = Found::new(groups);
        for _ in 0..COLLECT_MAX {
            patience()?;
            let full = found.full();
            let others = scalars(&full).map(|scalars| field(groups, Test::NotIn(scalars)));
            if self.search_more(groups, others.collect(), &mut found, scratch)? == 0 {
                break;
            }
            if found.is_complete() {
                return self.shown(groups, found);
            }
        }
        for _ in 0..FILL_MAX {
            patience()?;
            let lacking = found.lacking();
            let these = scalars(&lacking).map(|scalars| field(groups, Test::In(scalars)));
            let these: Vec<Filter> = these.collect();
            // Keys that no filter can name are looked for among all points.
            let these = if these.is_empty() && !lacking.is_empty() {
                Vec::new()
            } else {
                vec![Filter::Any(these)]
            };
            if self.search_more(groups, these, &mut found, scratch)? == 0 {
                break;
            }
            if found.is_complete() {
                break;
            }
        }
        self.shown(groups, found)
    }

    /// Searches under further conditions, without the points that are known; how many it found.
    fn search_more(
        &self,
        groups: &Groups,
        mut conditions: Vec<Filter>,
        found: &mut Found<'_>,
        scratch: &ScratchPool,
    ) -> Result<usize, Error> {
        conditions.extend(groups.search.filter.clone());
        conditions.push(field(groups, Test::IsEmpty(false)));
        if !found.seen.is_empty() {
            let seen = Filter::HasId(found.seen.iter().cloned().collect());
            conditions.push(Filter::Not(Box::new(seen)));
        }
        let search = Search {
            filter: Some(Filter::All(conditions)),
            limit: groups.groups.saturating_mul(groups.per_group),
            offset: 0,
            select: Select::default(),
            ..groups.search.clone()
        };
        let hits = self.search(&search, scratch)?;
        let count = hits.len();
        for hit in hits {
            let keys = self.group_keys(&hit.record.id, groups)?;
            found.add(&hit, keys);
        }
        Ok(count)
    }

    /// The groups that a point belongs to, each once, in the order of its payload; none when one
    /// of its values is no key.
    fn group_keys(&self, id: &PointId, groups: &Groups) -> Result<Vec<GroupKey>, Error> {
        let place = self.must_locate(id)?;
        let block = &self.segment(place.segment).segment.block;
        let mut keys = Vec::new();
        // Beside the list, which may be long.
        let mut known = BTreeSet::new();
        let mut no_key = |value: ValueRef<'_>| match key(value) {
            Some(key) => {
                if known.insert(key.clone()) {
                    keys.push(key);
                }
                false
            }
            None => true,
        };
        let stopped = payload::any_value(block.payload(place.row), &groups.by, &mut no_key);
        Ok(if stopped { Vec::new() } else { keys })
    }

    /// The best groups with what the search selects of their points.
    fn shown(&self, groups: &Groups, found: Found<'_>) -> Result<Vec<Group>, Error> {
        let mut shown = found.best();
        for group in &mut shown {
            for hit in &mut group.hits {
                let place = self.must_locate(&hit.record.id)?;
                hit.record = self.record(place, &groups.search.select)?;
            }
        }
        Ok(shown)
    }
}

fn field(groups: &Groups, test: Test) -> Filter {
    Filter::Field {
        path: groups.by.clone(),
        test,
    }
}

fn key(value: ValueRef<'_>) -> Option<GroupKey> {
    match value {
        ValueRef::Int(n) => Some(GroupKey::Int(n)),
        ValueRef::UInt(n) => Some(GroupKey::UInt(n)),
        ValueRef::Str(text) => Some(GroupKey::Text(text.into())),
        ValueRef::Null
        | ValueRef::Bool(_)
        | ValueRef::Float(_)
        | ValueRef::Array(_)
        | ValueRef::Object(_) => None,
    }
}

/// Keys as filters know them, texts and integers apart. Integers above `i64::MAX` are not among
/// them: no filter can name those.
fn scalars(keys: &[GroupKey]) -> impl Iterator<Item = Vec<Scalar>> {
    let mut texts = Vec::new();
    let mut integers = Vec::new();
    for key in keys {
        match key {
            GroupKey::Int(n) => integers.push(Scalar::Int(*n)),
            GroupKey::UInt(_) => {}
            GroupKey::Text(text) => texts.push(Scalar::Str(text.clone())),
        }
    }
    [texts, integers]
        .into_iter()
        .filter(|scalars| !scalars.is_empty())
}

/// The groups found so far.
struct Found<'a> {
    groups: &'a Groups,
    /// With the place at which the group was found, so that equally good ones keep their order.
    hits: BTreeMap<GroupKey, (usize, Vec<ScoredPoint>)>,
    seen: BTreeSet<PointId>,
}

/// Best first, as results of searches are ordered.
fn rank(hit: &ScoredPoint) -> Reverse<u64> {
    Reverse(rank_key(RowId(0), hit.score))
}

impl<'a> Found<'a> {
    fn new(groups: &'a Groups) -> Self {
        Self {
            groups,
            hits: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    fn add(&mut self, hit: &ScoredPoint, keys: Vec<GroupKey>) {
        self.seen.insert(hit.record.id.clone());
        for key in keys {
            let next = self.hits.len();
            let (_, hits) = self.hits.entry(key).or_insert((next, Vec::new()));
            hits.push(hit.clone());
            // Stable: equal scores stay in the order found.
            hits.sort_by_key(rank);
            hits.truncate(self.groups.per_group);
        }
    }

    fn is_full(&self, hits: &[ScoredPoint]) -> bool {
        hits.len() >= self.groups.per_group
    }

    /// Keys of all full groups.
    fn full(&self) -> Vec<GroupKey> {
        let full = self.hits.iter().filter(|(_, (_, hits))| self.is_full(hits));
        full.map(|(key, _)| key.clone()).collect()
    }

    /// The wanted number of groups, best first.
    fn ranked(&self) -> Vec<(&GroupKey, &[ScoredPoint])> {
        let mut ranked: Vec<_> = self.hits.iter().collect();
        ranked.sort_by_key(|(_, (at, hits))| (rank(&hits[0]), *at));
        ranked.truncate(self.groups.groups);
        ranked
            .into_iter()
            .map(|(key, (_, hits))| (key, hits.as_slice()))
            .collect()
    }

    /// Keys of those of the best groups that are not full.
    fn lacking(&self) -> Vec<GroupKey> {
        let ranked = self.ranked().into_iter();
        let lacking = ranked.filter(|(_, hits)| !self.is_full(hits));
        lacking.map(|(key, _)| key.clone()).collect()
    }

    /// Whether as many groups as wanted are full.
    fn is_complete(&self) -> bool {
        let ranked = self.ranked();
        ranked.len() >= self.groups.groups && ranked.iter().all(|(_, hits)| self.is_full(hits))
    }

    fn best(&self) -> Vec<Group> {
        let ranked = self.ranked().into_iter();
        ranked
            .map(|(key, hits)| Group {
                key: key.clone(),
                hits: hits.to_vec(),
            })
            .collect()
    }
}

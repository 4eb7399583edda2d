//! Reachability: every row of a graph must be found by some walk.
//!
//! Neighbour selection gives no such promise. Cutting lists, groups of equal vectors and unlucky
//! pruning leave rows that nothing leads to; they would be invisible for ever, since a graph is
//! never changed after it is built.

use rows::BitSet;

use crate::graph::{Base, Graph, Links, NONE, present};

/// Number of `present` rows that cannot be reached from the entry over level zero.
pub(crate) fn unreachable(graph: &Graph, present: Option<&BitSet>) -> usize {
    if graph.rows() == 0 {
        return 0;
    }
    let entry = graph
        .levels_down()
        .fold(graph.entry(), |slot, level| level.below[slot as usize]);
    let mut reached = BitSet::new(graph.rows());
    flood(graph.base(), entry, &mut reached);
    (0..graph.rows() as u32)
        .filter(|&row| present.is_none_or(|present| present.contains(row.into())))
        .filter(|&row| !reached.contains(row.into()))
        .count()
}

/// Adds links until every one of `rows` can be reached. One pass suffices: no step makes a reached
/// row unreachable.
pub(crate) fn connect(links: &mut Links, rows: &[u32]) {
    let Some(entry) = entry_row(links) else {
        return;
    };
    let mut reached = BitSet::new(links.base.len() / links.per_row);
    flood(Base::new(&links.base, links.per_row), entry, &mut reached);
    for &row in rows {
        if !reached.contains(row.into()) {
            let from = anchor(links, row, &reached, entry);
            insert_between(links, from, row);
            flood(Base::new(&links.base, links.per_row), row, &mut reached);
        }
    }
}

/// The row of level zero that a search starts from, without walking.
pub(crate) fn entry_row(links: &Links) -> Option<u32> {
    if links.base.is_empty() {
        return None;
    }
    let mut entry = links.entry;
    for level in links.levels.iter().rev() {
        entry = level.below[entry as usize];
    }
    Some(entry)
}

/// Marks everything that `from` leads to.
fn flood(base: Base<'_>, from: u32, reached: &mut BitSet) {
    let mut open = vec![from];
    reached.insert(from.into());
    while let Some(row) = open.pop() {
        for &link in base.links(row) {
            if reached.insert(link.into()) {
                open.push(link);
            }
        }
    }
}

/// The reached row that should lead to `row`: one of its own neighbours, with room if possible.
fn anchor(links: &Links, row: u32, reached: &BitSet, entry: u32) -> u32 {
    let of = |row: u32| &links.base[row as usize * links.per_row..][..links.per_row];
    let neighbours = || {
        present(of(row))
            .iter()
            .copied()
            .filter(|&n| reached.contains(n.into()))
    };
    let roomy = neighbours().find(|&n| of(n).last() == Some(&NONE));
    roomy.or_else(|| neighbours().next()).unwrap_or(entry)
}

/// Makes `from` lead to `row`. When `from` is full, `row` takes the place of its last link and
/// leads there itself: whatever that link reached stays reachable. `row` was unreachable, so
/// nothing depends on the link that it gives up for it.
fn insert_between(links: &mut Links, from: u32, row: u32) {
    let displaced = push_link(links, from, row);
    if let Some(displaced) = displaced {
        push_link(links, row, displaced);
    }
}

/// Puts `to` into the first free place of `from`, or into the last one; returns what was there.
fn push_link(links: &mut Links, from: u32, to: u32) -> Option<u32> {
    let places = &mut links.base[from as usize * links.per_row..][..links.per_row];
    let place = present(places).len().min(places.len() - 1);
    let before = std::mem::replace(&mut places[place], to);
    (before != NONE).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn islands() -> Links {
        // 0 and 1 lead to each other; 2 leads to 0, 3 to 2, 4 to nothing.
        Links {
            per_row: 2,
            per_upper: 2,
            base: vec![1, NONE, 0, NONE, 0, NONE, 2, NONE, NONE, NONE],
            levels: Vec::new(),
            entry: 0,
        }
    }

    #[test]
    fn rows_that_nothing_leads_to_are_counted() {
        let graph = Graph::open(islands().encode(), 5).unwrap();
        assert_eq!(unreachable(&graph, None), 3);
        let present = BitSet::from_rows(5, [0, 1, 4].map(rows::RowId));
        assert_eq!(unreachable(&graph, Some(&present)), 1);
    }

    #[test]
    fn connecting_reaches_every_row_asked_for() {
        let mut links = islands();
        connect(&mut links, &[0, 1, 2, 3, 4]);
        let graph = Graph::open(links.encode(), 5).unwrap();
        assert_eq!(unreachable(&graph, None), 0);
        let mut without = islands();
        connect(&mut without, &[0, 1, 2, 3]);
        let graph = Graph::open(without.encode(), 5).unwrap();
        assert_eq!(unreachable(&graph, None), 1, "row 4 was not asked for");
    }
}

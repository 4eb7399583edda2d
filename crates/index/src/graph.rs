//! The compact form of an HNSW graph: flat arrays of links, opened without copying.
//!
//! Layout, all numbers `u32` little-endian, every part starting on a 64-byte line:
//!
//! | part | content |
//! |---|---|
//! | header | magic, rows, links per row, links per upper node, levels, entry slot |
//! | level sizes | one number per upper level, lowest first |
//! | base | `rows × links`: for each row the rows it leads to, then [`NONE`] |
//! | per upper level | its rows; the slot below each; `nodes × upper links` slots, [`NONE`] |
//!
//! A node of an upper level is addressed by its *slot* (its place in that level), so descending
//! needs no search: `below[slot]` is the slot one level down, and on the lowest upper level the
//! row. Everything a walk reads is checked when the graph is opened; a walk can then not leave it.

use bytes::Bytes;

use crate::aligned::{AlignedBytes, LINE_BYTES, le_bytes, viewable, whole_lines};
use crate::open_error::OpenError;

/// Name of the block that holds the graph.
pub(crate) const BLOCK: &str = "graph";

/// Fills the places of missing links, always behind the links.
pub(crate) const NONE: u32 = u32::MAX;

const MAGIC: [u8; 8] = *b"SKGRAPH1";
const HEADER_BYTES: usize = LINE_BYTES;
/// Rows that a graph can hold: a walk packs a row into 30 bits.
pub(crate) const ROWS_MAX: usize = 1 << 30;
/// A level holds a small share of the one below; more levels than this are damage.
const LEVELS_MAX: usize = 32;
const LINKS_MAX: usize = 1024;

/// A graph while it is built, as plain arrays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Links {
    /// Links per row.
    pub(crate) per_row: usize,
    /// Links per node of an upper level.
    pub(crate) per_upper: usize,
    /// `rows × per_row` rows, each row's links first, then [`NONE`].
    pub(crate) base: Vec<u32>,
    /// Upper levels, lowest first.
    pub(crate) levels: Vec<UpperLevel>,
    /// Where a search starts: a slot of the top level, or a row when there is no upper level.
    pub(crate) entry: u32,
}

/// One upper level while it is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UpperLevel {
    /// The row of each slot.
    pub(crate) rows: Vec<u32>,
    /// The slot one level down of each slot; on the lowest level the row.
    pub(crate) below: Vec<u32>,
    /// `nodes × per_upper` slots of this level.
    pub(crate) links: Vec<u32>,
}

impl Links {
    /// Encodes the graph.
    pub(crate) fn encode(&self) -> Bytes {
        let rows = self.base.len() / self.per_row.max(1);
        let sizes: Vec<u32> = self
            .levels
            .iter()
            .map(|level| level.rows.len() as u32)
            .collect();
        let mut parts: Vec<&[u32]> = vec![&sizes, &self.base];
        for level in &self.levels {
            parts.extend([&level.rows[..], &level.below, &level.links]);
        }
        let len = parts
            .iter()
            .map(|part| whole_lines(size_of_val(*part)))
            .sum::<usize>();
        let mut bytes = AlignedBytes::zeroed(HEADER_BYTES + len);
        let header = [
            rows as u32,
            self.per_row as u32,
            self.per_upper as u32,
            self.levels.len() as u32,
            self.entry,
        ];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..][..size_of_val(&header)].copy_from_slice(&le_bytes(&header));
        let mut at = HEADER_BYTES;
        for part in parts {
            bytes[at..][..size_of_val(part)].copy_from_slice(&le_bytes(part));
            at += whole_lines(size_of_val(part));
        }
        bytes.into_bytes()
    }
}

/// A checked graph over stored bytes.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    bytes: Bytes,
    rows: usize,
    per_row: usize,
    per_upper: usize,
    entry: u32,
    base_at: usize,
    levels: Vec<LevelPlace>,
}

#[derive(Clone, Copy, Debug)]
struct LevelPlace {
    nodes: usize,
    rows_at: usize,
    below_at: usize,
    links_at: usize,
}

/// Level zero of a graph, stored or still being built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    links: &'a [u32],
    per_row: usize,
}

impl<'a> Base<'a> {
    /// A view of `links`, `per_row` for each row.
    pub(crate) fn new(links: &'a [u32], per_row: usize) -> Self {
        Self { links, per_row }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.links.len() / self.per_row
    }

    /// The places for links of `row`: its links, then [`NONE`].
    #[inline]
    pub(crate) fn places(&self, row: u32) -> &'a [u32] {
        &self.links[row as usize * self.per_row..][..self.per_row]
    }

    /// The links of `row`.
    #[inline]
    pub(crate) fn links(&self, row: u32) -> &'a [u32] {
        present(self.places(row))
    }

    /// Says that the links of `row` will be read soon.
    #[inline]
    pub(crate) fn prefetch(&self, row: u32) {
        kernels::prefetch(bytemuck::cast_slice(self.places(row)));
    }
}

/// One upper level of a graph, stored or still being built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelView<'a> {
    /// The row of each slot.
    pub(crate) rows: &'a [u32],
    /// The slot (or row) below each slot.
    pub(crate) below: &'a [u32],
    /// The places for links of all slots, `per_upper` for each.
    pub(crate) links: &'a [u32],
    /// Places per slot.
    pub(crate) per_upper: usize,
}

impl<'a> LevelView<'a> {
    /// The slots that `slot` leads to.
    pub(crate) fn links(&self, slot: u32) -> &'a [u32] {
        present(&self.links[slot as usize * self.per_upper..][..self.per_upper])
    }
}

/// The links of a node without the unused places behind them.
#[inline]
pub(crate) fn present(places: &[u32]) -> &[u32] {
    // Branch-free: counting the unused places of one or two cache lines is a few vector
    // instructions, looking for the first of them is a misprediction per node.
    let mut used = 0;
    for &link in places {
        used += usize::from(link != NONE);
    }
    &places[..used]
}

impl Graph {
    /// Opens and checks a stored graph over `rows` rows.
    pub(crate) fn open(bytes: Bytes, rows: usize) -> Result<Self, OpenError> {
        if bytes.len() < HEADER_BYTES {
            let expected = HEADER_BYTES;
            return Err(OpenError::Short {
                name: BLOCK,
                bytes: bytes.len(),
                expected,
            });
        }
        if bytes[..8] != MAGIC {
            return Err(OpenError::Format { name: BLOCK });
        }
        let bytes = viewable(bytes)?;
        let header: &[u32] = bytemuck::cast_slice(&bytes[8..HEADER_BYTES]);
        let &[stored_rows, per_row, per_upper, levels, entry, ..] = header else {
            return Err(OpenError::Format { name: BLOCK });
        };
        let (per_row, per_upper) = (per_row as usize, per_upper as usize);
        if stored_rows as usize != rows || rows > ROWS_MAX {
            let got = stored_rows as usize;
            return Err(OpenError::Mismatch {
                what: "length",
                got,
                expected: rows,
            });
        }
        for (what, value, max) in [
            ("number of links", per_row, LINKS_MAX),
            ("number of upper links", per_upper, LINKS_MAX),
            ("number of levels", levels as usize, LEVELS_MAX),
        ] {
            if value > max || (value == 0 && what == "number of links") {
                return Err(OpenError::Value {
                    what,
                    value: value as f64,
                });
            }
        }
        let mut graph = Self {
            bytes,
            rows,
            per_row,
            per_upper,
            entry,
            base_at: 0,
            levels: Vec::new(),
        };
        graph.place(levels as usize)?;
        graph.check()?;
        Ok(graph)
    }

    /// Computes where each part lies and that the bytes hold exactly all of them.
    fn place(&mut self, levels: usize) -> Result<(), OpenError> {
        let short = |expected| OpenError::Short {
            name: BLOCK,
            bytes: self.bytes.len(),
            expected,
        };
        let mut at = HEADER_BYTES;
        let mut next = |words: usize| {
            let start = at;
            at += whole_lines(words * size_of::<u32>());
            start
        };
        let sizes_at = next(levels);
        self.base_at = next(self.rows * self.per_row);
        let size_bytes = levels * size_of::<u32>();
        let Some(sizes) = self.bytes.get(sizes_at..sizes_at + size_bytes) else {
            return Err(short(sizes_at + size_bytes));
        };
        for &nodes in bytemuck::cast_slice::<u8, u32>(sizes) {
            let nodes = nodes as usize;
            if nodes == 0 || nodes > self.rows {
                return Err(OpenError::Value {
                    what: "level size",
                    value: nodes as f64,
                });
            }
            let (rows_at, below_at) = (next(nodes), next(nodes));
            let links_at = next(nodes * self.per_upper);
            self.levels.push(LevelPlace {
                nodes,
                rows_at,
                below_at,
                links_at,
            });
        }
        if self.bytes.len() != at {
            return Err(OpenError::Short {
                name: BLOCK,
                bytes: self.bytes.len(),
                expected: at,
            });
        }
        Ok(())
    }

    /// Checks every number that a walk follows.
    fn check(&self) -> Result<(), OpenError> {
        check_links(0, self.base_links(), self.per_row, self.rows)?;
        let mut below_nodes = self.rows;
        for at in 0..self.levels.len() {
            let level = self.level(at);
            check_links(at + 1, level.links, self.per_upper, level.rows.len())?;
            for (slot, (&row, &below)) in level.rows.iter().zip(level.below).enumerate() {
                for (target, bound) in [(row, self.rows), (below, below_nodes)] {
                    if target as usize >= bound {
                        return Err(OpenError::Link {
                            level: at + 1,
                            node: slot,
                            target,
                        });
                    }
                }
            }
            below_nodes = level.rows.len();
        }
        if self.entry as usize >= below_nodes && self.rows > 0 {
            return Err(OpenError::Value {
                what: "entry",
                value: self.entry.into(),
            });
        }
        Ok(())
    }

    fn words(&self, at: usize, count: usize) -> &[u32] {
        bytemuck::cast_slice(&self.bytes[at..at + count * size_of::<u32>()])
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Level zero.
    pub(crate) fn base(&self) -> Base<'_> {
        Base::new(self.base_links(), self.per_row)
    }

    fn base_links(&self) -> &[u32] {
        self.words(self.base_at, self.rows * self.per_row)
    }

    /// The upper levels, the top one first.
    pub(crate) fn levels_down(&self) -> impl Iterator<Item = LevelView<'_>> {
        (0..self.levels.len()).rev().map(|at| self.level(at))
    }

    /// Upper level `at`, lowest first.
    fn level(&self, at: usize) -> LevelView<'_> {
        let place = self.levels[at];
        LevelView {
            rows: self.words(place.rows_at, place.nodes),
            below: self.words(place.below_at, place.nodes),
            links: self.words(place.links_at, place.nodes * self.per_upper),
            per_upper: self.per_upper,
        }
    }

    /// Where a search starts: a slot of the top level, or a row without upper levels.
    pub(crate) fn entry(&self) -> u32 {
        self.entry
    }

    /// Size of the stored graph in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn check_links(
    level: usize,
    links: &[u32],
    per_node: usize,
    nodes: usize,
) -> Result<(), OpenError> {
    for (node, links) in links.chunks_exact(per_node.max(1)).enumerate() {
        let mut ended = false;
        for &target in links {
            // A link behind a gap would never be followed: damage as much as one that leads out.
            if target == NONE {
                ended = true;
            } else if ended || target as usize >= nodes {
                return Err(OpenError::Link {
                    level,
                    node,
                    target,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> Links {
        Links {
            per_row: 2,
            per_upper: 1,
            base: vec![1, 2, 0, NONE, 1, NONE, NONE, NONE],
            levels: vec![
                UpperLevel {
                    rows: vec![2, 0],
                    below: vec![2, 0],
                    links: vec![1, 0],
                },
                UpperLevel {
                    rows: vec![0],
                    below: vec![1],
                    links: vec![NONE],
                },
            ],
            entry: 0,
        }
    }

    #[test]
    fn what_was_encoded_is_read_back() {
        let graph = Graph::open(small().encode(), 4).unwrap();
        assert_eq!(graph.base_links(), small().base);
        assert_eq!(graph.levels.len(), 2);
        assert_eq!(graph.level(0).links(0), [1]);
        assert_eq!(graph.level(1).below, [1]);
        assert_eq!(graph.level(1).rows, [0]);
        assert!(graph.level(1).links(0).is_empty());
        assert_eq!(graph.base_links().as_ptr() as usize % LINE_BYTES, 0);
        assert_eq!(graph.len_bytes() % LINE_BYTES, 0);
    }

    #[test]
    fn an_empty_graph_opens() {
        let links = Links {
            per_row: 4,
            per_upper: 2,
            ..Links::default()
        };
        assert_eq!(Graph::open(links.encode(), 0).unwrap().rows(), 0);
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        let refused = |change: &dyn Fn(&mut Links)| {
            let mut links = small();
            change(&mut links);
            Graph::open(links.encode(), 4).unwrap_err()
        };
        let link = |level, node, target| OpenError::Link {
            level,
            node,
            target,
        };
        assert_eq!(refused(&|links| links.base[1] = 4), link(0, 0, 4));
        assert_eq!(refused(&|links| links.base[7] = 1), link(0, 3, 1));
        assert_eq!(
            refused(&|links| links.levels[0].links[1] = 2),
            link(1, 1, 2)
        );
        assert_eq!(refused(&|links| links.levels[0].rows[1] = 4), link(1, 1, 4));
        assert_eq!(
            refused(&|links| links.levels[1].below[0] = 2),
            link(2, 0, 2)
        );
        assert!(matches!(
            refused(&|links| links.entry = 1),
            OpenError::Value { .. }
        ));
        assert!(matches!(
            refused(&|links| links.per_row = 4),
            OpenError::Mismatch { .. }
        ));
    }

    proptest! {
        // Whatever bytes are stored, opening answers and never panics; if it accepts them, every
        // link can be followed.
        #[test]
        fn damage_never_leads_out(
            changes in proptest::collection::vec((0_usize..1000, any::<u8>()), 0..4),
            cut in 0_usize..1000,
        ) {
            let mut bytes = small().encode().to_vec();
            for (at, byte) in changes {
                let len = bytes.len();
                bytes[at % len] = byte;
            }
            bytes.truncate(if cut < 500 { cut } else { usize::MAX });
            if let Ok(graph) = Graph::open(Bytes::from(bytes), 4) {
                for &link in graph.base_links() {
                    prop_assert!(link == NONE || (link as usize) < 4);
                }
                for at in 0..graph.levels.len() {
                    let level = graph.level(at);
                    for slot in 0..level.rows.len() as u32 {
                        for &link in level.links(slot) {
                            prop_assert!((link as usize) < level.rows.len());
                        }
                    }
                }
            }
        }
    }
}

//! Rows with equal codes.
//!
//! Equal vectors are common (default values, repeated texts) and poison a graph: to each of them
//! the others are the nearest rows there are, so their links all stay among themselves and the
//! group is an island that swallows walks. Therefore builders see one row of each group, its
//! *head*, and the others are hung below it afterwards as a tree.

use crate::codes::Codes;
use crate::graph::{Links, present};

/// Rows that each row of a group leads to, within the group. Wide enough for a walk that looks
/// through rows that are not allowed to see many of them in two steps.
const CHILDREN: usize = 4;

/// Rows grouped by equal codes.
#[derive(Debug, PartialEq)]
pub(crate) struct Groups {
    /// The first row of every group, ascending.
    pub(crate) heads: Vec<u32>,
    /// The groups of more than one row, each ascending.
    pub(crate) twins: Vec<Vec<u32>>,
}

/// Groups `rows` (ascending) by their codes.
pub(crate) fn group(codes: &Codes, rows: &[u32]) -> Groups {
    let mut keyed: Vec<(u64, u32)> = rows
        .iter()
        .map(|&row| (fingerprint(codes.row(row)), row))
        .collect();
    keyed.sort_unstable();
    let (mut heads, mut twins) = (Vec::new(), Vec::new());
    // Rows of one fingerprint are all but surely equal; groups within it settle the rest.
    for same in keyed.chunk_by(|a, b| a.0 == b.0) {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for &(_, row) in same {
            match groups
                .iter_mut()
                .find(|group| codes.row(group[0]) == codes.row(row))
            {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        heads.extend(groups.iter().map(|group| group[0]));
        twins.extend(groups.into_iter().filter(|group| group.len() > 1));
    }
    heads.sort_unstable();
    twins.sort_unstable();
    Groups { heads, twins }
}

/// A hash of a code. Multiply and rotate: only speed and spread matter, collisions are checked.
fn fingerprint(code: &[u8]) -> u64 {
    let (words, _) = code.as_chunks::<8>();
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |hash: u64, word| {
        (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(29)
    })
}

/// Hangs the rows of each group below its head. A row leads to its children first and then where
/// the head leads, so that a walk that arrives at any of them goes on as from the head.
pub(crate) fn attach(links: &mut Links, twins: &[Vec<u32>]) {
    let per_row = links.per_row;
    let children = CHILDREN.min(per_row / 2).max(1);
    for group in twins {
        let head = group[0] as usize;
        let outward = present(&links.base[head * per_row..][..per_row]).to_vec();
        for (at, &row) in group.iter().enumerate() {
            let below = group.iter().skip(at * children + 1).take(children).copied();
            // The head comes before its own links: a twin that is returned should not hide it.
            let up = (at > 0).then_some(group[0]);
            let places = &mut links.base[row as usize * per_row..][..per_row];
            let wanted = below.chain(up).chain(outward.iter().copied());
            for (place, link) in places.iter_mut().zip(wanted) {
                *place = link;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Metric;

    use super::*;
    use crate::DenseBlock;
    use crate::graph::NONE;

    #[test]
    fn equal_rows_are_grouped() {
        let rows = [1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 4.0];
        let codes = Codes::encode(&DenseBlock::from_rows(&rows, 1, Metric::L2).unwrap(), None);
        let groups = group(&codes, &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(groups.heads, [0, 1, 3, 6]);
        assert_eq!(groups.twins, [vec![0, 2, 5], vec![1, 4]]);
        assert_eq!(group(&codes, &[2, 3, 5]).heads, [2, 3]);
    }

    #[test]
    fn twins_hang_below_their_head() {
        let mut base = vec![NONE; 8 * 4];
        base[0] = 7;
        base[28] = 0;
        let mut links = Links {
            per_row: 4,
            per_upper: 2,
            base,
            levels: Vec::new(),
            entry: 0,
        };
        attach(&mut links, &[vec![0, 1, 2, 3, 4]]);
        assert_eq!(links.base[..4], [1, 2, 7, NONE]);
        assert_eq!(links.base[4..8], [3, 4, 0, 7]);
        assert_eq!(links.base[8..12], [0, 7, NONE, NONE]);
        assert_eq!(links.base[28..], [0, NONE, NONE, NONE]);
    }
}

//! Dot products of sparse vectors.

/// `Σ a·b` over the indices that both have, added in ascending index order; `None` when they
/// share no index (which callers tell apart from a sum of zero).
///
/// Indices must ascend strictly; each value belongs to the index at its place.
#[must_use]
pub fn dot(
    a_indices: &[u32],
    a_values: &[f32],
    b_indices: &[u32],
    b_values: &[f32],
) -> Option<f32> {
    let (mut a, mut b) = (0, 0);
    let mut sum = None;
    while let (Some(left), Some(right)) = (a_indices.get(a), b_indices.get(b)) {
        if left == right {
            *sum.get_or_insert(0.0) += a_values[a] * b_values[b];
        }
        // Both comparisons become conditional moves; a three-way branch would be mispredicted at
        // every other step.
        a += usize::from(left <= right);
        b += usize::from(right <= left);
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(
            a in proptest::collection::btree_map(0_u32..40, -4_i8..4, 0..20),
            b in proptest::collection::btree_map(0_u32..40, -4_i8..4, 0..20),
        ) {
            let split = |map: &BTreeMap<u32, i8>| -> (Vec<u32>, Vec<f32>) {
                map.iter().map(|(&index, &value)| (index, f32::from(value))).unzip()
            };
            let ((ai, av), (bi, bv)) = (split(&a), split(&b));
            let shared: Vec<f32> = a
                .iter()
                .filter_map(|(index, &x)| b.get(index).map(|&y| f32::from(x) * f32::from(y)))
                .collect();
            // Products of small integers: the sum is exact.
            let expected = (!shared.is_empty()).then(|| shared.iter().sum::<f32>());
            prop_assert_eq!(dot(&ai, &av, &bi, &bv), expected);
        }
    }
}

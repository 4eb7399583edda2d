//! A random rotation that costs `dim · log dim`: signs, then a Walsh-Hadamard transform, repeated.
//!
//! After it, components of any vector look like samples of one normal distribution, so equal steps
//! suit all of them (Zandieh et al. 2025, TurboQuant; the structured rotation is that of Ailon &
//! Chazelle 2009). A transform needs a power of two: the largest that fits is turned twice per
//! round, once over the first components and once over the last.

use crate::mix::mix;

/// Rounds of signs and transforms.
const ROUNDS: u64 = 3;

/// Rotates `vector`; lengths and inner products stay (but for rounding). Equal bits everywhere:
/// nothing but additions and multiplications in a fixed order.
pub(crate) fn rotate(vector: &mut [f32]) {
    let dim = vector.len();
    if dim == 0 {
        return;
    }
    let width = 1 << dim.ilog2();
    let scale = 1.0 / libm::sqrtf(width as f32);
    for round in 0..ROUNDS {
        flip(vector, 2 * round);
        transform(&mut vector[..width], scale);
        if width < dim {
            flip(vector, 2 * round + 1);
            transform(&mut vector[dim - width..], scale);
        }
    }
}

/// Changes the sign of about half of the components, the same ones for every vector.
fn flip(vector: &mut [f32], round: u64) {
    for (word, components) in vector.chunks_mut(64).enumerate() {
        let signs = mix(round << 32 | word as u64);
        for (bit, component) in components.iter_mut().enumerate() {
            if signs >> bit & 1 == 1 {
                *component = -*component;
            }
        }
    }
}

/// The Walsh-Hadamard transform in place, times `scale`.
fn transform(vector: &mut [f32], scale: f32) {
    let mut half = 1;
    while half < vector.len() {
        for pair in vector.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    for component in vector {
        *component *= scale;
    }
}

#[cfg(test)]
mod tests {
    use kernels::float::dot;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Six transforms of some ten additions each: relative errors of a few 1e-6.
        #[test]
        fn products_stay(
            pairs in proptest::collection::vec((-3.0_f32..3.0, -3.0_f32..3.0), 1..300),
        ) {
            let (mut a, mut b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let (before, size) = (dot(&a, &b), dot(&a, &a) + dot(&b, &b));
            rotate(&mut a);
            rotate(&mut b);
            prop_assert!((dot(&a, &b) - before).abs() <= 1e-5 * size + 1e-6);
        }
    }

    #[test]
    fn a_single_component_is_spread_over_all() {
        let mut vector = vec![0.0; 100];
        vector[3] = 10.0;
        rotate(&mut vector);
        assert!(vector.iter().all(|x| x.abs() < 5.0), "{vector:?}");
    }
}

//! Distances of 8-bit codes: exact integers, so every processor walks the same path.
//!
//! A code row is a whole number of 64-byte blocks; the bytes behind the last component must add
//! nothing (zero in the query for `dot`, equal in both for the others). `dot` multiplies a *signed*
//! query with *unsigned* rows because that is the form that VNNI has. Rows that mean `code - 128`
//! then give `128·Σquery` too much, which is one constant for all rows of a search.
//!
//! Up to [`COMPONENTS_MAX`] components every sum fits its 32-bit integer: the largest,
//! `65,536·255²`, is below `2³²`.

use wide::i16x8;

use crate::Level;
use crate::level::Forms;

/// Code rows are padded to a multiple of this many bytes.
pub const BLOCK_BYTES: usize = 64;

/// Longest code row in bytes for which no sum overflows.
pub const COMPONENTS_MAX: usize = 65_536;

/// The code kernels of one [`Level`].
///
/// All slices of one call must have the same length, a multiple of [`BLOCK_BYTES`] and at most
/// [`COMPONENTS_MAX`]; the kernels panic otherwise. The four-row forms cost less than four single
/// calls: their loads overlap and the query is read once.
#[derive(Clone, Copy, Debug)]
pub struct CodeKernels {
    /// `Σ query·row`; the query's bytes are signed (two's complement), the row's unsigned.
    pub dot: fn(&[u8], &[u8]) -> i32,
    /// [`CodeKernels::dot`] of four rows.
    pub dot4: fn(&[u8], [&[u8]; 4]) -> [i32; 4],
    /// `Σ (a-b)²`, unsigned bytes.
    pub squared_l2: fn(&[u8], &[u8]) -> u32,
    /// [`CodeKernels::squared_l2`] of four rows.
    pub squared_l2x4: fn(&[u8], [&[u8]; 4]) -> [u32; 4],
    /// `Σ |a-b|`, unsigned bytes.
    pub l1: fn(&[u8], &[u8]) -> u32,
    /// [`CodeKernels::l1`] of four rows.
    pub l1x4: fn(&[u8], [&[u8]; 4]) -> [u32; 4],
}

impl CodeKernels {
    /// The kernels of the best level of this processor.
    #[must_use]
    pub fn best() -> &'static Self {
        FORMS.best()
    }

    /// The kernels of `level`; `None` when this processor or build lacks it.
    #[must_use]
    pub fn at(level: Level) -> Option<&'static Self> {
        FORMS.at(level)
    }
}

/// Whether this build has one level only: then a kernel need not be called through a pointer, and
/// a walk contains it. In WebAssembly such a call costs as much as a short row.
const ONE_LEVEL: bool = cfg!(not(target_arch = "x86_64"));

/// The fields of the same names, called in the cheapest way.
impl CodeKernels {
    /// As the field.
    #[inline]
    #[must_use]
    pub fn dot(&self, query: &[u8], row: &[u8]) -> i32 {
        match ONE_LEVEL {
            true => portable(query, [row], dot_step)[0],
            false => (self.dot)(query, row),
        }
    }

    /// As the field.
    #[inline]
    #[must_use]
    pub fn dot4(&self, query: &[u8], rows: [&[u8]; 4]) -> [i32; 4] {
        match ONE_LEVEL {
            true => portable(query, rows, dot_step),
            false => (self.dot4)(query, rows),
        }
    }

    /// As the field.
    #[inline]
    #[must_use]
    pub fn squared_l2(&self, query: &[u8], row: &[u8]) -> u32 {
        match ONE_LEVEL {
            true => portable(query, [row], squared_l2_step)[0] as u32,
            false => (self.squared_l2)(query, row),
        }
    }

    /// As the field.
    #[inline]
    #[must_use]
    pub fn squared_l2x4(&self, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4] {
        match ONE_LEVEL {
            true => portable(query, rows, squared_l2_step).map(|sum| sum as u32),
            false => (self.squared_l2x4)(query, rows),
        }
    }

    /// As the field.
    #[inline]
    #[must_use]
    pub fn l1(&self, query: &[u8], row: &[u8]) -> u32 {
        match ONE_LEVEL {
            true => portable(query, [row], l1_step)[0] as u32,
            false => (self.l1)(query, row),
        }
    }

    /// As the field.
    #[inline]
    #[must_use]
    pub fn l1x4(&self, query: &[u8], rows: [&[u8]; 4]) -> [u32; 4] {
        match ONE_LEVEL {
            true => portable(query, rows, l1_step).map(|sum| sum as u32),
            false => (self.l1x4)(query, rows),
        }
    }
}

/// Panics unless `rows` can be compared with `query`: the unsafe twins rely on it.
#[inline(always)]
pub(crate) fn check<const N: usize>(query: &[u8], rows: [&[u8]; N]) -> usize {
    let len = query.len();
    assert!(
        len.is_multiple_of(BLOCK_BYTES) && len <= COMPONENTS_MAX,
        "code of {len} bytes"
    );
    let mut equal = true;
    for row in rows {
        equal &= row.len() == len;
    }
    assert!(equal, "codes of different lengths");
    len
}

static FORMS: Forms<CodeKernels> = Forms {
    portable: &PORTABLE,
    #[cfg(target_arch = "x86_64")]
    avx2: &crate::x86::code_avx2::KERNELS,
    #[cfg(target_arch = "x86_64")]
    avx512: &crate::x86::code_avx512::KERNELS,
};

static PORTABLE: CodeKernels = CodeKernels {
    dot: |query, row| portable(query, [row], dot_step)[0],
    dot4: |query, rows| portable(query, rows, dot_step),
    squared_l2: |query, row| portable(query, [row], squared_l2_step)[0] as u32,
    squared_l2x4: |query, rows| portable(query, rows, squared_l2_step).map(|sum| sum as u32),
    l1: |query, row| portable(query, [row], l1_step)[0] as u32,
    l1x4: |query, rows| portable(query, rows, l1_step).map(|sum| sum as u32),
};

/// Adds a term of 16 components at a time. Sums wrap, which reading them as `u32` undoes.
#[inline(always)]
fn portable<const N: usize>(
    query: &[u8],
    rows: [&[u8]; N],
    step: impl Fn(i16x8, i16x8) -> wide::i32x4,
) -> [i32; N] {
    check(query, rows);
    let mut sums = [wide::i32x4::ZERO; N];
    // Chunks of a constant size, so that nothing is checked inside the loop.
    let rows = rows.map(|row| row.as_chunks::<16>().0);
    for (at, q) in query.as_chunks::<16>().0.iter().enumerate() {
        let q = bytemuck::cast(*q);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += step(q, bytemuck::cast(row[at]));
        }
    }
    sums.map(|sum| sum.to_array().into_iter().fold(0, i32::wrapping_add))
}

// Sixteen bytes are taken as eight 16-bit numbers and split into their low and high bytes. That
// pairs the components in an unusual order, which a sum does not notice, and needs only shifts,
// which every 128-bit instruction set has (widening does not exist in all of them).

#[inline(always)]
fn unsigned_bytes(pair: i16x8) -> (i16x8, i16x8) {
    let low = i16x8::splat(0xff);
    (pair & low, (pair >> 8) & low)
}

#[inline(always)]
fn signed_bytes(pair: i16x8) -> (i16x8, i16x8) {
    ((pair << 8) >> 8, pair >> 8)
}

#[inline(always)]
fn dot_step(query: i16x8, row: i16x8) -> wide::i32x4 {
    let (query, row) = (signed_bytes(query), unsigned_bytes(row));
    query.0.dot(row.0) + query.1.dot(row.1)
}

#[inline(always)]
fn squared_l2_step(query: i16x8, row: i16x8) -> wide::i32x4 {
    let (query, row) = (unsigned_bytes(query), unsigned_bytes(row));
    let apart = (query.0 - row.0, query.1 - row.1);
    apart.0.dot(apart.0) + apart.1.dot(apart.1)
}

#[inline(always)]
fn l1_step(query: i16x8, row: i16x8) -> wide::i32x4 {
    let (query, row) = (unsigned_bytes(query), unsigned_bytes(row));
    let apart = (query.0 - row.0).abs() + (query.1 - row.1).abs();
    apart.dot(i16x8::splat(1))
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::scalar;

    fn five_codes() -> impl Strategy<Value = Vec<Vec<u8>>> {
        (0_usize..6).prop_flat_map(|blocks| {
            let byte = prop_oneof![3 => any::<u8>(), 1 => Just(0), 1 => Just(255), 1 => Just(128)];
            proptest::collection::vec(proptest::collection::vec(byte, blocks * BLOCK_BYTES), 5)
        })
    }

    proptest! {
        #[test]
        fn every_level_equals_the_scalar_twin(codes in five_codes()) {
            let query = &codes[0];
            let rows: [&[u8]; 4] = core::array::from_fn(|at| codes[at + 1].as_slice());
            for level in Level::ALL {
                let Some(kernels) = CodeKernels::at(level) else { continue };
                let dots = rows.map(|row| scalar::code_dot(query, row));
                prop_assert_eq!((kernels.dot4)(query, rows), dots, "{:?}", level);
                prop_assert_eq!((kernels.dot)(query, rows[0]), dots[0]);
                let l2s = rows.map(|row| scalar::code_squared_l2(query, row));
                prop_assert_eq!((kernels.squared_l2x4)(query, rows), l2s, "{:?}", level);
                prop_assert_eq!((kernels.squared_l2)(query, rows[0]), l2s[0]);
                let l1s = rows.map(|row| scalar::code_l1(query, row));
                prop_assert_eq!((kernels.l1x4)(query, rows), l1s, "{:?}", level);
                prop_assert_eq!((kernels.l1)(query, rows[0]), l1s[0]);
            }
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let (zeros, ones) = (vec![0_u8; COMPONENTS_MAX], vec![255_u8; COMPONENTS_MAX]);
        let lowest = vec![128_u8; COMPONENTS_MAX];
        for level in Level::ALL {
            let Some(kernels) = CodeKernels::at(level) else {
                continue;
            };
            assert_eq!((kernels.squared_l2)(&zeros, &ones), 65_536 * 255 * 255);
            assert_eq!((kernels.l1)(&zeros, &ones), 65_536 * 255);
            assert_eq!((kernels.dot)(&lowest, &ones), -65_536 * 255 * 128);
        }
    }

    #[test]
    #[should_panic(expected = "different lengths")]
    fn codes_of_different_lengths_are_refused() {
        (CodeKernels::best().dot)(&[0; 64], &[0; 128]);
    }
}

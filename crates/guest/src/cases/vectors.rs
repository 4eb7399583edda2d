//! Kernels on slices of every length around the widths of vector registers.

use std::fmt::Write;

use kernels::bits::BitKernels;
use kernels::code::CodeKernels;
use kernels::float::{self, FloatKernels};

use crate::noise::Noise;

const LENGTHS: &[usize] = &[
    1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 384, 785,
];

pub(super) fn kernels() -> String {
    let mut noise = Noise::new(6);
    let mut answers = String::new();
    for &length in LENGTHS {
        for _ in 0..4 {
            floats(&mut noise, length, &mut answers);
            codes(&mut noise, length, &mut answers);
            bits(&mut noise, length, &mut answers);
        }
    }
    answers
}

fn floats(noise: &mut Noise, length: usize, answers: &mut String) {
    let mut draw = || -> Vec<f32> { (0..length).map(|_| 10.0 * noise.component()).collect() };
    let (mut a, b) = (draw(), draw());
    let kernels = FloatKernels::best();
    for score in [
        (kernels.dot)(&a, &b),
        (kernels.squared_l2)(&a, &b),
        (kernels.l1)(&a, &b),
    ] {
        write!(answers, " {:08x}", score.to_bits()).expect("a string takes everything");
    }
    float::normalize(&mut a);
    for component in a {
        write!(answers, " {:08x}", component.to_bits()).expect("a string takes everything");
    }
    answers.push('\n');
}

fn codes(noise: &mut Noise, length: usize, answers: &mut String) {
    // Code rows are padded to whole registers.
    let padded = length.next_multiple_of(64);
    let mut draw = || -> Vec<u8> {
        (0..padded)
            .map(|at| if at < length { noise.bits() as u8 } else { 0 })
            .collect()
    };
    let (query, row) = (draw(), draw());
    let kernels = CodeKernels::best();
    let answer = [
        i64::from((kernels.dot)(&query, &row)),
        i64::from((kernels.squared_l2)(&query, &row)),
        i64::from((kernels.l1)(&query, &row)),
    ];
    writeln!(answers, "{answer:?}").expect("a string takes everything");
}

fn bits(noise: &mut Noise, length: usize, answers: &mut String) {
    let mut draw = || -> Vec<u8> { (0..length).map(|_| noise.bits() as u8).collect() };
    let (query, row) = (draw(), draw());
    let kernels = BitKernels::best();
    for score in [
        kernels.hamming(&query, &row),
        kernels.jaccard(&query, &row),
        kernels.tanimoto(&query, &row),
        kernels.substructure(&query, &row),
        kernels.superstructure(&query, &row),
    ] {
        write!(answers, " {:08x}", score.to_bits()).expect("a string takes everything");
    }
    answers.push('\n');
}

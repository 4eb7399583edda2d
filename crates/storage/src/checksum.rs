//! CRC32C of long blocks where no instruction computes it.
//!
//! The sum of eight bytes needs that of the eight before them, and the tables that it is looked up
//! in are far from the processor's registers. So four parts of a block are summed side by side, and
//! each sum is then carried over the part behind it. The crate `crc32c`, which uses the instruction
//! where there is one, sums one part at a time.

/// Parts that are summed side by side.
const LANES: usize = 4;
/// Bytes of such a part.
const LANE_BYTES: usize = 2048;
/// The polynomial, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[k][byte]`: the sum of a byte with `k` zeros behind it.
static TABLES: [[u32; 256]; 8] = tables();
/// `CARRIED[k][byte]`: what byte `k` of a sum becomes over a lane of zeros.
static CARRIED: [[u32; 256]; 4] = carried();

/// The CRC32C of some bytes and then `bytes`; `crc` is that of the former.
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    if cfg!(target_family = "wasm") {
        in_lanes(crc, bytes)
    } else {
        crc32c::crc32c_append(crc, bytes)
    }
}

fn in_lanes(crc: u32, bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks::<{ LANES * LANE_BYTES }>();
    let mut state = blocks.iter().fold(!crc, block);
    let (eights, last) = rest.as_chunks::<8>();
    for eight in eights {
        state = step(state, eight);
    }
    for &byte in last {
        state = state >> 8 ^ TABLES[0][usize::from(state as u8 ^ byte)];
    }
    !state
}

// A function of its own: an engine of WebAssembly exchanges slow code for fast only between two
// calls.
#[inline(never)]
fn block(state: u32, bytes: &[u8; LANES * LANE_BYTES]) -> u32 {
    let (eights, _) = bytes.as_chunks::<8>();
    let (first, second) = eights.split_at(LANES / 2 * LANE_BYTES / 8);
    let (a, b) = first.split_at(LANE_BYTES / 8);
    let (c, d) = second.split_at(LANE_BYTES / 8);
    let mut states = [state, 0, 0, 0];
    for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
        let [of_a, of_b, of_c, of_d] = states;
        states = [step(of_a, a), step(of_b, b), step(of_c, c), step(of_d, d)];
    }
    let [first, rest @ ..] = states;
    rest.into_iter()
        .fold(first, |state, next| carry(state) ^ next)
}

#[inline(always)]
fn step(state: u32, eight: &[u8; 8]) -> u32 {
    let [a, b, c, d, e, f, g, h] = (u64::from_le_bytes(*eight) ^ u64::from(state)).to_le_bytes();
    let of = |zeros: usize, byte: u8| TABLES[zeros][usize::from(byte)];
    (of(7, a) ^ of(6, b) ^ of(5, c) ^ of(4, d)) ^ (of(3, e) ^ of(2, f) ^ of(1, g) ^ of(0, h))
}

fn carry(state: u32) -> u32 {
    let [a, b, c, d] = state.to_le_bytes();
    let of = |at: usize, byte: u8| CARRIED[at][usize::from(byte)];
    of(0, a) ^ of(1, b) ^ of(2, c) ^ of(3, d)
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = before >> 8 ^ tables[0][before as usize & 0xff];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

const fn carried() -> [[u32; 256]; 4] {
    // Sums add up bit by bit, so those of 32 bits say all.
    let tables = tables();
    let mut bits = [0; 32];
    let mut bit = 0;
    while bit < 32 {
        let mut sum = 1_u32 << bit;
        let mut zeros = 0;
        while zeros < LANE_BYTES {
            sum = sum >> 8 ^ tables[0][sum as usize & 0xff];
            zeros += 1;
        }
        bits[bit] = sum;
        bit += 1;
    }
    let mut carried = [[0; 256]; 4];
    let mut place = 0;
    while place < 4 * 256 * 8 {
        let (at, byte, bit) = (place / 2048, place / 8 % 256, place % 8);
        if byte >> bit & 1 == 1 {
            carried[at][byte] ^= bits[8 * at + bit];
        }
        place += 1;
    }
    carried
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Lengths around whole blocks of lanes, eights and single bytes.
        #[test]
        fn lanes_sum_what_the_instruction_sums(
            blocks in 0_usize..4, more in 0_usize..70, before: u32, seed: u32,
        ) {
            let mut state = seed | 1;
            let byte = |_| {
                state = state.wrapping_mul(0x9e37_79b1).rotate_left(7);
                state as u8
            };
            let bytes: Vec<u8> = (0..blocks * LANES * LANE_BYTES + more).map(byte).collect();
            prop_assert_eq!(in_lanes(before, &bytes), crc32c::crc32c_append(before, &bytes));
            prop_assert_eq!(append(before, &bytes), crc32c::crc32c_append(before, &bytes));
        }
    }

    #[test]
    fn the_check_value_is_the_standards() {
        assert_eq!(in_lanes(0, b"123456789"), 0xe306_9283);
    }
}

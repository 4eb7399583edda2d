//! Numbers that look random and are the same everywhere.

/// SplitMix64 (Steele, Lea, Flood 2014): integers only, so no runtime can round it differently.
pub(crate) struct Noise(u64);

impl Noise {
    /// A sequence of its own for each seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; the slight bias does not matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// A component in `[-1, 1)`: 24 bits, which an `f32` holds exactly.
    pub(crate) fn component(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Rows around a few centres, as embeddings lie: `rows` times `dim` components.
    pub(crate) fn clustered(&mut self, rows: usize, dim: usize) -> Vec<f32> {
        const CENTRES: usize = 20;
        let centres: Vec<f32> = (0..CENTRES * dim).map(|_| self.component()).collect();
        let mut matrix = Vec::with_capacity(rows * dim);
        for _ in 0..rows {
            let centre = self.below(CENTRES as u64) as usize;
            for along in &centres[centre * dim..][..dim] {
                matrix.push(along + 0.25 * self.component());
            }
        }
        matrix
    }
}

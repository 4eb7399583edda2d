//! Which vector instructions the kernels may use.

use core::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions that this crate has twins for.
///
/// Every level gives the same results to the bit; a level is chosen for speed only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the build targets: SSE2, NEON, simd128 or plain code, through `wide`.
    Portable,
    /// x86-64 with AVX2 and POPCNT.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI.
    Avx512,
}

/// The highest level that is detected, as a number.
static LIMIT: AtomicU8 = AtomicU8::new(Level::Avx512 as u8);

impl Level {
    /// All levels, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The fastest level of this processor. Without the feature `std`: [`Level::Portable`].
    #[must_use]
    pub fn detect() -> Self {
        let mut best = Self::Portable;
        for level in Self::ALL {
            if level.is_available() && level as u8 <= LIMIT.load(Ordering::Relaxed) {
                best = level;
            }
        }
        best
    }

    /// From now on no higher level is detected in this process. For measurements: kernels that
    /// were chosen before stay what they are.
    pub fn limit(self) {
        LIMIT.store(self as u8, Ordering::Relaxed);
    }

    /// Whether this processor has the instructions of the level.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => has_avx2(),
            Self::Avx512 => has_avx512(),
        }
    }
}

/// One set of kernels in its forms for the levels.
#[derive(Debug)]
pub(crate) struct Forms<K: 'static> {
    pub(crate) portable: &'static K,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx2: &'static K,
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx512: &'static K,
}

impl<K> Forms<K> {
    /// The form of the best level of this processor.
    pub(crate) fn best(&self) -> &'static K {
        self.at(Level::detect()).unwrap_or(self.portable)
    }

    /// The form of `level`; `None` when this processor or build lacks it.
    pub(crate) fn at(&self, level: Level) -> Option<&'static K> {
        if !level.is_available() {
            return None;
        }
        match level {
            Level::Portable => Some(self.portable),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Some(self.avx2),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Some(self.avx512),
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => None,
        }
    }
}

#[cfg(all(target_arch = "x86_64", any(test, feature = "std")))]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt")
}

#[cfg(all(target_arch = "x86_64", any(test, feature = "std")))]
fn has_avx512() -> bool {
    // A processor with VNNI has the other two as well; asking for all keeps the twins sound.
    has_avx2()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(all(target_arch = "x86_64", any(test, feature = "std"))))]
fn has_avx2() -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", any(test, feature = "std"))))]
fn has_avx512() -> bool {
    false
}

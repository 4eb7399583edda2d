//! A hint that memory will be read soon.

const LINE_BYTES: usize = 64;

/// Asks the processor to load `bytes` into its caches. A hint: it may do nothing.
#[inline(always)]
pub fn prefetch(bytes: &[u8]) {
    let mut line = 0;
    while line < bytes.len() {
        prefetch_line(&bytes[line]);
        line += LINE_BYTES;
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line(byte: &u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction (part of the baseline) reads nothing that a program can observe.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(byte).cast()) }
}

/// WebAssembly has no such instruction, and a load whose value nobody waits for does the same: the
/// processor goes on while it is under way. `black_box` would store what was loaded.
#[cfg(target_family = "wasm")]
#[inline(always)]
fn prefetch_line(byte: &u8) {
    // SAFETY: a reference is valid for reads.
    unsafe { core::ptr::read_volatile(byte) };
}

#[cfg(not(any(target_arch = "x86_64", target_family = "wasm")))]
#[inline(always)]
fn prefetch_line(_byte: &u8) {}

//! Proves that `model`, `rows` and `kernels` need no std: this program has none, and defines the
//! panic handler and the allocator itself. Were std anywhere below, both would be there twice and
//! the build would fail. Nothing runs it; on a target with an operating system it is empty.

#![cfg_attr(target_family = "wasm", no_std)]

#[cfg(target_family = "wasm")]
mod bare {
    //! What std would otherwise bring.

    use core::alloc::{GlobalAlloc, Layout};

    use {kernels as _, model as _, rows as _};

    /// Refuses every allocation: the program is linked, never run.
    struct NoMemory;

    // SAFETY: a null pointer is how an allocator says that there is no memory.
    unsafe impl GlobalAlloc for NoMemory {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static NO_MEMORY: NoMemory = NoMemory;

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        core::arch::wasm32::unreachable()
    }
}

//! Shared code of the fuzz targets: runs one fuzz entry point under a limit on memory.
//!
//! The memory limit of libFuzzer needs a sanitizer, which has little use here, since the engine has no unsafe code.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Maximum memory that one input may use at any moment, in bytes.
///
/// The largest batch takes 20 MiB, and a few bytes can encode it if all its values are equal; the entry point holds a
/// decoded copy beside it. A decoder that allocates for an unchecked length exceeds the limit by far.
pub const MAX_BYTES: usize = 64 << 20;

/// The system allocator, with a count of the live bytes.
pub struct CountingAllocator;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed to the system allocator with unchanged arguments.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record_allocation(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        record_allocation(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        record_allocation(new_size);
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn record_allocation(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed).wrapping_add(bytes);
    PEAK.fetch_max(live, Ordering::Relaxed);
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Runs an entry point with an input.
///
/// # Panics
/// If the entry point uses more than [`MAX_BYTES`] bytes of memory.
pub fn run(entry_point: fn(&[u8]), data: &[u8]) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    entry_point(data);
    let used = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(used <= MAX_BYTES, "{} bytes of input used {used} bytes of memory", data.len());
}

/// Defines a fuzz target that runs one entry point.
#[macro_export]
macro_rules! target {
    ($entry_point:path) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($entry_point, data));
    };
}

//! What the fuzz targets share: each hands its bytes to one door of the engine's, under a limit on memory.
//! libFuzzer's own limit needs a sanitizer, which the engine, being without unsafe code, gains little from.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that one input may take at any moment. The largest batch, which a few bytes can claim where all its cells are
/// equal, takes 20 MiB; the harness holds what it decoded beside it. A length that is believed unseen goes far beyond.
pub const MOST_BYTES: usize = 64 << 20;

/// The system's allocator, which counts.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is the system allocator's own, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        take(new_size);
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn take(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed).wrapping_add(bytes);
    PEAK.fetch_max(live, Ordering::Relaxed);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a door with an input, and fails if it took too much memory meanwhile.
pub fn run(door: fn(&[u8]), data: &[u8]) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    door(data);
    let taken = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    assert!(taken <= MOST_BYTES, "{} bytes of input took {taken} bytes of memory", data.len());
}

/// A fuzz target around one door.
#[macro_export]
macro_rules! target {
    ($door:path) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::run($door, data));
    };
}

//! The heap, wiped block by block as it is given back.
//!
//! A secret on its way through the AWS SDK, hyper, rustls or serde_json is copied into buffers that know
//! nothing of it. None of them outlives its use, so whoever reads this process's memory later (DESIGN
//! rule 9; security threats T3, T9) finds what is in use and nothing else.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// The system's allocator with blocks wiped before they are freed. Costs a `memset` of what is freed.
#[derive(Debug)]
pub struct Wiping;

// SAFETY: every call goes to `System` with the arguments as they came, in the order they came; what is
// written is written only to a block that its owner has given up and that is not yet freed. `realloc` is
// the trait's own, which allocates, copies and frees through these: the system's would leave the old
// block as it is.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps this function's contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes long and nobody's any more, but still allocated.
        unsafe {
            wipe(block, layout.size());
            System.dealloc(block, layout);
        }
    }
}

/// Makes `length` bytes zeroes, even if nobody reads them afterwards.
///
/// # Safety
///
/// The block is as long as that, may be written to, and nobody has a reference to it.
unsafe fn wipe(block: *mut u8, length: usize) {
    // SAFETY: as the caller promises; the reference is to bytes that were all just written.
    unsafe {
        block.write_bytes(0, length);
        // Without it the compiler may drop writes that only a `free` follows.
        zeroize::optimization_barrier(&*ptr::slice_from_raw_parts(block, length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is freed cannot be looked at from within; `tests/refusal/memory.rs` looks from without.
    #[test]
    fn blocks_are_wiped_and_keep_their_contents_when_they_grow() {
        let layout = |size| Layout::from_size_align(size, 16).unwrap();
        // SAFETY: the layouts are not empty, and the block is used within its size and its life.
        unsafe {
            let block = Wiping.alloc(layout(4000));
            block.write_bytes(0xa5, 4000);
            let block = Wiping.realloc(block, layout(4000), 8000);
            assert!((0..4000).all(|at| block.add(at).read() == 0xa5));
            wipe(block, 4000);
            assert!((0..4000).all(|at| block.add(at).read() == 0));
            Wiping.dealloc(block, layout(8000));
        }
    }
}

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
        // SAFETY: the block is `layout.size()` bytes long and nobody's any more, but still allocated; the
        // reference to it, all of it written, ends before it is freed.
        unsafe {
            block.write_bytes(0, layout.size());
            // Without it the compiler may drop writes that only a `free` follows.
            zeroize::optimization_barrier(&*ptr::slice_from_raw_parts(block, layout.size()));
            System.dealloc(block, layout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_grows_leaves_nothing_behind_and_keeps_its_contents() {
        let layout = Layout::from_size_align(4000, 16).unwrap();
        // SAFETY: the layout is not empty, and each block is used only within its size and its life, but
        // for the look at the first one when it is freed: a block of this size stays mapped, and the
        // allocator writes its own links into the first bytes of free blocks only.
        unsafe {
            let block = Wiping.alloc(layout);
            block.write_bytes(0xa5, 4000);
            // Keeps the block from being merged into what follows it.
            let next = Wiping.alloc(layout);
            let grown = Wiping.realloc(block, layout, 8000);
            assert!((0..4000).all(|at| grown.add(at).read() == 0xa5));
            assert!((64..3900).all(|at| block.add(at).read_volatile() != 0xa5));
            Wiping.dealloc(grown, Layout::from_size_align(8000, 16).unwrap());
            Wiping.dealloc(next, layout);
        }
    }
}

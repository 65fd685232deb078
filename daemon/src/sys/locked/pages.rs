//! Whole pages from the system.

use std::alloc::{Layout, handle_alloc_error};
use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Pages of our own, zeroed; unmapped when dropped.
pub(super) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: a mapping belongs to the process; whoever holds this is the only one to use it.
unsafe impl Send for Pages {}

impl Pages {
    /// `length` bytes, a multiple of any page's size, and why they may be swapped, if they may.
    pub(super) fn map(length: usize) -> (Self, Option<io::Error>) {
        // SAFETY: a private mapping at an address of the kernel's choice touches nothing that is there.
        let mapped = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let start = mapped.ok().and_then(|start| NonNull::new(start.cast()));
        let Some(start) = start else {
            // As for any other memory that the system has no more of.
            let layout = Layout::from_size_align(length, 1).unwrap_or_else(|_| Layout::new::<u8>());
            handle_alloc_error(layout)
        };
        let pages = Self { start, length };
        let trouble = pages.protect();
        (pages, trouble.err())
    }

    #[cfg(target_os = "linux")]
    fn protect(&self) -> io::Result<()> {
        use rustix::mm::{Advice, MlockFlags, madvise, mlock, mlock_with};

        let start = self.start.as_ptr().cast();
        // Kernels before 4.14 know the first alone. Cores are off anyway; this is the second line.
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the pages are ours, and neither changes what we read in them.
            let _ = unsafe { madvise(start, self.length, advice) };
        }
        // As they are used: a region holds far less than its size on most machines.
        // SAFETY: locking changes nothing that a program can see.
        let locked = unsafe { mlock_with(start, self.length, MlockFlags::ONFAULT) };
        // Sandboxes refuse the newer call.
        // SAFETY: as above.
        Ok(locked.or_else(|_| unsafe { mlock(start, self.length) })?)
    }

    #[cfg(not(target_os = "linux"))]
    fn protect(&self) -> io::Result<()> {
        // SAFETY: locking changes nothing that a program can see.
        Ok(unsafe { rustix::mm::mlock(self.start.as_ptr().cast(), self.length) }?)
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The byte at `offset`, which lies within.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.length);
        // SAFETY: just checked, and a mapping is no larger than `isize::MAX`.
        unsafe { self.start.add(offset) }
    }

    pub(super) fn holds(&self, byte: NonNull<u8>) -> bool {
        let start = self.start.addr().get();
        (start..start + self.length).contains(&byte.addr().get())
    }

    /// How far `byte`, which is one of ours, is from the start.
    pub(super) fn offset(&self, byte: NonNull<u8>) -> usize {
        byte.addr().get() - self.start.addr().get()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and nobody has anything in it any more. It does not fail for
        // an address and a length that the system gave.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}

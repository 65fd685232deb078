//! Memory for secrets: never swapped, in no core, not in children, and wiped when it is given back.
//!
//! All secrets share a few pages, because the kernel locks whole pages and lets an ordinary user lock
//! few (`RLIMIT_MEMLOCK`, 8 MiB by systemd's default). Where it allows no more, the rest is kept in pages
//! that are left out of cores all the same, and [`take_trouble`] tells why.

mod pages;
mod runs;

use std::fmt;
use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::pages::Pages;
use self::runs::Runs;

/// How much is asked of the system at a time, in bytes: some hundred keys, or two dozen sessions. The
/// largest page that a kernel is built with.
const REGION: usize = 64 * 1024;

/// What parts are a multiple of, in bytes: fewer, larger gaps.
const GRAIN: usize = 16;

static ARENA: Mutex<Arena> = Mutex::new(Arena {
    regions: Vec::new(),
    trouble: None,
});

struct Arena {
    regions: Vec<Region>,
    trouble: Option<Trouble>,
}

struct Region {
    pages: Pages,
    free: Runs,
}

enum Trouble {
    New(io::Error),
    Told,
}

/// Bytes in such memory.
pub struct Locked {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns its bytes alone, as a `Box<[u8]>` does.
unsafe impl Send for Locked {}
// SAFETY: shared, they are only read.
unsafe impl Sync for Locked {}

impl Locked {
    /// `length` bytes as `fill` writes them over zeroes.
    pub fn new(length: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let start = arena().take(length.max(1).next_multiple_of(GRAIN));
        let locked = Self { start, length };
        // SAFETY: these bytes were just taken from the arena for us, who have given out no reference yet;
        // pages begin as zeroes and parts that were given back have been wiped.
        fill(unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) });
        locked
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.len(), |room| room.copy_from_slice(bytes))
    }
}

impl Deref for Locked {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes are ours until we are dropped, and were all written in `new`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for Locked {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Of what it holds, only how much.
impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let length = self.length.max(1).next_multiple_of(GRAIN);
        // SAFETY: the bytes are still ours, all `length` of them, and nobody has a reference to them.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), length) };
        bytes.fill(0);
        zeroize::optimization_barrier(&*bytes);
        arena().give(self.start, length);
    }
}

/// Why some memory could not be locked; told once.
pub fn take_trouble() -> Option<io::Error> {
    let trouble = &mut arena().trouble;
    match trouble.replace(Trouble::Told) {
        Some(Trouble::New(error)) => Some(error),
        told => {
            *trouble = told;
            None
        }
    }
}

fn arena() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arena {
    /// Room for `length` bytes, wiped.
    fn take(&mut self, length: usize) -> NonNull<u8> {
        for region in &mut self.regions {
            if let Some(offset) = region.free.take(length) {
                return region.pages.at(offset);
            }
        }
        let (pages, trouble) = Pages::map(length.next_multiple_of(REGION));
        if self.trouble.is_none() {
            self.trouble = trouble.map(Trouble::New);
        }
        let mut free = Runs::all(pages.length());
        let offset = free.take(length).expect("it was made for this");
        let start = pages.at(offset);
        self.regions.push(Region { pages, free });
        start
    }

    /// Takes room back; gives pages back that nothing is left in, but for one region.
    fn give(&mut self, start: NonNull<u8>, length: usize) {
        let found = self.regions.iter().position(|it| it.pages.holds(start));
        let index = found.expect("it was taken from one of them");
        let region = &mut self.regions[index];
        region.free.give(region.pages.offset(start), length);
        let unused = region.free.are_all(region.pages.length());
        if unused && self.regions.len() > 1 {
            self.regions.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_what_they_are_whatever_comes_and_goes_around_them() {
        let mut kept: Vec<(u8, Locked)> = Vec::new();
        for round in 0..2000_usize {
            let byte = u8::try_from(round % 251).unwrap();
            let length = (round * 37) % 3000;
            kept.push((
                byte,
                Locked::new(length, |room| {
                    assert!(room.iter().all(|it| *it == 0), "not wiped");
                    room.fill(byte);
                }),
            ));
            if round % 3 != 0 {
                kept.swap_remove((round * 7) % kept.len());
            }
        }
        for (byte, locked) in &kept {
            assert!(locked.iter().all(|it| it == byte));
        }
        let large = Locked::copy_of(&vec![7; 3 * REGION + 5]);
        assert_eq!(large.len(), 3 * REGION + 5);
        assert_eq!(format!("{large:?}"), "Locked { length: 196613, .. }");
    }

    /// What the kernel does with the pages that hold a secret.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_pages_are_locked_undumped_and_not_for_children() {
        let secret = Locked::copy_of(b"a secret");
        let address = secret.start.as_ptr().addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        let mut flags = None;
        for line in maps.lines() {
            if let Some(range) = line.split(' ').next().and_then(|it| it.split_once('-')) {
                let number = |text| usize::from_str_radix(text, 16);
                if let (Ok(start), Ok(end)) = (number(range.0), number(range.1)) {
                    inside = (start..end).contains(&address);
                }
            }
            if let Some(found) = line.strip_prefix("VmFlags:").filter(|_| inside) {
                flags = Some(found.to_owned());
            }
        }
        let flags = flags.expect("the kernel tells flags");
        assert!(flags.contains(" dd") && flags.contains(" wf"), "{flags}");
        // Where no memory may be locked, that was told instead.
        assert!(
            flags.contains(" lo") || arena().trouble.is_some(),
            "{flags}"
        );
    }
}

//! Which parts of a region are free: pure.

use std::collections::BTreeMap;

/// Free runs by their offset, apart from one another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runs(BTreeMap<usize, usize>);

impl Runs {
    /// Everything up to `length` is free.
    pub(super) fn all(length: usize) -> Self {
        Self([(0, length)].into())
    }

    /// Where `length` bytes are free, and are no more: in the first run that has room.
    pub(super) fn take(&mut self, length: usize) -> Option<usize> {
        let (&offset, &free) = self.0.iter().find(|(_, free)| **free >= length)?;
        self.0.remove(&offset);
        if free > length {
            self.0.insert(offset + length, free - length);
        }
        Some(offset)
    }

    /// What was taken is free again, one with the runs it touches.
    pub(super) fn give(&mut self, mut offset: usize, mut length: usize) {
        if let Some(after) = self.0.remove(&(offset + length)) {
            length += after;
        }
        let before = self
            .0
            .range(..offset)
            .next_back()
            .map(|(at, free)| (*at, *free));
        if let Some((at, free)) = before
            && at + free == offset
        {
            offset = at;
            length += free;
        }
        self.0.insert(offset, length);
    }

    /// Whether everything up to `length` is free.
    pub(super) fn are_all(&self, length: usize) -> bool {
        self.0.get(&0) == Some(&length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: usize = 400;

    proptest! {
        /// Against a plain list of which bytes are taken.
        #[test]
        fn no_byte_is_given_out_twice_or_lost(
            steps in prop::collection::vec((1..60_usize, any::<prop::sample::Index>(), any::<bool>()), 0..80)
        ) {
            let mut runs = Runs::all(LENGTH);
            let mut bytes = [false; LENGTH];
            let mut taken: Vec<(usize, usize)> = Vec::new();
            for (length, index, give) in steps {
                if give && !taken.is_empty() {
                    let (offset, length) = taken.swap_remove(index.index(taken.len()));
                    bytes[offset..offset + length].fill(false);
                    runs.give(offset, length);
                } else if let Some(offset) = runs.take(length) {
                    prop_assert!(!bytes[offset..offset + length].contains(&true));
                    bytes[offset..offset + length].fill(true);
                    taken.push((offset, length));
                } else {
                    let fits = bytes.windows(length).any(|window| !window.contains(&true));
                    prop_assert!(!fits);
                }
                prop_assert_eq!(runs.are_all(LENGTH), taken.is_empty());
            }
            for (offset, length) in taken {
                runs.give(offset, length);
            }
            prop_assert_eq!(runs, Runs::all(LENGTH));
        }
    }
}

//! From our own client up to whoever started it.

/// What links a process to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    pub(super) uid: u32,
    pub(super) start_time: u64,
}

/// Processes and their parents.
pub(super) trait Tree {
    /// A process that was found.
    type Node;

    /// None if there is no such process.
    fn node(&self, pid: u32) -> Option<Self::Node>;

    /// How it hangs together with others.
    fn link(node: &Self::Node) -> Link;

    /// Whether it only carries requests of another: our own client, or a bare `sh -c`.
    fn carries(node: &Self::Node) -> bool;
}

/// `rolecall process` behind a shell behind an SDK is two; a few more for wrappers of wrappers.
const MOST_HOPS: usize = 16;
/// Deeper trees than this are nobody's.
const MOST_ANCESTORS: usize = 256;

/// The nearest ancestor of `client` that asks for itself.
///
/// None, which is "unknown", when the way up ends first: at pid 1 (an orphan's parent says nothing about
/// who started it), at another user (`sudo`, a service manager), or after sixteen processes.
pub(super) fn behind<T: Tree>(tree: &T, client: Link) -> Option<T::Node> {
    let mut child = client;
    for _ in 0..MOST_HOPS {
        let parent = parent(tree, child).filter(|node| T::link(node).uid == client.uid)?;
        if !T::carries(&parent) {
            return Some(parent);
        }
        child = T::link(&parent);
    }
    None
}

/// Whether `pid` is `ancestor` or descends from it.
pub(super) fn descends<T: Tree>(tree: &T, pid: u32, ancestor: u32) -> bool {
    let mut node = tree.node(pid);
    for _ in 0..MOST_ANCESTORS {
        match node.as_ref().map(T::link) {
            Some(link) if link.pid == ancestor => return true,
            Some(child) => node = parent(tree, child),
            None => return false,
        }
    }
    false
}

/// The parent of `child`, if that can be seen and is no other under its pid.
pub(super) fn parent<T: Tree>(tree: &T, child: Link) -> Option<T::Node> {
    if child.ppid <= 1 {
        return None;
    }
    // A parent that started later is another process under a reused pid.
    tree.node(child.ppid)
        .filter(|parent| T::link(parent).start_time <= child.start_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pid, parent, uid, start time, whether it carries.
    type Row = (u32, u32, u32, u64, bool);

    struct Rows(Vec<Row>);

    impl Tree for Rows {
        type Node = Row;

        fn node(&self, pid: u32) -> Option<Row> {
            self.0.iter().find(|row| row.0 == pid).copied()
        }

        fn link(&(pid, ppid, uid, start_time, _): &Row) -> Link {
            Link {
                pid,
                ppid,
                uid,
                start_time,
            }
        }

        fn carries(row: &Row) -> bool {
            row.4
        }
    }

    fn consumer(rows: &[Row]) -> Option<u32> {
        let tree = Rows(rows.to_vec());
        let client = Rows::link(&tree.node(9).unwrap());
        behind(&tree, client).map(|row| row.0)
    }

    #[test]
    fn finds_the_nearest_that_asks_for_itself() {
        let init = (1, 0, 0, 0, false);
        for (rows, expected, why) in [
            (
                vec![(9, 8, 5, 90, true), (8, 1, 5, 80, false), init],
                Some(8),
                "the parent",
            ),
            (
                vec![
                    (9, 8, 5, 90, true),
                    (8, 7, 5, 80, true),
                    (7, 6, 5, 70, true),
                    (6, 1, 5, 60, false),
                    init,
                ],
                Some(6),
                "behind a shell and another client",
            ),
            (
                vec![(9, 8, 5, 90, true), (8, 1, 5, 80, true), init],
                None,
                "pid 1 behind a shell",
            ),
            (vec![(9, 1, 5, 90, true), init], None, "an orphan"),
            (
                vec![(9, 8, 5, 90, true), (8, 1, 0, 80, false)],
                None,
                "another user",
            ),
            (
                vec![(9, 8, 5, 90, true), (8, 1, 5, 91, false)],
                None,
                "a reused pid",
            ),
            (
                vec![(9, 8, 5, 90, true), (8, 1, 5, 90, false)],
                Some(8),
                "started in the same tick",
            ),
            (vec![(9, 8, 5, 90, true)], None, "a parent that is gone"),
            (vec![(9, 0, 5, 90, true)], None, "a parent outside"),
            (
                vec![(9, 8, 5, 90, true), (8, 9, 5, 90, true)],
                None,
                "a circle",
            ),
        ] {
            assert_eq!(consumer(&rows), expected, "{why}");
        }
    }

    #[test]
    fn gives_up_after_sixteen() {
        let chain = |carriers: u32| -> Option<u32> {
            let mut rows: Vec<_> = (0..=carriers)
                .map(|n| (9 + n, 10 + n, 5, 90, true))
                .collect();
            rows.push((10 + carriers, 1, 5, 90, false));
            consumer(&rows)
        };
        assert_eq!(chain(15), Some(25));
        assert_eq!(chain(16), None);
    }

    #[test]
    fn descent_goes_through_users_but_not_reused_pids() {
        let tree = Rows(vec![
            (9, 8, 5, 90, false),
            (8, 7, 0, 80, false),
            (7, 6, 5, 70, false),
            (6, 3, 5, 75, false),
            (3, 1, 5, 30, false),
            (4, 4, 5, 30, false),
        ]);
        assert!(descends(&tree, 9, 9) && descends(&tree, 9, 8) && descends(&tree, 9, 7));
        assert!(!descends(&tree, 9, 6), "6 started after its child");
        assert!(!descends(&tree, 8, 9) && !descends(&tree, 2, 2));
        assert!(!descends(&tree, 4, 3), "a circle ends");
    }
}

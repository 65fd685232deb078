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
    /// None if there is no such process.
    fn link(&self, pid: u32) -> Option<Link>;

    /// Whether it only carries requests of another: our own client, or a bare `sh -c`.
    fn carries(&self, pid: u32) -> bool;
}

/// `rolecall process` behind a shell behind an SDK is two; a few more for wrappers of wrappers.
const MOST_HOPS: usize = 16;
/// Deeper trees than this are nobody's.
const MOST_ANCESTORS: usize = 256;

/// The nearest ancestor of `client` that asks for itself.
///
/// None, which is "unknown", when the way up ends first: at pid 1 (an orphan's parent says nothing about
/// who started it), at another user (`sudo`, a service manager), or after sixteen processes.
pub(super) fn behind(tree: &impl Tree, client: Link) -> Option<Link> {
    let mut child = client;
    for _ in 0..MOST_HOPS {
        let parent = parent(tree, child).filter(|parent| parent.uid == client.uid)?;
        if !tree.carries(parent.pid) {
            return Some(parent);
        }
        child = parent;
    }
    None
}

/// Whether `pid` is `ancestor` or descends from it.
pub(super) fn descends(tree: &impl Tree, pid: u32, ancestor: u32) -> bool {
    let mut link = tree.link(pid);
    for _ in 0..MOST_ANCESTORS {
        match link {
            Some(link) if link.pid == ancestor => return true,
            Some(child) => link = parent(tree, child),
            None => return false,
        }
    }
    false
}

fn parent(tree: &impl Tree, child: Link) -> Option<Link> {
    if child.ppid <= 1 {
        return None;
    }
    // A parent that started later is another process under a reused pid.
    tree.link(child.ppid)
        .filter(|parent| parent.start_time <= child.start_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of pid, parent, uid, start time, whether it carries.
    struct Rows(Vec<(u32, u32, u32, u64, bool)>);

    impl Tree for Rows {
        fn link(&self, pid: u32) -> Option<Link> {
            let row = self.0.iter().find(|row| row.0 == pid)?;
            Some(Link {
                pid,
                ppid: row.1,
                uid: row.2,
                start_time: row.3,
            })
        }

        fn carries(&self, pid: u32) -> bool {
            self.0.iter().any(|row| row.0 == pid && row.4)
        }
    }

    fn consumer(rows: &[(u32, u32, u32, u64, bool)]) -> Option<u32> {
        let tree = Rows(rows.to_vec());
        behind(&tree, tree.link(9).unwrap()).map(|link| link.pid)
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

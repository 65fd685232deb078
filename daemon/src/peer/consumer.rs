//! From our own client up to whoever started it.

/// What links a process to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) pid: u32,
    pub(super) ppid: u32,
    pub(super) uid: u32,
}

/// Processes and their parents.
pub(super) trait Tree {
    /// A process that was found.
    type Node;

    /// The process that is the parent, and was when `child` was looked at; None if that cannot be said for certain.
    fn parent(&mut self, child: &Self::Node) -> Option<Self::Node>;

    /// How it hung together with others when it was looked at.
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
pub(super) fn behind<T: Tree>(tree: &mut T, client: &T::Node) -> Option<T::Node> {
    let uid = T::link(client).uid;
    let mut found = parent(tree, client)?;
    for _ in 0..MOST_HOPS {
        if T::link(&found).uid != uid {
            return None;
        }
        if !T::carries(&found) {
            return Some(found);
        }
        found = parent(tree, &found)?;
    }
    None
}

/// The ancestors of `node`, nearest first: at most `most`, and none from pid 1 on.
pub(super) fn lineage<T: Tree>(tree: &mut T, node: &T::Node, most: usize) -> Vec<T::Node> {
    let mut ancestors: Vec<T::Node> = Vec::new();
    while ancestors.len() < most {
        let Some(next) = parent(tree, ancestors.last().unwrap_or(node)) else {
            break;
        };
        ancestors.push(next);
    }
    ancestors
}

/// Whether `node` is the process `ancestor` or descends from it.
pub(super) fn descends<T: Tree>(tree: &mut T, node: T::Node, ancestor: u32) -> bool {
    let mut node = Some(node);
    for _ in 0..MOST_ANCESTORS {
        match node {
            Some(found) if T::link(&found).pid == ancestor => return true,
            Some(child) => node = parent(tree, &child),
            None => return false,
        }
    }
    false
}

fn parent<T: Tree>(tree: &mut T, child: &T::Node) -> Option<T::Node> {
    (T::link(child).ppid > 1)
        .then(|| tree.parent(child))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pid, parent, uid, whether it carries.
    type Row = (u32, u32, u32, bool);

    struct Rows(Vec<Row>);

    impl Rows {
        fn node(&self, pid: u32) -> Option<Row> {
            self.0.iter().find(|row| row.0 == pid).copied()
        }
    }

    impl Tree for Rows {
        type Node = Row;

        fn parent(&mut self, child: &Row) -> Option<Row> {
            self.node(child.1)
        }

        fn link(&(pid, ppid, uid, _): &Row) -> Link {
            Link { pid, ppid, uid }
        }

        fn carries(row: &Row) -> bool {
            row.3
        }
    }

    fn consumer(rows: &[Row]) -> Option<u32> {
        let mut tree = Rows(rows.to_vec());
        let client = tree.node(9).unwrap();
        behind(&mut tree, &client).map(|row| row.0)
    }

    #[test]
    fn finds_the_nearest_that_asks_for_itself() {
        let init = (1, 0, 0, false);
        for (rows, expected, why) in [
            (
                vec![(9, 8, 5, true), (8, 1, 5, false), init],
                Some(8),
                "the parent",
            ),
            (
                vec![
                    (9, 8, 5, true),
                    (8, 7, 5, true),
                    (7, 6, 5, true),
                    (6, 1, 5, false),
                    init,
                ],
                Some(6),
                "behind a shell and another client",
            ),
            (
                vec![(9, 8, 5, true), (8, 1, 5, true), init],
                None,
                "pid 1 behind a shell",
            ),
            (vec![(9, 1, 5, true), init], None, "an orphan"),
            (
                vec![(9, 8, 5, true), (8, 1, 0, false)],
                None,
                "another user",
            ),
            (
                vec![(9, 8, 5, true), (8, 7, 0, true), (7, 1, 5, false)],
                None,
                "another user between",
            ),
            (vec![(9, 8, 5, true)], None, "a parent that is gone"),
            (vec![(9, 0, 5, true)], None, "a parent outside"),
            (vec![(9, 8, 5, true), (8, 9, 5, true)], None, "a circle"),
        ] {
            assert_eq!(consumer(&rows), expected, "{why}");
        }
    }

    #[test]
    fn gives_up_after_sixteen() {
        let chain = |carriers: u32| -> Option<u32> {
            let mut rows: Vec<_> = (0..=carriers).map(|n| (9 + n, 10 + n, 5, true)).collect();
            rows.push((10 + carriers, 1, 5, false));
            consumer(&rows)
        };
        assert_eq!(chain(15), Some(25));
        assert_eq!(chain(16), None);
    }

    #[test]
    fn descent_and_lineage_go_through_users() {
        let mut tree = Rows(vec![
            (9, 8, 5, false),
            (8, 7, 0, false),
            (7, 1, 5, false),
            (4, 4, 5, false),
            (1, 0, 0, false),
        ]);
        let mut is_below = |pid, ancestor| {
            let node = tree.node(pid).unwrap();
            descends(&mut tree, node, ancestor)
        };
        assert!(is_below(9, 9) && is_below(9, 8) && is_below(9, 7));
        assert!(!is_below(8, 9) && !is_below(7, 1));
        assert!(!is_below(4, 3), "a circle ends");

        for (pid, most, expected) in [
            (9, 8, &[8, 7][..]),
            (9, 1, &[8]),
            (7, 8, &[]),
            (4, 3, &[4, 4, 4]),
        ] {
            let node = tree.node(pid).unwrap();
            let nodes = lineage(&mut tree, &node, most);
            let pids: Vec<_> = nodes.iter().map(|row| row.0).collect();
            assert_eq!(pids, expected);
        }
    }
}

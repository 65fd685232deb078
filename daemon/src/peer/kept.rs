//! The processes last seen above our own clients, kept open: most requests come from the same few.

use std::sync::{Arc, Mutex, PoisonError};

use super::consumer::{Link, Tree};
use super::proc::{Handle, Table};

/// How many are kept, a file descriptor each.
const MOST: usize = 16;

/// Processes, of which the last seen cost two system calls to look at again instead of seven.
///
/// A handle stays with its process, so one that is still there, its owner's and the same program is what it
/// was. Only its parent may be another, if the one it had has ended; that one is then not found, for a later
/// process under its pid started after its child. So whoever is found is right, and who is not may have been
/// missed.
pub(super) struct Kept(Mutex<Vec<Arc<Handle>>>);

impl Kept {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl Tree for Kept {
    type Node = Arc<Handle>;

    fn node(&self, pid: u32) -> Option<Arc<Handle>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|handle| handle.link().pid == pid);
        let known = known.map(|at| kept.remove(at));
        let handle = match known.filter(|handle| handle.is_unchanged()) {
            Some(handle) => handle,
            None => Arc::new(Handle::open(pid)?),
        };
        if kept.len() == MOST {
            kept.remove(0);
        }
        kept.push(Arc::clone(&handle));
        Some(handle)
    }

    fn link(node: &Arc<Handle>) -> Link {
        node.link()
    }

    fn carries(node: &Arc<Handle>) -> bool {
        Table::carries(node)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::peer::consumer::behind;

    /// Becomes `sleep` when its input ends.
    fn shell() -> Child {
        let mut command = Command::new("/bin/sh");
        let line = "read line; exec sleep 60";
        command.args(["-c", line]).stdin(Stdio::piped());
        command.spawn().unwrap()
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_is_kept_until_it_is_another_program_or_gone() {
        let kept = Kept::new();
        let mut child = shell();
        // Until the exec of the shell itself is over.
        while !kept
            .node(child.id())
            .is_some_and(|node| Kept::carries(&node))
        {
            std::thread::yield_now();
        }
        let first = kept.node(child.id()).unwrap();
        assert!(Arc::ptr_eq(&first, &kept.node(child.id()).unwrap()));

        drop(child.stdin.take());
        while Kept::carries(&kept.node(child.id()).unwrap()) {
            std::thread::yield_now();
        }
        let own = kept.node(child.id()).unwrap();
        assert!(!Arc::ptr_eq(&first, &own));
        assert_eq!(own.link(), first.link());

        end(child);
        assert!(kept.node(own.link().pid).is_none());
    }

    #[test]
    fn the_consumer_is_the_same_at_the_second_look() {
        let kept = Kept::new();
        let child = shell();
        for _ in 0..3 {
            let client = Handle::open(child.id()).unwrap().link();
            assert_eq!(
                behind(&kept, client).unwrap().link().pid,
                std::process::id()
            );
        }
        end(child);
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let kept = Kept::new();
        let children: Vec<_> = (0..MOST + 4).map(|_| shell()).collect();
        for child in &children {
            assert!(kept.node(child.id()).is_some());
        }
        assert_eq!(kept.0.lock().unwrap().len(), MOST);
        children.into_iter().for_each(end);
    }
}

//! The processes last seen above our own clients, kept open: most requests come from the same few.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::consumer::{Link, Tree};
use super::proc::Handle;

/// How many are kept, one or two file descriptors each.
const MOST: usize = 32;

/// Processes, of which the last seen cost two system calls to look at again.
pub(super) struct Kept(Mutex<Vec<Arc<Handle>>>);

/// A way up through the kept processes, which nobody else changes meanwhile: so what is found among them was
/// opened before its child was asked for its parent.
pub(super) struct Walk<'a>(MutexGuard<'a, Vec<Arc<Handle>>>);

/// A process, and how it hung together with others at this walk.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) handle: Arc<Handle>,
    link: Link,
}

impl Kept {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Begins a walk. Whoever it starts from must be looked at after this.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Node {
    /// A process that was just opened.
    pub(super) fn new(handle: Handle) -> Self {
        let link = handle.link();
        let handle = Arc::new(handle);
        Self { handle, link }
    }

    /// A process that was opened some time ago, looked at again. None if it is another program now, or none.
    pub(super) fn again(handle: &Arc<Handle>) -> Option<Self> {
        let link = handle.unchanged()?;
        let handle = Arc::clone(handle);
        Some(Self { handle, link })
    }
}

impl Walk<'_> {
    /// The process with this pid, and whether it was kept; if not it is from now on.
    fn find(&mut self, pid: u32) -> Option<(Node, bool)> {
        let kept = &mut self.0;
        let known = kept.iter().position(|handle| handle.link().pid == pid);
        let known = known.and_then(|at| Node::again(&kept.remove(at)));
        let was_kept = known.is_some();
        let node = match known {
            Some(node) => node,
            None => Node::new(Handle::open(pid)?),
        };
        if kept.len() == MOST {
            kept.remove(0);
        }
        kept.push(Arc::clone(&node.handle));
        Some((node, was_kept))
    }
}

impl Tree for Walk<'_> {
    type Node = Node;

    fn parent(&mut self, child: &Node) -> Option<Node> {
        let ppid = child.link.ppid;
        let (parent, was_kept) = self.find(ppid)?;
        // One that was kept and still runs had that pid when the child was asked for its parent's. Of a new one
        // that is certain if the child, asked again, says the same.
        (was_kept || child.handle.ppid() == Some(ppid)).then_some(parent)
    }

    fn link(node: &Node) -> Link {
        node.link
    }

    fn carries(node: &Node) -> bool {
        node.handle.carries()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::BufRead;
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

    /// What is kept of a process.
    fn find(kept: &Kept, child: &Child) -> Option<Arc<Handle>> {
        let (node, _) = kept.walk().find(child.id())?;
        Some(node.handle)
    }

    #[test]
    fn a_process_is_kept_until_it_is_another_program_or_gone() {
        let kept = Kept::new();
        let mut child = shell();
        // Until the exec of the shell itself is over.
        while !find(&kept, &child).is_some_and(|handle| handle.carries()) {
            std::thread::yield_now();
        }
        let first = find(&kept, &child).unwrap();
        assert!(Arc::ptr_eq(&first, &find(&kept, &child).unwrap()));

        drop(child.stdin.take());
        while find(&kept, &child).unwrap().carries() {
            std::thread::yield_now();
        }
        let own = find(&kept, &child).unwrap();
        assert!(!Arc::ptr_eq(&first, &own));
        assert_eq!(own.link(), first.link());

        child.kill().unwrap();
        child.wait().unwrap();
        assert!(find(&kept, &child).is_none());
    }

    #[test]
    fn the_consumer_is_the_same_at_the_second_look() {
        let kept = Kept::new();
        let child = shell();
        for _ in 0..3 {
            let mut walk = kept.walk();
            let client = Node::new(Handle::open(child.id()).unwrap());
            let found = behind(&mut walk, &client).unwrap();
            assert_eq!(found.handle.link().pid, std::process::id());
        }
        end(child);
    }

    #[test]
    fn a_child_that_lost_its_parent_has_none() {
        let kept = Kept::new();
        let mut outer = Command::new("/bin/sh")
            .args(["-c", "sleep 60 & echo $!; read line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(outer.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let child = Node::new(Handle::open(line.trim().parse().unwrap()).unwrap());
        let parent = |kept: &Kept| {
            kept.walk()
                .parent(&child)
                .map(|node| node.handle.link().pid)
        };
        assert_eq!(parent(&kept), Some(outer.id()));
        assert_eq!(parent(&kept), Some(outer.id()), "kept");
        drop(outer.stdin.take());
        outer.wait().unwrap();
        assert_eq!(parent(&kept), None);
        // As if another process had its parent's pid by now, and nobody had looked at it before.
        let other = Node {
            link: Link {
                ppid: std::process::id(),
                ..child.link
            },
            ..child.clone()
        };
        assert!(Kept::new().walk().parent(&other).is_none());
        let child = rustix::process::Pid::from_raw(child.link.pid.cast_signed()).unwrap();
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let kept = Kept::new();
        let children: Vec<_> = (0..MOST + 4).map(|_| shell()).collect();
        for child in &children {
            assert!(find(&kept, child).is_some());
        }
        assert_eq!(kept.0.lock().unwrap().len(), MOST);
        children.into_iter().for_each(end);
    }
}

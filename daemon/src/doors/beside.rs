//! Futures beside a busy one in the same task, polled only when they have woken it themselves.
//!
//! A connection's task is woken for every request, and for its timer and the listener's wishes hardly
//! ever; asking those each time costs a request as much as the guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// Tells who woke the task.
#[derive(Debug, Default)]
pub(super) struct Beside(Option<(Arc<Flag>, Waker)>);

#[derive(Debug)]
struct Flag {
    woken: AtomicBool,
    task: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Beside {
    /// A waker of `task` for the futures beside, and whether they must be polled with it now: once at
    /// first, and after each time that it was used.
    pub(super) fn of(&mut self, task: &Waker) -> (bool, &Waker) {
        let known = self.0.take().filter(|(flag, _)| flag.task.will_wake(task));
        let (due, known) = match known {
            Some(known) => (known.0.woken.swap(false, Ordering::AcqRel), known),
            None => {
                let flag = Arc::new(Flag {
                    woken: AtomicBool::new(false),
                    task: task.clone(),
                });
                (true, (Arc::clone(&flag), Waker::from(flag)))
            }
        };
        (due, &self.0.insert(known).1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Task(AtomicU32);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn they_are_due_at_first_when_woken_and_in_another_task() {
        let (first, second) = (Arc::<Task>::default(), Arc::<Task>::default());
        let wakers = [&first, &second].map(|task| Waker::from(Arc::clone(task)));
        let mut beside = Beside::default();

        let (due, waker) = beside.of(&wakers[0]);
        let waker = waker.clone();
        assert!(due);
        assert!(!beside.of(&wakers[0]).0);
        waker.wake_by_ref();
        assert_eq!(first.0.load(Ordering::Relaxed), 1);
        assert!(beside.of(&wakers[0]).0);
        assert!(!beside.of(&wakers[0]).0);

        assert!(beside.of(&wakers[1]).0);
        beside.of(&wakers[1]).1.wake_by_ref();
        assert_eq!(second.0.load(Ordering::Relaxed), 1);
        assert!(beside.of(&wakers[1]).0);
    }
}

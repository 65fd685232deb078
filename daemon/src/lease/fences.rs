//! Who may use a lease's token, and what is inside its fence (DESIGN, "Confinement").

use std::sync::Arc;

use super::inside::{Inside, Subject};
use super::scope::Place;
use super::{Lease, Leases};

/// Which fences somebody is inside of.
#[expect(missing_debug_implementations, reason = "leases hold standing readers")]
pub enum Fenced {
    /// None.
    No,
    /// This one's; if there are several they want different things, and nothing is all they have in common.
    By(Vec<Arc<Lease>>),
    /// That takes the process, which is not known, or is gone.
    Unknown,
}

impl Leases {
    /// Whether it has not ended.
    pub fn is_live(&self, lease: &Lease) -> bool {
        self.0.table.load().by_id.contains_key(&lease.id)
            && !lease.is_over(self.0.tools.clock.now())
    }

    /// Whether some lease is for that user's processes, by its uid.
    pub fn admit(&self, uid: u32) -> bool {
        let table = self.0.table.load();
        let mut leases = table.by_id.values();
        leases.any(|lease| lease.scope.is_of_user(uid))
    }

    /// Whether there is a fence at all: while there is none nobody is looked at.
    pub fn has_fences(&self) -> bool {
        !self.0.table.load().fences.is_empty()
    }

    /// Which fences `subject` is inside of.
    pub fn fenced(&self, subject: Subject<'_>) -> Fenced {
        let table = self.0.table.load();
        let (mut around, mut unknown) = (Vec::new(), false);
        for fence in &table.fences {
            match self.holds(fence, subject) {
                Inside::Yes => around.push(Arc::clone(fence)),
                Inside::Unknown => unknown = true,
                Inside::No => {}
            }
        }
        match (around.is_empty(), unknown) {
            (_, true) => Fenced::Unknown,
            (true, false) => Fenced::No,
            (false, false) => Fenced::By(around),
        }
    }

    /// Whether `subject` is inside the scope of a lease.
    pub fn holds(&self, lease: &Lease, subject: Subject<'_>) -> Inside {
        lease.scope.holds(subject, self.place())
    }

    /// What scopes are looked up in.
    pub fn place(&self) -> Place<'_> {
        self.0.tools.place()
    }

    /// Takes a fence down, once nobody is inside any more. Whether there was one.
    pub(super) async fn lift(&self, id: &str) -> bool {
        let _changing = self.0.changing.lock().await;
        let Some(table) = self.0.table.load().without_fence(id) else {
            return false;
        };
        self.0.table.store(Arc::new(table));
        true
    }
}

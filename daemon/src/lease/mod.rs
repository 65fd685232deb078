//! Leases: a revocable right of one consumer to one role, with its own token and end.

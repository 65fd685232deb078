//! Who gets nothing, what is not done, and how the daemon behaves as a process.

mod canary;
mod cores;
mod debuggers;
mod memory;
mod obstacles;
mod other_users;
mod second_daemon;
mod service_manager;
mod signals;

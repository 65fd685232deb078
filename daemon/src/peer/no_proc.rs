//! Where there is no `/proc`: every process is unknown, and so is every owner of a TCP connection.
//!
//! The socket door still knows its peer's uid (`getpeereid`); the HTTP doors refuse.

use std::os::fd::AsFd;

use super::consumer::{Link, Tree};
use super::{Ancestor, Process};

/// Nobody has one.
#[derive(Debug)]
pub(super) enum Handle {}

impl Handle {
    pub(super) fn open(_pid: u32) -> Option<Self> {
        None
    }

    pub(super) fn open_directory(_pid: u32) -> Option<Self> {
        None
    }

    pub(super) fn open_directory_of(_pid: u32, _uid: u32) -> Option<Self> {
        None
    }

    pub(super) fn link(&self) -> Link {
        match *self {}
    }

    pub(super) fn unchanged(&self) -> Option<Link> {
        match *self {}
    }

    pub(super) fn ppid(&self) -> Option<u32> {
        match *self {}
    }

    pub(super) fn is_client(&self) -> bool {
        match *self {}
    }

    pub(super) fn carries(&self) -> bool {
        match *self {}
    }

    pub(super) fn executable_file(&self) -> Option<(u64, u64, u64)> {
        match *self {}
    }

    pub(super) fn exe(&self) -> Option<&std::path::Path> {
        match *self {}
    }

    pub(super) fn outline(&self) -> Option<Process> {
        match *self {}
    }

    pub(super) fn facts(&self) -> Option<Process> {
        match *self {}
    }

    pub(super) fn ancestor(&self) -> Option<Ancestor> {
        match *self {}
    }

    pub(super) fn runs(&self) -> bool {
        match *self {}
    }

    pub(super) fn holds_socket(&self, _inode: u64) -> bool {
        match *self {}
    }
}

pub(super) fn connector(_socket: impl AsFd, _pid: u32) -> Option<Handle> {
    None
}

pub(super) fn pids() -> impl Iterator<Item = u32> {
    std::iter::empty()
}

pub(super) struct Table;

impl Tree for Table {
    type Node = Handle;

    fn parent(&mut self, child: &Handle) -> Option<Handle> {
        match *child {}
    }

    fn link(node: &Handle) -> Link {
        node.link()
    }

    fn carries(node: &Handle) -> bool {
        node.carries()
    }
}

//! A closed loop over many connections of one thread, lean enough to keep any server of one thread
//! busy: whoever asks must not be what is measured.

use std::io;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::event::epoll;

use super::stopwatch::Stopwatch;
use super::wire::{Connection, Endpoint};

/// Connections that stay open from round to round.
#[derive(Debug)]
pub(super) struct Load {
    connections: Vec<Connection>,
    request: Vec<u8>,
    epoll: std::os::fd::OwnedFd,
}

impl Load {
    /// Opens `connections`, on each of which `request` will be sent.
    ///
    /// # Errors
    /// When one is refused.
    pub(super) fn new(
        endpoint: &Endpoint,
        connections: usize,
        request: Vec<u8>,
    ) -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let connections: Vec<Connection> = (0..connections)
            .map(|_| endpoint.connect())
            .collect::<io::Result<_>>()
            .context("cannot connect")?;
        for (index, connection) in connections.iter().enumerate() {
            connection.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, connection, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            connections,
            request,
            epoll,
        })
    }

    /// Keeps one request in flight on every connection for `time`, and tells how many answers a
    /// second that gave.
    ///
    /// # Errors
    /// When a connection breaks, or an answer is not a 200.
    pub(super) fn run(&mut self, time: Duration) -> anyhow::Result<f64> {
        let watch = Stopwatch::start();
        for connection in &mut self.connections {
            connection.send(&self.request)?;
        }
        let mut flying = self.connections.len();
        let mut answers = 0_u32;
        let mut counted = None;
        let mut events = Vec::with_capacity(flying);
        while flying > 0 {
            events.clear();
            epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                None,
            )?;
            let elapsed = watch.elapsed();
            let more = elapsed < time;
            if !more && counted.is_none() {
                counted = Some((answers, elapsed));
            }
            for event in &events {
                let index = usize::try_from(event.data.u64())?;
                let connection = &mut self.connections[index];
                let Some((status, _, _)) = connection.receive()? else {
                    continue;
                };
                ensure!(status == 200, "answered {status} under load");
                answers += 1;
                if more {
                    connection.send(&self.request)?;
                } else {
                    flying -= 1;
                }
            }
        }
        let (answers, elapsed) = counted.unwrap_or((answers, watch.elapsed()));
        Ok(f64::from(answers) / elapsed.as_secs_f64())
    }
}

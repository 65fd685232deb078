//! TCP listeners: loopback, or the link-local addresses of the real services in a network namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use rustix::net::sockopt;

use crate::lease::private;
use crate::secrets::Random;

/// Connections that may wait to be accepted: after a suspend, every client asks at once.
const BACKLOG: i32 = 4096;

/// Answers die at the first router, as those of the real IMDS do (client contract 71).
const HOP_LIMIT: u32 = 1;

/// The addresses of the real services, which a daemon in a network namespace may hold.
const LINK_LOCAL: [Ipv4Addr; 2] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
];

/// Binds an IMDS listener.
pub fn imds(address: SocketAddr) -> io::Result<TcpListener> {
    let allowed = match address.ip() {
        IpAddr::V4(ip) => ip == Ipv4Addr::LOCALHOST || LINK_LOCAL.contains(&ip),
        IpAddr::V6(_) => false,
    };
    if !allowed {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{address} is not on this computer alone; listen on 127.0.0.1, or on 169.254.169.254 \
                 in a network namespace of its own"
            ),
        ));
    }
    listen(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

/// Where the container door's port is chosen from: below the ports that kernels give to outgoing connections
/// (Linux from 32768, macOS from 49152), one of which would be in the way when the port is bound again.
const LASTING_PORTS: std::ops::Range<u16> = 20_000..32_768;

/// How many of them are tried.
const TRIES: usize = 16;

/// Binds the container door: at the port it had before, which live leases name, or at a free one. Never at another one than leases name: whoever holds the port would be given their
/// tokens if we kept quiet.
pub fn container(state_directory: &Path, random: &dyn Random) -> io::Result<TcpListener> {
    let file = state_directory.join("container-port");
    let known = private::read(&file)?.and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).ok()?;
        text.trim().parse::<u16>().ok().filter(|port| *port != 0)
    });
    let bound = match known {
        Some(port) => listen((Ipv4Addr::LOCALHOST, port).into()),
        None => lasting(random),
    };
    let listener = bound.map_err(|error| {
        let hint = match known {
            Some(port) => format!(
                "cannot listen on port {port} for the container door: {error}; end the program that \
                 holds it, or remove {} to have another port chosen (commands that run under \
                 `rolecall exec` or `rolecall env` must then be started again)",
                file.display()
            ),
            None => format!("cannot listen on 127.0.0.1 for the container door: {error}"),
        };
        io::Error::new(error.kind(), hint)
    })?;
    if known.is_none() {
        private::directory(state_directory)?;
        let port = listener.local_addr()?.port();
        private::write(&file, format!("{port}\n").as_bytes(), random)?;
    }
    Ok(listener)
}

/// Binds a lease's own IMDS listener: at `port`, which its command was told before a restart, or at one that
/// the kernel chooses.
pub fn lease_imds(port: Option<u16>) -> io::Result<TcpListener> {
    listen((Ipv4Addr::LOCALHOST, port.unwrap_or(0)).into()).map_err(|error| {
        let hint = match port {
            Some(port) => format!(
                "cannot listen on port {port} for a lease's IMDS listener: {error}; end the program that holds \
                 it and run `rolecall reload`, or start the lease's command again"
            ),
            None => format!("cannot listen on 127.0.0.1 for a lease's IMDS listener: {error}"),
        };
        io::Error::new(error.kind(), hint)
    })
}

/// At a free one of [`LASTING_PORTS`]; where none is found, at one that the kernel chooses.
fn lasting(random: &dyn Random) -> io::Result<TcpListener> {
    let port = || {
        let offset = random.fraction() * f64::from(LASTING_PORTS.end - LASTING_PORTS.start);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of the range"
        )]
        let offset = offset as u16;
        LASTING_PORTS.start + offset
    };
    (0..TRIES)
        .find_map(|_| listen((Ipv4Addr::LOCALHOST, port()).into()).ok())
        .map_or_else(|| listen((Ipv4Addr::LOCALHOST, 0).into()), Ok)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    // std sets SO_REUSEADDR, for restarts over connections that linger, and not SO_REUSEPORT: nobody
    // can share the port.
    let listener = TcpListener::bind(address)?;
    // Both pass on to accepted connections.
    sockopt::set_ip_ttl(&listener, HOP_LIMIT)?;
    sockopt::set_tcp_nodelay(&listener, true)?;
    // std asks for 128; listening again only changes that.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

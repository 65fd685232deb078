//! Who owns a TCP socket of this machine: one exact `INET_DIAG` query over `NETLINK_SOCK_DIAG`.
//!
//! The kernel looks one connection up in its hash table and answers with the creator's uid, the socket's
//! inode and its cgroup, for anybody who asks. That costs a microsecond, where reading `/proc/net/tcp`
//! costs milliseconds. Layouts: `linux/inet_diag.h`, `linux/netlink.h`, sock_diag(7).

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

/// Connected, both ways open (`TCP_ESTABLISHED` of `net/tcp_states.h`; so the next two).
pub const ESTABLISHED: u8 = 1;
/// The owner has sent its FIN, which is not yet acknowledged.
pub const FIN_WAIT1: u8 = 4;
/// The owner has sent its FIN and can still read.
pub const FIN_WAIT2: u8 = 5;

/// What the kernel says about one TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// TCP state, as in `net/tcp_states.h`.
    pub state: u8,
    /// Uid of the process that made the socket.
    pub uid: u32,
    /// Inode; 0 if no process holds the socket any more.
    pub inode: u64,
    /// Id (inode) of the cgroup v2 directory of the process that made it.
    pub cgroup_id: Option<u64>,
}

const HEADER: usize = 16;
const REQUEST: usize = 72;
/// `struct inet_diag_msg`, after the header.
const MESSAGE: usize = 72;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const IPPROTO_TCP: u8 = 6;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// The kernel puts this attribute into every answer of 5.8 or later, asked for or not.
const INET_DIAG_CGROUP_ID: u16 = 21;
/// An answer waits in the queue before `send` returns; this only bounds what cannot happen.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

thread_local! {
    static LINK: RefCell<Option<Link>> = const { RefCell::new(None) };
}

/// The socket whose own address is `source` and whose other end is `destination`. None if there is no
/// such connection, or the kernel has no `tcp_diag`. The netlink socket is kept per thread; after an error a new one is made next time.
pub fn query(source: SocketAddr, destination: SocketAddr) -> io::Result<Option<Socket>> {
    let (source, destination) = (canonical(source), canonical(destination));
    if source.is_ipv4() != destination.is_ipv4() {
        return Ok(None);
    }
    LINK.with_borrow_mut(|slot| {
        let link = match slot {
            Some(link) => link,
            None => slot.insert(Link::open()?),
        };
        let answer = link.ask(source, destination);
        if answer.is_err() {
            *slot = None;
        }
        answer
    })
}

/// A v4-mapped IPv6 address as IPv4: the kernel keeps such connections in the IPv4 table.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(address.ip().to_canonical(), address.port())
        }
        other => other,
    }
}

struct Link {
    socket: OwnedFd,
    sequence: u32,
}

impl Link {
    fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(SOCK_DIAG),
        )?;
        // Connected to the kernel (port 0), it takes nothing from other processes.
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    fn ask(&mut self, source: SocketAddr, destination: SocketAddr) -> io::Result<Option<Socket>> {
        self.sequence = self.sequence.wrapping_add(1);
        send(
            &self.socket,
            &request(self.sequence, source, destination),
            SendFlags::empty(),
        )?;
        let mut buffer = [0; 1024];
        loop {
            let length = match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((length, _)) => length,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => {
                    let mut wait = [PollFd::new(&self.socket, PollFlags::IN)];
                    if poll(&mut wait, Some(&PATIENCE))? == 0 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match parse(&buffer[..length], self.sequence, source, destination) {
                Answer::NotMine => {}
                Answer::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
                Answer::Nothing => return Ok(None),
                Answer::Found(socket) => return Ok(Some(socket)),
            }
        }
    }
}

fn request(sequence: u32, source: SocketAddr, destination: SocketAddr) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    #[expect(clippy::cast_possible_truncation, reason = "72 fits")]
    put(0, &(REQUEST as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &NLM_F_REQUEST.to_ne_bytes());
    put(8, &sequence.to_ne_bytes());
    let family = if source.is_ipv4() { AF_INET } else { AF_INET6 };
    put(HEADER, &[family, IPPROTO_TCP]);
    // Every state: what to make of it is the caller's business.
    put(HEADER + 4, &u32::MAX.to_ne_bytes());
    put(HEADER + 8, &source.port().to_be_bytes());
    put(HEADER + 10, &destination.port().to_be_bytes());
    put(HEADER + 12, &octets(source.ip()));
    put(HEADER + 28, &octets(destination.ip()));
    if let SocketAddr::V6(address) = source {
        put(HEADER + 44, &address.scope_id().to_ne_bytes());
    }
    // INET_DIAG_NOCOOKIE
    put(HEADER + 48, &[0xff; 8]);
    bytes
}

/// Sixteen bytes in network order, IPv4 in the first four.
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// A late answer to an earlier question.
    NotMine,
    Error(i32),
    Nothing,
    Found(Socket),
}

fn parse(bytes: &[u8], sequence: u32, source: SocketAddr, destination: SocketAddr) -> Answer {
    const NLMSG_ERROR: u16 = 2;
    const MALFORMED: Answer = Answer::Error(libc::EPROTO);
    if u32_at(bytes, 8) != Some(sequence) {
        return Answer::NotMine;
    }
    let kind = u16_at(bytes, 4);
    if kind == Some(NLMSG_ERROR) {
        return match u32_at(bytes, HEADER).map(|errno| errno.cast_signed().saturating_neg()) {
            Some(libc::ENOENT) => Answer::Nothing,
            Some(errno) if errno != 0 => Answer::Error(errno),
            _ => MALFORMED,
        };
    }
    if kind != Some(SOCK_DIAG_BY_FAMILY) {
        return MALFORMED;
    }
    let Some(message) = bytes.get(HEADER..HEADER + MESSAGE) else {
        return MALFORMED;
    };
    // For an unknown connection the kernel falls back to a listener on the port: not an answer.
    let ends = (end_at(message, 4, 8), end_at(message, 6, 24));
    let wanted = (
        (source.ip(), source.port()),
        (destination.ip(), destination.port()),
    );
    if ends != (Some(wanted.0), Some(wanted.1)) {
        return Answer::Nothing;
    }
    let (Some(uid), Some(inode)) = (u32_at(message, 64), u32_at(message, 68)) else {
        return MALFORMED;
    };
    Answer::Found(Socket {
        state: message[1],
        uid,
        inode: u64::from(inode),
        cgroup_id: cgroup_id(&bytes[HEADER + MESSAGE..]),
    })
}

/// One end of the connection in a `struct inet_diag_msg`, v4-mapped addresses as IPv4.
fn end_at(message: &[u8], port: usize, address: usize) -> Option<(IpAddr, u16)> {
    let port = u16::from_be_bytes(message.get(port..port + 2)?.try_into().ok()?);
    let octets: [u8; 16] = message.get(address..address + 16)?.try_into().ok()?;
    let address = match *message.first()? {
        AF_INET => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
        AF_INET6 => IpAddr::from(octets).to_canonical(),
        _ => return None,
    };
    Some((address, port))
}

fn cgroup_id(mut attributes: &[u8]) -> Option<u64> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        if u16_at(attributes, 2)? == INET_DIAG_CGROUP_ID {
            return Some(u64::from_ne_bytes(attributes.get(4..12)?.try_into().ok()?));
        }
        if length < 4 {
            return None;
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_a_connection_over_ipv4_ipv6_and_mapped_addresses() {
        for (listen, connect) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::ffff:127.0.0.1"),
        ] {
            let listener = TcpListener::bind(listen).unwrap();
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((connect, port)).unwrap();
            let (served, remote) = listener.accept().unwrap();
            let found = query(remote, served.local_addr().unwrap())
                .unwrap()
                .unwrap();
            assert_eq!(found.state, ESTABLISHED, "{listen} {connect}");
            assert_eq!(found.uid, rustix::process::geteuid().as_raw());
            let inode = rustix::fs::fstat(&client).unwrap().st_ino;
            assert_eq!(found.inode, inode, "the client's socket, not ours");
        }
    }

    #[test]
    fn a_listener_is_no_answer_for_an_unknown_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listening = listener.local_addr().unwrap();
        let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
        assert_eq!(query(listening, nobody).unwrap(), None);
        assert_eq!(query(nobody, listening).unwrap(), None);
        assert_eq!(query("[::1]:9".parse().unwrap(), listening).unwrap(), None);
    }

    #[test]
    fn late_answers_are_passed_over() {
        let end: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut bytes = [0; 36];
        bytes[4] = 2;
        bytes[8..12].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[16..20].copy_from_slice(&(-libc::ENOENT).to_ne_bytes());
        assert_eq!(parse(&bytes, 8, end, end), Answer::NotMine);
        assert_eq!(parse(&bytes, 7, end, end), Answer::Nothing);
        bytes[16..20].copy_from_slice(&(-libc::EPERM).to_ne_bytes());
        assert_eq!(parse(&bytes, 7, end, end), Answer::Error(libc::EPERM));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_or_invent_an_owner(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            framed in any::<bool>(),
        ) {
            if framed && bytes.len() >= HEADER {
                bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
                bytes[8..12].copy_from_slice(&1_u32.to_ne_bytes());
            }
            let end = "10.1.2.3:4567".parse().unwrap();
            prop_assert!(!matches!(parse(&bytes, 1, end, end), Answer::Found(_)));
        }
    }
}

//! A name server of an attacker's, whose answers change between two questions (RFC 1035, as far as that
//! takes).

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

/// Length of a message's head.
const HEAD: usize = 12;

/// The type of addresses, in a question.
const TYPE_A: u16 = 1;

/// No such name.
const NXDOMAIN: u8 = 3;

/// The server; it ends with the process.
#[derive(Clone, Debug)]
pub struct Dns {
    address: SocketAddr,
    names: Arc<Mutex<HashMap<String, Ipv4Addr>>>,
}

impl Dns {
    /// Answers at `address`, port 53: resolvers know no other.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start(address: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, 53))?;
        let server = Self {
            address: socket.local_addr()?,
            names: Arc::default(),
        };
        let names = Arc::clone(&server.names);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(message) = answer(&buffer[..length], &names) {
                    // Lost answers are asked for again.
                    let _ = socket.send_to(&message, from);
                }
            }
        });
        Ok(server)
    }

    /// Lets `name` be at `address` from now on.
    pub fn point(&self, name: &str, address: Ipv4Addr) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_ascii_lowercase(), address);
    }

    /// `/etc/resolv.conf` for whoever shall ask this server and no other.
    pub fn resolv_conf(&self) -> String {
        format!("nameserver {}\n", self.address.ip())
    }
}

/// The answer to a message with one question; None if it is none. It may be kept for no time at all.
fn answer(message: &[u8], names: &HashMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let (id, count) = (message.get(..2)?, message.get(4..6)?);
    if count != [0, 1] {
        return None;
    }
    let (name, end) = name(message)?;
    let question = message.get(HEAD..end + 4)?;
    let kind = u16::from_be_bytes(message.get(end..end + 2)?.try_into().ok()?);
    let known = names.get(&name);
    let found = known.filter(|_| kind == TYPE_A);
    let code = if known.is_none() { NXDOMAIN } else { 0 };
    let mut answer = id.to_vec();
    // An answer with authority, recursion asked for and to be had; then the counts.
    answer.extend([
        0x85,
        0x80 | code,
        0,
        1,
        0,
        u8::from(found.is_some()),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(question);
    if let Some(address) = found {
        // The question's name and type, class IN, no seconds to live, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// The name asked for, in lower case, and where it ends.
fn name(message: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEAD);
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: u8) -> Vec<u8> {
        let mut message = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x04Evil\x04test\0\0".to_vec();
        message.extend([kind, 0, 1]);
        message
    }

    #[test]
    fn a_name_is_where_it_was_put_last() {
        let mut names = HashMap::new();
        let unknown = answer(&question(1), &names).unwrap();
        assert_eq!((unknown[3] & 0xf, unknown[7]), (NXDOMAIN, 0));
        for address in [Ipv4Addr::new(203, 0, 113, 5), Ipv4Addr::LOCALHOST] {
            names.insert("evil.test".to_owned(), address);
            let found = answer(&question(1), &names).unwrap();
            assert_eq!(found[..2], [0x12, 0x34]);
            assert_eq!((found[3] & 0xf, found[7]), (0, 1));
            assert!(found.ends_with(&address.octets()));
        }
        // Of other types it has nothing, which is not the same as being unknown.
        let none = answer(&question(28), &names).unwrap();
        assert_eq!(
            (none[3] & 0xf, none[7], none.len()),
            (0, 0, question(28).len())
        );
        assert_eq!(answer(b"short", &names), None);
        assert_eq!(answer(&question(1)[..20], &names), None);
    }
}

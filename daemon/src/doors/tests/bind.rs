use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::bind::{Reach, container, imds, unix};
use crate::lease::private;
use crate::secrets::{OsRandom, SeededRandom};

struct Place {
    _directory: tempfile::TempDir,
    socket: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place {
        socket: directory.path().join("rolecall/rolecall.sock"),
        _directory: directory,
    }
}

fn bind(place: &Place) -> std::io::Result<super::super::bind::Bound> {
    unix(&place.socket, Reach::Own, &OsRandom::default())
}

fn mode(path: &std::path::Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_socket_and_its_directory_are_private_and_nothing_else_is_left() {
    let place = place();
    let bound = bind(&place).unwrap();
    let directory = place.socket.parent().unwrap();
    assert_eq!((mode(&place.socket), mode(directory)), (0o600, 0o700));
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["rolecall.sock", "rolecall.sock.lock"]);
    UnixStream::connect(&place.socket).unwrap();
    drop(bound);
    assert!(!place.socket.exists());
}

#[test]
fn a_second_daemon_is_told_who_the_first_is() {
    let place = place();
    let first = bind(&place).unwrap();
    let error = bind(&place).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let expected = format!(
        "another rolecalld (pid {}) is serving this socket",
        std::process::id()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    UnixStream::connect(&place.socket).unwrap();
    drop(first);
    bind(&place).unwrap();
}

#[test]
fn a_live_socket_is_not_removed_even_if_nobody_holds_the_lock() {
    let place = place();
    private::directory(place.socket.parent().unwrap()).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&place.socket).unwrap();
    assert_eq!(bind(&place).unwrap_err().kind(), ErrorKind::AddrInUse);
    UnixStream::connect(&place.socket).unwrap();
}

#[test]
fn a_dead_socket_is_replaced() {
    let place = place();
    private::directory(place.socket.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&place.socket).unwrap());
    assert!(place.socket.exists());
    let _bound = bind(&place).unwrap();
    UnixStream::connect(&place.socket).unwrap();
}

#[test]
fn what_is_no_socket_is_left_alone() {
    for make in [
        (|path| fs::create_dir(path)) as fn(&PathBuf) -> std::io::Result<()>,
        |path| private::create(path, b"precious"),
        |path| symlink("/etc/passwd", path),
        |path| symlink("nowhere", path),
    ] {
        let place = place();
        private::directory(place.socket.parent().unwrap()).unwrap();
        make(&place.socket).unwrap();
        let before = fs::symlink_metadata(&place.socket).unwrap().file_type();
        let error = bind(&place).unwrap_err();
        assert!(error.to_string().contains("is no socket"), "{error}");
        let after = fs::symlink_metadata(&place.socket).unwrap().file_type();
        assert!(before == after && !after.is_socket());
    }
}

#[test]
fn a_link_to_a_socket_or_for_a_lock_is_not_followed() {
    let (here, elsewhere) = (place(), place());
    private::directory(here.socket.parent().unwrap()).unwrap();
    let _other = bind(&elsewhere).unwrap();
    symlink(&elsewhere.socket, &here.socket).unwrap();
    assert!(bind(&here).is_err());
    UnixStream::connect(&elsewhere.socket).unwrap();

    let third = place();
    private::directory(third.socket.parent().unwrap()).unwrap();
    let target = third.socket.with_file_name("target");
    symlink(&target, third.socket.with_file_name("rolecall.sock.lock")).unwrap();
    assert!(bind(&third).is_err());
    assert!(!target.exists());
}

#[test]
fn directories_that_others_can_enter_or_own_are_refused() {
    let open = place();
    let directory = open.socket.parent().unwrap();
    private::directory(directory).unwrap();
    for mode in [0o755, 0o711, 0o770, 0o701] {
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        let error = bind(&open).unwrap_err();
        assert!(error.to_string().contains("chmod 0700"), "{error}");
    }

    let place = place();
    let theirs = if rustix::process::geteuid().is_root() {
        private::directory(place.socket.parent().unwrap()).unwrap();
        chown(place.socket.parent().unwrap(), Some(65_534), None).unwrap();
        place.socket.clone()
    } else {
        PathBuf::from("/usr/rolecall.sock")
    };
    let error = unix(&theirs, Reach::Own, &OsRandom::default()).unwrap_err();
    assert!(
        error.to_string().contains("belongs to another user"),
        "{error}"
    );
}

#[test]
fn a_path_too_long_for_a_socket_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("x".repeat(120)).join("s");
    let error = unix(&socket, Reach::Own, &OsRandom::default()).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn of_many_that_start_at_once_exactly_one_serves() {
    let place = Arc::new(place());
    let mut rounds = 0;
    while rounds < 100 {
        let barrier = Arc::new(std::sync::Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (place, barrier) = (Arc::clone(&place), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    bind(&place)
                })
            })
            .collect();
        let results: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        let winners = results.iter().filter(|result| result.is_ok()).count();
        // Another test that is just starting a child gives it a copy of the last round's lock, until the
        // child becomes its program.
        if winners == 0 {
            continue;
        }
        rounds += 1;
        assert_eq!(winners, 1);
        UnixStream::connect(&place.socket).unwrap();
    }
}

/// Client contract 71.
#[test]
fn the_container_door_keeps_its_port() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("state");
    let random = SeededRandom::new(1);
    let first = container(&directory, &random).unwrap();
    let address = first.local_addr().unwrap();
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    let file = directory.join("container-port");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{}\n", address.port())
    );
    // What is accepted has what the listener has.
    let client = TcpStream::connect(address).unwrap();
    first.set_nonblocking(false).unwrap();
    let (accepted, _) = first.accept().unwrap();
    for socket in [first.as_fd(), accepted.as_fd()] {
        assert_eq!(rustix::net::sockopt::ip_ttl(socket).unwrap(), 1);
    }
    drop((accepted, client));
    drop(first);
    let second = container(&directory, &random).unwrap();
    assert_eq!(second.local_addr().unwrap(), address);
}

/// Client contract 69.
#[test]
fn a_port_that_somebody_else_holds_is_named_and_no_other_is_taken() {
    let state = tempfile::tempdir().unwrap();
    let squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = squatter.local_addr().unwrap().port();
    let file = state.path().join("container-port");
    private::write(&file, format!("{port}\n").as_bytes(), &SeededRandom::new(1)).unwrap();
    let error = container(state.path(), &SeededRandom::new(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let message = error.to_string();
    assert!(message.contains(&port.to_string()), "{message}");
    assert!(message.contains(&file.display().to_string()), "{message}");
}

/// Client contract 69.
#[test]
fn nobody_can_put_a_listener_beside_or_over_ours() {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
    let ours = imds("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = ours.local_addr().unwrap().port();
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        let other = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_reuseaddr(&other, true).unwrap();
        sockopt::set_socket_reuseport(&other, true).unwrap();
        let address = std::net::SocketAddrV4::new(address, port);
        let taken = bind(&other, &address).and_then(|()| listen(&other, 1));
        assert_eq!(taken, Err(rustix::io::Errno::ADDRINUSE), "{address}");
    }
}

/// Client contract 69.
#[test]
fn imds_listens_on_this_computer_only() {
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "[::1]:0",
        "10.0.0.1:0",
        "127.0.0.5:0",
    ] {
        let error = imds(address.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{address}");
    }
    let first = imds("127.0.0.1:0".parse().unwrap()).unwrap();
    let again = imds(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
}

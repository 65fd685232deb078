//! Which executables are our own client, for which the one behind it counts.
//!
//! By its file name, and it must be out of other users' hands: root's or the daemon's own user's, and not for
//! everybody to write. Which installation it is from does not matter (a package's, one in a home directory, a
//! copy in a container). Comparing it with one installed file would shut out nobody: whoever can run a program
//! of that name can run the real client, with the same ancestors and its output in a pipe of their own. So a
//! process that a consumer starts gets what the consumer may have; that is what makes `credential_process` work.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{getegid, geteuid};

use super::file::File;
use super::process::file_name;

const NAME: &str = "rolecall";
/// An installed client, and the one before the last upgrade.
const MOST: usize = 4;

/// Files that were found to be the client and have only that one name, unchanged since: they need not be
/// asked for their path again.
static KNOWN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Whether `file`, which some process runs as `exe`, is our own client.
pub(super) fn is_one<'a>(file: &File, exe: impl FnOnce() -> Option<&'a Path>) -> bool {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known().contains(file) {
        return true;
    }
    let Some(exe) = exe().filter(|exe| file_name(exe) == Some(NAME)) else {
        return false;
    };
    if !is_safe(file, own()) {
        return false;
    }
    // A file with several names is judged by the one it was started by.
    if file.names == 1 && File::here(exe).is_some_and(|here| here == *file) {
        let mut known = known();
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(*file);
    }
    true
}

/// Whether no other user can have put the file there, or change it.
fn is_safe(file: &File, own: (u32, u32)) -> bool {
    let (uid, gid) = own;
    let by_group = file.mode & 0o020 != 0 && file.gid != 0 && file.gid != gid;
    let by_all = file.mode & 0o002 != 0;
    (file.uid == 0 || file.uid == uid) && !by_group && !by_all
}

fn own() -> (u32, u32) {
    static OWN: OnceLock<(u32, u32)> = OnceLock::new();
    *OWN.get_or_init(|| (geteuid().as_raw(), getegid().as_raw()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_client_is_in_nobody_else_s_hands() {
        for (uid, gid, mode, expected) in [
            (0, 0, 0o100_755, true),
            (1000, 1000, 0o100_700, true),
            // As cargo leaves it where every user has a group of their own.
            (1000, 1000, 0o100_775, true),
            (0, 0, 0o100_775, true),
            (1000, 50, 0o100_775, false),
            (1000, 1000, 0o100_757, false),
            (1001, 1000, 0o100_755, false),
            (65_534, 65_534, 0o100_755, false),
        ] {
            let file = File::with_mode(uid, gid, mode);
            assert_eq!(is_safe(&file, (1000, 1000)), expected, "{uid} {mode:o}");
        }
    }

    #[test]
    fn a_name_is_asked_for_until_the_file_is_known_and_again_when_it_changed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(NAME);
        std::fs::File::create(&path).unwrap();
        let chmod = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            File::here(&path).unwrap()
        };
        let file = chmod(0o700);
        assert!(!is_one(&file, || None));
        assert!(!is_one(&file, || Some(Path::new("/bin/other"))));
        assert!(is_one(&file, || Some(&path)));
        assert!(is_one(&file, || panic!("it is known")));

        let writable = chmod(0o702);
        assert!(!is_one(&writable, || Some(&path)));
        // Back again, which is another change; and then with a second name, by which it is not known.
        assert!(is_one(&chmod(0o700), || Some(&path)));
        let other = place.path().join("other");
        std::fs::hard_link(&path, &other).unwrap();
        let twice = File::here(&path).unwrap();
        assert!(is_one(&twice, || Some(&path)));
        assert!(!is_one(&twice, || Some(&other)));
    }
}

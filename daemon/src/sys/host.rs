//! Facts about this machine and its user: host name, boot id, user name.

use std::ffi::{CStr, CString, OsString};

/// The host's name as `uname` gives it, up to the first dot: a network that hands out a domain does not
/// change session names.
pub fn name() -> String {
    let uname = rustix::system::uname();
    let full = uname.nodename().to_string_lossy();
    full.split('.').next().unwrap_or_default().to_owned()
}

/// An id of this boot: with it, boot times of different boots can be told apart.
#[cfg(target_os = "linux")]
pub fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim_end().to_owned())
}

/// An id of this boot: with it, boot times of different boots can be told apart.
#[cfg(target_os = "macos")]
pub fn boot_id() -> Option<String> {
    let mut buffer = [0_u8; 64];
    let mut length = buffer.len();
    // SAFETY: the name is a NUL-terminated literal, and the kernel writes at most `length` bytes into
    // `buffer`, which outlives the call.
    let done = unsafe {
        libc::sysctlbyname(
            c"kern.bootsessionuuid".as_ptr(),
            buffer.as_mut_ptr().cast(),
            &raw mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    if done != 0 {
        return None;
    }
    let text = CStr::from_bytes_until_nul(&buffer).ok()?;
    Some(text.to_string_lossy().into_owned())
}

/// The user's name, for session names: `USER` or `LOGNAME` out of `environment`, else what the user
/// database says about our uid.
pub fn user_name(environment: impl Fn(&str) -> Option<OsString>) -> Option<String> {
    ["USER", "LOGNAME"]
        .into_iter()
        .filter_map(|variable| environment(variable)?.into_string().ok())
        .find(|name| !name.is_empty())
        .or_else(|| user_name_of(rustix::process::geteuid().as_raw()))
}

/// The uid of the user called `name` in the user database. May ask the network (NSS): not for the reading
/// path.
pub fn uid_of(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    look_up(
        // SAFETY: `name` is NUL-terminated and outlives the call; the rest is what `look_up` promises.
        |entry, buffer, length, found| unsafe {
            libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found)
        },
        |entry| Some(entry.pw_uid),
    )
}

/// What the user database calls `uid`. May ask the network (NSS): not for the reading path.
pub fn user_name_of(uid: u32) -> Option<String> {
    look_up(
        // SAFETY: nothing but what `look_up` promises.
        |entry, buffer, length, found| unsafe {
            libc::getpwuid_r(uid, entry, buffer, length, found)
        },
        |entry| {
            if entry.pw_name.is_null() {
                return None;
            }
            // SAFETY: on success `pw_name` is a NUL-terminated string inside the buffer, which is still
            // alive.
            let name = unsafe { CStr::from_ptr(entry.pw_name) };
            name.to_str().ok().map(str::to_owned)
        },
    )
}

/// Calls `ask` (getpwuid_r(3) or getpwnam_r(3)) with a large enough buffer, and `take` with what was found:
/// `ask` gets pointers to live memory and the buffer's true length, `take` runs while the buffer is alive.
fn look_up<T>(
    ask: impl Fn(
        *mut libc::passwd,
        *mut libc::c_char,
        libc::size_t,
        *mut *mut libc::passwd,
    ) -> libc::c_int,
    take: impl FnOnce(&libc::passwd) -> Option<T>,
) -> Option<T> {
    let mut buffer = vec![0_u8; 1024];
    loop {
        // SAFETY: `passwd` is a plain C struct of integers and pointers, for which all zeroes are valid.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        let error = ask(
            &raw mut entry,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &raw mut found,
        );
        if error == libc::ERANGE && buffer.len() < 1 << 20 {
            buffer.resize(buffer.len() * 2, 0);
            continue;
        }
        if error != 0 || found.is_null() {
            return None;
        }
        return take(&entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_user_before_the_database_does() {
        let table = [
            (Some("alice"), Some("bob"), Some("alice")),
            (Some(""), Some("bob"), Some("bob")),
            (None, Some("bob"), Some("bob")),
        ];
        for (user, logname, expected) in table {
            let environment = |variable: &str| match variable {
                "USER" => user.map(OsString::from),
                _ => logname.map(OsString::from),
            };
            assert_eq!(user_name(environment).as_deref(), expected);
        }
        let own = user_name_of(rustix::process::geteuid().as_raw());
        assert_eq!(user_name(|_| None), own);
    }

    #[test]
    fn the_database_knows_root_and_not_everybody() {
        assert_eq!(user_name_of(0).as_deref(), Some("root"));
        assert_eq!(user_name_of(0x7fff_fff1), None);
        assert_eq!(uid_of("root"), Some(0));
        assert_eq!((uid_of("no such user"), uid_of("a\0b")), (None, None));
    }

    #[test]
    fn host_and_boot_have_names() {
        assert!(!name().contains('.'));
        assert_eq!(boot_id().map(|id| id.len()), Some(36));
    }
}

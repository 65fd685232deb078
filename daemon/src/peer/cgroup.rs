//! The cgroup v2 path of a process, and the systemd unit in it.

/// The v2 line of `/proc/PID/cgroup` (cgroups(7)): `0::/path`.
pub(super) fn path(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The systemd unit a cgroup path belongs to: below `user@UID.service`, the unit of that user's manager if the user is
/// `own`.
///
/// Slices are passed; the first other unit counts, and what lies below it does not: a unit with a
/// delegated subtree names the groups in it as it likes. So does every user the units of their manager: to the daemon of
/// another user, or of the system, `deploy.service` in there must not be the system's unit of that name.
pub(super) fn unit(path: &str, own: u32) -> Option<&str> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let unit = first_unit(&mut parts)?;
    let manager = unit
        .strip_prefix("user@")
        .and_then(|rest| rest.strip_suffix(".service"));
    if manager.is_some_and(|uid| uid.parse() == Ok(own)) {
        return first_unit(&mut parts).or(Some(unit));
    }
    Some(unit)
}

fn first_unit<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_slice = |part: &str| {
        part.rsplit_once('.')
            .is_some_and(|(_, kind)| kind == "slice")
    };
    let part = parts.find(|part| !is_slice(part))?;
    // systemd puts `_` before a unit's name that could be taken for a file of the cgroup file system.
    let name = part.strip_prefix('_').unwrap_or(part);
    let (stem, kind) = name.rsplit_once('.')?;
    let known = matches!(kind, "service" | "scope" | "socket" | "mount" | "swap");
    (known && !stem.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_v2_line() {
        assert_eq!(path("0::/init.scope\n"), Some("/init.scope"));
        assert_eq!(path("12:cpu:/a\n1:name=systemd:/b\n0::/c\n"), Some("/c"));
        assert_eq!(path("1:cpu:/a\n"), None);
        assert_eq!(path(""), None);
    }

    #[test]
    fn finds_the_unit() {
        let user = "/user.slice/user-1000.slice/user@1000.service";
        for (path, expected) in [
            ("/", None),
            ("/init.scope", Some("init.scope")),
            ("/system.slice/deploy.service", Some("deploy.service")),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                Some("getty@tty1.service"),
            ),
            (
                "/system.slice/docker-0f.scope/payload/x.service",
                Some("docker-0f.scope"),
            ),
            (
                "/user.slice/user-1000.slice/session-3.scope",
                Some("session-3.scope"),
            ),
            (
                &format!("{user}/app.slice/app-foot.scope"),
                Some("app-foot.scope"),
            ),
            (&format!("{user}/init.scope"), Some("init.scope")),
            (user, Some("user@1000.service")),
            // Another user's manager, whose units have what names that user likes.
            (
                "/user.slice/user-1001.slice/user@1001.service/app.slice/deploy.service",
                Some("user@1001.service"),
            ),
            (
                "/user.slice/user-1001.slice/user@x.service/deploy.service",
                Some("user@x.service"),
            ),
            ("/system.slice/_cpu.service", Some("cpu.service")),
            ("/docker/0f3a", None),
            (
                "/kubepods.slice/pod1.slice/cri-1.scope",
                Some("cri-1.scope"),
            ),
            ("/kubepods/pod1/deploy.service", None),
            ("/../../x", None),
            ("/.service", None),
        ] {
            assert_eq!(unit(path, 1000), expected, "{path}");
        }
    }
}

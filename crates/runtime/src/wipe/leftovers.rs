//! What stays when containerd could not clean up: found in /proc by the names that only ours has.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};

use crate::RuntimeError;
use crate::process::{Handle, Identity};

/// Between SIGTERM and SIGKILL for what is left of a container.
const GRACE: Duration = Duration::from_secs(2);
/// No container has more processes below its shim than this.
const DESCENDANTS_LIMIT: usize = 100_000;

/// Ends the shims that were started by the containerd at `socket`, and all that runs below them.
pub(super) async fn kill_shims(socket: &Path) -> Result<(), RuntimeError> {
    for shim in shims_of(socket) {
        // The shim first: it would report its containers' end to nobody, and start nothing new.
        let below = descendants(shim);
        for pid in std::iter::once(shim).chain(below) {
            if let Some(handle) = Identity::of(pid).map(Handle::open).transpose()?.flatten() {
                tracing::info!(pid, "killing what is left of a container");
                handle.end(GRACE).await?;
            }
        }
    }
    Ok(())
}

/// The processes whose command line is that of a shim with our socket's address.
fn shims_of(socket: &Path) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        is_shim_of(&line, &socket.to_string_lossy())
    })
    .collect()
}

/// Whether a command line (arguments separated by zeros) is `containerd-shim... -address SOCKET ...`.
fn is_shim_of(command_line: &[u8], socket: &str) -> bool {
    let mut arguments = command_line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let mut arguments = arguments.skip_while(|argument| argument != "-address" && argument != "--address");
    name.starts_with("containerd-shim") && arguments.nth(1).is_some_and(|address| address == socket)
}

/// The children of a process, their children, and so on.
fn descendants(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut pending = VecDeque::from([pid]);
    while let Some(pid) = pending.pop_front() {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        for child in children.take(DESCENDANTS_LIMIT.saturating_sub(found.len())) {
            found.push(child);
            pending.push_back(child);
        }
    }
    found
}

/// Unmounts everything at or below `folder`, the newest first.
pub(super) fn unmount_below(folder: &Path) -> Result<(), RuntimeError> {
    let fail = |path: &Path, source: io::Error| RuntimeError::Unmount { path: path.to_owned(), source };
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").map_err(|error| fail(folder, error))?;
    for point in mount_points(&mounts).into_iter().rev().filter(|point| point.starts_with(folder)) {
        match unmount(&point, UnmountFlags::DETACH) {
            // Already gone with a mount above it.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(fail(&point, error.into())),
        }
    }
    Ok(())
}

/// The mount points of a mountinfo file (proc_pid_mountinfo(5), field 5), oldest first.
fn mount_points(mountinfo: &str) -> Vec<PathBuf> {
    let fields = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    fields.map(|field| PathBuf::from(unescaped(field))).collect()
}

/// Blank, tab, newline and backslash are written as a backslash and three octal digits.
fn unescaped(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (code, character)| text.replace(code, character))
}

pub(super) fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

pub(super) fn remove(folder: &Path) -> Result<(), RuntimeError> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(RuntimeError::Remove { path: folder.to_owned(), source }),
    }
}

/// Shims put their sockets here whatever the configuration says (containerd, `pkg/shim/util_unix.go`).
/// Removed only when empty: they may be another containerd's.
pub(super) fn remove_shim_folders() {
    for folder in ["/run/containerd/s", "/run/containerd"] {
        let _ = std::fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_shims_are_ours() {
        let check = |line: &str, expected: bool| {
            let bytes = line.replace(' ', "\0").into_bytes();
            assert_eq!(is_shim_of(&bytes, "/run/a/c.sock"), expected, "{line}");
        };
        check("/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /run/a/c.sock", true);
        check("containerd-shim-runc-v2 -address /run/a/c.sock -id x", true);
        check("/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /run/b/c.sock", false);
        check("/usr/bin/containerd-shim-runc-v2 -address", false);
        check("/usr/bin/vi -address /run/a/c.sock", false);
        check("", false);
    }

    #[test]
    fn mount_points_are_unescaped() {
        let mountinfo = "36 35 98:0 /mnt1 /a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw\n\
                         37 35 0:4 net:[4026532] /run/x/netns/cni-1 rw - nsfs nsfs rw\n";
        assert_eq!(mount_points(mountinfo), [Path::new("/a b\\c"), Path::new("/run/x/netns/cni-1")]);
    }

    #[test]
    fn every_descendant_is_found() {
        let mut child = std::process::Command::new("sh");
        let child = child.args(["-c", "sh -c 'sleep 5; true' & echo; wait"]);
        let mut child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut ready = [0];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let me = i32::try_from(child.id()).unwrap();
        let mut found = descendants(me);
        for _ in 0..200 {
            if found.len() == 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            found = descendants(me);
        }
        assert_eq!(found.len(), 2, "a shell and its sleep");
        for pid in found {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        child.wait().unwrap();
    }
}

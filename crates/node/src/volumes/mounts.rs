//! The mount table: what is mounted where, mounting and unmounting.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// Mounts a tmpfs of at most that size; 0 leaves the kernel's default (half of the memory).
pub(super) fn tmpfs(folder: &Path, size_bytes: u64) -> io::Result<()> {
    let options = if size_bytes > 0 { format!("size={size_bytes}") } else { String::new() };
    file_system("tmpfs", folder, &options)
}

/// Mounts a hugetlbfs; without a page size, the default one.
pub(super) fn hugetlbfs(folder: &Path, page_size: Option<&str>) -> io::Result<()> {
    let options = page_size.map(|size| format!("pagesize={}", size.trim_end_matches('i')));
    file_system("hugetlbfs", folder, &options.unwrap_or_default())
}

fn file_system(kind: &str, folder: &Path, options: &str) -> io::Result<()> {
    let options = std::ffi::CString::new(options).unwrap_or_default();
    let mounted = mount(kind, folder, kind, MountFlags::empty(), Some(options.as_c_str()));
    mounted.map_err(|errno| named(folder, errno.into()))
}

/// Whether something is mounted exactly there.
pub(super) fn is_mount_point(folder: &Path) -> bool {
    mount_points().iter().any(|at| at == folder)
}

/// Unmounts everything at or below a path, the innermost first, as often as it is mounted.
pub(crate) fn unmount_below(folder: &Path) -> io::Result<()> {
    let mut points: Vec<PathBuf> = mount_points().into_iter().filter(|at| at.starts_with(folder)).collect();
    points.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
    for at in points {
        // Lazily: a process that still looks in must not keep the pod from ending.
        match unmount(&at, UnmountFlags::DETACH) {
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(named(&at, errno.into())),
        }
    }
    Ok(())
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Every mount point of this process' namespace.
fn mount_points() -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(mount_point).collect()
}

/// The fifth field, in which blanks are written in octal (proc(5)).
fn mount_point(line: &str) -> Option<PathBuf> {
    let field = line.split(' ').nth(4)?;
    Some(PathBuf::from(unescaped(field)))
}

fn unescaped(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_may_have_blanks() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(mount_point(line), expected.map(PathBuf::from), "{line}");
        };
        check("36 35 98:0 / /mnt/a\\040b rw - ext3 /dev/root rw", Some("/mnt/a b"));
        check("36 35 98:0 / / rw - ext3 /dev/root rw", Some("/"));
        check("36 35 98:0", None);
    }
}

//! The whole configuration of a containerd that somebody else started: its own program prints it.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::process::listener_of;

/// Printing a configuration takes a few milliseconds.
const LIMIT: Duration = Duration::from_secs(3);

/// What `containerd config dump` prints when it is given the arguments of the containerd that listens at
/// `socket`. `None` when that process cannot be looked at.
pub(super) async fn of_listener(socket: &Path) -> Option<String> {
    let pid = listener_of(socket).await?.pid;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = line.split(|&byte| byte == 0).skip(1).map(|argument| String::from_utf8_lossy(argument));
    let mut command = Command::new(format!("/proc/{pid}/exe"));
    command.args(arguments.filter(|argument| !argument.is_empty()).map(|argument| argument.into_owned()));
    command.args(["config", "dump"]).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(super) fn sandbox_image(dump: &str) -> Option<String> {
    value(dump, "'io.containerd.cri.v1.images'.pinned_images", "sandbox")
}

pub(super) fn snapshotter(dump: &str) -> Option<String> {
    value(dump, "'io.containerd.cri.v1.images'", "snapshotter")
}

/// A string of one plugin's table, in TOML as containerd prints it: one key to a line.
fn value(dump: &str, table: &str, key: &str) -> Option<String> {
    let header = format!("[plugins.{table}]");
    let table = dump.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    let mut pairs = table.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once(" = "));
    let (_, value) = pairs.find(|(name, _)| *name == key)?;
    let value = value.trim_matches(['\'', '"']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_their_own_table() {
        let dump = "version = 3\n\n[plugins]\n  [plugins.'io.containerd.cri.v1.images']\n    \
            snapshotter = 'overlayfs'\n\n    [plugins.'io.containerd.cri.v1.images'.pinned_images]\n      \
            sandbox = 'registry.k8s.io/pause:3.10'\n\n  [plugins.'io.containerd.cri.v1.runtime']\n    \
            sandbox = 'other'\n";
        assert_eq!(sandbox_image(dump).as_deref(), Some("registry.k8s.io/pause:3.10"));
        assert_eq!(snapshotter(dump).as_deref(), Some("overlayfs"));
        assert_eq!(sandbox_image("version = 2"), None);
        assert_eq!(snapshotter("[plugins.'io.containerd.cri.v1.images']\nsnapshotter = ''"), None);
    }
}

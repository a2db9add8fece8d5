//! Making the folders, taking the lock, and starting the process.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::process::Command;

use crate::host::{Host, search_path};
use crate::open_files;
use crate::process::Identity;
use crate::{Layout, RuntimeError};

/// The kernel's `sun_path` less its final zero. containerd puts its second socket, `.ttrpc`, beside ours.
const SOCKET_PATH_LIMIT: usize = 107 - ".ttrpc".len();

/// Makes the private folders, for root's eyes only.
pub(super) fn make_folders(layout: &Layout) -> Result<(), RuntimeError> {
    let socket = layout.socket();
    if socket.as_os_str().as_bytes().len() > SOCKET_PATH_LIMIT {
        return Err(RuntimeError::SocketPathTooLong { path: socket, limit: SOCKET_PATH_LIMIT });
    }
    for folder in [layout.data_dir(), layout.run_dir(), &layout.root(), &layout.state()] {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o711);
        builder.create(folder).map_err(RuntimeError::directory(folder))?;
    }
    Ok(())
}

/// Held while containerd is started or stopped; released when dropped, also by the kernel.
pub(super) struct Lock(#[expect(dead_code, reason = "holding the file open is the lock")] File);

/// Takes the lock, waiting for another holder as long as one start may take.
pub(super) async fn lock(layout: &Layout) -> Result<Lock, RuntimeError> {
    let path = layout.lock();
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(RuntimeError::write(&path))?;
    for _ in 0..LOCK_ATTEMPTS {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(error) => return Err(RuntimeError::Write { path, source: error.into() }),
        }
    }
    Err(RuntimeError::Busy { lock: path })
}

const LOCK_PAUSE: Duration = Duration::from_millis(50);
const LOCK_ATTEMPTS: u32 = 1500;

/// Starts containerd in a session of its own, so that neither a terminal nor our end reaches it.
pub(super) fn spawn(host: &Host, layout: &Layout) -> Result<Identity, RuntimeError> {
    let log_path = layout.log();
    let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(&log_path);
    let log = open().map_err(RuntimeError::write(&log_path))?;
    let log_again = log.try_clone().map_err(RuntimeError::write(&log_path))?;

    let mut command = Command::new(&host.containerd);
    command.arg("--config").arg(layout.config());
    command.current_dir("/").env("PATH", search_path());
    // Meant for Ironclad itself when systemd started it; containerd would answer in its name.
    command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("LISTEN_FDS");
    command.stdin(Stdio::null()).stdout(log).stderr(log_again);
    // SAFETY: setsid(2) is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(drop).map_err(Into::into));
    }
    open_files::pass_on(command.as_std_mut());
    let run = |source| RuntimeError::Run { program: host.containerd.clone(), source };
    let mut child = command.spawn().map_err(run)?;
    let identity = child.id().and_then(|pid| Identity::of(pid.try_into().ok()?));
    // While this Ironclad lives it is the parent and must collect what is left when containerd ends.
    tokio::spawn(async move {
        if let Ok(status) = child.wait().await {
            tracing::info!(%status, "containerd ended");
        }
    });
    identity.ok_or_else(|| RuntimeError::DiedStarting { tail: super::log::tail(&log_path), log: log_path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_cannot_be_made_are_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let check = |run_dir: &str, expected: &str| {
            let layout = Layout::new(dir.path().join("data"), dir.path().join(run_dir));
            let error = make_folders(&layout).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("file/below", "file/below for containerd");
        check(&"x".repeat(100), "is too long for a socket");
    }

    #[tokio::test]
    async fn the_lock_is_exclusive_and_ends_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), dir.path());
        let held = lock(&layout).await.unwrap();
        let second = tokio::time::timeout(Duration::from_millis(120), lock(&layout)).await;
        assert!(second.is_err(), "two hold the lock");
        drop(held);
        assert!(lock(&layout).await.is_ok());
    }
}

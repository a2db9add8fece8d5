//! One Ironclad per run folder: a lock that lives exactly as long as its process.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

const FILE: &str = "ironclad.lock";
/// Between two looks at whether a process has ended.
const POLL: Duration = Duration::from_millis(20);

/// The right to run with this run folder. Dropping it, or dying, gives it back.
#[derive(Debug)]
pub struct Instance {
    _lock: File,
}

/// The process that holds a run folder. It is that very process as long as it holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: i32,
    lock: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("ironclad is already running with {} (process {})", folder.display(), holder.pid)]
    Taken { folder: PathBuf, holder: Holder },
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot end process {pid}: {source}")]
    Signal { pid: i32, source: io::Error },
    #[error("process {pid} does not end")]
    WillNotEnd { pid: i32 },
}

impl Instance {
    /// Takes the run folder, which is made if it is not there.
    pub fn claim(run: &Path) -> Result<Self, InstanceError> {
        let path = run.join(FILE);
        let failed = |source| InstanceError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(run).map_err(failed)?;
        let mut lock = OpenOptions::new();
        let lock = lock.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let mut lock = lock.map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = Holder { pid: read_pid(&mut lock).unwrap_or_default(), lock: path };
                return Err(InstanceError::Taken { folder: run.to_owned(), holder });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let write = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        write.map_err(failed)?;
        Ok(Self { _lock: lock })
    }
}

/// The Ironclad that runs with this run folder, if one does.
pub fn running(run: &Path) -> Result<Option<Holder>, InstanceError> {
    let path = run.join(FILE);
    let mut lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(InstanceError::File { path, source }),
    };
    if flock(&lock, FlockOperation::NonBlockingLockShared).is_ok() {
        return Ok(None);
    }
    // Between taking the lock and writing the number the file is empty for a moment.
    for _ in 0..10 {
        if let Some(pid) = read_pid(&mut lock) {
            return Ok(Some(Holder { pid, lock: path }));
        }
        std::thread::sleep(POLL);
    }
    let source = io::Error::other("it is held by a process that has not written its number into it");
    Err(InstanceError::File { path, source })
}

fn read_pid(lock: &mut File) -> Option<i32> {
    let mut text = String::new();
    lock.rewind().ok()?;
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

impl Holder {
    /// Asks the process to end and kills it if it has not after `grace`.
    pub async fn end(&self, grace: Duration) -> Result<(), InstanceError> {
        let failed = |source: io::Error| InstanceError::Signal { pid: self.pid, source };
        let Some(pid) = Pid::from_raw(self.pid) else { return Ok(()) };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(failed(error.into())),
        };
        for signal in [Signal::TERM, Signal::KILL] {
            // Only now, with the number pinned, does the lock prove that it is that process.
            if !self.holds() {
                return Ok(());
            }
            match pidfd_send_signal(&process, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(failed(error.into())),
            }
            if tokio::time::timeout(grace, self.released()).await.is_ok() {
                return Ok(());
            }
        }
        Err(InstanceError::WillNotEnd { pid: self.pid })
    }

    fn holds(&self) -> bool {
        File::open(&self.lock).is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
    }

    async fn released(&self) {
        while self.holds() {
            tokio::time::sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("run");
        assert_eq!(running(&run).expect("readable"), None, "nothing was ever started");
        let first = Instance::claim(&run).expect("free");
        let me = i32::try_from(std::process::id()).expect("a number");
        assert_eq!(running(&run).expect("readable").map(|holder| holder.pid), Some(me));
        match Instance::claim(&run) {
            Err(InstanceError::Taken { holder, .. }) => assert_eq!(holder.pid, me),
            other => panic!("taken twice: {other:?}"),
        }
        drop(first);
        assert_eq!(running(&run).expect("readable"), None, "the file stays, the lock does not");
        Instance::claim(&run).expect("free again");
    }

    #[tokio::test]
    async fn a_holder_is_ended_and_only_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = folder.path().join(FILE);
        // Holds the lock until it ends, as Ironclad does.
        let script = format!("exec 9>{0}; flock 9; echo $$ > {0}; echo; exec sleep 60", lock.display());
        let mut child = std::process::Command::new("sh");
        let mut child =
            child.args(["-c", &script]).stdout(std::process::Stdio::piped()).spawn().expect("sh runs");
        let mut ready = [0];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("a line");
        let holder = running(folder.path()).expect("readable").expect("held");
        assert_eq!(holder.pid, i32::try_from(child.id()).expect("a number"));
        holder.end(Duration::from_secs(5)).await.expect("ends");
        assert!(!child.wait().expect("waited").success());
        holder.end(Duration::from_secs(5)).await.expect("nothing to do");
    }
}

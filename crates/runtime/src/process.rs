//! A process that may not be our child, told apart from later ones with the same number.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use crate::RuntimeError;

/// Who a process is: its number and when it started, in clock ticks since boot (proc(5), field 22).
/// Numbers are reused; the pair is not, within one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: i32,
    started: u64,
}

impl Identity {
    /// Of the process that has this number now, unless it has ended (a zombie has).
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let started = start_of_living(&stat)?;
        Some(Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// The identity that [`Identity::to_file`] wrote, whether or not the process still runs.
    pub fn from_file(text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    pub fn to_file(self) -> String {
        format!("{} {}\n", self.pid, self.started)
    }
}

/// The start time in a /proc/PID/stat, unless the process is a zombie or dead.
fn start_of_living(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may contain anything, also `)`.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    // `state` was field 3, so 22 is the nineteenth from here.
    let started = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X" | "x")).then_some(started)
}

/// A handle that always means the same process.
pub(crate) struct Handle {
    identity: Identity,
    fd: AsyncFd<OwnedFd>,
}

impl Handle {
    /// Opens a handle; `None` when the process has ended.
    pub fn open(identity: Identity) -> Result<Option<Self>, RuntimeError> {
        let fail = |source: io::Error| RuntimeError::Signal { pid: identity.pid, source };
        let Some(pid) = Pid::from_raw(identity.pid) else { return Ok(None) };
        let fd = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(fail(error.into())),
        };
        // Only now is the number pinned, so only now does the comparison mean anything.
        if !identity.is_alive() {
            return Ok(None);
        }
        // SAFETY: an OwnedFd is an open descriptor, always the same, until it is dropped with the AsyncFd.
        let fd = unsafe { AsyncFd::register(fd) }.map_err(|error| fail(error.into_parts().1))?;
        Ok(Some(Self { identity, fd }))
    }

    pub fn pid(&self) -> i32 {
        self.identity.pid
    }

    /// Completes when the process has ended.
    pub async fn ended(&self) {
        // A process descriptor becomes readable at the end and stays so; an error of the poll itself can
        // only mean that the reactor shuts down.
        let _ = self.fd.readable().await;
    }

    pub fn signal(&self, signal: Signal) -> Result<(), RuntimeError> {
        match pidfd_send_signal(self.fd.get_ref(), signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(RuntimeError::Signal { pid: self.identity.pid, source: error.into() }),
        }
    }

    /// Asks the process to end and kills it if it has not after `grace`.
    pub async fn end(&self, grace: Duration) -> Result<(), RuntimeError> {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal)?;
            if tokio::time::timeout(grace, self.ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(RuntimeError::WillNotEnd { pid: self.identity.pid })
    }
}

/// The process that listens at a unix socket, as the kernel knows it.
pub(crate) async fn listener_of(socket: &Path) -> Option<Identity> {
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    Identity::of(stream.peer_cred().ok()?.pid()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let rest = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        let check =
            |stat: String, expected: Option<u64>| assert_eq!(start_of_living(&stat), expected, "{stat}");
        check(format!("77 (containerd) S {rest}"), Some(4711));
        check(format!("77 (a) Z (b) R {rest}"), Some(4711));
        check(format!("77 (containerd) Z {rest}"), None);
        check(format!("77 (containerd) X {rest}"), None);
        check("77 (containerd) S 1 2 3".into(), None);
        check("".into(), None);
    }

    #[test]
    fn an_identity_survives_its_file() {
        let me = Identity::of(std::process::id().try_into().unwrap()).unwrap();
        assert_eq!(Identity::from_file(&me.to_file()), Some(me));
        assert!(me.is_alive());
        assert!(!Identity { started: me.started + 1, ..me }.is_alive(), "same number, later start");
        for damaged in ["", "12", "x 1", "1 x", "1 2 3"] {
            assert_eq!(Identity::from_file(damaged), None, "{damaged:?}");
        }
    }

    #[tokio::test]
    async fn a_process_ends_when_asked_and_stays_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(child.id().try_into().unwrap()).unwrap();
        let handle = Handle::open(identity).unwrap().unwrap();
        handle.end(Duration::from_secs(5)).await.unwrap();
        // It is a zombie now: ended, though its number is still taken.
        assert!(!identity.is_alive());
        assert!(Handle::open(identity).unwrap().is_none());
        child.wait().unwrap();
        handle.signal(Signal::TERM).unwrap();
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_killed() {
        let mut child = Command::new("sh");
        let child = child.args(["-c", "trap '' TERM; echo; exec sleep 60"]);
        let mut child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut ready = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let identity = Identity::of(child.id().try_into().unwrap()).unwrap();
        let handle = Handle::open(identity).unwrap().unwrap();
        handle.end(Duration::from_millis(200)).await.unwrap();
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn the_listener_of_a_socket_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        assert_eq!(listener_of(&socket).await, None);
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let me = Identity::of(std::process::id().try_into().unwrap());
        assert_eq!(listener_of(&socket).await, me);
    }
}

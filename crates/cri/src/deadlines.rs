//! How long each kind of call may take.

use std::time::Duration;

/// Limits per kind of call. The defaults are upstream's kubelet's (`runtimeRequestTimeout: 2m` and what
/// it derives from it), except where the comment says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Every call not named below.
    pub ordinary: Duration,
    /// `Version`: asks only whether somebody is there. Upstream waits the ordinary time, which delays the
    /// news that a runtime hangs.
    pub version: Duration,
    /// `RunPodSandbox`: includes the network plugins' work, and may include pulling the sandbox image.
    pub run_sandbox: Duration,
    /// `PullImage`. Upstream has no limit; ours only ends a transfer that is lost, and the runtime keeps
    /// the layers that have arrived for the next attempt.
    pub pull: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            ordinary: Duration::from_secs(120),
            version: Duration::from_secs(10),
            run_sandbox: Duration::from_secs(240),
            pull: Duration::from_secs(3600),
        }
    }
}

impl Deadlines {
    /// For running a command. `seconds` of 0 means that the caller set no limit, and then there is none.
    pub(crate) fn exec(&self, seconds: i64) -> Duration {
        if seconds > 0 { self.beyond(seconds) } else { LONGEST }
    }

    /// For a call that is itself told to wait up to `seconds`: stopping a container, running a command.
    /// A negative figure counts as none, as in the runtimes.
    pub(crate) fn beyond(&self, seconds: i64) -> Duration {
        let asked = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        asked.saturating_add(self.ordinary).min(LONGEST)
    }
}

/// As good as none: the longest that gRPC can write (eight digits, in seconds) is three years.
const LONGEST: Duration = Duration::from_secs(99_999_999);

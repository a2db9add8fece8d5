//! Where the start of one container stands.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::effect::Token;
use crate::facts::ImageFact;

/// What the machine remembers of one container of the spec, beyond the runtime's facts.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub start: Start,
    /// Not to be tried again before that moment.
    pub retry_at: Option<Duration>,
    /// Waits between restarts.
    pub crash: Backoff,
    /// The end of the wait that an event has been recorded for.
    pub announced: Option<Duration>,
    /// Waits between pulls, by image, with the last error.
    pub pulls: BTreeMap<String, Pulls>,
    /// An attempt that was made but could not be started; the next try makes a new one.
    pub refused: Option<String>,
}

/// The failed pulls of one image.
#[derive(Clone, Debug)]
pub(super) struct Pulls {
    pub backoff: Backoff,
    pub failed_at: Duration,
    /// `ErrImagePull: ...`
    pub error: String,
}

/// The steps of a start. A failure of any leads back to `Idle`, with a reason to wait.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Idle,
    /// Asks whether the next image is on the node.
    Finding(Token, Images),
    /// Fetches the next image, since that moment.
    Pulling(Token, Images, Duration),
    Creating(Token),
    /// Starts the attempt with that id.
    Starting(Token, String),
    /// The attempt runs; its hook has to succeed. A sleep has no action but a moment when it is over.
    Hooked {
        id: String,
        hook: Hook,
    },
}

/// A lifecycle hook under way.
#[derive(Clone, Debug)]
pub(super) enum Hook {
    Action(Token),
    Sleep(Duration),
}

/// The images a container needs, its own first, then those of its image volumes.
#[derive(Clone, Debug)]
pub(super) struct Images {
    pub needed: Vec<Need>,
    /// As many as were found so far.
    pub found: Vec<ImageFact>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// The image volume that it is for; `None`: it is the container's own.
    pub volume: Option<String>,
    pub image: String,
    pub policy: Policy,
}

/// `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Always,
    IfNotPresent,
    Never,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            start: Start::Idle,
            retry_at: None,
            crash: restart_backoff(),
            announced: None,
            pulls: BTreeMap::new(),
            refused: None,
        }
    }

    pub(super) fn busy(&self) -> bool {
        !matches!(self.start, Start::Idle)
    }

    /// Whether an attempt is being made or started, which cannot be given up.
    pub(super) fn committed(&self) -> bool {
        matches!(self.start, Start::Creating(_) | Start::Starting(..))
    }

    /// The spec has changed: what failed may succeed now.
    pub(super) fn begin_anew(&mut self) {
        self.retry_at = None;
        self.crash = restart_backoff();
        self.pulls.clear();
    }

    /// What it waits for.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Duration> {
        let sleep = match &self.start {
            Start::Hooked { hook: Hook::Sleep(until), .. } => Some(*until),
            _ => None,
        };
        [sleep, self.retry_at].into_iter().flatten()
    }
}

/// 10 s, doubled up to 5 minutes; forgotten after 10 minutes without a failure.
pub(super) fn restart_backoff() -> Backoff {
    Backoff::new(Duration::from_secs(10), Duration::from_secs(300))
}

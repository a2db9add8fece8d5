//! What a pod's machine is told and what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus, Volume};

use crate::admit::Rejection;
use crate::cgroup::CgroupConfig;
use crate::container::resources::LinuxResources;
use crate::event::PodEvent;
use crate::facts::{ContainerFact, ImageFact, PodFacts, SandboxFact};
use crate::sandbox::SandboxConfig;

/// Names one action of one machine. Never reused by that machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Carry out `action`, then feed [`Input::Answer`] with the same token, exactly once.
    /// Actions of one pod may run side by side.
    Run { token: Token, action: Action },
    /// The answer is no longer wanted. The shell may drop the action; if it answers, that is ignored.
    Cancel(Token),
    /// Record an event against the pod.
    Event(PodEvent),
    /// The runtime has nothing of the pod any more: remove its log directory and drop the machine.
    Removed,
}

/// One piece of work outside the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    // --- the pod's place on the node
    /// Make the pod's directories and cgroup (idempotent). Answer: [`Answer::Done`].
    Prepare { cgroup: Box<CgroupConfig> },
    /// Write new values into the pod's cgroup. Answer: [`Answer::Done`].
    ResizeCgroup { cgroup: Box<CgroupConfig> },
    /// Say whether a pod that is to be resized in place fits, beside the other pods as they were granted
    /// ([`crate::admit::resize_fits`]). Answer: [`Answer::Done`] or [`Answer::Refused`].
    AdmitResize { pod: Arc<Pod> },
    /// Remove the pod's cgroup and directories, killing what is left in them (idempotent).
    /// Answer: [`Answer::Done`].
    Unprepare { cgroup_path: String },
    /// Set up a volume, or bring its contents up to date (idempotent; [`crate::volume`]). When it is
    /// already set up and its sources cannot be read for lack of an API server, answer done.
    /// Answer: [`Answer::Done`]; a failure's message reads as upstream's
    /// `MountVolume.SetUp failed for volume "x" : ...`.
    SetUpVolume { volume: Box<Volume> },
    /// Unmount and remove a volume (idempotent). Answer: [`Answer::Done`].
    TearDownVolume { volume: Box<Volume> },

    // --- the runtime
    /// List this pod's sandboxes and containers. Answer: [`Answer::Facts`].
    Inspect,
    /// Run a sandbox. Answer: [`Answer::Sandbox`], with its addresses.
    RunSandbox { config: Arc<SandboxConfig> },
    /// Stop a sandbox. Answer: [`Answer::Done`], also if there is none.
    StopSandbox { id: String },
    /// Remove a sandbox and its containers. Answer: [`Answer::Done`], also if there is none.
    RemoveSandbox { id: String },
    /// Look for an image on the node. Answer: [`Answer::Image`].
    FindImage { image: String },
    /// Fetch an image, with the pod's pull secrets. Answer: [`Answer::Pulled`].
    PullImage { image: String, sandbox: Arc<SandboxConfig> },
    /// Build the container's config ([`crate::container::build`]) and create it. Answer:
    /// [`Answer::Container`]; [`FailureKind::Config`] if the config could not be built.
    CreateContainer(Box<CreateContainer>),
    /// Start a created container. Answer: [`Answer::Container`], as it is then.
    StartContainer { id: String },
    /// Stop a container: the stop signal, SIGKILL after `grace_s` seconds. A second call with a shorter
    /// grace may come while the first runs. Answer: [`Answer::Container`] as it ended, or
    /// [`Answer::Done`] if there is none.
    StopContainer { id: String, grace_s: i64 },
    /// Remove a container. Its log stays if `keep_log`. Answer: [`Answer::Done`], also if there is none.
    RemoveContainer { id: String, keep_log: bool },
    /// Change a running container's limits. Refuse a memory limit below what the container uses now: the
    /// kernel would kill it. Answer: [`Answer::Done`].
    UpdateContainer { id: String, resources: Box<LinuxResources> },

    // --- hooks and probes
    /// Run a command in a container, killing it after `timeout`. Answer: [`Answer::Exec`].
    Exec { container_id: String, command: Vec<String>, timeout: Option<Duration> },
    /// GET a URL, without verifying certificates. Answer: [`Answer::Http`].
    Http(Box<HttpGet>),
    /// Open and close a TCP connection. Answer: [`Answer::Done`].
    Tcp { host: String, port: u16, timeout: Duration },
    /// Ask the gRPC health service. Answer: [`Answer::Grpc`].
    Grpc { host: String, port: u16, service: String, timeout: Duration },

    // --- the API
    /// Write the pod's status: [`fn@crate::status::patch`] against the newest object the shell has.
    /// A later one replaces an earlier one that was not yet written. Answer: [`Answer::Done`], also if
    /// there is no such pod (or only one with another uid).
    WriteStatus { status: Box<PodStatus> },
    /// Delete the pod's object with grace period 0 and its uid as precondition.
    /// Answer: [`Answer::Done`], also if there is none.
    DeletePod,
}

/// What [`Action::CreateContainer`] needs besides the pod.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateContainer {
    /// The pod as it was granted, which the config is built from.
    pub pod: Arc<Pod>,
    pub name: String,
    /// Its restart count.
    pub attempt: u32,
    pub sandbox_id: String,
    pub sandbox: Arc<SandboxConfig>,
    pub image: ImageFact,
    /// The image to mount for each image volume, by the volume's name.
    pub image_volumes: BTreeMap<String, String>,
    /// The pod's addresses, the primary one first.
    pub pod_ips: Vec<String>,
    /// The container whose process namespace an ephemeral container joins.
    pub target_id: Option<String>,
}

/// An HTTP request of a probe or hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGet {
    /// `http` or `https`.
    pub scheme: String,
    pub host: String,
    pub port: u16,
    /// Path with query, beginning with `/`.
    pub path: String,
    /// In order; `Host` replaces the one that the URL gives.
    pub headers: Vec<(String, String)>,
    /// `None`: as long as it takes (hooks).
    pub timeout: Option<Duration>,
    /// Redirects to another host are not followed but answered (probes).
    pub same_host_only: bool,
}

impl HttpGet {
    pub fn url(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        format!("{}://{host}:{}{}", self.scheme, self.port, self.path)
    }
}

/// How an action ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done,
    Sandbox(SandboxFact),
    Container(Box<ContainerFact>),
    Facts(PodFacts),
    Image(Option<ImageFact>),
    Pulled(Pulled),
    /// The command ran to its end, whatever its exit code.
    Exec {
        exit_code: i32,
        /// stdout and stderr, at most 10 KiB.
        output: Vec<u8>,
    },
    /// The server answered, whatever its status.
    Http {
        status: u16,
        /// At most 10 KiB.
        body: Vec<u8>,
        /// Whether it is a redirect to another host, which was not followed.
        foreign_redirect: bool,
    },
    Grpc(GrpcHealth),
    /// There is no room.
    Refused(Rejection),
}

/// A pulled image.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    pub image: ImageFact,
    /// How long the pull itself took, without waiting for its turn.
    pub took: Duration,
}

/// What the gRPC health service said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcHealth {
    Serving,
    /// The name of the status: `NOT_SERVING`, `UNKNOWN`, `SERVICE_UNKNOWN`.
    NotServing(String),
    /// The server has no health service; the call's error text.
    Unimplemented(String),
    /// No connection within the timeout; the error text.
    ConnectTimeout(String),
    /// Connected, but no answer within the timeout.
    CallTimeout,
    /// Another error; its text.
    Error(String),
}

/// How an action failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// For users: it ends up in events and waiting messages, so it carries no secrets.
    pub message: String,
}

/// What a failure means to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// There is no such thing.
    NotFound,
    /// The action did not end in time; its effect is unknown.
    Timeout,
    /// The pod's spec or the objects it names do not make a valid config.
    Config,
    /// The pod's object was changed or forbidden by the API, or any other error.
    Other,
}

impl Failure {
    pub fn other(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Other, message: message.into() }
    }
}

/// What a pod's machine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The pod's object as the API has it now (same uid).
    Pod(Arc<Pod>),
    /// The pod's object is gone from the API, or has another uid.
    Gone,
    /// A relist or event: everything the runtime has of the pod. `taken` is when the listing began, on the
    /// monotonic clock; a list older than the machine's own last change is dropped.
    Facts { taken: Duration, facts: PodFacts },
    /// How an action ended.
    Answer { token: Token, result: Result<Answer, Failure> },
    /// Something on the node wants the pod ended: node pressure, shutdown, preemption.
    Evict(Eviction),
    /// The node cannot take the pod ([`crate::admit`]). Only as the first input of a new pod.
    Reject { reason: String, message: String },
    /// A ConfigMap or Secret that the pod uses has changed.
    SourcesChanged,
    /// A deadline has passed, or nothing in particular.
    Tick,
}

/// Why and how a pod is to be ended by its node.
#[derive(Clone, Debug, PartialEq)]
pub struct Eviction {
    /// `status.reason`: `Evicted`, `Terminated`, `Preempting`...
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// Overrides the pod's own grace period, seconds.
    pub grace_s: Option<i64>,
    /// The `DisruptionTarget` condition to leave behind.
    pub condition: Option<PodCondition>,
}

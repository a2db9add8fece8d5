//! What the container runtime reports about one pod.

use std::cmp::Reverse;

use jiff::Timestamp;

/// Everything the runtime has of one pod, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    pub sandboxes: Vec<SandboxFact>,
    pub containers: Vec<ContainerFact>,
}

/// A pod sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxFact {
    /// The runtime's id.
    pub id: String,
    /// How many sandboxes of this pod came before it.
    pub attempt: u32,
    /// Whether it runs and takes containers (CRI's SANDBOX_READY).
    pub ready: bool,
    pub created_at: Timestamp,
    /// The pod's addresses, the primary one first; empty on the host's network.
    pub ips: Vec<String>,
    /// Whether it lives in the node's network namespace.
    pub host_network: bool,
}

/// One attempt at running one of the pod's containers.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerFact {
    /// The runtime's id, without the `containerd://` that statuses carry.
    pub id: String,
    /// The sandbox it was created in.
    pub sandbox_id: String,
    /// The container's name in the pod (label `io.kubernetes.container.name`).
    pub name: String,
    /// The restart count it was created with (annotation `io.kubernetes.container.restartCount`).
    pub attempt: u32,
    pub state: ContainerState,
    pub created_at: Timestamp,
    /// Set once it was started, also when it has exited since.
    pub started_at: Option<Timestamp>,
    /// The image's name as the runtime reports it.
    pub image: String,
    /// The image's digested reference or id.
    pub image_ref: String,
    /// Annotation `io.kubernetes.container.hash`: [`crate::spec::hash`] of the spec it was made from.
    /// Empty if unknown, which never counts as changed.
    pub hash: String,
    /// The user its first process runs as, where the runtime reports it.
    pub user: Option<LinuxUser>,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    /// Made, not started.
    Created,
    Running,
    /// Ended; it never leaves this state.
    Exited(Exit),
    /// The runtime lost track: it may run.
    Unknown,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    pub code: i32,
    /// The runtime's word: `Completed`, `Error`, `OOMKilled`, `StartError`...
    pub reason: String,
    /// The runtime's message joined with the termination message ([`crate::status::termination`]).
    pub message: String,
    pub finished_at: Timestamp,
}

/// The identity of a container's first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxUser {
    pub uid: i64,
    pub gid: i64,
    pub supplemental_groups: Vec<i64>,
}

/// An image on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFact {
    /// What to name in the container's config: the image's id or digested reference.
    pub image_ref: String,
    /// The numeric user that the image runs as, if it names one.
    pub uid: Option<i64>,
    /// The named user that the image runs as, if it names one.
    pub username: String,
    /// Size on disk, bytes.
    pub size_bytes: u64,
}

impl ContainerFact {
    pub fn running(&self) -> bool {
        self.state == ContainerState::Running
    }

    pub fn exit(&self) -> Option<&Exit> {
        match &self.state {
            ContainerState::Exited(exit) => Some(exit),
            _ => None,
        }
    }

    /// Whether a process of it runs or may run.
    pub fn maybe_alive(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Unknown)
    }
}

impl PodFacts {
    /// The sandbox made last.
    pub fn latest_sandbox(&self) -> Option<&SandboxFact> {
        self.sandboxes.iter().max_by_key(|s| (s.created_at, s.attempt))
    }

    /// The attempts at `name`, newest first.
    pub fn attempts<'a>(&'a self, name: &str) -> Vec<&'a ContainerFact> {
        let mut found: Vec<_> = self.containers.iter().filter(|c| c.name == name).collect();
        found.sort_by_key(|c| Reverse((c.created_at, c.attempt)));
        found
    }

    /// The newest attempt at `name`.
    pub fn newest(&self, name: &str) -> Option<&ContainerFact> {
        self.containers.iter().filter(|c| c.name == name).max_by_key(|c| (c.created_at, c.attempt))
    }

    /// The newest attempt at `name` in that sandbox.
    pub fn newest_in(&self, name: &str, sandbox_id: &str) -> Option<&ContainerFact> {
        self.containers
            .iter()
            .filter(|c| c.name == name && c.sandbox_id == sandbox_id)
            .max_by_key(|c| (c.created_at, c.attempt))
    }

    pub fn container(&self, id: &str) -> Option<&ContainerFact> {
        self.containers.iter().find(|c| c.id == id)
    }

    /// Takes in what an action reported about one container.
    pub fn put_container(&mut self, fact: ContainerFact) {
        match self.containers.iter_mut().find(|c| c.id == fact.id) {
            Some(slot) => *slot = fact,
            None => self.containers.push(fact),
        }
    }

    /// Takes in what an action reported about one sandbox.
    pub fn put_sandbox(&mut self, fact: SandboxFact) {
        match self.sandboxes.iter_mut().find(|s| s.id == fact.id) {
            Some(slot) => *slot = fact,
            None => self.sandboxes.push(fact),
        }
    }

    /// Whether any container runs or may run.
    pub fn any_alive(&self) -> bool {
        self.containers.iter().any(ContainerFact::maybe_alive)
    }
}

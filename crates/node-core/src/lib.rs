//! The node agent's decisions, as pure machines: what Kubernetes' kubelet does, sans I/O.
//!
//! A machine is `step(&mut self, now, input) -> Vec<Effect>` with a `deadline()`. It is told facts (what the
//! runtime reports, what the API says, how an action ended) and answers with effects for the shell
//! (`ironclad-node`) to carry out. Absent here: async, sockets, files, clocks, randomness, CRI messages.
//!
//! * [`pod`] is the machine of one pod; [`probe`] the machine of its probes.
//! * [`container`], [`sandbox`] and [`volume`] render specs into plain configurations.
//! * [`status`] renders facts into the pod's status.
//! * The rest are plain functions: [`qos`], [`cgroup`], [`eviction`], [`gc`], [`admit`], [`node_status`],
//!   [`logs`].
//!
//! After a restart of the agent the machines are rebuilt from the runtime's facts and the API's objects
//! alone; nothing is kept on disk, and nothing restarts.

pub mod admit;
pub mod backoff;
pub mod cgroup;
pub mod container;
pub mod downward;
pub mod effect;
pub mod event;
pub mod eviction;
pub mod facts;
pub mod gc;
pub mod logs;
pub mod node_status;
pub mod now;
pub mod pod;
pub mod probe;
pub mod qos;
pub mod resources;
pub mod sandbox;
pub mod settings;
pub mod sources;
pub mod spec;
pub mod status;
pub mod volume;

pub use effect::{Action, Answer, Effect, Failure, FailureKind, Input, Token};
pub use facts::{ContainerFact, ContainerState, Exit, PodFacts, SandboxFact};
pub use now::Now;
pub use settings::NodeSettings;

//! The node agent: kubelet, kube-proxy, cluster DNS and the pod network's set-up in one.
//!
//! It is the shell around `ironclad-node-core`'s machines: it carries out what they ask for and tells them what
//! came of it. Decisions about pods are taken there; here are the runtime, files, mounts, cgroups, sockets.
//!
//! * [`Agent`] is all of it. It needs a CRI runtime, and an API server sooner or later: pods, services and
//!   names go on while the API is away.
//! * [`serve_dns`] is the DNS server as a process of its own, which outlives the agent.
//! * [`identity`] is how a machine becomes a node, and its certificates.
//! * [`reset`] takes away what the agent leaves on the machine on purpose.
//!
//! Deliberately absent: any state of its own on disk. After a restart everything is learned from the runtime,
//! the API and the mount table, and nothing is restarted.

mod agent;
mod api;
mod cgroups;
mod config;
mod dns;
pub mod identity;
mod logs;
mod machine;
mod messages;
mod network;
mod node_object;
mod pods;
mod probes;
pub mod reset;
mod runtime;
mod server;
mod services;
mod sources;
mod volumes;

pub use agent::{Agent, StartError};
pub use config::{AgentConfig, ApiAccess, ClusterNetwork, Names, Paths, RuntimeChoice};
pub use dns::{DnsOptions, serve_dns};
pub use machine::{primary_addresses, resolv_conf};
pub use network::{NetworkError, segment};

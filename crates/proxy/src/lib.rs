//! Services: from objects to nf_tables rules.
//!
//! [`plan`] is a plain function from Services, EndpointSlices and facts about
//! this node to a [`Plan`]: a ruleset for the tables named [`TABLE`], one per IP
//! family, and what goes with it. [`diff`] turns two rulesets into one small
//! transaction. [`Proxy`] is the shell that commits it.
//!
//! The semantics are those of kube-proxy's nftables mode (KEP-3866): verdict
//! maps keyed by address, protocol and port, so that a packet's cost does not
//! grow with the number of services; a chain per service port and traffic
//! policy. A packet's way:
//!
//! | hook | priority | what happens |
//! |---|---|---|
//! | prerouting, output | -110 | `loadBalancerSourceRanges` |
//! | prerouting, output | -100 | a service address becomes an endpoint's |
//! | input, forward, output | 0 | services without endpoints are refused; unused ports of cluster IPs too |
//! | postrouting | 100 | masquerade where an answer would not come back |
//!
//! What is deliberately absent: NodePorts on 127.0.0.0/8 (they would need
//! `route_localnet`, CVE-2020-8558), and NetworkPolicy, which will be chains at
//! priorities of its own beside these.

mod base;
mod choose;
mod endpoint;
mod facts;
mod health;
mod names;
mod plan;
mod proxy;
mod rules;
mod service;
mod stale;

pub use facts::{NodeFacts, NodePortAddresses, PodMasquerade};
pub use health::HealthCheck;
pub use ironclad_nft::{Family, Ruleset, Transaction, diff, render};
pub use names::TABLE;
pub use plan::{Plan, plan};
pub use proxy::{Proxy, ProxyError, Synced};
pub use service::Protocol;
pub use stale::UdpServices;

//! The cluster's DNS: names of services and pods, and everything else from
//! upstream.
//!
//! [`Records::build`] turns Services and EndpointSlices into an immutable set of
//! records, and [`Records::answer`] is a plain function over it that follows the
//! Kubernetes DNS specification 1.1.0. [`Server`] is the shell: UDP and TCP
//! sockets, a forwarder with a small cache, and the records that were published
//! last. It keeps answering when nobody publishes any more.
//!
//! Where the specification is silent the answers are CoreDNS's (its `kubernetes`
//! plugin with `pods insecure` and `fallthrough in-addr.arpa ip6.arpa`).
//! Deliberately absent: zone transfer, DNSSEC signing, wildcards (CoreDNS
//! dropped them in 1.9).

mod build;
mod cache;
mod forward;
mod listen;
mod records;
mod resolv;
mod respond;
mod server;
mod wire;
mod zone;

pub use records::{Answer, Question, Records, Reply};
pub use resolv::{Upstreams, nameservers};
pub use server::{BindError, Publisher, Server};
pub use zone::ZoneConfig;

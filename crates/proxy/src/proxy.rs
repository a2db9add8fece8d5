//! The shell: commits plans to the kernel.

use ironclad_nft::conntrack::{Conntrack, Flow, UDP};
use ironclad_nft::{Applied, Applier, ApplyError, CommitError, Family, Netfilter, NetlinkError};

use crate::names::TABLE;
use crate::plan::Plan;
use crate::stale::UdpServices;

/// Why the kernel's tables are not as planned. They are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(transparent)]
    Open(#[from] NetlinkError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("cannot remove the tables: {0}")]
    Teardown(#[from] CommitError),
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Synced {
    pub rules: Applied,
    /// Stale UDP connections that were forgotten.
    pub forgotten_flows: usize,
}

/// Keeps this node's tables as planned.
///
/// Its calls block for as long as the kernel takes (about a millisecond for a
/// small change), so an async caller gives it a thread. It works in the network
/// namespace of the thread that opened it. Dropping it leaves the tables in
/// place: services go on while Ironclad is down, and the next start adopts them.
pub struct Proxy {
    applier: Applier,
    conntrack: Conntrack,
    udp: UdpServices,
}

impl Proxy {
    /// Opens the sockets; changes nothing yet. Needs CAP_NET_ADMIN.
    pub fn open() -> Result<Self, ProxyError> {
        let applier = Applier::new(Box::new(Netfilter::open()?), TABLE);
        Ok(Self { applier, conntrack: Conntrack::open()?, udp: UdpServices::default() })
    }

    /// Brings the tables to what the plan says. The first call adopts what an
    /// earlier run left.
    pub fn sync(&mut self, plan: &Plan) -> Result<Synced, ProxyError> {
        let rules = self.applier.apply(&plan.ruleset)?;
        Ok(self.synced(rules, plan))
    }

    /// Like `sync`, and also undoes what others did to the tables. To be called
    /// now and then; cheap if nobody touched nf_tables.
    pub fn repair(&mut self, plan: &Plan) -> Result<Synced, ProxyError> {
        let rules = self.applier.repair(&plan.ruleset)?;
        self.applier.sweep();
        Ok(self.synced(rules, plan))
    }

    /// Removes all that this crate ever put into the kernel.
    pub fn teardown(&mut self) -> Result<(), ProxyError> {
        self.udp = UdpServices::default();
        Ok(self.applier.teardown()?)
    }

    fn synced(&mut self, rules: Applied, plan: &Plan) -> Synced {
        if let Some(refused) = &rules.recovered_from {
            tracing::warn!(error = %refused, changes = rules.changes, "rewrote service rules");
        }
        let forgotten_flows = match self.udp == plan.udp {
            true => 0,
            false => self.forget_stale(plan),
        };
        Synced { rules, forgotten_flows }
    }

    /// Best effort: what fails now is tried again after the next change.
    fn forget_stale(&mut self, plan: &Plan) -> usize {
        match forget(&mut self.conntrack, &plan.udp) {
            Ok(count) => {
                self.udp = plan.udp.clone();
                count
            }
            Err(error) => {
                tracing::warn!(%error, "cannot forget stale UDP connections");
                0
            }
        }
    }
}

fn forget(conntrack: &mut Conntrack, udp: &UdpServices) -> Result<usize, NetlinkError> {
    let mut count = 0;
    for family in [Family::Ip, Family::Ip6].into_iter().filter(|_| !udp.is_empty()) {
        let stale: Vec<Flow> = conntrack.list(family, UDP, |flow| udp.is_stale(flow))?;
        for flow in &stale {
            count += usize::from(conntrack.delete(flow)?);
        }
    }
    Ok(count)
}

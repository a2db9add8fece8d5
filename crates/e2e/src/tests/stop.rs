//! From a cluster to nothing.

use std::path::Path;

use crate::cluster::Cluster;
use crate::machine::Snapshot;
use crate::wait::holds;

pub fn plan(cluster: &Cluster) -> anyhow::Result<()> {
    let plan = cluster.ironclad(&["reset", "--dry-run"])?;
    holds(plan.contains("/var/lib/ironclad"), format_args!("the plan names no folder:\n{plan}"))?;
    holds(cluster.ironclad(&["reset"]).is_err(), "reset without --yes does something")?;
    holds(Path::new("/var/lib/ironclad/store").exists(), "a plan was carried out")?;
    cluster.kubectl(&["get", "nodes"]).map(drop)
}

pub fn reset(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.ironclad(&["reset", "--yes"])?;
    cluster.before.compare(&Snapshot::take()?)?;
    // A second one has nothing to do, which is no failure.
    cluster.ironclad(&["reset", "--yes"]).map(drop)
}

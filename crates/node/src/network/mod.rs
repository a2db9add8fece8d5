//! What the pod network needs of the machine: kernel settings, links, routes, and the CNI configuration by which the
//! runtime puts pods on the bridge.

mod conflist;
pub(crate) mod links;
pub(crate) mod routes;
pub mod segment;
pub(crate) mod sysctl;

use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::AgentConfig;

pub(crate) use conflist::FILE_NAME;

/// Why the network is not set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("link {name}: {source}")]
    Link { name: String, source: rtnetlink::Error },
    #[error("netlink: {0}")]
    Netlink(std::io::Error),
    #[error("link {name} could not be made")]
    NoLink { name: String },
}

/// Turns forwarding on and makes the link that carries the DNS service's addresses, with the route by which the
/// machine's own processes reach services. Idempotent.
pub(crate) async fn set_up(config: &AgentConfig) -> Result<(), NetworkError> {
    sysctl::set_up(&config.paths.run, config.cluster.has_ipv6())?;
    links::make_service_link(&config.names.dns_link, &config.cluster.dns).await?;
    for cidr in &config.cluster.service_cidrs {
        let source = config.addresses.iter().find(|ip| ip.is_ipv4() == cidr.addr().is_ipv4());
        links::route(&config.names.dns_link, *cidr, source.copied()).await?;
    }
    Ok(())
}

/// Writes the CNI configuration for this node's ranges, if it is not there already.
pub(crate) fn write_conflist(
    config: &AgentConfig,
    folder: &Path,
    pod_cidrs: &[IpNet],
) -> Result<(), NetworkError> {
    let leases = config.paths.data.join("cni-leases");
    let text = conflist::render(&config.names, &leases, pod_cidrs);
    let path = folder.join(FILE_NAME);
    let failed = |source| NetworkError::File { path: path.clone(), source };
    if std::fs::read_to_string(&path).ok().as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    // The runtime watches the folder: it must never read half of a file.
    let new = folder.join(".ironclad.conflist.new");
    std::fs::write(&new, text).map_err(failed)?;
    std::fs::rename(&new, &path).map_err(failed)
}

/// Whether the machine routes what is bridged through its packet filter; without that, answers from a pod on the
/// same bridge do not find back to who asked the service, unless all is masqueraded.
pub(crate) fn bridge_is_filtered() -> bool {
    let said = std::fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables");
    said.is_ok_and(|value| value.trim() == "1")
}

//! The flags that override the configuration file.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::Ipv4Net;

use super::Config;

#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration (each overrides the key of the file in parentheses)")]
pub struct Overrides {
    /// Folder of everything that outlives a reboot (data) [default: /var/lib/ironclad]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Folder of sockets and locks (run) [default: /run/ironclad]
    #[arg(long, value_name = "FOLDER")]
    pub run: Option<PathBuf>,
    /// Where the API listens (api.listen) [default: 0.0.0.0:6443]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub api_listen: Option<SocketAddr>,
    /// The address others reach the API by (api.advertiseAddress) [default: this machine's primary one]
    #[arg(long, value_name = "ADDRESS")]
    pub advertise_address: Option<IpAddr>,
    /// Network that pods get their addresses from (network.pods) [default: 10.244.0.0/16]
    #[arg(long, value_name = "CIDR")]
    pub pod_network: Option<Ipv4Net>,
    /// Network that services get theirs from (network.services) [default: 10.96.0.0/16]
    #[arg(long, value_name = "CIDR")]
    pub service_network: Option<Ipv4Net>,
    /// The cluster's DNS domain (network.domain) [default: cluster.local]
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,
    /// Name of this machine's Node (node.name) [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Container runtime: auto, own, or the path of a CRI socket (node.runtime) [default: auto]
    #[arg(long, value_name = "RUNTIME")]
    pub runtime: Option<String>,
}

impl Overrides {
    pub fn apply(&self, config: &mut Config) {
        let flags = self.clone();
        put(&mut config.data, flags.data);
        put(&mut config.run, flags.run);
        put(&mut config.api.listen, flags.api_listen);
        put(&mut config.api.advertise_address, flags.advertise_address.map(Some));
        put(&mut config.network.pods, flags.pod_network);
        put(&mut config.network.services, flags.service_network);
        put(&mut config.network.domain, flags.domain);
        put(&mut config.node.name, flags.node_name);
        put(&mut config.node.runtime, flags.runtime);
    }
}

fn put<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

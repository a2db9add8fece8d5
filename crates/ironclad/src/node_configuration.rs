//! What every node's agent has to know of its cluster. The server publishes it in the ConfigMap
//! `kube-system/node-configuration`; an agent on another machine reads it and keeps the last one that it has seen,
//! so that it starts while the API is away.

use std::net::IpAddr;

use ipnet::IpNet;
use ironclad_node::ClusterNetwork;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::Config;

/// The cluster's networks and its domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeConfiguration {
    pub domain: String,
    /// The addresses of the DNS service.
    pub dns: Vec<IpAddr>,
    pub pods: Vec<IpNet>,
    pub services: Vec<IpNet>,
}

/// The one key of the ConfigMap.
const KEY: &str = "node.json";

impl NodeConfiguration {
    pub const NAMESPACE: &str = "kube-system";
    pub const NAME: &str = "node-configuration";

    pub fn of(config: &Config) -> Self {
        Self {
            domain: config.network.domain.clone(),
            dns: vec![config.dns_service().into()],
            pods: vec![config.pod_network()],
            services: vec![config.service_network()],
        }
    }

    /// As the ConfigMap's `data`.
    pub fn to_data(&self) -> Map<String, Value> {
        let text = serde_json::to_string(self).unwrap_or_default();
        Map::from_iter([(KEY.to_owned(), text.into())])
    }

    /// From the ConfigMap's `data`. The error says what is wrong with it.
    pub fn from_data(data: Option<&Value>) -> Result<Self, String> {
        let text = data.and_then(|data| data.get(KEY)?.as_str());
        let text = text.ok_or_else(|| format!("it has no key {KEY}"))?;
        serde_json::from_str(text).map_err(|error| format!("{KEY}: {error}"))
    }

    pub fn to_network(&self) -> ClusterNetwork {
        ClusterNetwork {
            domain: self.domain.clone(),
            dns: self.dns.clone(),
            pod_cidrs: self.pods.clone(),
            service_cidrs: self.services.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_publishes_the_agent_reads() {
        let published = NodeConfiguration::of(&Config::default());
        let data = Value::Object(published.to_data());
        assert_eq!(NodeConfiguration::from_data(Some(&data)), Ok(published.clone()));
        let network = published.to_network();
        assert_eq!(network.dns, [IpAddr::from([10, 96, 0, 10])]);
        for damaged in
            [None, Some(json!({})), Some(json!({"node.json": "{}"})), Some(json!({"node.json": 7}))]
        {
            assert!(NodeConfiguration::from_data(damaged.as_ref()).is_err(), "{damaged:?}");
        }
    }
}

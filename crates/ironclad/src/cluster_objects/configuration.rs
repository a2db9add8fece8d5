//! Configuration that clients and extensions read from the cluster itself.

use ironclad_pki::bundle::{Bundle, FRONT_PROXY_USER};
use ironclad_pki::kubeconfig::{Cluster, Kubeconfig, NamedCluster};
use serde_json::{Map, Value, json};

use super::{Wanted, config_map};
use crate::config::Config;
use crate::node_configuration::NodeConfiguration;

pub fn config_maps(config: &Config, api_url: &str, bundle: &Bundle) -> Result<Vec<Wanted>, String> {
    Ok(vec![
        config_map("kube-public", "cluster-info", cluster_info(config, api_url, bundle)?),
        config_map("kube-system", "extension-apiserver-authentication", authentication(bundle)),
        config_map("kube-system", NodeConfiguration::NAME, NodeConfiguration::of(config).to_data()),
    ])
}

/// Where the API is and how to know it, for machines that want to join: a kubeconfig without a user.
/// <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>
fn cluster_info(config: &Config, api_url: &str, bundle: &Bundle) -> Result<Map<String, Value>, String> {
    let credential = ironclad_pki::kubeconfig::Credential::Token(String::new());
    let ca = bundle.cluster_ca.to_pem();
    let whole = ironclad_pki::kubeconfig::build(&config.cluster_name, api_url, &ca, "", &credential);
    // `build` knows how a CA is written; only the cluster of it is published.
    let cluster: Cluster = whole.clusters.into_iter().next().map(|named| named.cluster).unwrap_or_default();
    let public = Kubeconfig {
        api_version: "v1".into(),
        kind: "Config".into(),
        clusters: vec![NamedCluster { name: String::new(), cluster }],
        ..Kubeconfig::default()
    };
    let text = public.to_yaml().map_err(|error| error.to_string())?;
    Ok(Map::from_iter([("kubeconfig".to_owned(), text.into())]))
}

/// Whom an aggregated API server is to believe.
/// <https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/>
fn authentication(bundle: &Bundle) -> Map<String, Value> {
    let list = |value: &str| json!([value]).to_string();
    let pairs = [
        ("client-ca-file", bundle.cluster_ca.to_pem()),
        ("requestheader-allowed-names", list(FRONT_PROXY_USER)),
        ("requestheader-client-ca-file", bundle.front_proxy_ca.to_pem()),
        ("requestheader-extra-headers-prefix", list("X-Remote-Extra-")),
        ("requestheader-group-headers", list("X-Remote-Group")),
        ("requestheader-uid-headers", list("X-Remote-Uid")),
        ("requestheader-username-headers", list("X-Remote-User")),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

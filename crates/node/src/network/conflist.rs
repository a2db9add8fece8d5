//! The CNI configuration (spec 1.0.0): the plugins that Debian packages.

use std::path::Path;

use ipnet::IpNet;
use serde_json::json;

use crate::config::Names;

/// What the file is called; the runtime takes the first by name.
pub(crate) const FILE_NAME: &str = "10-ironclad.conflist";

/// The contents. Pods leave the cluster under the node's address by the service proxy's rules, not by the bridge
/// plugin's (`ipMasq`).
pub(super) fn render(names: &Names, leases: &Path, pod_cidrs: &[IpNet]) -> String {
    let ranges: Vec<_> = pod_cidrs.iter().map(|net| json!([{"subnet": net.to_string()}])).collect();
    let everywhere = |net: &IpNet| match net {
        IpNet::V4(_) => json!({"dst": "0.0.0.0/0"}),
        IpNet::V6(_) => json!({"dst": "::/0"}),
    };
    let routes: Vec<_> = pod_cidrs.iter().map(everywhere).collect();
    let config = json!({
        "cniVersion": "1.0.0",
        "name": names.cni_network,
        "plugins": [
            {
                "type": "bridge",
                "bridge": names.bridge,
                "isGateway": true,
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": leases.display().to_string(),
                    "ranges": ranges,
                    "routes": routes,
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_has_a_range_and_a_route_per_family() {
        let check = |cidrs: &[&str], routes: &[&str]| {
            let cidrs: Vec<IpNet> = cidrs.iter().map(|net| net.parse().expect("a network")).collect();
            let text = render(&Names::default(), Path::new("/leases"), &cidrs);
            let config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let ipam = &config["plugins"][0]["ipam"];
            assert_eq!(ipam["ranges"].as_array().map(Vec::len), Some(cidrs.len()));
            let found: Vec<_> =
                ipam["routes"].as_array().expect("a list").iter().map(|r| r["dst"].clone()).collect();
            assert_eq!(found, routes);
        };
        check(&["10.244.0.0/24"], &["0.0.0.0/0"]);
        check(&["10.244.0.0/24", "fd00::/64"], &["0.0.0.0/0", "::/0"]);
    }
}

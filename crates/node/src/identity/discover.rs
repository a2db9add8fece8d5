//! The CA of a cluster of which only the URL and the CA's hash are known.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{GroupVersionResource, Object, ObjectKey};
use ironclad_client::{Client, Request, Target};
use ironclad_pki::certificate::Certificate;
use ironclad_pki::kubeconfig::Kubeconfig;
use ironclad_pki::tls::Trust;

use super::{IdentityError, client};

/// Asks the server, whoever it may be, for the published CA, and believes the one certificate whose key `pin`
/// (`sha256:HEX`) names. No credential is sent: there is nobody yet to trust with it.
pub async fn discover(url: &str, pin: &str) -> Result<Certificate, IdentityError> {
    let nobody = client(url, &Trust::Insecure, None, None)?;
    let maps = GroupVersionResource::new("", "v1", "configmaps");
    let target = Target::object(maps, &ObjectKey::new("kube-public", "cluster-info"));
    let read = nobody.call(Request::get(target)).await;
    let map = read.map_err(|status| IdentityError::Api { doing: "reading the cluster's CA", status })?;
    let (_, published) =
        cluster_info(&map).map_err(|reason| IdentityError::ClusterInfo { url: url.into(), reason })?;
    let found: Vec<String> = published.iter().map(|ca| ca.public_key.pin()).collect();
    // Only that one: somebody in between could have put a CA of his own beside it.
    let pinned = published.into_iter().find(|ca| ca.public_key.pin() == pin.to_lowercase());
    pinned.ok_or_else(|| IdentityError::Pin {
        url: url.to_owned(),
        wanted: pin.to_owned(),
        found: found.join(", "),
    })
}

/// The URL and the CA that the ConfigMap `kube-public/cluster-info` publishes. The error says what is wrong with it.
pub fn cluster_info(map: &Object) -> Result<(String, Vec<Certificate>), String> {
    let text = map.str_at(&["data", "kubeconfig"]);
    let config = Kubeconfig::from_yaml(text).map_err(|error| error.to_string())?;
    let cluster = config.clusters.into_iter().next().map(|named| named.cluster).unwrap_or_default();
    let ca = cluster.certificate_authority_data.unwrap_or_default();
    let pem = STANDARD.decode(ca.trim()).map_err(|error| error.to_string())?;
    let certificates = Certificate::all_from_pem(&pem).map_err(|error| error.to_string())?;
    Ok((cluster.server, certificates))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_cluster_info_is_refused() {
        for data in [
            json!({}),
            json!({"kubeconfig": "]"}),
            json!({"kubeconfig": "kind: Config"}),
            json!({"kubeconfig": "kind: Config\nclusters: [{cluster: {certificate-authority-data: eA==}}]"}),
        ] {
            let map = Object::from_value(json!({ "data": data })).expect("an object");
            assert!(cluster_info(&map).is_err(), "{data}");
        }
    }
}

//! What a node has to do with an object: its pods refer to it, directly or through their volumes.
//!
//! ```text
//!  node ◄─ pod ─┬─► service account, config map, secret, device claim
//!               └─► volume claim ─► volume ─► secret
//! ```

use std::sync::Arc;

use ironclad_api::{GroupResource, Object, ObjectKey};
use ironclad_client::Cache;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use serde_json::Value;

use super::references;

const MIRROR: &str = "kubernetes.io/config.mirror";
/// Volume sources whose secret is at `secretRef`.
const WITH_SECRET_REF: [&str; 7] = ["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"];
/// Those of a CSI volume that are for nodes.
const CSI_SECRETS: [&str; 3] = ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"];

/// A node in the cluster's present state.
pub struct Relations<'a> {
    pub cache: &'a dyn Cache,
    pub node: &'a str,
}

impl Relations<'_> {
    pub fn pod(&self, namespace: &str, name: &str) -> bool {
        self.names(("", "pods"), namespace, name, "spec.nodeName")
    }

    pub fn service_account(&self, namespace: &str, name: &str) -> bool {
        self.specs(namespace, |spec| spec.service_account_name.as_deref() == Some(name))
    }

    pub fn config_map(&self, namespace: &str, name: &str) -> bool {
        self.specs(namespace, |spec| references::config_maps(spec).any(|found| found == name))
    }

    pub fn secret(&self, namespace: &str, name: &str) -> bool {
        self.specs(namespace, |spec| references::secrets(spec).any(|found| found == name))
            || self.secret_of_volume(namespace, name)
    }

    pub fn volume_claim(&self, namespace: &str, name: &str) -> bool {
        self.pods(Some(namespace)).any(|pod| references::claims(&pod).any(|claim| claim == name))
    }

    pub fn resource_claim(&self, namespace: &str, name: &str) -> bool {
        self.pods(Some(namespace)).any(|pod| references::resource_claims(&pod).any(|claim| claim == name))
    }

    /// Whether a pod's claim is bound to the volume.
    pub fn volume(&self, name: &str) -> bool {
        let Some(volume) = self.object(("", "persistentvolumes"), "", name) else { return false };
        let [namespace, claim] =
            ["namespace", "name"].map(|field| volume.str_at(&["spec", "claimRef", field]));
        !claim.is_empty() && self.volume_claim(namespace, claim)
    }

    pub fn volume_attachment(&self, name: &str) -> bool {
        let attachment = self.object(("storage.k8s.io", "volumeattachments"), "", name);
        attachment.is_some_and(|attachment| attachment.str_at(&["spec", "nodeName"]) == self.node)
    }

    pub fn resource_slice(&self, name: &str) -> bool {
        let slice = self.object(("resource.k8s.io", "resourceslices"), "", name);
        slice.is_some_and(|slice| slice.str_at(&["spec", "nodeName"]) == self.node)
    }

    fn secret_of_volume(&self, namespace: &str, name: &str) -> bool {
        let volumes = self.cache.list(&GroupResource::new("", "persistentvolumes"), None);
        let holding = volumes.iter().filter(|volume| {
            let volume = volume.object();
            secrets_of_volume(&volume).any(|secret| secret == (namespace, name))
        });
        holding.into_iter().any(|volume| self.volume(&volume.key.name))
    }

    /// Whether the object names the node in a selectable field.
    fn names(
        &self,
        resource: (&'static str, &'static str),
        namespace: &str,
        name: &str,
        field: &str,
    ) -> bool {
        let entry = self.cache.get(&resource_of(resource), &ObjectKey::new(namespace, name));
        entry.is_some_and(|entry| entry.field(field) == Some(self.node))
    }

    fn object(&self, resource: (&'static str, &'static str), namespace: &str, name: &str) -> Option<Object> {
        Some(self.cache.get(&resource_of(resource), &ObjectKey::new(namespace, name))?.object())
    }

    fn specs(&self, namespace: &str, refers: impl Fn(&PodSpec) -> bool) -> bool {
        self.pods(Some(namespace)).any(|pod| pod.spec.as_ref().is_some_and(&refers))
    }

    /// Decodes the node's pods only: the others are told apart by an indexed field.
    fn pods(&self, namespace: Option<&str>) -> impl Iterator<Item = Arc<Pod>> {
        let pods = self.cache.list(&GroupResource::new("", "pods"), namespace);
        pods.into_iter()
            .filter(|pod| pod.field("spec.nodeName") == Some(self.node))
            .filter_map(|pod| pod.typed::<Pod>())
            // What an agent says that it runs must not give it rights.
            .filter(|pod| pod.metadata.annotations.as_ref().is_none_or(|all| !all.contains_key(MIRROR)))
    }
}

fn resource_of((group, resource): (&'static str, &'static str)) -> GroupResource {
    GroupResource::new(group, resource)
}

/// Namespace and name of the secrets that a node needs to mount the volume.
fn secrets_of_volume(volume: &Object) -> impl Iterator<Item = (&str, &str)> {
    let spec = volume.0.get("spec").unwrap_or(&Value::Null);
    let home = spec["claimRef"]["namespace"].as_str().unwrap_or_default();
    let reference = move |value: &'static str, parent: &'static str| {
        let reference = &spec[parent][value];
        Some((reference["namespace"].as_str().unwrap_or(home), reference["name"].as_str()?))
    };
    let azure = &spec["azureFile"];
    let azure =
        azure["secretName"].as_str().map(|name| (azure["secretNamespace"].as_str().unwrap_or(home), name));
    let plain = WITH_SECRET_REF.into_iter().filter_map(move |source| reference("secretRef", source));
    let csi = CSI_SECRETS.into_iter().filter_map(move |field| reference(field, "csi"));
    plain.chain(csi).chain(azure)
}

//! The Node authorizer: a node's agent may read what its own pods refer to and
//! write its own objects; what it may do at all is the `system:node` role's rules.
//!
//! Upstream: <https://kubernetes.io/docs/reference/access-authn-authz/node/>

use std::sync::Arc;

use ironclad_api::gvk::GroupResource;
use ironclad_api::{GroupVersionKind, Object};
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::{Attributes, Authorizer, Decision, User};
use ironclad_env::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use crate::rbac::covers;

const USER_PREFIX: &str = "system:node:";
const GROUP: &str = "system:nodes";

/// The node that a user is the agent of.
pub fn node_of(user: &User) -> Option<&str> {
    let in_group = user.groups.iter().any(|group| group == GROUP);
    user.name.strip_prefix(USER_PREFIX).filter(|_| in_group)
}

pub struct NodeAuthorizer {
    cache: Arc<dyn Cache>,
    /// The rules of the bootstrap ClusterRole `system:node`, which by default nothing is bound to.
    rules: Vec<PolicyRule>,
}

impl NodeAuthorizer {
    /// `roles` are the bootstrap objects; see [`crate::bootstrap::objects`].
    pub fn new(cache: Arc<dyn Cache>, roles: &[(GroupVersionKind, Object)]) -> Self {
        let node =
            roles.iter().find(|(kind, role)| kind.kind == "ClusterRole" && role.name() == "system:node");
        let rules = node.and_then(|(_, role)| role.to_typed::<ClusterRole>().ok()?.rules);
        Self { cache, rules: rules.unwrap_or_default() }
    }

    fn decide(&self, asked: &Attributes) -> Decision {
        let Some(node) = node_of(&asked.user) else {
            return Decision::NoOpinion { reason: String::new() };
        };
        match self.refusal(node, asked) {
            Some(reason) => Decision::NoOpinion { reason },
            None if self.rules.iter().any(|rule| covers(rule, asked)) => {
                Decision::Allow { reason: String::new() }
            }
            None => Decision::NoOpinion { reason: String::new() },
        }
    }

    /// Why the node may not, where its role alone would let it.
    fn refusal(&self, node: &str, asked: &Attributes) -> Option<String> {
        let refused = |reason: String| Some(reason);
        match (asked.group.as_str(), asked.resource.as_str()) {
            ("", "secrets" | "configmaps" | "persistentvolumeclaims") if asked.subresource.is_empty() => {
                let read = matches!(asked.verb.as_str(), "get" | "list" | "watch");
                if !read || asked.name.is_empty() {
                    return refused(format!(
                        "can only read resources of this type by name: node \"{node}\" cannot {} {}",
                        asked.verb, asked.resource
                    ));
                }
                let related = self.pods_of(node, &asked.namespace).any(|pod| refers_to(&pod, asked));
                (!related).then(|| format!("no relationship found between node '{node}' and this object"))
            }
            ("", "serviceaccounts") if asked.subresource == "token" => {
                let related = self
                    .pods_of(node, &asked.namespace)
                    .any(|pod| pod.spec.as_ref().is_some_and(|spec| service_account(spec) == asked.name));
                let allowed = asked.verb == "create" && related;
                (!allowed).then(|| format!("no relationship found between node '{node}' and this object"))
            }
            ("coordination.k8s.io", "leases") => self.own_lease_only(node, asked),
            _ => None,
        }
    }

    fn own_lease_only(&self, node: &str, asked: &Attributes) -> Option<String> {
        let home = asked.namespace == "kube-node-lease";
        let own = asked.verb == "create" || asked.name == node;
        match (home, own) {
            (true, true) => None,
            (false, _) => Some("can only access leases in the \"kube-node-lease\" system namespace".into()),
            (true, false) => {
                Some("can only access node lease with the same name as the requesting node".into())
            }
        }
    }

    fn pods_of(&self, node: &str, namespace: &str) -> impl Iterator<Item = Arc<Pod>> {
        let pods = self.cache.list_as::<Pod>(&GroupResource::new("", "pods"), Some(namespace));
        let node = node.to_owned();
        pods.into_iter().filter(move |pod| {
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node.as_str())
        })
    }
}

impl Authorizer for NodeAuthorizer {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(self.decide(attributes)))
    }
}

fn service_account(spec: &PodSpec) -> &str {
    spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default")
}

/// Whether the pod names the secret, config map or claim that is asked for.
fn refers_to(pod: &Pod, asked: &Attributes) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let name = asked.name.as_str();
    match asked.resource.as_str() {
        "secrets" => secret_names(spec).any(|secret| secret == name),
        "configmaps" => config_map_names(spec).any(|map| map == name),
        "persistentvolumeclaims" => claim_names(pod, spec).any(|claim| claim == name),
        _ => false,
    }
}

fn env_names(spec: &PodSpec, of_secrets: bool) -> impl Iterator<Item = &str> {
    let init = spec.init_containers.iter().flatten().map(|c| (&c.env, &c.env_from));
    let main = spec.containers.iter().map(|c| (&c.env, &c.env_from));
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|c| (&c.env, &c.env_from));
    init.chain(main).chain(ephemeral).flat_map(move |(env, env_from)| {
        let sources = env.iter().flatten().filter_map(|var| var.value_from.as_ref());
        let keys = sources.filter_map(move |source| match of_secrets {
            true => source.secret_key_ref.as_ref().map(|key| key.name.as_str()),
            false => source.config_map_key_ref.as_ref().map(|key| key.name.as_str()),
        });
        let whole = env_from.iter().flatten().filter_map(move |source| match of_secrets {
            true => source.secret_ref.as_ref().map(|secret| secret.name.as_str()),
            false => source.config_map_ref.as_ref().map(|map| map.name.as_str()),
        });
        keys.chain(whole)
    })
}

fn secret_names(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let pull = spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.as_str());
    let volumes = spec.volumes.iter().flatten().flat_map(|volume| {
        let plain = volume.secret.iter().filter_map(|secret| secret.secret_name.as_deref());
        let projected = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
        let projected = projected.filter_map(|source| Some(source.secret.as_ref()?.name.as_str()));
        let csi =
            volume.csi.iter().filter_map(|csi| Some(csi.node_publish_secret_ref.as_ref()?.name.as_str()));
        plain.chain(projected).chain(csi)
    });
    pull.chain(volumes).chain(env_names(spec, true))
}

fn config_map_names(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let volumes = spec.volumes.iter().flatten().flat_map(|volume| {
        let plain = volume.config_map.iter().map(|map| map.name.as_str());
        let projected = volume.projected.iter().flat_map(|p| p.sources.iter().flatten());
        plain.chain(projected.filter_map(|source| Some(source.config_map.as_ref()?.name.as_str())))
    });
    volumes.chain(env_names(spec, false))
}

fn claim_names<'a>(pod: &'a Pod, spec: &'a PodSpec) -> impl Iterator<Item = String> + 'a {
    spec.volumes.iter().flatten().filter_map(|volume| {
        if volume.ephemeral.is_some() {
            return Some(format!("{}-{}", pod.metadata.name.as_deref()?, volume.name));
        }
        Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone())
    })
}

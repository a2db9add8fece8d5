//! The Node authorizer: a node's agent may read what its own pods refer to and
//! write its own objects; what it may do besides is the `system:node` role's rules.
//!
//! Upstream: <https://kubernetes.io/docs/reference/access-authn-authz/node/>

mod references;
mod relations;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ironclad_api::{GroupVersionKind, Object};
use ironclad_client::Cache;
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
use ironclad_env::BoxFuture;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use self::relations::Relations;
use crate::rbac::covers;

const USER_PREFIX: &str = "system:node:";
const GROUP: &str = "system:nodes";
const LEASES: &str = "kube-node-lease";

/// The node that a user is the agent of; empty for an agent that does not say of which.
pub fn node_of(user: &User) -> Option<&str> {
    let in_group = user.groups.iter().any(|group| group == GROUP);
    user.name.strip_prefix(USER_PREFIX).filter(|_| in_group)
}

pub struct NodeAuthorizer {
    cache: Arc<dyn Cache>,
    /// The rules of the bootstrap ClusterRole `system:node`, which by default nothing is bound to.
    rules: Vec<PolicyRule>,
}

/// `Err` says why not; others may still allow it.
type Verdict = Result<(), String>;

impl NodeAuthorizer {
    /// `roles` are the bootstrap objects; see [`crate::bootstrap::objects`].
    pub fn new(cache: Arc<dyn Cache>, roles: &[(GroupVersionKind, Object)]) -> Self {
        let node =
            roles.iter().find(|(kind, role)| kind.kind == "ClusterRole" && role.name() == "system:node");
        let rules = node.and_then(|(_, role)| role.to_typed::<ClusterRole>().ok()?.rules);
        Self { cache, rules: rules.unwrap_or_default() }
    }

    fn decide(&self, asked: &Attributes) -> Decision {
        let verdict = match node_of(&asked.user) {
            None => Err(String::new()),
            Some("") => Err(format!("unknown node for user {}", quoted(&asked.user.name))),
            Some(node) => self.judge(&Asked { asked, relations: Relations { cache: &*self.cache, node } }),
        };
        match verdict {
            Ok(()) => Decision::Allow { reason: String::new() },
            Err(reason) => Decision::NoOpinion { reason },
        }
    }

    fn judge(&self, asked: &Asked<'_>) -> Verdict {
        let Attributes { group, resource, path, .. } = asked.asked;
        if !path.is_empty() {
            return self.by_role(asked);
        }
        match (group.as_str(), resource.as_str()) {
            ("", "secrets" | "configmaps") => asked.read_by_name(),
            ("", "persistentvolumeclaims") => asked.volume_claim(),
            ("", "persistentvolumes")
            | ("resource.k8s.io", "resourceclaims")
            | ("storage.k8s.io", "volumeattachments") => asked.get(),
            ("", "serviceaccounts") => asked.service_account(),
            ("", "nodes") => asked.node(),
            ("", "pods") => asked.pod(),
            ("coordination.k8s.io", "leases") => asked.lease(),
            ("storage.k8s.io", "csinodes") => asked.csi_node(),
            ("resource.k8s.io", "resourceslices") => asked.resource_slice(),
            ("certificates.k8s.io", "podcertificaterequests") => Err(String::new()),
            _ => self.by_role(asked),
        }
    }

    fn by_role(&self, asked: &Asked<'_>) -> Verdict {
        let covered = self.rules.iter().any(|rule| covers(rule, asked.asked));
        if covered { Ok(()) } else { Err(String::new()) }
    }
}

/// A node's question.
struct Asked<'a> {
    asked: &'a Attributes,
    relations: Relations<'a>,
}

fn refused(why: &str) -> Verdict {
    Err(why.to_owned())
}

fn quoted(name: &str) -> String {
    ironclad_api::goprint::quote(name)
}

impl Asked<'_> {
    fn verb(&self) -> &str {
        &self.asked.verb
    }

    fn subresource(&self) -> &str {
        &self.asked.subresource
    }

    /// The object must have to do with the node.
    fn related(&self) -> Verdict {
        let Attributes { namespace, name, resource, .. } = self.asked;
        if name.is_empty() {
            return refused("No Object name found");
        }
        let relations = &self.relations;
        let related = match resource.as_str() {
            "secrets" => relations.secret(namespace, name),
            "configmaps" => relations.config_map(namespace, name),
            "serviceaccounts" => relations.service_account(namespace, name),
            "persistentvolumeclaims" => relations.volume_claim(namespace, name),
            "persistentvolumes" => relations.volume(name),
            "resourceclaims" => relations.resource_claim(namespace, name),
            "volumeattachments" => relations.volume_attachment(name),
            "resourceslices" => relations.resource_slice(name),
            "pods" => relations.pod(namespace, name),
            _ => false,
        };
        match related {
            true => Ok(()),
            false => {
                Err(format!("no relationship found between node '{}' and this object", self.relations.node))
            }
        }
    }

    fn get(&self) -> Verdict {
        match (self.verb(), self.subresource()) {
            ("get", "") => self.related(),
            ("get", _) => refused("cannot get subresource"),
            _ => refused("can only get individual resources of this type"),
        }
    }

    /// Get, and list and watch of the one object.
    fn read_by_name(&self) -> Verdict {
        if !matches!(self.verb(), "get" | "list" | "watch") {
            return refused("can only read resources of this type");
        }
        if !self.subresource().is_empty() {
            return refused("cannot read subresource");
        }
        if self.asked.namespace.is_empty() {
            return refused("can only read namespaced object of this type");
        }
        self.related()
    }

    fn volume_claim(&self) -> Verdict {
        match (self.subresource(), self.verb()) {
            ("status", "update" | "patch") => self.related(),
            ("status", _) => refused("can only get/update/patch this type"),
            _ => self.get(),
        }
    }

    fn service_account(&self) -> Verdict {
        match (self.verb(), self.subresource(), self.asked.name.as_str()) {
            ("get", "", _) => self.read_by_name(),
            ("create", _, "") => refused("can only create tokens for individual service accounts"),
            ("create", "token", _) => self.related(),
            ("create", _, _) => refused("can only create token subresource of serviceaccount"),
            _ => refused("can only create tokens for individual service accounts"),
        }
    }

    fn lease(&self) -> Verdict {
        if !is_own_write(self.verb()) {
            return refused("can only get, create, update, patch, or delete a node lease");
        }
        if self.asked.namespace != LEASES {
            return Err(format!("can only access leases in the {} system namespace", quoted(LEASES)));
        }
        self.named_as_node("can only access node lease with the same name as the requesting node")
    }

    fn csi_node(&self) -> Verdict {
        if !is_own_write(self.verb()) {
            return refused("can only get, create, update, patch, or delete a CSINode");
        }
        if !self.subresource().is_empty() {
            return refused("cannot authorize CSINode subresources");
        }
        self.named_as_node("can only access CSINode with the same name as the requesting node")
    }

    /// A creation has no name yet; the NodeRestriction plugin looks at it.
    fn named_as_node(&self, otherwise: &str) -> Verdict {
        let own = self.verb() == "create" || self.asked.name == self.relations.node;
        if own { Ok(()) } else { refused(otherwise) }
    }

    fn resource_slice(&self) -> Verdict {
        if !self.subresource().is_empty() {
            return refused("cannot authorize ResourceSlice subresources");
        }
        match self.verb() {
            "create" => Ok(()),
            "get" | "update" | "patch" | "delete" => self.related(),
            "watch" | "list" | "deletecollection" if self.selects_node() => Ok(()),
            "watch" | "list" | "deletecollection" => {
                refused("can only list/watch/deletecollection resourceslices with nodeName field selector")
            }
            _ => refused(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
            ),
        }
    }

    fn node(&self) -> Verdict {
        let node = self.relations.node;
        match (self.subresource(), self.verb(), self.asked.name.as_str()) {
            ("", "create" | "update" | "patch", _) | ("status", "update" | "patch", _) => Ok(()),
            ("", "get" | "list" | "watch", name) if name == node => Ok(()),
            ("", "get" | "list" | "watch", "") => {
                Err(format!("node '{node}' cannot read all nodes, only its own Node object"))
            }
            ("", "get" | "list" | "watch", name) => {
                Err(format!("node '{node}' cannot read '{name}', only its own Node object"))
            }
            _ => refused(""),
        }
    }

    fn pod(&self) -> Verdict {
        match (self.subresource(), self.verb()) {
            ("", "get") => self.related(),
            ("", "list" | "watch") if self.selects_node() => Ok(()),
            ("", "list" | "watch") if !self.asked.name.is_empty() => self.related(),
            ("", "list" | "watch") => refused("can only list/watch pods with spec.nodeName field selector"),
            // Which pods, the NodeRestriction plugin looks at.
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => Ok(()),
            _ => refused(""),
        }
    }

    fn selects_node(&self) -> bool {
        let terms = self.asked.field_selector.terms();
        let node = self.relations.node;
        terms.iter().any(|term| term.field == "spec.nodeName" && term.value == node && !term.negated)
    }
}

fn is_own_write(verb: &str) -> bool {
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

impl Authorizer for NodeAuthorizer {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(self.decide(attributes)))
    }
}

impl RuleResolver for NodeAuthorizer {
    /// What a node may do depends on its pods, and cannot be told as rules.
    fn rules(&self, user: &User, _namespace: &str) -> Rules {
        match node_of(user) {
            None => Rules::default(),
            Some(_) => Rules {
                incomplete: true,
                errors: vec!["node authorizer does not support user rule resolution".into()],
                ..Rules::default()
            },
        }
    }
}

//! All bindings, compiled for look-up by subject.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::{Attributes, NonResourceRule, ResourceRule, Rules, User};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};

use super::{covers, resource};

/// What bindings grant, by the user's name and by each group's.
#[derive(Default)]
pub struct Grants {
    users: HashMap<String, Vec<Arc<Grant>>>,
    groups: HashMap<String, Vec<Arc<Grant>>>,
}

/// One subject of one binding.
pub struct Grant {
    /// `None`: cluster-wide, non-resource URLs included.
    namespace: Option<String>,
    rules: Arc<[PolicyRule]>,
    binding: String,
    role_ref: RoleRef,
    subject: Subject,
}

impl fmt::Display for Grant {
    /// As upstream's audit annotation words it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject_namespace = match &self.subject.namespace {
            Some(namespace) => format!("/{namespace}"),
            None => String::new(),
        };
        let binding = match &self.namespace {
            Some(namespace) => format!("RoleBinding \"{}/{namespace}\"", self.binding),
            None => format!("ClusterRoleBinding \"{}\"", self.binding),
        };
        write!(
            f,
            "{binding} of {} \"{}\" to {} \"{}{subject_namespace}\"",
            self.role_ref.kind, self.role_ref.name, self.subject.kind, self.subject.name
        )
    }
}

impl Grants {
    pub(super) fn read(cache: &dyn Cache) -> Self {
        let mut grants = Self::default();
        for binding in cache.list_as::<ClusterRoleBinding>(&resource("clusterrolebindings"), None) {
            let name = binding.metadata.name.as_deref().unwrap_or_default();
            grants.bind(cache, None, name, &binding.role_ref, binding.subjects.as_deref());
        }
        for binding in cache.list_as::<RoleBinding>(&resource("rolebindings"), None) {
            let name = binding.metadata.name.as_deref().unwrap_or_default();
            let namespace = binding.metadata.namespace.clone();
            grants.bind(cache, namespace, name, &binding.role_ref, binding.subjects.as_deref());
        }
        grants
    }

    fn bind(
        &mut self,
        cache: &dyn Cache,
        namespace: Option<String>,
        binding: &str,
        role_ref: &RoleRef,
        subjects: Option<&[Subject]>,
    ) {
        // A binding to a role that does not exist grants nothing until it does.
        let Some(rules) = rules_of(cache, namespace.as_deref(), role_ref) else { return };
        for subject in subjects.unwrap_or_default() {
            let grant = Arc::new(Grant {
                namespace: namespace.clone(),
                rules: rules.clone(),
                binding: binding.to_owned(),
                role_ref: role_ref.clone(),
                subject: subject.clone(),
            });
            match subject.kind.as_str() {
                "User" => self.users.entry(subject.name.clone()).or_default().push(grant),
                "Group" => self.groups.entry(subject.name.clone()).or_default().push(grant),
                "ServiceAccount" => {
                    // A role binding's service account lives in its own namespace unless it says otherwise.
                    let home = subject.namespace.as_ref().or(namespace.as_ref());
                    let Some(home) = home else { continue };
                    let user = format!("system:serviceaccount:{home}:{}", subject.name);
                    self.users.entry(user).or_default().push(grant);
                }
                _ => {}
            }
        }
    }

    fn of<'a>(&'a self, user: &User) -> impl Iterator<Item = &'a Arc<Grant>> {
        let own = self.users.get(&user.name).into_iter().flatten();
        own.chain(user.groups.iter().filter_map(|group| self.groups.get(group)).flatten())
    }

    /// The first grant that covers what is asked.
    pub fn find(&self, asked: &Attributes) -> Option<&Arc<Grant>> {
        self.of(&asked.user).find(|grant| {
            let in_scope = match &grant.namespace {
                None => true,
                Some(namespace) => asked.path.is_empty() && *namespace == asked.namespace,
            };
            in_scope && grant.rules.iter().any(|rule| covers(rule, asked))
        })
    }

    /// Everything granted to `user` in `namespace`.
    pub fn rules(&self, user: &User, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        let in_scope = |grant: &&Arc<Grant>| grant.namespace.as_deref().is_none_or(|n| n == namespace);
        for rule in self.of(user).filter(in_scope).flat_map(|grant| grant.rules.iter()) {
            if rule.non_resource_urls.as_ref().is_some_and(|urls| !urls.is_empty()) {
                rules.non_resource_rules.push(NonResourceRule {
                    verbs: rule.verbs.clone(),
                    paths: rule.non_resource_urls.clone().unwrap_or_default(),
                });
            } else {
                rules.resource_rules.push(ResourceRule {
                    verbs: rule.verbs.clone(),
                    api_groups: rule.api_groups.clone().unwrap_or_default(),
                    resources: rule.resources.clone().unwrap_or_default(),
                    resource_names: rule.resource_names.clone().unwrap_or_default(),
                });
            }
        }
        rules
    }
}

fn rules_of(cache: &dyn Cache, namespace: Option<&str>, role_ref: &RoleRef) -> Option<Arc<[PolicyRule]>> {
    let rules = match (role_ref.kind.as_str(), namespace) {
        ("ClusterRole", _) => {
            let key = ObjectKey::cluster(role_ref.name.clone());
            cache.get_as::<ClusterRole>(&resource("clusterroles"), &key)?.rules.clone()
        }
        ("Role", Some(namespace)) => {
            let key = ObjectKey::new(namespace, role_ref.name.clone());
            cache.get_as::<Role>(&resource("roles"), &key)?.rules.clone()
        }
        _ => return None,
    };
    Some(rules.unwrap_or_default().into())
}

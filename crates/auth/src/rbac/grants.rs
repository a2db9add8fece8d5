//! All bindings, compiled for look-up by subject.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ironclad_api::field::aggregate_texts;
use ironclad_api::goprint::quote;
use ironclad_api::{ObjectKey, Status};
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
    /// Or why there are none: a role that does not exist grants nothing until it does.
    rules: Result<Arc<[PolicyRule]>, String>,
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
        let rules = rules_of(cache, namespace.as_deref(), role_ref);
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

    /// The first grant that covers what is asked. `Err`: there is none, and what kept grants from being looked at.
    pub fn find(&self, asked: &Attributes) -> Result<&Arc<Grant>, Option<String>> {
        let in_scope = |grant: &&Arc<Grant>| match &grant.namespace {
            None => true,
            Some(namespace) => asked.path.is_empty() && *namespace == asked.namespace,
        };
        let mut faults = Vec::new();
        for grant in self.of(&asked.user).filter(in_scope) {
            match &grant.rules {
                Ok(rules) if rules.iter().any(|rule| covers(rule, asked)) => return Ok(grant),
                Ok(_) => {}
                Err(fault) => faults.push(fault.clone()),
            }
        }
        Err(aggregate_texts(faults))
    }

    /// Everything granted to `user` in `namespace`.
    pub fn rules(&self, user: &User, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        let mut faults = Vec::new();
        let in_scope = |grant: &&Arc<Grant>| grant.namespace.as_deref().is_none_or(|n| n == namespace);
        for grant in self.of(user).filter(in_scope) {
            match &grant.rules {
                Ok(granted) => granted.iter().for_each(|rule| add(&mut rules, rule)),
                Err(fault) => faults.push(fault.clone()),
            }
        }
        rules.errors.extend(aggregate_texts(faults));
        rules
    }
}

fn add(rules: &mut Rules, rule: &PolicyRule) {
    let resources = rule.resources.clone().unwrap_or_default();
    if !resources.is_empty() {
        rules.resource_rules.push(ResourceRule {
            verbs: rule.verbs.clone(),
            api_groups: rule.api_groups.clone().unwrap_or_default(),
            resources,
            resource_names: rule.resource_names.clone().unwrap_or_default(),
        });
    }
    let paths = rule.non_resource_urls.clone().unwrap_or_default();
    if !paths.is_empty() {
        rules.non_resource_rules.push(NonResourceRule { verbs: rule.verbs.clone(), paths });
    }
}

/// The rules of a role, or upstream's text of why there are none.
fn rules_of(
    cache: &dyn Cache,
    namespace: Option<&str>,
    role_ref: &RoleRef,
) -> Result<Arc<[PolicyRule]>, String> {
    let missing = |kind: &'static str| Status::not_found(&resource(kind), &role_ref.name).message;
    let rules = match (role_ref.kind.as_str(), namespace) {
        ("ClusterRole", _) => {
            let key = ObjectKey::cluster(role_ref.name.clone());
            let role = cache.get_as::<ClusterRole>(&resource("clusterroles"), &key);
            role.ok_or_else(|| missing("clusterrole"))?.rules.clone()
        }
        ("Role", Some(namespace)) => {
            let key = ObjectKey::new(namespace, role_ref.name.clone());
            let role = cache.get_as::<Role>(&resource("roles"), &key);
            role.ok_or_else(|| missing("role"))?.rules.clone()
        }
        (kind, _) => return Err(format!("unsupported role reference kind: {}", quote(kind))),
    };
    Ok(rules.unwrap_or_default().into())
}

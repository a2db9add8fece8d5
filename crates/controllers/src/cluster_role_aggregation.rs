//! Fills aggregated ClusterRoles (`admin`, `edit`, `view`) with the rules of the
//! roles that their selectors match.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles>.

use ironclad_api::{Object, ObjectKey};
use ironclad_client::typed::CacheExt;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};

use crate::resources::CLUSTER_ROLES;
use crate::selectors::Selector;

pub struct ClusterRoleAggregation;

impl Controller for ClusterRoleAggregation {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation-controller"
    }

    /// Any role may contribute to any aggregated one, and there are few of those.
    fn watches(&self) -> Vec<Watch> {
        vec![Watch::new(CLUSTER_ROLES.group_resource(), |_, cache| {
            let roles = cache.list_as::<ClusterRole>(&CLUSTER_ROLES.group_resource(), None);
            let aggregated = roles.iter().filter(|role| role.aggregation_rule.is_some());
            aggregated.map(|role| crate::ownership::key_of(&role.metadata)).collect()
        })]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let Some(role) = view.cache.get_as::<ClusterRole>(&CLUSTER_ROLES.group_resource(), key) else {
            return Plan::done();
        };
        let Some(selectors) = role.aggregation_rule.as_ref().map(|rule| &rule.cluster_role_selectors) else {
            return Plan::done();
        };
        let mut rules = Vec::<PolicyRule>::new();
        let roles = view.cache.list_as::<ClusterRole>(&CLUSTER_ROLES.group_resource(), None);
        for selector in selectors.iter().flatten().map(Selector::new) {
            let others = roles.iter().filter(|other| other.metadata.name != role.metadata.name);
            for other in others.filter(|other| selector.matches(other.metadata.labels.as_ref())) {
                for rule in other.rules.iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
        let mut plan = Plan::done();
        if role.rules.as_ref() != Some(&rules) {
            let mut wanted = ClusterRole::clone(&role);
            wanted.rules = Some(rules);
            let object = Object::from_typed(&wanted).unwrap_or_default();
            plan.then(Write::Update { target: CLUSTER_ROLES.object(key), object });
        }
        plan
    }
}

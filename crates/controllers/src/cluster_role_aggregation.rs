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
        if role.rules.as_deref().unwrap_or_default() != rules {
            let mut wanted = ClusterRole::clone(&role);
            wanted.rules = Some(rules);
            let object = Object::from_typed(&wanted).unwrap_or_default();
            plan.then(Write::Update { target: CLUSTER_ROLES.object(key), object });
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::World;

    fn role(name: &str, group: &str, resources: &[&str]) -> Value {
        let rules: Vec<Value> = resources
            .iter()
            .map(|of| json!({ "apiGroups": [""], "resources": [of], "verbs": ["get"] }))
            .collect();
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": name, "labels": { "to": group } }, "rules": rules,
        })
    }

    /// The resources that an aggregated role ends up with; `None` if nothing was written.
    fn gathered(others: &[Value], before: Value, selectors: Value) -> Option<Vec<String>> {
        let mut world = World::at("2026-01-01T00:00:00Z");
        others.iter().for_each(|other| world.put(CLUSTER_ROLES, other.clone()));
        let mut own = role("own", "x", &[]);
        own["rules"] = before;
        own["aggregationRule"] = json!({ "clusterRoleSelectors": selectors });
        world.put(CLUSTER_ROLES, own);
        let key = ObjectKey::cluster("own");
        let view = View { cache: &world.cache, last_failure: None };
        let plan = ClusterRoleAggregation.reconcile(&view, &key, world.now);
        if plan.stages.is_empty() {
            return None;
        }
        world.carry_out(plan);
        let rules = world.get(CLUSTER_ROLES, "own").map(|own| own["rules"].clone()).unwrap_or_default();
        let names = rules.as_array().into_iter().flatten().map(|rule| rule["resources"][0].to_string());
        Some(names.collect())
    }

    #[test]
    fn rules_come_by_the_names_of_their_roles_once_each() {
        let to = |group: &str| json!([{ "matchLabels": { "to": group } }]);
        let others = [
            role("b", "x", &["pods", "nodes"]),
            role("a", "x", &["secrets", "pods"]),
            role("c", "y", &["events"]),
        ];
        let all = ["\"secrets\"", "\"pods\"", "\"nodes\""].map(str::to_owned).to_vec();
        assert_eq!(gathered(&others, Value::Null, to("x")), Some(all));
        assert_eq!(gathered(&others, json!([{ "verbs": ["*"] }]), to("z")), Some(Vec::new()));
        // Nothing where there is nothing, however that is written.
        assert_eq!(gathered(&others, Value::Null, to("z")), None);
        assert_eq!(gathered(&others, json!([]), to("z")), None);
    }
}

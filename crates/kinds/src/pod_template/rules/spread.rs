//! Spreading over zones and nodes.
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>

use std::collections::BTreeMap;

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use super::affinity::label_keys;
use super::{Errors, items, one_of};
use crate::label_selectors::selector;

const ACTIONS: [&str; 2] = ["DoNotSchedule", "ScheduleAnyway"];
const POLICIES: [&str; 2] = ["Honor", "Ignore"];

pub(super) fn constraints(spec: &core::PodSpec, path: &Path) -> Errors {
    let all = items(&spec.topology_spread_constraints);
    let mut errors = Errors::new();
    let mut left: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    all.iter().for_each(|constraint| *left.entry(pair(constraint)).or_default() += 1);
    for (index, constraint) in all.iter().enumerate() {
        let path = path.index(index);
        errors.extend(validation::number::positive(&path.child("maxSkew"), constraint.max_skew.into()));
        if constraint.topology_key.is_empty() {
            errors.push(FieldError::required(&path.child("topologyKey"), "can not be empty"));
        }
        let action = constraint.when_unsatisfiable.as_str();
        errors.extend(one_of(&path.child("whenUnsatisfiable"), action, &ACTIONS));
        let later = left.entry(pair(constraint)).or_default();
        *later = later.saturating_sub(1);
        if *later > 0 {
            let pair = format!("{{{}, {action}}}", constraint.topology_key);
            errors.push(FieldError::duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), pair));
        }
        errors.extend(min_domains(constraint, &path.child("minDomains")));
        for (field, policy) in [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ] {
            errors.extend(policy.as_deref().and_then(|policy| one_of(&path.child(field), policy, &POLICIES)));
        }
        let selector = constraint.label_selector.as_ref().map(selector);
        errors.extend(label_keys((items(&constraint.match_label_keys), &[]), selector.as_ref(), &path));
        errors.extend(selector.iter().flat_map(|selector| selector.validate(&path.child("labelSelector"))));
    }
    errors
}

/// What may stand in one constraint only.
fn pair(constraint: &core::TopologySpreadConstraint) -> (&str, &str) {
    (&constraint.topology_key, &constraint.when_unsatisfiable)
}

fn min_domains(constraint: &core::TopologySpreadConstraint, path: &Path) -> Errors {
    let Some(domains) = constraint.min_domains else { return Errors::new() };
    let mut errors = validation::number::positive(path, domains.into());
    let action = constraint.when_unsatisfiable.as_str();
    if action != "DoNotSchedule" {
        let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.push(FieldError::invalid(path, domains, detail));
    }
    errors
}

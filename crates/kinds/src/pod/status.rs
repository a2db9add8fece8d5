//! Rules for a pod's status, which nodes and controllers write.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Object, Path, validation};
use k8s_openapi::api::core::v1 as core;
use serde_json::json;

use super::update;
use crate::spec::typed;

const HEALTH: [&str; 3] = ["Healthy", "Unhealthy", "Unknown"];
const MAX_HEALTH_MESSAGE: usize = 1024;
/// Conditions of Kubernetes' own, whose names need no check.
const OWN_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];
const NOT_NEGATIVE: &str = "must be a non-negative integer";

pub(super) fn updated(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = update::annotations(new, old);
    let (new, old): (core::Pod, core::Pod) = (typed(new), typed(old));
    let spec = old.spec.unwrap_or_default();
    let (new_status, old_status) = (new.status.unwrap_or_default(), old.status.unwrap_or_default());
    errors.extend(conditions(new_status.conditions.as_deref().unwrap_or_default()));
    errors.extend(nomination(&new_status, &old_status, &spec));
    errors.extend(generation_and_class(&new_status, &old_status));
    errors.extend(transitions(&new_status, &old_status, &spec));
    errors.extend(claims(&new_status, &spec));
    errors.extend(pod_ips(&new_status, &old_status));
    errors.extend(host_ips(&new_status, &old_status));
    errors.extend(users(&new_status, &spec));
    errors.extend(allocated(&new_status, &spec));
    errors
}

fn status() -> Path {
    Path::new("status")
}

fn conditions(conditions: &[core::PodCondition]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        let path = status().child("conditions").index(index);
        let generation = condition.observed_generation.unwrap_or(0);
        if generation < 0 {
            errors.push(FieldError::invalid(&path.child("observedGeneration"), generation, NOT_NEGATIVE));
        }
        if !OWN_CONDITIONS.contains(&condition.type_.as_str()) {
            errors.extend(validation::label::label_key(&path.child("Type"), &condition.type_));
        }
    }
    errors
}

fn nomination(new: &core::PodStatus, old: &core::PodStatus, spec: &core::PodSpec) -> Vec<FieldError> {
    let path = status().child("nominatedNodeName");
    let name = new.nominated_node_name.as_deref().unwrap_or_default();
    if name.is_empty() || name == old.nominated_node_name.as_deref().unwrap_or_default() {
        return Vec::new();
    }
    let mut errors = validation::invalid_each(&path, name, validation::dns1123_subdomain(name));
    if spec.node_name.as_ref().is_some_and(|node| !node.is_empty()) {
        let detail = "may not be set on pods that are already bound to a node";
        errors.push(FieldError::forbidden(&path, detail));
    }
    errors
}

fn generation_and_class(new: &core::PodStatus, old: &core::PodStatus) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let generation = new.observed_generation.unwrap_or(0);
    if generation < 0 {
        errors.push(FieldError::invalid(&status().child("observedGeneration"), generation, NOT_NEGATIVE));
    }
    let class = |status: &core::PodStatus| json!(status.qos_class.as_deref().unwrap_or_default());
    errors.extend(validation::meta::immutable(&status().child("qosClass"), &class(new), &class(old)));
    errors
}

// === containers do not come back from the end ===

fn transitions(new: &core::PodStatus, old: &core::PodStatus, spec: &core::PodSpec) -> Vec<FieldError> {
    let containers = spec.containers.as_slice();
    let initial = spec.init_containers.as_deref().unwrap_or_default();
    let restarts_all = |container: &core::Container| {
        let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
        rules.iter().any(|rule| rule.action == "RestartAllContainers")
    };
    let mut errors = Vec::new();
    if !containers.iter().chain(initial).any(restarts_all) {
        let of = |containers: &[core::Container], name: &str, code: i32| {
            containers
                .iter()
                .find(|container| container.name == name)
                .is_some_and(|c| restarts(c, spec, code))
        };
        errors.extend(came_back(
            (new.container_statuses.as_deref(), old.container_statuses.as_deref()),
            "containerStatuses",
            |name, code| of(containers, name, code),
        ));
        errors.extend(came_back(
            (new.init_container_statuses.as_deref(), old.init_container_statuses.as_deref()),
            "initContainerStatuses",
            |name, code| of(initial, name, code),
        ));
    }
    errors.extend(came_back(
        (new.ephemeral_container_statuses.as_deref(), old.ephemeral_container_statuses.as_deref()),
        "ephemeralContainerStatuses",
        |_, _| false,
    ));
    errors
}

type Statuses<'a> = Option<&'a [core::ContainerStatus]>;

fn came_back(
    (new, old): (Statuses<'_>, Statuses<'_>),
    field: &str,
    may: impl Fn(&str, i32) -> bool,
) -> Vec<FieldError> {
    let ended = |status: &core::ContainerStatus| Some(status.state.as_ref()?.terminated.as_ref()?.exit_code);
    let mut errors = Vec::new();
    for (index, before) in old.unwrap_or_default().iter().enumerate() {
        let Some(code) = ended(before) else { continue };
        let runs = |after: &core::ContainerStatus| after.name == before.name && ended(after).is_none();
        if new.unwrap_or_default().iter().any(runs) && !may(&before.name, code) {
            let path = status().child(field).index(index).child("state");
            errors.push(FieldError::forbidden(&path, "may not be transitioned to non-terminated state"));
        }
    }
    errors
}

/// Whether a container that ended so is started again (KEP-5307).
fn restarts(container: &core::Container, spec: &core::PodSpec, exit_code: i32) -> bool {
    if let Some(policy) = container.restart_policy.as_deref() {
        let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
        let applies = |rule: &core::ContainerRestartRule| {
            rule.exit_codes.as_ref().is_some_and(|codes| {
                let listed = codes.values.as_deref().unwrap_or_default().contains(&exit_code);
                match codes.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    _ => false,
                }
            })
        };
        if let Some(rule) = rules.iter().find(|rule| applies(rule))
            && rule.action == "Restart"
        {
            return true;
        }
        match policy {
            "Always" => return true,
            "OnFailure" => return exit_code != 0,
            "Never" => return false,
            _ => {}
        }
    }
    match spec.restart_policy.as_deref() {
        Some("OnFailure") => exit_code != 0,
        Some("Never") => false,
        _ => true,
    }
}

// === resource claims ===

fn claims(new: &core::PodStatus, spec: &core::PodSpec) -> Vec<FieldError> {
    let known: BTreeSet<&str> =
        spec.resource_claims.iter().flatten().map(|claim| claim.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, claim) in new.resource_claim_statuses.iter().flatten().enumerate() {
        let path = status().child("resourceClaimStatuses").index(index);
        if !known.contains(claim.name.as_str()) {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(FieldError::invalid(&path.child("name"), &claim.name, detail));
        }
        if !seen.insert(&claim.name) {
            errors.push(FieldError::duplicate(&path.child("name"), &claim.name));
        }
        if let Some(name) = &claim.resource_claim_name {
            let faults = validation::dns1123_subdomain(name);
            errors.extend(validation::invalid_each(&path.child("resourceClaimName"), name, faults));
        }
    }
    errors
}

// === addresses ===

fn pod_ips(new: &core::PodStatus, old: &core::PodStatus) -> Vec<FieldError> {
    let ips = |status: &core::PodStatus| -> Vec<String> {
        status.pod_ips.iter().flatten().map(|ip| ip.ip.clone()).collect()
    };
    addresses(&status().child("podIPs"), &ips(new), &ips(old))
}

fn host_ips(new: &core::PodStatus, old: &core::PodStatus) -> Vec<FieldError> {
    let ips = |status: &core::PodStatus| -> Vec<String> {
        status.host_ips.iter().flatten().map(|ip| ip.ip.clone()).collect()
    };
    let path = status().child("hostIPs");
    let (new_ips, old_ips) = (ips(new), ips(old));
    let mut errors = Vec::new();
    if let Some(first) = new_ips.first().filter(|first| Some(*first) != new.host_ip.as_ref()) {
        errors.push(FieldError::invalid(&path.index(0).child("ip"), first, "must be equal to `hostIP`"));
    }
    errors.extend(addresses(&path, &new_ips, &old_ips));
    errors
}

/// Valid ones, at most one of each family; those there were may stay as they are.
fn addresses(path: &Path, new: &[String], old: &[String]) -> Vec<FieldError> {
    let stored: Vec<&str> = old.iter().map(String::as_str).collect();
    let each = new.iter().enumerate();
    let mut errors: Vec<FieldError> =
        each.flat_map(|(index, ip)| validation::ip::legacy_ip(&path.index(index), ip, &stored)).collect();
    if new.len() < 2 {
        return errors;
    }
    let parsed: Option<Vec<bool>> =
        new.iter().map(|ip| validation::ip::parse_ip(ip).map(|ip| ip.is_ipv4())).collect();
    if !matches!(parsed.as_deref(), Some([first, second]) if first != second) {
        let value = new.iter().map(|ip| json!({ "IP": ip })).collect::<Vec<_>>();
        let detail = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid(path, json!(value), detail));
    }
    errors
}

// === users and devices ===

fn each_status(status: &core::PodStatus) -> [(&'static str, &[core::ContainerStatus]); 3] {
    [
        ("containerStatuses", status.container_statuses.as_deref().unwrap_or_default()),
        ("initContainerStatuses", status.init_container_statuses.as_deref().unwrap_or_default()),
        ("ephemeralContainerStatuses", status.ephemeral_container_statuses.as_deref().unwrap_or_default()),
    ]
}

fn users(new: &core::PodStatus, spec: &core::PodSpec) -> Vec<FieldError> {
    let windows = spec.os.as_ref().is_some_and(|os| os.name == "windows");
    let mut errors = Vec::new();
    for (field, statuses) in each_status(new) {
        for (index, container) in statuses.iter().enumerate() {
            let Some(user) = container.user.as_ref().and_then(|user| user.linux.as_ref()) else { continue };
            let path = status().child(field).index(index).child("user").child("linux");
            if windows {
                errors.push(FieldError::forbidden(&path, "cannot be set for a windows pod"));
            } else {
                errors.extend(linux_user(&path, user));
            }
        }
    }
    errors
}

fn linux_user(path: &Path, user: &core::LinuxContainerUser) -> Vec<FieldError> {
    let check = |path: Path, id: i64, faults: Vec<String>| {
        faults.into_iter().map(move |fault| FieldError::invalid(&path, id, fault)).collect::<Vec<_>>()
    };
    let mut errors = check(path.child("uid"), user.uid, validation::number::user_id(user.uid));
    errors.extend(check(path.child("gid"), user.gid, validation::number::group_id(user.gid)));
    for (index, group) in user.supplemental_groups.iter().flatten().enumerate() {
        let path = path.child("supplementalGroups").index(index);
        errors.extend(check(path, *group, validation::number::group_id(*group)));
    }
    errors
}

fn allocated(new: &core::PodStatus, spec: &core::PodSpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (field, statuses) in each_status(new) {
        let containers = match field {
            "containerStatuses" => spec.containers.as_slice(),
            _ => spec.init_containers.as_deref().unwrap_or_default(),
        };
        for (index, container) in statuses.iter().enumerate() {
            let path = status().child(field).index(index).child("allocatedResourcesStatus");
            let resources = container.allocated_resources_status.as_deref().unwrap_or_default();
            if field == "ephemeralContainerStatuses" {
                let detail = "must not be specified in container status";
                errors.extend((!resources.is_empty()).then(|| FieldError::forbidden(&path, detail)));
                continue;
            }
            let spec = containers.iter().find(|spec| spec.name == container.name);
            for (index, resource) in resources.iter().enumerate() {
                errors.extend(allocated_resource(&path.index(index), resource, spec));
            }
        }
    }
    errors
}

fn allocated_resource(
    path: &Path,
    resource: &core::ResourceStatus,
    spec: Option<&core::Container>,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    // A container that the pod does not have is let pass, as upstream does.
    if let Some(fault) = spec.and_then(|spec| unasked(&resource.name, spec)) {
        errors.push(FieldError::invalid(&path.child("name"), &resource.name, fault));
    }
    let mut seen = BTreeSet::new();
    for (index, health) in resource.resources.iter().flatten().enumerate() {
        let path = path.child("resources").index(index);
        let word = health.health.as_deref().unwrap_or_default();
        if !HEALTH.contains(&word) {
            errors.push(FieldError::not_supported(&path.child("health"), word, HEALTH));
        }
        match health.message.as_deref() {
            Some("") => {
                errors.push(FieldError::required(&path.child("message"), "must be non-empty if specified"))
            }
            Some(message) if message.len() > MAX_HEALTH_MESSAGE => {
                errors.push(FieldError::too_long(&path.child("message"), MAX_HEALTH_MESSAGE));
            }
            _ => {}
        }
        if !seen.insert(&health.resource_id) {
            errors.push(FieldError::duplicate(&path.child("resourceID"), &health.resource_id));
        }
    }
    errors
}

/// Why a resource is none of those that the container asks for.
fn unasked(name: &str, container: &core::Container) -> Option<&'static str> {
    let resources = container.resources.as_ref();
    if name.starts_with("claim:") {
        let claims = resources.and_then(|resources| resources.claims.as_deref()).unwrap_or_default();
        let known = claims.iter().any(|claim| match claim.request.as_deref() {
            None | Some("") => name == format!("claim:{}", claim.name),
            Some(request) => name == format!("claim:{}/{request}", claim.name),
        });
        let fault = "must match one of the container's resource claims in a format \
            'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
        return (!known).then_some(fault);
    }
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let known = requests.is_some_and(|requests| requests.contains_key(name));
    (!known).then_some("must match one of the container's resource requests")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn check(spec: Value, old: Value, new: Value, want: &[&str]) {
        let pod = |status: Value| {
            let metadata = json!({"name": "a", "namespace": "b"});
            Object::from_value(json!({"metadata": metadata, "spec": spec, "status": status}))
                .expect("an object")
        };
        let errors: Vec<String> = updated(&pod(new), &pod(old)).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    }

    #[test]
    fn ended_containers_stay_ended_unless_they_restart() {
        let check = |policy: &str, code: i32, want: &[&str]| {
            let spec = json!({"restartPolicy": policy, "containers": [{"name": "c"}]});
            let statuses = |state: Value| {
                json!({"containerStatuses": [{
                    "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
                }]})
            };
            let ended = json!({"terminated": {"exitCode": code}});
            check(spec, statuses(ended), statuses(json!({"running": {}})), want);
        };
        let refused =
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
        check("Always", 0, &[]);
        check("OnFailure", 1, &[]);
        check("OnFailure", 0, &[refused]);
        check("Never", 1, &[refused]);
    }

    #[test]
    fn addresses_are_one_of_each_family() {
        let check = |ips: &[&str], want: &[&str]| {
            let ips: Vec<Value> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
            check(json!({}), json!({}), json!({ "podIPs": ips }), want);
        };
        check(&["10.0.0.1", "fd00::1"], &[]);
        check(
            &["10.0.0.1", "10.0.0.2"],
            &[
                "status.podIPs: Invalid value: [{\"IP\":\"10.0.0.1\"},{\"IP\":\"10.0.0.2\"}]: may specify no more than one IP for each IP family",
            ],
        );
        check(
            &["x"],
            &[
                "status.podIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        );
    }

    #[test]
    fn what_was_settled_stays() {
        check(
            json!({}),
            json!({"qosClass": "Burstable"}),
            json!({"qosClass": "Guaranteed"}),
            &["status.qosClass: Invalid value: \"Guaranteed\": field is immutable"],
        );
        check(
            json!({"nodeName": "n"}),
            json!({}),
            json!({"nominatedNodeName": "m"}),
            &["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"],
        );
        check(
            json!({}),
            json!({}),
            json!({"observedGeneration": -1}),
            &["status.observedGeneration: Invalid value: -1: must be a non-negative integer"],
        );
        check(
            json!({}),
            json!({}),
            json!({"conditions": [{"type": "not valid", "status": "True"}]}),
            &[
                "status.conditions[0].Type: Invalid value: \"not valid\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ],
        );
    }
}

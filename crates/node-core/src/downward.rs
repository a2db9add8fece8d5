//! The downward API: fields of the pod and amounts of its containers, as text.

use ironclad_api::goprint;
use ironclad_api::quantity::Quantity;
use ironclad_api::validation::qualified_name;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceFieldSelector};

use crate::resources::{self, Side};
use crate::settings::Allocatable;
use crate::spec;

/// What a field reads when it is not in the object: addresses are known before the status says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub hosts: Vec<String>,
    pub pods: Vec<String>,
}

/// A field of the pod, as environment variables may name it.
pub fn field(pod: &Pod, path: &str, addresses: &Addresses) -> Result<String, String> {
    let spec = spec::of(pod);
    Ok(match path {
        "spec.nodeName" | "spec.host" => spec.node_name.clone().unwrap_or_default(),
        "spec.serviceAccountName" => spec.service_account_name.clone().unwrap_or_default(),
        "status.hostIP" => addresses.hosts.first().cloned().unwrap_or_default(),
        "status.hostIPs" => addresses.hosts.join(","),
        "status.podIP" => addresses.pods.first().cloned().unwrap_or_default(),
        "status.podIPs" => addresses.pods.join(","),
        _ => return metadata(pod, path),
    })
}

/// A field of the pod's metadata, as volumes may name it. Whole maps are lines of `key="value"`, sorted.
pub fn metadata(pod: &Pod, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    if let Some((map, key)) = subscript(path) {
        let (list, name) = match map {
            "metadata.annotations" => (&meta.annotations, key.to_ascii_lowercase()),
            "metadata.labels" => (&meta.labels, key.to_owned()),
            _ => return Err(format!("fieldPath {} does not support subscript", goprint::quote(path))),
        };
        let faults = qualified_name(&name);
        if !faults.is_empty() {
            return Err(format!("invalid key subscript in {path}: {}", faults.join(";")));
        }
        return Ok(list.as_ref().and_then(|list| list.get(key)).cloned().unwrap_or_default());
    }
    let lines = |map: &Option<std::collections::BTreeMap<String, String>>| {
        let lines = map.iter().flatten().map(|(k, v)| format!("{k}={}", goprint::quote(v)));
        lines.collect::<Vec<_>>().join("\n")
    };
    match path {
        "metadata.annotations" => Ok(lines(&meta.annotations)),
        "metadata.labels" => Ok(lines(&meta.labels)),
        "metadata.name" => Ok(spec::name(pod).to_owned()),
        "metadata.namespace" => Ok(spec::namespace(pod).to_owned()),
        "metadata.uid" => Ok(spec::uid(pod).to_owned()),
        _ => Err(format!("unsupported fieldPath: {path}")),
    }
}

/// Splits `metadata.labels['key']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, key) = path.strip_suffix("']")?.split_once("['")?;
    (!map.is_empty()).then_some((map, key))
}

/// An amount of a container, in units of the divisor, rounded up. A limit that is not set is that of the pod,
/// or else what the node has.
pub fn amount(
    pod: &PodSpec,
    own: Option<&Container>,
    selector: &ResourceFieldSelector,
    node: &Allocatable,
) -> Result<String, String> {
    let name = selector.container_name.as_deref().unwrap_or_default();
    let container = match (name, own) {
        ("", Some(own)) => own.clone(),
        _ => match spec::container(pod, name) {
            Some(found) => found.container.into_owned(),
            None => return Err(format!("container {name} not found")),
        },
    };
    let unsupported = || format!("unsupported container resource : {}", selector.resource);
    let (side, resource) = selector.resource.split_once('.').ok_or_else(unsupported)?;
    let side = match side {
        "limits" => Side::Limits,
        "requests" => Side::Requests,
        _ => return Err(unsupported()),
    };
    let known =
        matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    if !known {
        return Err(unsupported());
    }
    let amount = match side {
        Side::Requests => {
            resources::of(container.resources.as_ref(), side).remove(resource).unwrap_or_default()
        }
        Side::Limits => limit(pod, &container, resource, node),
    };
    let divisor = selector.divisor.as_ref().and_then(|d| Quantity::parse(&d.0).ok());
    let divisor = divisor.filter(|d| !d.is_zero()).unwrap_or_else(|| Quantity::from_milli(1000));
    Ok(divided(&amount, &divisor, resource == "cpu").to_string())
}

fn limit(pod: &PodSpec, container: &Container, resource: &str, node: &Allocatable) -> Quantity {
    let set = |mut list: resources::Resources| list.remove(resource).filter(|q| !q.is_zero());
    let own = set(resources::of(container.resources.as_ref(), Side::Limits));
    let shared = || {
        let stated =
            resources::pod_level(resource).then(|| resources::of(pod.resources.as_ref(), Side::Limits));
        stated.and_then(set)
    };
    own.or_else(shared).unwrap_or_else(|| match resource {
        "cpu" => Quantity::from_milli(node.cpu_milli),
        "memory" => Quantity::from_bytes(node.memory_bytes),
        "ephemeral-storage" => Quantity::from_bytes(node.ephemeral_storage_bytes),
        _ => Quantity::default(),
    })
}

/// The quotient rounded up; CPU is counted in thousandths, everything else in whole units.
fn divided(amount: &Quantity, divisor: &Quantity, in_milli: bool) -> i64 {
    let (amount, divisor) = match in_milli {
        true => (amount.milli_value(), divisor.milli_value()),
        false => (amount.value(), divisor.value()),
    };
    let divisor = divisor.max(1);
    amount.div_euclid(divisor) + i64::from(amount.rem_euclid(divisor) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "u",
                         "labels": {"b": "2", "a": "1\n"}, "annotations": {"example.com/X": "y"}},
            "spec": {
                "nodeName": "n", "serviceAccountName": "sa",
                "containers": [{"name": "a", "resources": {
                    "limits": {"cpu": "1250m", "memory": "64Mi"},
                    "requests": {"cpu": "250m", "memory": "32Mi"},
                }}, {"name": "bare"}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn fields_read_as_text() {
        let addresses =
            Addresses { hosts: vec!["192.168.0.1".into()], pods: vec!["10.0.0.1".into(), "fd00::1".into()] };
        let check = |path: &str, expected: Result<&str, &str>| {
            let found = field(&pod(), path, &addresses);
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{path}");
        };
        check("metadata.name", Ok("web"));
        check("metadata.uid", Ok("u"));
        check("metadata.labels", Ok("a=\"1\\n\"\nb=\"2\""));
        check("metadata.labels['b']", Ok("2"));
        check("metadata.labels['none']", Ok(""));
        check("metadata.annotations['example.com/X']", Ok("y"));
        check("spec.nodeName", Ok("n"));
        check("spec.serviceAccountName", Ok("sa"));
        check("status.hostIP", Ok("192.168.0.1"));
        check("status.podIP", Ok("10.0.0.1"));
        check("status.podIPs", Ok("10.0.0.1,fd00::1"));
        check("spec.containers", Err("unsupported fieldPath: spec.containers"));
        check("metadata.name['x']", Err("fieldPath \"metadata.name['x']\" does not support subscript"));
    }

    #[test]
    fn amounts_are_divided_and_rounded_up() {
        let pod = pod();
        let spec = spec::of(&pod);
        let node = Allocatable { cpu_milli: 4000, memory_bytes: 1 << 30, ephemeral_storage_bytes: 1 << 40 };
        let check = |selector: Value, expected: Result<&str, &str>| {
            let read: ResourceFieldSelector = serde_json::from_value(selector.clone()).unwrap();
            let found = amount(&spec, spec.containers.first(), &read, &node);
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{selector}");
        };
        check(json!({"resource": "limits.cpu"}), Ok("2"));
        check(json!({"resource": "limits.cpu", "divisor": "1m"}), Ok("1250"));
        check(json!({"resource": "requests.cpu", "divisor": "1m"}), Ok("250"));
        check(json!({"resource": "limits.memory"}), Ok("67108864"));
        check(json!({"resource": "limits.memory", "divisor": "1Mi"}), Ok("64"));
        check(json!({"resource": "limits.memory", "divisor": "0"}), Ok("67108864"));
        check(json!({"resource": "limits.cpu", "containerName": "bare"}), Ok("4"));
        check(json!({"resource": "limits.memory", "containerName": "bare"}), Ok("1073741824"));
        check(json!({"resource": "requests.cpu", "containerName": "bare"}), Ok("0"));
        check(json!({"resource": "limits.cpu", "containerName": "none"}), Err("container none not found"));
        check(json!({"resource": "limits.pods"}), Err("unsupported container resource : limits.pods"));
    }
}

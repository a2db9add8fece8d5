//! `v1 Node`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;
use ironclad_api::quantity::Quantity;
use ironclad_api::{FieldError, Object, Path, Status, validation};
use ironclad_engine::strategy::{
    KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource, SubresourceKind,
};
use k8s_openapi::api::core::v1 as core;
use serde_json::{Map, Value, json};

use crate::columns::{NONE, UNKNOWN, age, name, text, wide};
use crate::go_form;
use crate::spec::{names, spec, typed};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE: &str = "kubernetes.io/role";
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// Prefix lengths of what one node gets out of the cluster's pod network.
const NODE_PREFIX_V4: u8 = 24;
const NODE_PREFIX_V6: u8 = 64;

pub struct Node {
    spec: KindSpec,
    /// The cluster's pod network, out of which each new node gets a part.
    pod_network: IpNet,
}

impl Node {
    pub fn new(pod_network: IpNet) -> Self {
        let info =
            |field: &'static str| move |node: &Object| node.str_at(&["status", "nodeInfo", field]).to_owned();
        let known = |value: String| if value.is_empty() { UNKNOWN.to_owned() } else { value };
        let columns = vec![
            name(),
            text("Status", status),
            text("Roles", roles),
            age(),
            text("Version", info("kubeletVersion")),
            wide(text("Internal-IP", |node| address(node, "InternalIP"))),
            wide(text("External-IP", |node| address(node, "ExternalIP"))),
            wide(text("OS-Image", move |node| known(info("osImage")(node)))),
            wide(text("Kernel-Version", kernel)),
            wide(text("Container-Runtime", move |node| known(info("containerRuntimeVersion")(node)))),
        ];
        let proxy = Subresource {
            name: "proxy".into(),
            kind: Some(ironclad_api::GroupVersionKind::new("", "v1", "NodeProxyOptions")),
            verbs: &["create", "delete", "get", "patch", "update"],
            does: SubresourceKind::Connect,
        };
        Self {
            spec: KindSpec {
                short_names: names(["no"]),
                columns,
                selectable: vec![SelectableField::at("spec.unschedulable").or("false")],
                subresources: vec![proxy, Subresource::status()],
                storage_prefix: Some("minions".into()),
                ..spec("", "v1", "Node", "nodes", Scope::Cluster)
            },
            pod_network,
        }
    }

    /// The first part of the pod network that no other node holds.
    fn free_part(&self, claimed: &dyn Fn(&str) -> bool) -> Option<String> {
        let length = if self.pod_network.addr().is_ipv4() { NODE_PREFIX_V4 } else { NODE_PREFIX_V6 };
        let parts = self.pod_network.subnets(length.max(self.pod_network.prefix_len())).ok()?;
        parts.map(|part| part.to_string()).find(|part| !claimed(&claim(part)))
    }
}

fn claim(cidr: &str) -> String {
    format!("podcidr/{cidr}")
}

impl Strategy for Node {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, node: &mut Object) {
        agree_on_cidrs(node);
        let status = node.section_mut("status");
        if let Some(capacity) =
            status.get("capacity").filter(|_| !has_entries(status, "allocatable")).cloned()
        {
            status.insert("allocatable".into(), capacity);
        }
    }

    /// Upstream's node IPAM controller gives the node its `podCIDR` a moment later; here it
    /// is part of the create, and a claim keeps two nodes from getting the same.
    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if old.is_none() && new.str_at(&["spec", "podCIDR"]).is_empty() {
            let part = self.free_part(preparation.claimed).ok_or_else(|| {
                Status::internal_error(format!(
                    "the pod network {} has no room for another node",
                    self.pod_network
                ))
            })?;
            let spec = new.section_mut("spec");
            spec.insert("podCIDR".into(), part.clone().into());
            spec.insert("podCIDRs".into(), json!([part]));
        }
        Ok(())
    }

    fn claims(&self, node: &Object) -> Vec<String> {
        let cidrs = node.at(&["spec", "podCIDRs"]).and_then(Value::as_array).into_iter().flatten();
        cidrs.filter_map(Value::as_str).map(claim).collect()
    }

    /// Upstream checks an update as a new node and then as an update, its status only as the latter.
    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let node: core::Node = typed(new);
        let mut errors = Vec::new();
        if preparation.part == Part::Main {
            errors.extend(validate_taints(&node));
            errors.extend(validate_resources(&node));
            errors.extend(validate_cidrs(&node));
        }
        errors.extend(old.into_iter().flat_map(|old| validate_update(&node, &typed(old))));
        errors
    }
}

/// The single CIDR is the first of the list, and wins where they differ.
fn agree_on_cidrs(node: &mut Object) {
    let spec = node.section_mut("spec");
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).and_then(Value::as_str).map(str::to_owned);
    let single =
        spec.get("podCIDR").and_then(Value::as_str).filter(|cidr| !cidr.is_empty()).map(str::to_owned);
    match (single, first) {
        (Some(single), first) if first.as_ref() != Some(&single) => {
            spec.insert("podCIDRs".into(), json!([single]));
        }
        (None, Some(first)) if !first.is_empty() => drop(spec.insert("podCIDR".into(), first.into())),
        _ => {}
    }
}

fn has_entries(section: &Map<String, Value>, field: &str) -> bool {
    section.get(field).and_then(Value::as_object).is_some_and(|entries| !entries.is_empty())
}

// === columns ===

fn status(node: &Object) -> String {
    let conditions = node.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    let mut status = match ready.next().map(|condition| condition["status"] == "True") {
        Some(true) => "Ready".to_owned(),
        Some(false) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node.at(&["spec", "unschedulable"]) == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(node: &Object) -> String {
    let labels = ironclad_api::object::string_map(node.metadata().and_then(|m| m.get("labels")));
    let role = |(key, value): (&String, &String)| match key.strip_prefix(ROLE_PREFIX) {
        Some(role) => Some(role.to_owned()),
        None => (key == ROLE).then(|| value.clone()),
    };
    let roles: BTreeSet<String> = labels.iter().filter_map(role).filter(|role| !role.is_empty()).collect();
    if roles.is_empty() { NONE.into() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

fn address(node: &Object, address_type: &str) -> String {
    let addresses = node.at(&["status", "addresses"]).and_then(Value::as_array).into_iter().flatten();
    let mut found = addresses.filter(|address| address["type"] == address_type);
    found.next().and_then(|address| address["address"].as_str()).unwrap_or(NONE).to_owned()
}

fn kernel(node: &Object) -> String {
    let version = node.str_at(&["status", "nodeInfo", "kernelVersion"]);
    let version = if version.is_empty() { UNKNOWN } else { version };
    match node.str_at(&["status", "nodeInfo", "architecture"]) {
        "" => version.to_owned(),
        architecture => format!("{version} ({architecture})"),
    }
}

// === validation ===

fn validate_resources(node: &core::Node) -> Vec<FieldError> {
    let Some(status) = &node.status else { return Vec::new() };
    let mut errors = Vec::new();
    for (field, list) in [("capacity", &status.capacity), ("allocatable", &status.allocatable)] {
        for (resource, quantity) in list.iter().flatten() {
            let path = Path::new("status").child(field).child(resource);
            if let Ok(quantity) = quantity.0.parse::<Quantity>() {
                errors.extend(validation::number::quantity_not_negative(&path, &quantity));
            }
        }
    }
    errors
}

fn cidrs(node: &core::Node) -> &[String] {
    node.spec.as_ref().and_then(|spec| spec.pod_cidrs.as_deref()).unwrap_or_default()
}

fn validate_cidrs(node: &core::Node) -> Vec<FieldError> {
    let path = Path::new("spec").child("podCIDRs");
    let cidrs = cidrs(node);
    let each = cidrs.iter().enumerate();
    let mut errors: Vec<_> =
        each.flat_map(|(index, cidr)| validation::ip::legacy_cidr(&path.index(index), cidr, &[])).collect();
    let families: Vec<bool> = cidrs
        .iter()
        .filter_map(|cidr| cidr.parse::<IpNet>().ok())
        .map(|cidr| cidr.addr().is_ipv4())
        .collect();
    if cidrs.len() > 2 || matches!(families.as_slice(), [first, second] if first == second) {
        errors.push(FieldError::invalid(
            &path,
            json!(cidrs),
            "may specify no more than one CIDR for each IP family",
        ));
    }
    errors
}

fn validate_update(new: &core::Node, old: &core::Node) -> Vec<FieldError> {
    let spec = Path::new("spec");
    let mut errors = validate_resources(new);
    let addresses = new.status.as_ref().and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let mut seen = HashSet::new();
    for (index, address) in addresses.iter().enumerate() {
        if !seen.insert((&address.type_, &address.address)) {
            let path = Path::new("status").child("addresses").index(index);
            errors.push(FieldError::duplicate(&path, go_form::compact("NodeAddress", address)));
        }
    }
    if !cidrs(old).is_empty() && cidrs(old) != cidrs(new) {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(FieldError::forbidden(&spec.child("podCIDRs"), detail));
    }
    let provider =
        |node: &core::Node| node.spec.as_ref().and_then(|spec| spec.provider_id.clone()).unwrap_or_default();
    if !provider(old).is_empty() && provider(old) != provider(new) {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(FieldError::forbidden(&spec.child("providerID"), detail));
    }
    errors.extend(validate_taints(new));
    errors
}

/// Upstream reports taints below `metadata`, and so does this.
fn validate_taints(node: &core::Node) -> Vec<FieldError> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let path = Path::new("metadata").child("taints");
    let mut errors = Vec::new();
    let mut seen = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        errors.extend(validation::label::label_key(&path.child("key"), &taint.key));
        let value = taint.value.as_deref().unwrap_or_default();
        let faults = validation::label_value(value);
        if !faults.is_empty() {
            errors.push(FieldError::invalid(&path.child("value"), value, faults.join(";")));
        }
        errors.extend(validate_effect(&taint.effect, &path.child("effect")));
        if !seen.entry(&taint.effect).or_default().insert(&taint.key) {
            let mut duplicate = FieldError::duplicate(&path, go_form::compact("Taint", taint));
            duplicate.detail = "taints must be unique by key and effect pair".into();
            errors.push(duplicate);
        }
    }
    errors
}

fn validate_effect(effect: &str, path: &Path) -> Option<FieldError> {
    match effect {
        "" => Some(FieldError::required(path, "")),
        effect if EFFECTS.contains(&effect) => None,
        effect => Some(FieldError::not_supported(path, effect, EFFECTS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_cidrs_agree_and_all_that_a_node_has_is_allocatable() {
        let kind = Node::new("10.244.0.0/16".parse().expect("a network"));
        let check = |spec: Value, want: (Value, Value)| {
            let node = testing::object(&kind, json!({"metadata": {"name": "n"}, "spec": spec}));
            let at = |field: &str| node.at(&["spec", field]).cloned().unwrap_or_default();
            assert_eq!((at("podCIDR"), at("podCIDRs")), want, "{spec}");
        };
        check(json!({}), (Value::Null, Value::Null));
        check(json!({"podCIDR": "a"}), (json!("a"), json!(["a"])));
        check(json!({"podCIDRs": ["a", "b"]}), (json!("a"), json!(["a", "b"])));
        check(json!({"podCIDR": "a", "podCIDRs": ["a", "b"]}), (json!("a"), json!(["a", "b"])));
        check(json!({"podCIDR": "c", "podCIDRs": ["a", "b"]}), (json!("c"), json!(["c"])));
        let node = json!({"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4"}}});
        let node = testing::object(&kind, node);
        assert_eq!(node.at(&["status", "allocatable"]), Some(&json!({"cpu": "4"})));
    }

    #[test]
    fn an_update_of_a_node_is_checked_twice_as_upstream_does() {
        let kind = Node::new("10.244.0.0/16".parse().expect("a network"));
        let node = |spec: Value| json!({"metadata": {"name": "n"}, "spec": spec});
        let old = node(json!({"podCIDR": "10.244.0.0/24", "providerID": "a"}));
        let new = node(json!({"podCIDR": "x", "providerID": "b", "taints": [{"key": "k"}]}));
        let cidr = "spec.podCIDRs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        let changed = [
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
            "metadata.taints[0].effect: Required value",
        ];
        let main = [&["metadata.taints[0].effect: Required value", cidr], &changed[..]].concat();
        assert_eq!(testing::write(&kind, Part::Main, new.clone(), Some(old.clone())).1, main);
        assert_eq!(testing::write(&kind, Part::Status, new, Some(old)).1, changed);
    }

    #[test]
    fn each_node_gets_the_first_free_part_of_the_pod_network() {
        for (network, held, expected) in [
            ("10.244.0.0/16", &[][..], Some("10.244.0.0/24")),
            ("10.244.0.0/16", &["10.244.0.0/24"], Some("10.244.1.0/24")),
            ("10.244.0.0/16", &["10.244.1.0/24"], Some("10.244.0.0/24")),
            ("10.244.0.0/24", &["10.244.0.0/24"], None),
            ("fd00:10:244::/56", &[], Some("fd00:10:244::/64")),
        ] {
            let node = Node::new(network.parse().expect("a network"));
            let claimed = |name: &str| held.iter().any(|cidr| claim(cidr) == name);
            assert_eq!(node.free_part(&claimed).as_deref(), expected, "{network} {held:?}");
        }
    }
}

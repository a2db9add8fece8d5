//! `NetworkPolicy`.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::networking::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use super::GROUP;
use crate::columns::{NONE, age, name, text};
use crate::fields::{items, one_of};
use crate::label_selectors::selector;
use crate::spec::{default_to, names, objects_at, spec, typed};

type Errors = Vec<FieldError>;

const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

pub struct NetworkPolicy {
    spec: KindSpec,
}

impl NetworkPolicy {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["netpol"]),
                columns: vec![name(), text("Pod-Selector", pods), age()],
                generation: true,
                ..spec(GROUP, "v1", "NetworkPolicy", "networkpolicies", Scope::Namespaced)
            },
        }
    }
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for NetworkPolicy {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, policy: &mut Object) {
        let spec = policy.section_mut("spec");
        let filled =
            |list: Option<&Value>| list.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !filled(spec.get("policyTypes")) {
            let both = filled(spec.get("egress"));
            let types = if both { json!([INGRESS, EGRESS]) } else { json!([INGRESS]) };
            spec.insert("policyTypes".into(), types);
        }
        for direction in ["ingress", "egress"] {
            for rule in objects_at(spec, direction) {
                objects_at(rule, "ports").for_each(|port| default_to(port, "protocol", "TCP"));
            }
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Errors {
        let policy: api::NetworkPolicy = typed(new);
        let old: Option<api::NetworkPolicy> = old.map(typed);
        let old = old.and_then(|old| old.spec);
        let kept = Kept {
            cidrs: old
                .iter()
                .flat_map(blocks)
                .flat_map(|(_, block)| cidrs(block))
                .map(str::to_owned)
                .collect(),
            selectors: old.as_ref().is_some_and(|old| has_invalid_selector(old.pod_selector.as_ref())),
        };
        validate(&policy.spec.unwrap_or_default(), &kept, &Path::new("spec"))
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        let policy: api::NetworkPolicy = typed(new);
        let mut warnings = Vec::new();
        for (path, block) in policy.spec.iter().flat_map(blocks) {
            warnings.extend(validation::ip::cidr_warnings(&path.child("cidr"), &block.cidr));
            for (index, except) in items(&block.except).iter().enumerate() {
                warnings.extend(validation::ip::cidr_warnings(&path.child("except").index(index), except));
            }
        }
        warnings
    }
}

fn pods(policy: &Object) -> String {
    let policy: api::NetworkPolicy = typed(policy);
    let selector = policy.spec.and_then(|spec| spec.pod_selector).map(|pods| selector(&pods).to_selector());
    match selector {
        Some(Ok(selector)) if selector.to_string().is_empty() => NONE.into(),
        Some(Ok(selector)) => selector.to_string(),
        Some(Err(_)) => "<error>".into(),
        None => NONE.into(),
    }
}

/// What a stored policy may keep.
struct Kept {
    cidrs: Vec<String>,
    /// Values in selectors that are no label values.
    selectors: bool,
}

fn has_invalid_selector(pods: Option<&LabelSelector>) -> bool {
    pods.is_some_and(|pods| !selector(pods).validate(&Path::root()).is_empty())
}

fn cidrs(block: &api::IPBlock) -> impl Iterator<Item = &str> {
    std::iter::once(&block.cidr).chain(items(&block.except)).map(String::as_str)
}

/// One rule of either direction.
struct Rule<'a> {
    path: Path,
    ports: &'a [api::NetworkPolicyPort],
    peers: &'a [api::NetworkPolicyPeer],
    /// `from` or `to`.
    field: &'static str,
}

/// All rules, those for traffic in first.
fn rules(spec: &api::NetworkPolicySpec) -> impl Iterator<Item = Rule<'_>> {
    let at = |direction: &str, index: usize| Path::new("spec").child(direction).index(index);
    let ingress = items(&spec.ingress).iter().enumerate().map(move |(index, rule)| Rule {
        path: at("ingress", index),
        ports: items(&rule.ports),
        peers: items(&rule.from),
        field: "from",
    });
    let egress = items(&spec.egress).iter().enumerate().map(move |(index, rule)| Rule {
        path: at("egress", index),
        ports: items(&rule.ports),
        peers: items(&rule.to),
        field: "to",
    });
    ingress.chain(egress)
}

/// Every block of addresses in a policy, and where it stands.
fn blocks(spec: &api::NetworkPolicySpec) -> Vec<(Path, &api::IPBlock)> {
    let mut found = Vec::new();
    for rule in rules(spec) {
        for (index, peer) in rule.peers.iter().enumerate() {
            let path = rule.path.child(rule.field).index(index).child("ipBlock");
            found.extend(peer.ip_block.as_ref().map(|block| (path, block)));
        }
    }
    found
}

fn validate(spec: &api::NetworkPolicySpec, kept: &Kept, path: &Path) -> Errors {
    let mut errors = label_selector(spec.pod_selector.as_ref(), kept, &path.child("podSelector"));
    for rule in rules(spec) {
        for (index, port) in rule.ports.iter().enumerate() {
            errors.extend(self::port(port, &rule.path.child("ports").index(index)));
        }
        for (index, peer) in rule.peers.iter().enumerate() {
            errors.extend(self::peer(peer, kept, &rule.path.child(rule.field).index(index)));
        }
    }
    let types = items(&spec.policy_types);
    let at = path.child("policyTypes");
    if types.len() > 2 {
        errors.push(FieldError::invalid(&at, json!(types), "may not specify more than two policyTypes"));
        return errors;
    }
    let types = types.iter().enumerate();
    errors.extend(types.filter_map(|(index, given)| one_of(&at.index(index), given, &[INGRESS, EGRESS])));
    errors
}

fn label_selector(given: Option<&LabelSelector>, kept: &Kept, path: &Path) -> Errors {
    match given.map(selector) {
        None => Errors::new(),
        Some(selector) if kept.selectors => selector.validate_allowing_invalid_values(path),
        Some(selector) => selector.validate(path),
    }
}

fn port(port: &api::NetworkPolicyPort, path: &Path) -> Errors {
    let protocol = port.protocol.as_deref();
    let mut errors: Errors = protocol
        .and_then(|protocol| one_of(&path.child("protocol"), protocol, &PROTOCOLS))
        .into_iter()
        .collect();
    let (at, end_path) = (path.child("port"), path.child("endPort"));
    let number = |path: &Path, number: i32| -> Errors {
        let faults = validation::number::port_number(number.into()).into_iter();
        faults.map(|fault| FieldError::invalid(path, number, fault)).collect()
    };
    let misplaced = |detail: &str| port.end_port.map(|end| FieldError::invalid(&end_path, end, detail));
    match &port.port {
        Some(IntOrString::Int(first)) => {
            errors.extend(number(&at, *first));
            if let Some(end) = port.end_port {
                let detail = "must be greater than or equal to `port`";
                errors.extend((end < *first).then(|| FieldError::invalid(&end_path, *first, detail)));
                errors.extend(number(&end_path, end));
            }
        }
        Some(IntOrString::String(name)) => {
            errors.extend(misplaced("may not be specified when `port` is non-numeric"));
            errors.extend(validation::invalid_each(&at, name, validation::word::port_name(name)));
        }
        None => errors.extend(misplaced("may not be specified when `port` is not specified")),
    }
    errors
}

fn peer(peer: &api::NetworkPolicyPeer, kept: &Kept, path: &Path) -> Errors {
    let mut errors = label_selector(peer.pod_selector.as_ref(), kept, &path.child("podSelector"));
    let namespaces = peer.namespace_selector.as_ref();
    errors.extend(label_selector(namespaces, kept, &path.child("namespaceSelector")));
    let selects = peer.pod_selector.is_some() || namespaces.is_some();
    match &peer.ip_block {
        Some(block) => {
            errors.extend(ip_block(block, kept, &path.child("ipBlock")));
            let detail = "may not specify both ipBlock and another peer";
            errors.extend(selects.then(|| FieldError::forbidden(path, detail)));
        }
        None if !selects => errors.push(FieldError::required(path, "must specify a peer")),
        None => {}
    }
    errors
}

/// A range of addresses, and what of it does not count.
fn ip_block(block: &api::IPBlock, kept: &Kept, path: &Path) -> Errors {
    let at = path.child("cidr");
    if block.cidr.is_empty() {
        return vec![FieldError::required(&at, "")];
    }
    let stored: Vec<&str> = kept.cidrs.iter().map(String::as_str).collect();
    let mut errors = validation::ip::legacy_cidr(&at, &block.cidr, &stored);
    let Some((_, whole)) = validation::ip::parse_cidr(&block.cidr) else { return errors };
    for (index, except) in items(&block.except).iter().enumerate() {
        let path = path.child("except").index(index);
        errors.extend(validation::ip::legacy_cidr(&path, except, &stored));
        let Some((_, part)) = validation::ip::parse_cidr(except) else { continue };
        if !whole.contains(&part.network()) || whole.prefix_len() >= part.prefix_len() {
            errors.push(FieldError::invalid(&path, except, "must be a strict subset of `cidr`"));
        }
    }
    errors
}

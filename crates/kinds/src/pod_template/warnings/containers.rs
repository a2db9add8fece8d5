//! Repetitions within containers and between them, and amounts that no machine has.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::Path;
use ironclad_api::goprint::quote;
use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{annotation_path, has_annotation};
use crate::pod_template::rules::visit;

const SECCOMP_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// A port is held against so many of the same number.
const MAX_COMPARED: usize = 100;
const APP_ARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn warnings(spec: &core::PodSpec, metadata: &ObjectMeta, path: &Path) -> Vec<String> {
    let at = path.child("spec");
    // Pods tell of these while they turn them into fields.
    let in_template = *path != Path::root();
    let mut warnings = Vec::new();
    visit(spec, &at, |container, at| {
        let context = container.security_context.as_ref();
        let key = format!("{SECCOMP_PREFIX}{}", container.name);
        if context.is_none_or(|context| context.seccomp_profile.is_none()) && has_annotation(metadata, &key) {
            let field = annotation_path(path, &key);
            warnings
                .push(format!("{field}: non-functional in v1.27+; use the \"seccompProfile\" field instead"));
        }
        let key = format!("{APP_ARMOR_PREFIX}{}", container.name);
        let by_field = context.is_some_and(|context| context.app_armor_profile.is_some());
        if in_template && !by_field && has_annotation(metadata, &key) {
            let field = annotation_path(path, &key);
            warnings
                .push(format!("{field}: deprecated since v1.30; use the \"appArmorProfile\" field instead"));
        }
        if let Some(resources) = &container.resources {
            warnings.extend(amounts(resources, &at.child("resources")));
        }
        warnings.extend(hidden_variables(container.env.as_deref().unwrap_or_default(), &at.child("env")));
    });
    warnings.extend(ports(spec, &at));
    warnings.extend(port_names(spec, &at));
    warnings
}

fn amounts(resources: &core::ResourceRequirements, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    for name in ["memory", "ephemeral-storage"] {
        for (field, list) in [("limits", &resources.limits), ("requests", &resources.requests)] {
            warnings.extend(fraction(list.as_ref(), name, &path.child(field)));
        }
    }
    warnings
}

/// Of memory and storage, which come in whole bytes.
pub(super) fn fractions(list: Option<&BTreeMap<String, Text>>, path: &Path) -> Vec<String> {
    ["memory", "ephemeral-storage"].iter().filter_map(|name| fraction(list, name, path)).collect()
}

fn fraction(list: Option<&BTreeMap<String, Text>>, name: &str, path: &Path) -> Option<String> {
    let amount = Quantity::parse(&list?.get(name)?.0).ok()?;
    let text = quote(&amount.to_string());
    (amount.milli_value() % 1000 != 0)
        .then(|| format!("{}: fractional byte value {text} is invalid, must be an integer", path.key(name)))
}

/// A variable may be built from its earlier value, and from nothing else.
fn hidden_variables(variables: &[core::EnvVar], path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, variable) in variables.iter().enumerate() {
        let value = variable.value.as_deref().unwrap_or_default();
        let reference = format!("$({})", variable.name);
        let builds_on = variable.value_from.is_none() && value != reference && value.contains(&reference);
        if !seen.insert(&variable.name) && !builds_on {
            warnings.push(format!(
                "{}: hides previous definition of {}, which may be dropped when using apply",
                path.index(index),
                quote(&variable.name)
            ));
        }
    }
    warnings
}

struct Port {
    field: Path,
    host_ip: String,
    host_port: i32,
}

fn ports(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut all: BTreeMap<(i32, String), Vec<Port>> = BTreeMap::new();
    visit(spec, path, |container, path| {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let new = Port {
                field: path.child("ports").index(index),
                host_ip: port.host_ip.clone().unwrap_or_default(),
                host_port: port.host_port.unwrap_or(0),
            };
            if !new.host_ip.is_empty() && new.host_port == 0 {
                warnings.push(format!("{}: hostIP set without hostPort: {}", new.field, printed(port)));
            }
            let key = (port.container_port, port.protocol.clone().unwrap_or_default());
            let others = all.entry(key).or_default();
            warnings.extend(others.iter().filter_map(|other| new.beside(other)));
            if others.len() < MAX_COMPARED {
                others.push(new);
            }
        }
    });
    warnings
}

impl Port {
    fn beside(&self, other: &Self) -> Option<String> {
        let what = if self.host_ip == other.host_ip && self.host_port == other.host_port {
            "duplicate"
        } else if self.host_port == 0 || other.host_port == 0 {
            "overlapping"
        } else if self.host_port == other.host_port && self.host_ip.is_empty() != other.host_ip.is_empty() {
            "dangerously ambiguous"
        } else {
            return None;
        };
        Some(format!("{}: {what} port definition with {}", self.field, other.field))
    }
}

/// As Go prints the struct.
fn printed(port: &core::ContainerPort) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "{{Name:{} HostPort:{} ContainerPort:{} Protocol:{} HostIP:{}}}",
        text(&port.name),
        port.host_port.unwrap_or(0),
        port.container_port,
        text(&port.protocol),
        text(&port.host_ip)
    )
}

fn port_names(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut first: BTreeMap<String, Path> = BTreeMap::new();
    visit(spec, path, |container, path| {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let Some(name) = port.name.clone().filter(|name| !name.is_empty()) else { continue };
            let field = path.child("ports").index(index);
            match first.get(&name) {
                None => drop(first.insert(name, field)),
                Some(other) => warnings.push(format!(
                    "{field}: duplicate port name {} with {other}, services and probes that select ports by name \
                     will use {other}",
                    quote(&name)
                )),
            }
        }
    });
    warnings
}

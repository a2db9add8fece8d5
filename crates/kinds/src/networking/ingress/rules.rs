//! Upstream's rules for ingresses. What became stricter over the releases lets stored ones be.

use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::networking::v1 as api;
use serde_json::json;

use super::super::reference;
use super::addresses;
use crate::fields::{items, required, text};

type Errors = Vec<FieldError>;

const PATH_TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];
const INVALID_SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const INVALID_SUFFIXES: [&str; 2] = ["/..", "/."];

/// What a stored ingress may keep.
#[derive(Clone, Copy, Default)]
struct Leniency {
    secret_names: bool,
    wildcard_rules: bool,
}

impl Leniency {
    fn for_stored(old: &api::IngressSpec) -> Self {
        let wrong_rule = |rule: &api::IngressRule| {
            text(&rule.host).contains('*') && !rule_value(rule, &Path::root()).is_empty()
        };
        Self {
            secret_names: items(&old.tls).iter().any(|tls| !secret_name(text(&tls.secret_name)).is_empty()),
            wildcard_rules: items(&old.rules).iter().any(wrong_rule),
        }
    }
}

pub(super) fn spec(ingress: &api::Ingress, old: Option<&api::Ingress>) -> Errors {
    let stored = old.and_then(|old| old.spec.as_ref());
    let leniency = stored.map(Leniency::for_stored).unwrap_or_default();
    let spec = ingress.spec.clone().unwrap_or_default();
    let path = Path::new("spec");
    let mut errors = Errors::new();
    if items(&spec.rules).is_empty() && spec.default_backend.is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.push(FieldError::invalid(&path, json!(spec.rules), detail));
    }
    if let Some(default) = &spec.default_backend {
        errors.extend(backend(default, &path.child("defaultBackend")));
    }
    for (index, rule) in items(&spec.rules).iter().enumerate() {
        errors.extend(self::rule(rule, leniency, &path.child("rules").index(index)));
    }
    for (index, tls) in items(&spec.tls).iter().enumerate() {
        errors.extend(self::tls(tls, leniency, &path.child("tls").index(index)));
    }
    if let Some(class) = &spec.ingress_class_name {
        let faults = validation::dns1123_subdomain(class);
        errors.extend(validation::invalid_each(&path.child("ingressClassName"), class, faults));
    }
    errors
}

pub(super) fn status(ingress: &api::Ingress, old: Option<&api::Ingress>) -> Errors {
    let stored: Vec<&str> = old
        .into_iter()
        .flat_map(addresses)
        .map(|address| text(&address.ip))
        .filter(|ip| !ip.is_empty())
        .collect();
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let mut errors = Errors::new();
    for (index, address) in addresses(ingress).iter().enumerate() {
        let path = path.index(index);
        let (ip, name) = (text(&address.ip), text(&address.hostname));
        if !ip.is_empty() {
            errors.extend(validation::ip::legacy_ip(&path.child("ip"), ip, &stored));
        }
        if !name.is_empty() {
            let path = path.child("hostname");
            errors.extend(validation::invalid_each(&path, name, validation::dns1123_subdomain(name)));
            errors.extend(not_an_ip(name, &path));
        }
    }
    errors
}

fn not_an_ip(host: &str, path: &Path) -> Option<FieldError> {
    let is_ip = validation::ip::parse_ip(host).is_some();
    is_ip.then(|| FieldError::invalid(path, host, "must be a DNS name, not an IP address"))
}

fn host_name(host: &str) -> validation::Faults {
    match host.contains('*') {
        true => validation::dns::wildcard_dns1123_subdomain(host),
        false => validation::dns1123_subdomain(host),
    }
}

fn rule(rule: &api::IngressRule, leniency: Leniency, path: &Path) -> Errors {
    let host = text(&rule.host);
    let mut errors = Errors::new();
    if !host.is_empty() {
        let path = path.child("host");
        errors.extend(not_an_ip(host, &path));
        errors.extend(validation::invalid_each(&path, host, host_name(host)));
    }
    if !host.contains('*') || !leniency.wildcard_rules {
        errors.extend(rule_value(rule, path));
    }
    errors
}

fn rule_value(rule: &api::IngressRule, path: &Path) -> Errors {
    let Some(http) = &rule.http else { return Errors::new() };
    let path = path.child("http").child("paths");
    if http.paths.is_empty() {
        return vec![FieldError::required(&path, "")];
    }
    let paths = http.paths.iter().enumerate();
    paths.flat_map(|(index, given)| http_path(given, &path.index(index))).collect()
}

fn http_path(given: &api::HTTPIngressPath, path: &Path) -> Errors {
    let at = path.child("path");
    let value = text(&given.path);
    let relative =
        || (!value.starts_with('/')).then(|| FieldError::invalid(&at, value, "must be an absolute path"));
    let mut errors = Errors::new();
    match given.path_type.as_str() {
        "" => return vec![FieldError::required(&path.child("pathType"), "pathType must be specified")],
        "Exact" | "Prefix" => {
            errors.extend(relative());
            let holds = INVALID_SEQUENCES.iter().filter(|sequence| value.contains(*sequence));
            let details = holds.map(|sequence| format!("must not contain '{sequence}'"));
            let ends = INVALID_SUFFIXES.iter().filter(|suffix| value.ends_with(*suffix));
            let details = details.chain(ends.map(|suffix| format!("cannot end with '{suffix}'")));
            errors.extend(details.map(|detail| FieldError::invalid(&at, value, detail)));
        }
        "ImplementationSpecific" if value.is_empty() => {}
        "ImplementationSpecific" => errors.extend(relative()),
        other => errors.push(FieldError::not_supported(&path.child("pathType"), other, PATH_TYPES)),
    }
    errors.extend(backend(&given.backend, &path.child("backend")));
    errors
}

fn backend(backend: &api::IngressBackend, path: &Path) -> Errors {
    match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => {
            vec![FieldError::invalid(path, "", "cannot set both resource and service backends")]
        }
        (Some(resource), None) => {
            let group = resource.api_group.as_deref();
            reference(group, &resource.kind, &resource.name, &path.child("resource"))
        }
        (None, Some(service)) => self::service(service, path),
        (None, None) => vec![FieldError::invalid(path, "", "resource or service backend is required")],
    }
}

fn service(service: &api::IngressServiceBackend, path: &Path) -> Errors {
    let at = path.child("service");
    let name_path = at.child("name");
    let mut errors: Errors = required(&name_path, &service.name).into_iter().collect();
    if !service.name.is_empty() {
        // A label since 1.36 (KEP-5311).
        let faults = validation::dns1123_label(&service.name);
        errors.extend(validation::invalid_each(&name_path, &service.name, faults));
    }
    let port = service.port.as_ref();
    let name = port.and_then(|port| port.name.as_deref()).filter(|name| !name.is_empty());
    let number = port.and_then(|port| port.number).filter(|number| *number != 0);
    let path_of = |field: &str| at.child("port").child(field);
    match (name, number) {
        (Some(_), Some(_)) => {
            errors.push(FieldError::invalid(path, "", "cannot set both port name & port number"));
        }
        (Some(name), None) => {
            let faults = validation::word::port_name(name);
            errors.extend(validation::invalid_each(&path_of("name"), name, faults));
        }
        (None, Some(number)) => {
            let faults = validation::number::port_number(number.into()).into_iter();
            errors.extend(faults.map(|fault| FieldError::invalid(&path_of("number"), number, fault)));
        }
        (None, None) => errors.push(FieldError::required(path, "port name or number is required")),
    }
    errors
}

fn tls(tls: &api::IngressTLS, leniency: Leniency, path: &Path) -> Errors {
    let mut errors = Errors::new();
    for (index, host) in items(&tls.hosts).iter().enumerate() {
        errors.extend(validation::invalid_each(&path.child("hosts").index(index), host, host_name(host)));
    }
    let name = text(&tls.secret_name);
    if !leniency.secret_names {
        errors.extend(validation::invalid_each(&path.child("secretName"), name, secret_name(name)));
    }
    errors
}

fn secret_name(name: &str) -> validation::Faults {
    if name.is_empty() { validation::Faults::new() } else { validation::dns1123_subdomain(name) }
}

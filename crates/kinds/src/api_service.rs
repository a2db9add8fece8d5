//! `apiregistration.k8s.io/v1 APIService`: who serves a group and version.
//! Source: <https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/>

use ironclad_api::apply::FieldSet;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::goprint::quote;
use ironclad_api::validation::dns::{dns1035_label, dns1123_subdomain};
use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::validation::{invalid_each, number};
use ironclad_api::{Object, Status, time};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use jiff::Timestamp;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as registration;
use registration::{APIServiceCondition, APIServiceSpec};
use serde_json::{Value, json};

use crate::columns::{age, name as name_column, text};
use crate::spec::{default_to, names, object_at, spec, typed};
use crate::status_metadata;

const HIGHEST_GROUP_PRIORITY: i32 = 20_000;
const HIGHEST_VERSION_PRIORITY: i32 = 1_000;

pub struct ApiService {
    spec: KindSpec,
}

impl ApiService {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                categories: names(["api-extensions"]),
                subresources: vec![Subresource::status()],
                columns: vec![name_column(), text("Service", service), text("Available", available), age()],
                storage_prefix: Some("apiregistration.k8s.io/apiservices".into()),
                ..spec("apiregistration.k8s.io", "v1", "APIService", "apiservices", Scope::Cluster)
            },
        }
    }
}

impl Default for ApiService {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for ApiService {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, object: &mut Object) {
        let service = object_at(&mut object.0, "spec").and_then(|spec| object_at(spec, "service"));
        if let Some(service) = service {
            default_to(service, "port", 443);
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        if let (Some(old), Part::Status) = (old, preparation.part) {
            status_metadata::keep(new, old);
        }
        if old.is_none() {
            let local = new.at(&["spec", "service"]).is_none_or(Value::is_null);
            let status = if local { local_status(preparation.now) } else { json!({}) };
            new.0.insert("status".into(), status);
        }
        Ok(())
    }

    fn validate(&self, new: &Object, _: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let typed: registration::APIService = typed(new);
        if preparation.part == Part::Status {
            let status = typed.status.and_then(|status| status.conditions).unwrap_or_default();
            return validate_conditions(&status);
        }
        validate(new.name(), &typed.spec.unwrap_or_default())
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        status_metadata::reset_fields(part)
    }

    /// What more the name must be depends on the specification.
    fn name_rule(&self) -> NameRule {
        name::path_segment
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

/// What this server serves itself is there from the beginning.
fn local_status(now: Timestamp) -> Value {
    json!({ "conditions": [{
        "type": "Available",
        "status": "True",
        "lastTransitionTime": time::format(now),
        "reason": "Local",
        "message": "Local APIServices are always available",
    }] })
}

fn validate(name: &str, spec: &APIServiceSpec) -> FieldErrors {
    let path = Path::new("spec");
    let (group, version) =
        (spec.group.as_deref().unwrap_or_default(), spec.version.as_deref().unwrap_or_default());
    let mut errors: FieldErrors = wrong_name(name, group, version).into_iter().collect();
    if group.is_empty() && version != "v1" {
        let detail = "only v1 may have an empty group and it better be legacy kube";
        errors.push(FieldError::required(&path.child("group"), detail));
    }
    if !group.is_empty() {
        errors.extend(invalid_each(&path.child("group"), group, dns1123_subdomain(group)));
    }
    errors.extend(invalid_each(&path.child("version"), version, dns1035_label(version)));
    let priorities = [
        ("groupPriorityMinimum", spec.group_priority_minimum, HIGHEST_GROUP_PRIORITY),
        ("versionPriority", spec.version_priority, HIGHEST_VERSION_PRIORITY),
    ];
    for (field, priority, highest) in priorities {
        if !(1..=highest).contains(&priority) {
            let detail = format!("must be positive and less than {highest}");
            errors.push(FieldError::invalid(&path.child(field), priority, detail));
        }
    }
    errors.extend(validate_backend(spec, &path));
    errors
}

fn wrong_name(name: &str, group: &str, version: &str) -> Option<FieldError> {
    let wanted = format!("{version}.{group}");
    if !name::path_segment(name, false).is_empty() || name.is_empty() || name == wanted {
        return None;
    }
    let detail = format!(r#"must be `spec.version+"."+spec.group`: {}"#, quote(&wanted));
    Some(FieldError::invalid(&Path::new("metadata").child("name"), name, detail))
}

fn validate_backend(spec: &APIServiceSpec, path: &Path) -> FieldErrors {
    let bundle = spec.ca_bundle.as_ref().map_or(0, |bundle| bundle.0.len());
    let insecure = spec.insecure_skip_tls_verify.unwrap_or(false);
    let insecure_path = path.child("insecureSkipTLSVerify");
    let mut errors = FieldErrors::new();
    let Some(service) = &spec.service else {
        if bundle > 0 {
            let detail = "local APIServices may not have a caBundle";
            errors.push(FieldError::invalid(&path.child("caBundle"), format!("{bundle} bytes"), detail));
        }
        if insecure {
            let detail = "local APIServices may not have insecureSkipTLSVerify";
            errors.push(FieldError::invalid(&insecure_path, true, detail));
        }
        return errors;
    };
    let path = path.child("service");
    for (field, value) in [("namespace", &service.namespace), ("name", &service.name)] {
        if value.as_deref().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(&path.child(field), ""));
        }
    }
    let port = service.port.unwrap_or(0);
    let faults = number::port_number(port.into());
    if !faults.is_empty() {
        let detail = format!("port is not valid: {}", faults.join(", "));
        errors.push(FieldError::invalid(&path.child("port"), port, detail));
    }
    if insecure && bundle > 0 {
        errors.push(FieldError::invalid(&insecure_path, true, "may not be true if caBundle is present"));
    }
    errors
}

fn validate_conditions(conditions: &[APIServiceCondition]) -> FieldErrors {
    let statuses = ["True", "False", "Unknown"];
    let path = Path::new("status").child("conditions");
    let wrong =
        conditions.iter().enumerate().filter(|(_, condition)| !statuses.contains(&&*condition.status));
    wrong
        .map(|(index, condition)| {
            FieldError::not_supported(&path.index(index).child("status"), &condition.status, statuses)
        })
        .collect()
}

fn service(object: &Object) -> String {
    let part = |field| object.str_at(&["spec", "service", field]);
    match object.at(&["spec", "service"]).filter(|service| !service.is_null()) {
        Some(_) => format!("{}/{}", part("namespace"), part("name")),
        None => "Local".to_owned(),
    }
}

fn available(object: &Object) -> String {
    let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let found = conditions.into_iter().find(|condition| condition["type"] == "Available");
    let text = |field: &str| found.and_then(|condition| condition[field].as_str()).unwrap_or_default();
    match (text("status"), text("reason")) {
        _ if found.is_none() => "Unknown".to_owned(),
        ("True", _) | (_, "") => text("status").to_owned(),
        (status, reason) => format!("{status} ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, spec: Value, want: &[&str]) {
        let mut object = Object::from_value(json!({ "spec": spec })).expect("an object");
        ApiService::new().default(&mut object);
        let typed: registration::APIService = typed(&object);
        let errors = validate(name, &typed.spec.unwrap_or_default());
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), want, "{spec}");
    }

    #[test]
    fn api_services_are_held_against_upstreams_rules() {
        let local = |more: Value| {
            let mut spec =
                json!({"group": "a.b", "version": "v1", "groupPriorityMinimum": 2000, "versionPriority": 15});
            if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
                spec.extend(more);
            }
            spec
        };
        check("v1.a.b", local(json!({})), &[]);
        check("v1.", local(json!({"group": ""})), &[]);
        check(
            "v1.a",
            local(json!({"groupPriorityMinimum": 0, "versionPriority": 1001})),
            &[
                r#"metadata.name: Invalid value: "v1.a": must be `spec.version+"."+spec.group`: "v1.a.b""#,
                "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
                "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000",
            ],
        );
        check(
            "v2.",
            local(json!({"group": "", "version": "v2"})),
            &["spec.group: Required value: only v1 may have an empty group and it better be legacy kube"],
        );
        check(
            "v1.a.b",
            local(json!({"caBundle": "YWJj", "insecureSkipTLSVerify": true})),
            &[
                r#"spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle"#,
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            ],
        );
        check("v1.a.b", local(json!({"service": {"namespace": "n", "name": "s"}})), &[]);
        check(
            "v1.a.b",
            local(json!({"service": {"port": 70000}, "caBundle": "YWJj", "insecureSkipTLSVerify": true})),
            &[
                "spec.service.namespace: Required value",
                "spec.service.name: Required value",
                "spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive",
                "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
            ],
        );
    }

    #[test]
    fn tables_show_what_upstream_shows() {
        let check = |object: Value, want: [&str; 2]| {
            let object = Object::from_value(object).expect("an object");
            assert_eq!([service(&object), available(&object)], want);
        };
        check(json!({"spec": {}, "status": local_status(Timestamp::UNIX_EPOCH)}), ["Local", "True"]);
        check(json!({"spec": {"service": {"namespace": "n", "name": "s"}}}), ["n/s", "Unknown"]);
        let missing = json!([{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]);
        check(json!({"spec": {}, "status": {"conditions": missing}}), ["Local", "False (MissingEndpoints)"]);
    }
}

//! RoleBinding and ClusterRoleBinding.

use ironclad_api::validation::name::{self, NameRule};
use ironclad_api::validation::path::path_segment_name;
use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::Column;
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use serde_json::{Value, json};

use super::GROUP;
use crate::columns::{age, name, text, wide};
use crate::spec::{default_to, object_at, objects_at, spec};

const SERVICE_ACCOUNT: &str = "ServiceAccount";
const USER: &str = "User";
const GROUP_KIND: &str = "Group";

pub struct RoleBinding {
    spec: KindSpec,
}

pub struct ClusterRoleBinding {
    spec: KindSpec,
}

impl RoleBinding {
    pub fn new() -> Self {
        Self { spec: binding_spec("RoleBinding", "rolebindings", Scope::Namespaced) }
    }
}

impl ClusterRoleBinding {
    pub fn new() -> Self {
        Self { spec: binding_spec("ClusterRoleBinding", "clusterrolebindings", Scope::Cluster) }
    }
}

impl Default for RoleBinding {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for ClusterRoleBinding {
    fn default() -> Self {
        Self::new()
    }
}

fn binding_spec(kind: &'static str, resource: &'static str, scope: Scope) -> KindSpec {
    let role = text("Role", |binding| {
        format!("{}/{}", binding.str_at(&["roleRef", "kind"]), binding.str_at(&["roleRef", "name"]))
    });
    let subjects = [("Users", USER), ("Groups", GROUP_KIND), ("ServiceAccounts", SERVICE_ACCOUNT)];
    let mut columns = vec![name(), role, age()];
    columns.extend(subjects.map(|(title, kind)| subjects_column(title, kind)));
    KindSpec { columns, ..spec(GROUP, "v1", kind, resource, scope) }
}

fn subjects_column(title: &'static str, kind: &'static str) -> Column {
    wide(text(title, move |binding| {
        let subjects = binding.at(&["subjects"]).and_then(Value::as_array).into_iter().flatten();
        let named = subjects.filter(|subject| subject["kind"] == kind).map(|subject| {
            let name = subject["name"].as_str().unwrap_or_default();
            match subject["namespace"].as_str() {
                Some(namespace) if kind == SERVICE_ACCOUNT => format!("{namespace}/{name}"),
                _ => name.to_owned(),
            }
        });
        named.collect::<Vec<_>>().join(", ")
    }))
}

impl Strategy for RoleBinding {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn name_rule(&self) -> NameRule {
        name::path_segment
    }

    fn default(&self, binding: &mut Object) {
        default_groups(binding);
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        validate(new, old, &["Role", "ClusterRole"], true)
    }
}

impl Strategy for ClusterRoleBinding {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn name_rule(&self) -> NameRule {
        name::path_segment
    }

    fn default(&self, binding: &mut Object) {
        default_groups(binding);
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        validate(new, old, &["ClusterRole"], false)
    }
}

fn default_groups(binding: &mut Object) {
    if let Some(role) = object_at(&mut binding.0, "roleRef")
        && role.get("apiGroup").and_then(Value::as_str).unwrap_or_default().is_empty()
    {
        role.insert("apiGroup".into(), GROUP.into());
    }
    for subject in objects_at(&mut binding.0, "subjects") {
        if subject.get("kind").is_some_and(|kind| kind == USER || kind == GROUP_KIND) {
            default_to(subject, "apiGroup", GROUP);
        }
    }
}

fn validate(new: &Object, old: Option<&Object>, kinds: &[&'static str], namespaced: bool) -> Vec<FieldError> {
    let read = |object: &Object| object.0.get("roleRef").cloned().unwrap_or_default();
    let role: RoleRef = serde_json::from_value(read(new)).unwrap_or_default();
    let mut errors = validate_role_ref(&role, kinds);
    let subjects = new.0.get("subjects").cloned().unwrap_or_default();
    let subjects: Vec<Subject> = serde_json::from_value(subjects).unwrap_or_default();
    let path = Path::new("subjects");
    for (index, subject) in subjects.iter().enumerate() {
        errors.extend(validate_subject(subject, namespaced, &path.index(index)));
    }
    if old.is_some_and(|old| read(old) != read(new)) {
        // As Go prints the internal type, in the order of its fields, which is that of their names too.
        let shown = json!({"APIGroup": role.api_group, "Kind": role.kind, "Name": role.name});
        errors.push(FieldError::invalid(&Path::new("roleRef"), shown, "cannot change roleRef"));
    }
    errors
}

fn validate_role_ref(role: &RoleRef, kinds: &[&'static str]) -> Vec<FieldError> {
    let path = Path::new("roleRef");
    let mut errors = Vec::new();
    let group = role.api_group.as_deref().unwrap_or_default();
    if group != GROUP {
        errors.push(FieldError::not_supported(&path.child("apiGroup"), group, [GROUP]));
    }
    if !kinds.contains(&role.kind.as_str()) {
        errors.push(FieldError::not_supported(
            &path.child("kind"),
            role.kind.as_str(),
            kinds.iter().copied(),
        ));
    }
    let path = path.child("name");
    match role.name.as_str() {
        "" => errors.push(FieldError::required(&path, "")),
        name => errors.extend(validation::invalid_each(&path, name, path_segment_name(name))),
    }
    errors
}

fn validate_subject(subject: &Subject, namespaced: bool, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = path.child("name");
    if subject.name.is_empty() {
        errors.push(FieldError::required(&name, ""));
    }
    let group = subject.api_group.as_deref().unwrap_or_default();
    let wrong_group =
        |wanted: &'static str| FieldError::not_supported(&path.child("apiGroup"), group, [wanted]);
    match subject.kind.as_str() {
        SERVICE_ACCOUNT => {
            if !subject.name.is_empty() {
                let faults = name::subdomain(&subject.name, false);
                errors.extend(validation::invalid_each(&name, &subject.name, faults));
            }
            if !group.is_empty() {
                errors.push(wrong_group(""));
            }
            if !namespaced && subject.namespace.as_deref().unwrap_or_default().is_empty() {
                errors.push(FieldError::required(&path.child("namespace"), ""));
            }
        }
        USER | GROUP_KIND if group != GROUP => errors.push(wrong_group(GROUP)),
        USER | GROUP_KIND => {}
        kind => {
            let supported = [SERVICE_ACCOUNT, USER, GROUP_KIND];
            errors.push(FieldError::not_supported(&path.child("kind"), kind, supported));
        }
    }
    errors
}

//! `ValidatingAdmissionPolicyBinding` and `MutatingAdmissionPolicyBinding`.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1123_subdomain;
use ironclad_api::validation::invalid_each;
use ironclad_api::validation::path::path_segment_name;
use ironclad_engine::strategy::{KindSpec, Preparation, Strategy};
use serde_json::json;

use super::rules::one_of;
use super::shape::{BindingSpec, Body, ParamRef};
use super::{Phase, columns, defaults, rules};
use crate::spec::{object_at, typed};

const ACTIONS: [&str; 3] = ["Audit", "Deny", "Warn"];

pub struct PolicyBinding {
    spec: KindSpec,
    phase: Phase,
}

impl PolicyBinding {
    pub fn new(phase: Phase) -> Self {
        let (kind, resource) = match phase {
            Phase::Mutating => ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
            Phase::Validating => ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        };
        Self { spec: KindSpec { columns: columns::binding(), ..super::kind(kind, resource) }, phase }
    }
}

impl Strategy for PolicyBinding {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn default(&self, binding: &mut Object) {
        if let Some(spec) = object_at(&mut binding.0, "spec") {
            defaults::match_resources(spec, "matchResources");
        }
    }

    fn validate(&self, new: &Object, _: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        validate(self.phase, &typed::<Body<BindingSpec>>(new).spec)
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        super::warnings(new)
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

pub(super) fn validate(phase: Phase, spec: &BindingSpec) -> FieldErrors {
    let path = Path::new("spec");
    let name = path.child("policyName");
    let mut errors = match spec.policy_name.as_str() {
        "" => vec![FieldError::required(&name, "")],
        policy => invalid_each(&name, policy, dns1123_subdomain(policy)),
    };
    errors.extend(spec.param_ref.iter().flat_map(|params| param_ref(params, &path.child("paramRef"))));
    let resources = path.child("matchResources");
    if let Some(matched) = &spec.match_resources {
        errors.extend(rules::match_resources(matched, &resources));
        if phase == Phase::Mutating {
            errors.extend(rules::mutating_operations(matched, &resources));
        }
    }
    if phase == Phase::Validating {
        errors.extend(actions(&spec.validation_actions, &path.child("validationActions")));
    }
    errors
}

fn param_ref(params: &ParamRef, path: &Path) -> FieldErrors {
    const EXCLUSIVE: &str = "name and selector are mutually exclusive";
    let (name, selector) = (path.child("name"), path.child("selector"));
    let mut errors = FieldErrors::new();
    if !params.name.is_empty() {
        errors.extend(invalid_each(&name, &params.name, path_segment_name(&params.name)));
        errors.extend(params.selector.is_some().then(|| FieldError::forbidden(&name, EXCLUSIVE)));
    }
    if let Some(selected) = &params.selector {
        errors.extend(selected.validate(&selector));
        errors.extend((!params.name.is_empty()).then(|| FieldError::forbidden(&selector, EXCLUSIVE)));
    } else if params.name.is_empty() {
        errors.push(FieldError::required(path, "one of name or selector must be specified"));
    }
    let action = path.child("parameterNotFoundAction");
    match params.parameter_not_found_action.as_deref().unwrap_or_default() {
        "" => errors.push(FieldError::required(&action, "")),
        given => errors.extend(one_of(&action, Some(given), &["Deny", "Allow"])),
    }
    errors
}

fn actions(actions: &[String], path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut seen = BTreeSet::new();
    for (index, action) in actions.iter().enumerate() {
        let path = path.index(index);
        errors.extend(one_of(&path, Some(action), &ACTIONS));
        if !seen.insert(action.as_str()) {
            errors.push(FieldError::duplicate(&path, action));
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the \
                      API response and headers serves no purpose)";
        errors.push(FieldError::invalid(path, json!(actions), detail));
    }
    if seen.is_empty() {
        errors.push(FieldError::required(path, "at least one validation action is required"));
    }
    errors
}

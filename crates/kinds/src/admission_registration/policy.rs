//! `ValidatingAdmissionPolicy` and `MutatingAdmissionPolicy`.

use ironclad_api::apply::FieldSet;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::{dns1035_label, dns1123_subdomain};
use ironclad_api::{Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Strategy, Subresource};
use serde_json::json;

use super::compiler::Compiler;
use super::rules::one_of;
use super::shape::{Body, MatchResources, ParamKind, PolicySpec};
use super::{Phase, columns, defaults, expressions, rules, status};
use crate::spec::{default_to, object_at, typed};
use crate::status_metadata;

const REINVOCATION_POLICIES: [&str; 2] = ["IfNeeded", "Never"];

pub struct Policy {
    spec: KindSpec,
    phase: Phase,
}

impl Policy {
    pub fn new(phase: Phase) -> Self {
        let spec = match phase {
            Phase::Mutating => KindSpec {
                columns: columns::policy("Mutations", "mutations"),
                ..super::kind("MutatingAdmissionPolicy", "mutatingadmissionpolicies")
            },
            Phase::Validating => KindSpec {
                columns: columns::policy("Validations", "validations"),
                subresources: vec![Subresource::status()],
                ..super::kind("ValidatingAdmissionPolicy", "validatingadmissionpolicies")
            },
        };
        Self { spec, phase }
    }
}

impl Strategy for Policy {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, policy: &mut Object) {
        if let Some(spec) = object_at(&mut policy.0, "spec") {
            default_to(spec, "failurePolicy", "Fail");
            defaults::match_resources(spec, "matchConstraints");
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) if self.phase == Phase::Validating => drop(new.0.insert("status".into(), json!({}))),
            (Some(old), Part::Status) => status_metadata::keep(new, old),
            _ => {}
        }
        Ok(())
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match self.phase {
            Phase::Validating => status_metadata::reset_fields(part),
            Phase::Mutating => FieldSet::new(),
        }
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let body: Body<PolicySpec> = typed(new);
        if preparation.part == Part::Status {
            return status::validate(&body.status);
        }
        let before = old.map(|old| typed::<Body<PolicySpec>>(old).spec);
        validate(self.phase, &body.spec, before.as_ref(), new.name())
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        super::warnings(new)
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

pub(super) fn validate(phase: Phase, spec: &PolicySpec, old: Option<&PolicySpec>, name: &str) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = FieldErrors::new();
    match spec.failure_policy.as_deref() {
        None => errors.push(FieldError::required(&path.child("failurePolicy"), "")),
        policy => errors.extend(rules::failure_policy(&path, policy)),
    }
    errors.extend(spec.param_kind.iter().flat_map(|kind| param_kind(kind, &path.child("paramKind"))));
    let constraints = path.child("matchConstraints");
    errors.extend(match_constraints(phase, spec.match_constraints.as_ref(), &constraints));
    let unchanged = |old: &PolicySpec| {
        (&old.param_kind, &old.match_conditions) == (&spec.param_kind, &spec.match_conditions)
    };
    let compiler = Compiler::of_policy(phase, spec);
    if !old.is_some_and(unchanged) {
        let at = path.child("matchConditions");
        errors.extend(expressions::match_conditions(&spec.match_conditions, &compiler, &at));
    }
    errors.extend(expressions::variables(&spec.variables, &compiler, &path.child("variables")));
    match phase {
        Phase::Validating => errors.extend(expressions::outcomes(spec, name, &compiler, &path)),
        Phase::Mutating => {
            errors.extend(expressions::mutations(&spec.mutations, &compiler, &path.child("mutations")));
            errors.extend(reinvocation(spec, &path.child("reinvocationPolicy")));
        }
    }
    errors
}

fn reinvocation(spec: &PolicySpec, path: &Path) -> Option<FieldError> {
    match spec.reinvocation_policy.as_deref().unwrap_or_default() {
        "" => Some(FieldError::required(path, "")),
        policy => one_of(path, Some(policy), &REINVOCATION_POLICIES),
    }
}

fn match_constraints(phase: Phase, constraints: Option<&MatchResources>, path: &Path) -> FieldErrors {
    let Some(constraints) = constraints else { return vec![FieldError::required(path, "")] };
    let mut errors = rules::match_resources(constraints, path);
    // Without a rule, nothing tells of which types the expressions speak.
    if constraints.resource_rules.is_empty() {
        errors.push(FieldError::required(&path.child("resourceRules"), ""));
    }
    if phase == Phase::Mutating {
        errors.extend(rules::mutating_operations(constraints, path));
    }
    errors
}

fn param_kind(kind: &ParamKind, path: &Path) -> FieldErrors {
    let mut errors = api_version(&kind.api_version, &path.child("apiVersion"));
    let path = path.child("kind");
    let faults = dns1035_label(&kind.kind.to_lowercase());
    if kind.kind.is_empty() {
        errors.push(FieldError::required(&path, ""));
    } else if !faults.is_empty() {
        let detail = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
        errors.push(FieldError::invalid(&path, &kind.kind, detail));
    }
    errors
}

fn api_version(text: &str, path: &Path) -> FieldErrors {
    if text.is_empty() {
        return vec![FieldError::required(path, "")];
    }
    let (group, version) = match (text, text.split_once('/')) {
        ("/", _) => ("", ""),
        (_, Some((_, version))) if version.contains('/') => {
            let detail = format!("unexpected GroupVersion string: {text}");
            return vec![FieldError::invalid(path, text, detail)];
        }
        (_, parts) => parts.unwrap_or(("", text)),
    };
    let mut errors = FieldErrors::new();
    let faults = if group.is_empty() { Vec::new() } else { dns1123_subdomain(group) };
    if !faults.is_empty() {
        errors.push(FieldError::invalid(path, group, faults.join(",")));
    }
    let faults = dns1035_label(version);
    if version.is_empty() {
        errors.push(FieldError::invalid(path, text, "version must be specified"));
    } else if !faults.is_empty() {
        errors.push(FieldError::invalid(path, version, faults.join(",")));
    }
    errors
}

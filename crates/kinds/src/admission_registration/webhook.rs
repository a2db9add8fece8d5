//! `ValidatingWebhookConfiguration` and `MutatingWebhookConfiguration`.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::labels::LabelSelector;
use ironclad_api::validation::dns::{dns1035_label, dns1123_subdomain};
use ironclad_api::validation::invalid_each;
use ironclad_engine::strategy::{KindSpec, Preparation, Strategy};
use serde_json::json;

use super::compiler::Compiler;
use super::rules::one_of;
use super::shape::{ClientConfig, Configuration, Webhook};
use super::{Phase, columns, defaults, expressions, rules};
use crate::spec::{objects_at, typed};
use crate::webhook_client::{self, ServiceAt};

/// The versions of AdmissionReview that are understood.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];
const SIDE_EFFECTS: [&str; 4] = ["None", "NoneOnDryRun", "Some", "Unknown"];
const NO_SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const REINVOCATION_POLICIES: [&str; 2] = ["IfNeeded", "Never"];
const LONGEST_TIMEOUT: i64 = 30;

pub struct WebhookConfiguration {
    spec: KindSpec,
    phase: Phase,
}

impl WebhookConfiguration {
    pub fn new(phase: Phase) -> Self {
        let (kind, resource) = match phase {
            Phase::Mutating => ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
            Phase::Validating => ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
        };
        let spec = KindSpec { columns: columns::configuration(), ..super::kind(kind, resource) };
        Self { spec, phase }
    }
}

impl Strategy for WebhookConfiguration {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Its metadata is checked by the rules of all objects, custom ones included.
    fn knows_finalizers(&self) -> bool {
        false
    }

    fn default(&self, object: &mut Object) {
        for hook in objects_at(&mut object.0, "webhooks") {
            defaults::webhook(hook, self.phase == Phase::Mutating);
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        validate(&typed(new), old.map(typed).as_ref())
    }

    fn warnings(&self, new: &Object, _: Option<&Object>) -> Vec<String> {
        super::warnings(new)
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

/// What an update may keep that a new configuration may not have.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    side_effects: bool,
    review_versions: bool,
    repeated_names: bool,
    label_values: bool,
    match_conditions: bool,
}

impl Kept {
    fn of(old: &[Webhook], new: &[Webhook]) -> Self {
        let mut names = BTreeSet::new();
        let conditions = |hooks: &[Webhook]| -> Vec<_> {
            hooks.iter().map(|hook| hook.match_conditions.clone()).collect()
        };
        Self {
            side_effects: !old.iter().all(|hook| {
                hook.side_effects.as_deref().is_some_and(|effects| NO_SIDE_EFFECTS.contains(&effects))
            }),
            review_versions: old.iter().any(|hook| {
                !hook.admission_review_versions.is_empty() && !is_understood(&hook.admission_review_versions)
            }),
            repeated_names: !old.iter().all(|hook| names.insert(&hook.name)),
            label_values: old.iter().any(has_invalid_selector),
            match_conditions: conditions(old) == conditions(new),
        }
    }
}

fn is_understood(versions: &[String]) -> bool {
    versions.iter().any(|version| REVIEWS.contains(&version.as_str()))
}

fn has_invalid_selector(hook: &Webhook) -> bool {
    let mut selectors = [&hook.namespace_selector, &hook.object_selector].into_iter().flatten();
    selectors.any(|selector| !selector.validate(&Path::root()).is_empty())
}

pub(super) fn validate(new: &Configuration, old: Option<&Configuration>) -> FieldErrors {
    let kept = old.map(|old| Kept::of(&old.webhooks, &new.webhooks)).unwrap_or_default();
    let mut errors = FieldErrors::new();
    let mut names = BTreeSet::new();
    for (index, hook) in new.webhooks.iter().enumerate() {
        let path = Path::new("webhooks").index(index);
        errors.extend(webhook(hook, kept, &path));
        errors.extend(review_versions(
            &hook.admission_review_versions,
            kept,
            &path.child("admissionReviewVersions"),
        ));
        if !kept.repeated_names && !hook.name.is_empty() && !names.insert(&hook.name) {
            errors.push(FieldError::duplicate(&path.child("name"), &hook.name));
        }
    }
    errors
}

fn webhook(hook: &Webhook, kept: Kept, path: &Path) -> FieldErrors {
    let mut errors: FieldErrors = fully_qualified(&hook.name, &path.child("name")).into_iter().collect();
    let rules = path.child("rules");
    let each = hook.rules.iter().enumerate();
    errors.extend(each.flat_map(|(index, rule)| rules::rule(rule, &rules.index(index))));
    errors.extend(rules::failure_policy(path, hook.failure_policy.as_deref()));
    errors.extend(rules::match_policy(path, hook.match_policy.as_deref()));
    errors.extend(side_effects(hook.side_effects.as_deref(), kept, &path.child("sideEffects")));
    let timeout = hook.timeout_seconds.filter(|seconds| !(1..=LONGEST_TIMEOUT).contains(seconds));
    if let Some(seconds) = timeout {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.push(FieldError::invalid(&path.child("timeoutSeconds"), seconds, detail));
    }
    errors.extend(selector(hook.namespace_selector.as_ref(), kept, &path.child("namespaceSelector")));
    errors.extend(selector(hook.object_selector.as_ref(), kept, &path.child("objectSelector")));
    let reinvocation = path.child("reinvocationPolicy");
    errors.extend(one_of(&reinvocation, hook.reinvocation_policy.as_deref(), &REINVOCATION_POLICIES));
    errors.extend(client(&hook.client_config, &path.child("clientConfig")));
    if !kept.match_conditions {
        let at = path.child("matchConditions");
        errors.extend(expressions::match_conditions(&hook.match_conditions, &Compiler::of_webhook(), &at));
    }
    errors
}

/// A name of three parts: the webhook's own, and a domain's.
fn fully_qualified(name: &str, path: &Path) -> Option<FieldError> {
    let faults = dns1123_subdomain(name);
    match name {
        "" => Some(FieldError::required(path, "")),
        _ if !faults.is_empty() => Some(FieldError::invalid(path, name, faults.join(","))),
        _ if name.split('.').count() < 3 => {
            let detail = "should be a domain with at least three segments separated by dots";
            Some(FieldError::invalid(path, name, detail))
        }
        _ => None,
    }
}

fn side_effects(given: Option<&str>, kept: Kept, path: &Path) -> Option<FieldError> {
    let allowed: &[&str] = if kept.side_effects { &SIDE_EFFECTS } else { &NO_SIDE_EFFECTS };
    match given {
        None => Some(FieldError::required(path, format!("must specify one of {}", allowed.join(", ")))),
        given => one_of(path, given, allowed),
    }
}

fn selector(selector: Option<&LabelSelector>, kept: Kept, path: &Path) -> FieldErrors {
    let check = match kept.label_values {
        true => LabelSelector::validate_allowing_invalid_values,
        false => LabelSelector::validate,
    };
    selector.map(|selector| check(selector, path)).unwrap_or_default()
}

fn client(client: &ClientConfig, path: &Path) -> FieldErrors {
    let service = client.service.as_ref().map(|service| ServiceAt {
        namespace: &service.namespace,
        name: &service.name,
        path: service.path.as_deref(),
        port: service.port.unwrap_or(0),
    });
    webhook_client::validate(client.url.as_deref(), service, path)
}

fn review_versions(versions: &[String], kept: Kept, path: &Path) -> FieldErrors {
    if versions.is_empty() {
        return vec![FieldError::required(path, format!("must specify one of {}", REVIEWS.join(", ")))];
    }
    let mut errors = FieldErrors::new();
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let path = path.index(index);
        match seen.insert(version) {
            false => errors.push(FieldError::invalid(&path, version, "duplicate version")),
            true => errors.extend(invalid_each(&path, version, dns1035_label(version))),
        }
    }
    if !kept.review_versions && !is_understood(versions) {
        let detail = format!("must include at least one of {}", REVIEWS.join(", "));
        errors.push(FieldError::invalid(path, json!(versions), detail));
    }
    errors
}

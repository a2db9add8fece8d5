//! The selectors of `resourceAttributes`: as text, or as requirements.
//!
//! Source: KEP-4601 (authorize with selectors).

use ironclad_api::labels::LabelSelectorRequirement as LabelRequirement;
use ironclad_api::validation::{invalid_each, label};
use ironclad_api::{FieldError, Path, fields, labels};
use k8s_openapi::api::authorization::v1::{
    FieldSelectorAttributes, LabelSelectorAttributes, ResourceAttributes,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldSelectorRequirement, LabelSelectorRequirement};

/// What is wrong with them. Operators that nobody knows are allowed: they come from newer clients.
pub fn validate(attributes: &ResourceAttributes) -> Vec<FieldError> {
    let path = Path::new("spec.resourceAttributes");
    let mut errors = Vec::new();
    if let Some(selector) = &attributes.field_selector {
        let path = path.child("fieldSelector");
        let requirements = selector.requirements.as_deref().unwrap_or_default();
        errors.extend(one_form(&path, selector.raw_selector.as_deref(), requirements.len()));
        let path = path.child("requirements");
        for (index, requirement) in requirements.iter().enumerate() {
            errors.extend(field_requirement(&path.index(index), requirement));
        }
    }
    if let Some(selector) = &attributes.label_selector {
        let path = path.child("labelSelector");
        let requirements = selector.requirements.as_deref().unwrap_or_default();
        errors.extend(one_form(&path, selector.raw_selector.as_deref(), requirements.len()));
        let path = path.child("requirements");
        for (index, requirement) in requirements.iter().enumerate() {
            errors.extend(label_requirement(&path.index(index), requirement));
        }
    }
    errors
}

/// Text or requirements, and one of the two.
fn one_form(path: &Path, raw: Option<&str>, requirements: usize) -> Option<FieldError> {
    match (raw.filter(|raw| !raw.is_empty()), requirements) {
        (Some(raw), 1..) => {
            let detail = "may not specified at the same time as requirements";
            Some(FieldError::invalid(&path.child("rawSelector"), raw, detail))
        }
        (None, 0) => {
            let detail = format!("when {path} is specified, requirements or rawSelector is required");
            Some(FieldError::required(&path.child("requirements"), detail))
        }
        _ => None,
    }
}

fn field_requirement(path: &Path, requirement: &FieldSelectorRequirement) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if requirement.key.is_empty() {
        errors.push(FieldError::required(&path.child("key"), "must be specified"));
    }
    let values = requirement.values.as_ref().map_or(0, Vec::len);
    errors.extend(count_of_values(path, &requirement.operator, values));
    errors
}

fn label_requirement(path: &Path, requirement: &LabelSelectorRequirement) -> Vec<FieldError> {
    let values = requirement.values.as_deref().unwrap_or_default();
    let mut errors: Vec<FieldError> =
        count_of_values(path, &requirement.operator, values.len()).into_iter().collect();
    errors.extend(label::label_key(&path.child("key"), &requirement.key));
    for (index, value) in values.iter().enumerate() {
        let wrong = ironclad_api::validation::label_value(value);
        errors.extend(invalid_each(&path.child("values").index(index), value, wrong));
    }
    errors
}

fn count_of_values(path: &Path, operator: &str, values: usize) -> Option<FieldError> {
    let path = path.child("values");
    match (operator, values) {
        ("In" | "NotIn", 0) => {
            Some(FieldError::required(&path, "must be specified when `operator` is 'In' or 'NotIn'"))
        }
        ("Exists" | "DoesNotExist", 1..) => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            Some(FieldError::forbidden(&path, detail))
        }
        _ => None,
    }
}

/// A selector as far as it could be read. Requirements that cannot be expressed are left out: what is asked then is
/// whether more is allowed.
#[derive(Default)]
pub struct Read<S> {
    pub selector: S,
    /// What was read, where some of it could not be: nothing, or a part.
    lacking: Option<Part>,
}

#[derive(Clone, Copy)]
enum Part {
    Some,
    Nothing,
}

impl<S: Default> Read<S> {
    /// Of a text: all or nothing.
    fn text<E>(parsed: Result<S, E>) -> Self {
        let lacking = parsed.is_err().then_some(Part::Nothing);
        Self { selector: parsed.unwrap_or_default(), lacking }
    }

    /// Of requirements, so many of which could be read.
    fn parts(selector: S, read: usize, given: usize) -> Self {
        let part = if read == 0 { Part::Nothing } else { Part::Some };
        Self { selector, lacking: (read < given).then_some(part) }
    }

    /// Upstream's text of what was left out, for the review's answer.
    pub fn fault(&self, field: &str) -> Option<String> {
        let how = match self.lacking? {
            Part::Some => "partially ignored",
            Part::Nothing => "ignored",
        };
        Some(format!("spec.resourceAttributes.{field} {how} due to parse error"))
    }
}

pub fn fields(selector: Option<&FieldSelectorAttributes>) -> Read<fields::Selector> {
    let Some(selector) = selector else { return Read::default() };
    match selector.requirements.as_deref().unwrap_or_default() {
        [] => Read::text(fields::Selector::parse(selector.raw_selector.as_deref().unwrap_or_default())),
        requirements => {
            let read: Vec<_> = requirements.iter().filter_map(field_term).collect();
            let count = read.len();
            Read::parts(fields::Selector::new(read), count, requirements.len())
        }
    }
}

fn field_term(requirement: &FieldSelectorRequirement) -> Option<fields::Term> {
    let [value] = requirement.values.as_deref().unwrap_or_default() else { return None };
    let negated = match requirement.operator.as_str() {
        "In" => false,
        "NotIn" => true,
        _ => return None,
    };
    Some(fields::Term { field: requirement.key.clone(), value: value.clone(), negated })
}

pub fn labels(selector: Option<&LabelSelectorAttributes>) -> Read<labels::Selector> {
    let Some(selector) = selector else { return Read::default() };
    match selector.requirements.as_deref().unwrap_or_default() {
        [] => Read::text(labels::Selector::parse(selector.raw_selector.as_deref().unwrap_or_default())),
        requirements => {
            let read: Vec<_> = requirements.iter().filter_map(label_requirement_of).collect();
            let count = read.len();
            Read::parts(labels::Selector::new(read), count, requirements.len())
        }
    }
}

fn label_requirement_of(requirement: &LabelSelectorRequirement) -> Option<labels::Requirement> {
    let requirement = LabelRequirement {
        key: requirement.key.clone(),
        operator: requirement.operator.clone(),
        values: requirement.values.clone().unwrap_or_default(),
    };
    requirement.to_requirement().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn attributes(value: Value) -> ResourceAttributes {
        serde_json::from_value(value).expect("attributes")
    }

    #[test]
    fn a_selector_has_one_of_two_forms() {
        let check = |value: Value, expected: &[&str]| {
            let found = validate(&attributes(value.clone()));
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{value}");
        };
        check(json!({}), &[]);
        check(json!({"fieldSelector": {"rawSelector": "a=b"}, "labelSelector": {"rawSelector": "a=b"}}), &[]);
        check(
            json!({"fieldSelector": {}, "labelSelector": {}}),
            &[
                "spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required",
                "spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required",
            ],
        );
        check(
            json!({"fieldSelector": {"rawSelector": "a=b", "requirements": [{"key": "", "operator": "In"}]}}),
            &[
                "spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: \"a=b\": may not specified at the same time as requirements",
                "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
                "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            ],
        );
        check(
            json!({"labelSelector": {"requirements": [{"key": "a", "operator": "Exists", "values": ["b"]}, {"key": "a", "operator": "New"}]}}),
            &[
                "spec.resourceAttributes.labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ],
        );
    }

    #[test]
    fn what_cannot_be_expressed_narrows_nothing() {
        let check = |value: Value, expected_fields: &str, expected_labels: &str, faults_expected: &[&str]| {
            let attributes = attributes(value.clone());
            let (fields, labels) =
                (fields(attributes.field_selector.as_ref()), labels(attributes.label_selector.as_ref()));
            assert_eq!(fields.selector.to_string(), expected_fields, "{value}");
            assert_eq!(labels.selector.to_string(), expected_labels, "{value}");
            let faults: Vec<String> = [fields.fault("fieldSelector"), labels.fault("labelSelector")]
                .into_iter()
                .flatten()
                .collect();
            let expected: Vec<String> = faults_expected
                .iter()
                .map(|fault| format!("spec.resourceAttributes.{fault} due to parse error"))
                .collect();
            assert_eq!(faults, expected, "{value}");
        };
        check(json!({}), "", "", &[]);
        check(
            json!({"fieldSelector": {"rawSelector": "a=b"}, "labelSelector": {"rawSelector": "a in (b)"}}),
            "a=b",
            "a in (b)",
            &[],
        );
        check(
            json!({"fieldSelector": {"rawSelector": "&"}, "labelSelector": {"rawSelector": "&"}}),
            "",
            "",
            &["fieldSelector ignored", "labelSelector ignored"],
        );
        check(
            json!({
                "fieldSelector": {"requirements": [
                    {"key": "a", "operator": "In", "values": ["b"]},
                    {"key": "c", "operator": "NotIn", "values": ["d"]},
                    {"key": "e", "operator": "In", "values": ["f", "g"]},
                    {"key": "h", "operator": "Exists"},
                ]},
                "labelSelector": {"requirements": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "New"}]},
            }),
            "a=b,c!=d",
            "a",
            &["fieldSelector partially ignored", "labelSelector partially ignored"],
        );
    }
}

//! The expressions of webhooks and policies, and what stands beside each of them.

use std::collections::BTreeSet;

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::validation::{invalid_each, qualified_name};
use ironclad_cel::policy::Wanted;
use serde_json::json;

use super::compiler::Compiler;
use super::rules::one_of;
use super::shape::{
    AuditAnnotation, MatchCondition, Mutation, PatchExpression, PolicySpec, Validation, Variable,
};

const MATCH_CONDITIONS_MAX: usize = 64;
const AUDIT_ANNOTATIONS_MAX: usize = 20;
/// Bytes. Less than an annotation may have, because an expression often makes more text than it is.
const VALUE_EXPRESSION_MAX: usize = 5 << 10;
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

pub(super) fn match_conditions(
    conditions: &[MatchCondition],
    compiler: &Compiler,
    path: &Path,
) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if conditions.len() > MATCH_CONDITIONS_MAX {
        errors.push(FieldError::too_many(path, conditions.len(), MATCH_CONDITIONS_MAX));
    }
    let mut seen = BTreeSet::new();
    for (index, condition) in conditions.iter().enumerate() {
        let (path, name) = (path.index(index), &condition.name);
        let expression = path.child("expression");
        match condition.expression.trim() {
            "" => errors.push(FieldError::required(&expression, "")),
            text => errors.extend(compiler.match_condition(text, &expression)),
        }
        let path = path.child("name");
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
            continue;
        }
        errors.extend(invalid_each(&path, name, qualified_name(name)));
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
    }
    errors
}

pub(super) fn variables(variables: &[Variable], compiler: &Compiler, path: &Path) -> FieldErrors {
    let each = variables.iter().enumerate();
    each.flat_map(|(index, each)| variable(each, compiler, &path.index(index))).collect()
}

fn variable(variable: &Variable, compiler: &Compiler, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let (name, expression) = (path.child("name"), path.child("expression"));
    if variable.name.trim().is_empty() {
        errors.push(FieldError::required(&name, "name is not specified"));
    } else if !is_identifier(&variable.name) {
        errors.push(FieldError::invalid(&name, &variable.name, "must be a valid CEL identifier"));
    }
    match variable.expression.trim() {
        "" => errors.push(FieldError::required(&expression, "expression is not specified")),
        _ => errors.extend(compiler.variable(&variable.name, &expression)),
    }
    errors
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    starts && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && !RESERVED.contains(&name)
}

/// The validations and audit annotations of a validating policy: one of either at least.
pub(super) fn outcomes(spec: &PolicySpec, policy: &str, compiler: &Compiler, path: &Path) -> FieldErrors {
    let (validations, annotations) = (path.child("validations"), path.child("auditAnnotations"));
    if spec.validations.is_empty() && spec.audit_annotations.is_empty() {
        let detail = "validations or auditAnnotations must contain at least one item";
        return vec![FieldError::required(&validations, detail), FieldError::required(&annotations, detail)];
    }
    let each = spec.validations.iter().enumerate();
    let mut errors: FieldErrors =
        each.flat_map(|(index, each)| validation(each, compiler, &validations.index(index))).collect();
    errors.extend(audit_annotations(&spec.audit_annotations, policy, compiler, &annotations));
    errors
}

fn validation(validation: &Validation, compiler: &Compiler, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let (expression, message) = (path.child("expression"), path.child("messageExpression"));
    match validation.expression.trim() {
        "" => errors.push(FieldError::required(&expression, "expression is not specified")),
        _ => errors.extend(compiler.validation(&validation.expression, &expression)),
    }
    let blank = |field: &str, text: &str| {
        let blank = !text.is_empty() && text.trim().is_empty();
        blank.then(|| FieldError::invalid(&path.child(field), text, "must be non-empty if specified"))
    };
    errors.extend(blank("messageExpression", &validation.message_expression));
    if !validation.message_expression.trim().is_empty() {
        errors.extend(compiler.message(&validation.message_expression, &message));
    }
    errors.extend(blank("message", &validation.message));
    if validation.message.trim().contains(['\n', '\r']) {
        let message = path.child("message");
        errors.push(FieldError::invalid(&message, &validation.message, "must not contain line breaks"));
    }
    errors.extend(one_of(&path.child("reason"), validation.reason.as_deref(), &REASONS));
    errors
}

fn audit_annotations(
    annotations: &[AuditAnnotation],
    policy: &str,
    compiler: &Compiler,
    path: &Path,
) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if annotations.len() > AUDIT_ANNOTATIONS_MAX {
        let detail = format!("must not have more than {AUDIT_ANNOTATIONS_MAX} auditAnnotations");
        errors.push(FieldError::invalid(path, printed(annotations), detail));
    }
    let mut seen = BTreeSet::new();
    for (index, annotation) in annotations.iter().enumerate() {
        let path = path.index(index);
        errors.extend(audit_annotation(annotation, policy, compiler, &path));
        if !seen.insert(&annotation.key) {
            errors.push(FieldError::duplicate(&path.child("key"), &annotation.key));
        }
    }
    errors
}

/// In the log the key stands behind the policy's name.
fn audit_annotation(
    annotation: &AuditAnnotation,
    policy: &str,
    compiler: &Compiler,
    path: &Path,
) -> FieldErrors {
    let (key, value) = (path.child("key"), path.child("valueExpression"));
    let mut errors = match policy {
        "" => vec![FieldError::invalid(&key, &annotation.key, "requires metadata.name be non-empty")],
        policy => {
            let whole = format!("{policy}/{}", annotation.key);
            invalid_each(&key, &whole, qualified_name(&whole))
        }
    };
    match annotation.value_expression.trim().len() {
        0 => errors.push(FieldError::required(&value, "valueExpression is not specified")),
        length if length > VALUE_EXPRESSION_MAX => {
            let detail = format!("must not exceed {VALUE_EXPRESSION_MAX} bytes in length");
            errors.push(FieldError::required(&value, detail));
        }
        _ => errors.extend(compiler.audit_annotation(&annotation.value_expression, &value)),
    }
    errors
}

/// As Go prints its own structs.
fn printed(annotations: &[AuditAnnotation]) -> BadValue {
    let quoted = |text: &str| ironclad_api::goprint::json(&json!(text));
    let each = annotations.iter().map(|annotation| {
        let (key, value) = (quoted(&annotation.key), quoted(&annotation.value_expression));
        format!("{{\"Key\":{key},\"ValueExpression\":{value}}}")
    });
    BadValue::Printed(format!("[{}]", each.collect::<Vec<_>>().join(",")))
}

/// The patches of a mutating policy.
pub(super) fn mutations(mutations: &[Mutation], compiler: &Compiler, path: &Path) -> FieldErrors {
    if mutations.is_empty() {
        return vec![FieldError::required(path, "mutations must contain at least one item")];
    }
    let each = mutations.iter().enumerate();
    each.flat_map(|(index, each)| mutation(each, compiler, &path.index(index))).collect()
}

fn mutation(mutation: &Mutation, compiler: &Compiler, path: &Path) -> FieldErrors {
    let json_patch = ("jsonPatch", &mutation.json_patch, Wanted::Patches);
    let apply = ("applyConfiguration", &mutation.apply_configuration, Wanted::Configuration);
    let path_of_type = path.child("patchType");
    let (wanted, other) = match mutation.patch_type.as_str() {
        "JSONPatch" => (json_patch, apply),
        "ApplyConfiguration" => (apply, json_patch),
        "" => return vec![FieldError::required(&path_of_type, "")],
        other => {
            let types = ["ApplyConfiguration", "JSONPatch"];
            return vec![FieldError::not_supported(&path_of_type, other, types)];
        }
    };
    let mut errors = FieldErrors::new();
    errors.extend(patch(wanted, &mutation.patch_type, compiler, path));
    if other.1.is_some() {
        let detail = format!("must not be specified when patchType is {}", mutation.patch_type);
        errors.push(FieldError::invalid(&path.child(other.0), format!("{{{}}}", other.0), detail));
    }
    errors
}

/// A field, what stands in it, and what it must give.
type Patch<'a> = (&'a str, &'a Option<PatchExpression>, Wanted);

fn patch(
    (field, given, wanted): Patch<'_>,
    patch_type: &str,
    compiler: &Compiler,
    path: &Path,
) -> Option<FieldError> {
    let at = path.child(field);
    let Some(given) = given else {
        return Some(FieldError::required(&at, format!("must be specified when patchType is {patch_type}")));
    };
    let at = at.child("expression");
    match given.expression.trim() {
        "" => Some(FieldError::required(&at, "")),
        text => compiler.patch(text, wanted, &at),
    }
}

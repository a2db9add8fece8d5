//! What objects have to be in one version of their kind.

use ironclad_api::field::{BadValue, ErrorKind, FieldError, FieldErrors, Path};
use ironclad_api::{Object, prune};
use ironclad_engine::strategy::{Part, SchemaRef};
use serde_json::Value;

use super::{scale, tree};
use crate::definition::Scale;
use crate::json_schema::Rules;
use crate::validation_rules::{RuleTree, Verdict};

pub(super) struct VersionRules {
    pub name: String,
    /// As `apiVersion` has it.
    pub api_version: String,
    pub storage: bool,
    pub has_status: bool,
    pub scale: Option<Scale>,
    /// The fields that its selectors may name.
    pub selectable: Vec<String>,
    pub schema: SchemaRef,
    pub rules: Rules,
    /// `x-kubernetes-validations`
    pub expressions: Option<RuleTree>,
}

impl VersionRules {
    /// Without the fields that this version does not have.
    pub(super) fn pruned(&self, object: Object) -> Object {
        let mut value = object.into_value();
        prune::unknown_fields(&mut value, &self.schema);
        Object::from_value(value).unwrap_or_default()
    }

    /// The stored form of an object as this version sees it.
    fn seen(&self, object: &Object) -> Value {
        if object.api_version() == self.api_version {
            return tree(object);
        }
        let mut seen = object.clone();
        seen.0.insert("apiVersion".into(), self.api_version.clone().into());
        self.pruned(seen).into_value()
    }

    pub(super) fn validate(&self, new: &Object, old: Option<&Object>, part: Part) -> Verdict {
        let (new, old) = (self.seen(new), old.map(|old| self.seen(old)));
        match (old, part) {
            (Some(old), Part::Status) => self.validate_status(&new, &old),
            (old, _) => self.validate_all(&new, old.as_ref()),
        }
    }

    fn validate_all(&self, new: &Value, old: Option<&Value>) -> Verdict {
        let mut errors = match old {
            None => self.rules.check(new, None),
            Some(old) => self.rules.check_update(new, old, true, None),
        };
        if let Some(paths) = &self.scale {
            errors.extend(scale::validate_spec(new, paths));
            errors.extend(scale::validate_status(new, paths));
        }
        errors.extend(self.rules.embedded_errors(new, &Path::root()));
        errors.extend(self.new_duplicates(new, old));
        self.with_expressions(errors, new, old)
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Verdict {
        let mut errors = FieldErrors::new();
        if let (Some(rules), Some(status)) = (self.rules.property("status"), new.get("status")) {
            let old = old.get("status").unwrap_or(&Value::Null);
            errors.extend(rules.check_update(status, old, false, Some(&Path::new("status"))));
        }
        errors.extend(self.scale.iter().flat_map(|paths| scale::validate_status(new, paths)));
        errors.extend(self.new_duplicates(new, Some(old)));
        self.with_expressions(errors, new, Some(old))
    }

    /// The errors, and what the rules say.
    fn with_expressions(&self, mut errors: FieldErrors, new: &Value, old: Option<&Value>) -> Verdict {
        let Some(expressions) = &self.expressions else { return Verdict { errors, ..Verdict::default() } };
        if let Some(blocked) = blocked(&errors) {
            errors.push(blocked);
            return Verdict { errors, ..Verdict::default() };
        }
        let verdict = expressions.check(new, old, &Path::root());
        errors.extend(verdict.errors);
        Verdict { errors, ..verdict }
    }

    /// Elements that stand twice in a set or map, unless some did before.
    fn new_duplicates(&self, new: &Value, old: Option<&Value>) -> FieldErrors {
        match old.is_some_and(|old| !self.rules.duplicates(old).is_empty()) {
            true => FieldErrors::new(),
            false => self.rules.duplicates(new),
        }
    }
}

/// Rules are not evaluated over what is not of the schema's types.
fn blocked(errors: &FieldErrors) -> Option<FieldError> {
    let blocks = |error: &FieldError| {
        use ErrorKind::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
        matches!(error.kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
    };
    let detail = "some validation rules were not checked because the object was invalid; correct the existing \
                  errors to complete validation";
    let nothing = BadValue::Json(Value::Null);
    errors.iter().any(blocks).then(|| FieldError::invalid(&Path::new("<nil>"), nothing, detail))
}

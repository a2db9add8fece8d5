//! `FlowSchema`: which requests go to which priority level.

use ironclad_api::apply::FieldSet;
use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::validation::dns::dns1123_subdomain;
use ironclad_api::validation::invalid_each;
use ironclad_api::{Object, Status};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Strategy};
use serde_json::{Value, json};

use super::shape::{Body, DistinguisherMethod, FlowSchemaSpec, printed};
use super::{bootstrap, policy_rules, validate_conditions};
use crate::columns::{NONE, age, column, name, text};
use crate::spec::{object_at, typed};
use crate::status_metadata;

const DEFAULT_PRECEDENCE: i64 = 1_000;
const LAST_PRECEDENCE: i64 = 10_000;
/// The schema of administrators, the first to be matched.
const EXEMPT: &str = "exempt";
const METHODS: [&str; 2] = ["ByNamespace", "ByUser"];

pub struct FlowSchema {
    spec: KindSpec,
}

impl FlowSchema {
    pub fn new() -> Self {
        let level = text("PriorityLevel", |schema| {
            schema.str_at(&["spec", "priorityLevelConfiguration", "name"]).to_owned()
        });
        let precedence = column("MatchingPrecedence", "string", 0, |schema, _| {
            schema.at(&["spec", "matchingPrecedence"]).cloned().unwrap_or_else(|| 0.into())
        });
        let columns = vec![
            name(),
            level,
            precedence,
            text("DistinguisherMethod", distinguisher),
            age(),
            text("MissingPL", dangling),
        ];
        Self { spec: KindSpec { columns, ..super::kind("FlowSchema", "flowschemas") } }
    }
}

impl Default for FlowSchema {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for FlowSchema {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, schema: &mut Object) {
        if let Some(spec) = object_at(&mut schema.0, "spec")
            && spec.get("matchingPrecedence").and_then(Value::as_i64).unwrap_or(0) == 0
        {
            spec.insert("matchingPrecedence".into(), DEFAULT_PRECEDENCE.into());
        }
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        match (old, preparation.part) {
            (None, _) => drop(new.0.insert("status".into(), json!({}))),
            (Some(old), Part::Status) => status_metadata::keep(new, old),
            _ => {}
        }
        Ok(())
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        status_metadata::reset_fields(part)
    }

    fn validate(&self, new: &Object, _: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let mut errors = match preparation.part {
            Part::Status => FieldErrors::new(),
            _ => validate(new.name(), &typed::<Body<FlowSchemaSpec>>(new).spec),
        };
        errors.extend(validate_conditions(new));
        errors
    }
}

fn distinguisher(schema: &Object) -> String {
    let method = schema.at(&["spec", "distinguisherMethod"]).filter(|method| !method.is_null());
    method.map_or(NONE, |method| method["type"].as_str().unwrap_or_default()).to_owned()
}

/// Whether the priority level is missing, as far as anybody has looked.
fn dangling(schema: &Object) -> String {
    let conditions = schema.at(&["status", "conditions"]).and_then(Value::as_array).into_iter().flatten();
    let found = conditions.into_iter().find(|condition| condition["type"] == "Dangling");
    found.map_or("?", |condition| condition["status"].as_str().unwrap_or_default()).to_owned()
}

pub(super) fn validate(name: &str, spec: &FlowSchemaSpec) -> FieldErrors {
    let path = Path::new("spec");
    let mut errors = precedence(name, spec.matching_precedence, &path.child("matchingPrecedence"));
    errors.extend(method(spec.distinguisher_method.as_ref(), &path.child("distinguisherMethod.type")));
    let level = path.child("priorityLevelConfiguration").child("name");
    match spec.priority_level_configuration.name.as_str() {
        "" => errors.push(FieldError::required(&level, "must reference a priority level")),
        name => errors.extend(invalid_each(&level, name, dns1123_subdomain(name))),
    }
    for (index, rules) in spec.rules.iter().enumerate() {
        errors.extend(policy_rules::validate(rules, &path.child("rules").index(index)));
    }
    let fixed = bootstrap::mandatory_flow_schema(name);
    if fixed.is_some_and(|fixed| typed::<Body<FlowSchemaSpec>>(&fixed).spec != *spec) {
        let detail = format!("spec of '{name}' must equal the fixed value");
        errors.push(FieldError::invalid(&path, printed(spec), detail));
    }
    errors
}

fn precedence(name: &str, precedence: i64, path: &Path) -> FieldErrors {
    let invalid = |detail: String| FieldError::invalid(path, precedence, detail);
    let mut errors = FieldErrors::new();
    if precedence <= 0 {
        errors.push(invalid("must be a positive value".to_owned()));
    }
    if precedence > LAST_PRECEDENCE {
        errors.push(invalid(format!("must not be greater than {LAST_PRECEDENCE}")));
    }
    if precedence == 1 && name != EXEMPT {
        errors.push(invalid("only the schema named 'exempt' may have matchingPrecedence 1".to_owned()));
    }
    errors
}

fn method(method: Option<&DistinguisherMethod>, path: &Path) -> Option<FieldError> {
    let method = method.filter(|method| !METHODS.contains(&method.method.as_str()))?;
    Some(FieldError::not_supported(path, printed(method), METHODS))
}

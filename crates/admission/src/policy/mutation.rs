//! What a mutating policy makes of an object.

use ironclad_api::apply::merge_configuration;
use ironclad_api::patch::JsonPatch;
use ironclad_api::{Object, json};
use ironclad_cel::{Activation, limits};
use serde::Deserialize;
use serde_json::Value;

use super::definition::{Policy, Rules};
use crate::expressions::{Budget, Expression, Matched, Run, Scope, Variables, Wanted};
use crate::matching::Invocation;
use crate::{reading, versions};

/// What the JSON patch library says of a `test` that does not hold: the patch is left out.
const TEST_FAILED: &str = "test failed";

/// The rules of a mutating policy.
pub(super) struct Mutations {
    pub mutations: Vec<Mutation>,
    /// `IfNeeded`: run again when others change the object after it.
    pub reinvocable: bool,
}

pub(super) struct Mutation {
    expression: Expression,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    JsonPatch,
    ApplyConfiguration,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(deserialize_with = "reading::or_default")]
    mutations: Vec<MutationSpec>,
    reinvocation_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MutationSpec {
    json_patch: Option<Patch>,
    apply_configuration: Option<Patch>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Patch {
    expression: String,
}

impl Rules for Mutations {
    type Spec = Spec;
    const POLICIES: &'static str = "mutatingadmissionpolicies";
    const BINDINGS: &'static str = "mutatingadmissionpolicybindings";

    fn compile(spec: Spec, scope: &Scope) -> Self {
        let environment = Scope { messages: true, ..scope.clone() }.environment();
        let mutation = |spec: MutationSpec| {
            let (patch, kind, wanted) = match (spec.json_patch, spec.apply_configuration) {
                (Some(patch), _) => (patch, Kind::JsonPatch, Wanted::Patches),
                (None, Some(patch)) => (patch, Kind::ApplyConfiguration, Wanted::Configuration),
                (None, None) => return None,
            };
            let expression = Expression::compile(&environment, &patch.expression, wanted);
            Some(Mutation { expression, kind })
        };
        Self {
            mutations: spec.mutations.into_iter().filter_map(mutation).collect(),
            reinvocable: spec.reinvocation_policy.as_deref() == Some("IfNeeded"),
        }
    }
}

/// A mutation that could not be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Counts by the policy's failure policy.
    Policy(String),
    /// Fails the request in any case.
    Internal(String),
}

impl Policy<Mutations> {
    /// Whether the match conditions hold. `activation` has everything but the policy's variables.
    pub fn matches(&self, activation: &Activation<'_>) -> Matched {
        let variables = Variables::new(&self.variables);
        self.conditions.check(&mut self.run(&variables, activation))
    }

    /// What the expression of a mutation evaluates to: a patch, or a configuration.
    pub fn evaluate(&self, mutation: &Mutation, activation: &Activation<'_>) -> Result<Value, String> {
        if let Err(why) = &mutation.expression.program {
            return Err(why.clone());
        }
        let variables = Variables::new(&self.variables);
        let mut run = self.run(&variables, activation);
        let value = run.evaluate(&mutation.expression).map_err(|exhausted| exhausted.to_string())??;
        value.to_json().ok_or_else(|| {
            "JSONPath valueExpression evaluated to a type that could not marshal to JSON".to_owned()
        })
    }

    fn run<'a>(&'a self, variables: &'a Variables<'a>, activation: &Activation<'a>) -> Run<'a> {
        let activation = variables.bind(activation.clone());
        Run { activation, variables: Some(variables), budget: Budget(limits::RUNTIME_COST_BUDGET) }
    }
}

impl Mutation {
    /// The object with the evaluated patch or configuration in it, in the invocation's version.
    pub fn apply(&self, made: Value, object: &Object, invocation: &Invocation) -> Result<Object, Failure> {
        match self.kind {
            Kind::JsonPatch => patched(made, object, invocation),
            Kind::ApplyConfiguration => applied(made, object, invocation)
                .map_err(|why| Failure::Policy(format!("error applying patch: {why}"))),
        }
    }
}

fn patched(patch: Value, object: &Object, invocation: &Invocation) -> Result<Object, Failure> {
    let before = Value::Object(object.0.clone());
    let after = JsonPatch::from_value(patch).and_then(|patch| patch.apply(&before));
    let after = match after {
        Ok(after) => after,
        Err(error) if error.to_string().ends_with(TEST_FAILED) => return Ok(object.clone()),
        Err(error) => return Err(Failure::Policy(format!("JSON Patch: {error}"))),
    };
    let (after, unknown) = versions::typed(after, invocation).map_err(Failure::Internal)?;
    match json::strict_errors(b"", &[], &unknown).join(", ") {
        errors if errors.is_empty() => Ok(after),
        errors => Err(Failure::Internal(format!("strict decoding error: {errors}"))),
    }
}

fn applied(mut configuration: Value, object: &Object, invocation: &Invocation) -> Result<Object, String> {
    let live = Value::Object(object.0.clone());
    configuration["apiVersion"] = live["apiVersion"].clone();
    configuration["kind"] = live["kind"].clone();
    let merged = match versions::schema(invocation) {
        Some(schema) => merge_configuration(&live, &configuration, &schema)?,
        None => return Err("type converter must not be nil".to_owned()),
    };
    versions::typed(merged, invocation).map(|(object, _)| object)
}

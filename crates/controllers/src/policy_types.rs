//! ValidatingAdmissionPolicies: their status says which of their expressions do not fit the kinds that they match.
//! Those are warnings, the policy is in force all the same.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking>.

use std::collections::BTreeSet;
use std::sync::Arc;

use ironclad_api::schema::Catalog;
use ironclad_api::{GroupVersion, GroupVersionKind, ObjectKey};
use ironclad_cel::policy::{Scope, compile_variables};
use ironclad_cel::{CompileError, Declared, Environment};
use ironclad_client::{Cache, CachedResource};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as api;
use serde_json::{Value, json};

use crate::resources::{CUSTOM_RESOURCE_DEFINITIONS, VALIDATING_ADMISSION_POLICIES as POLICIES};

/// A rule that names more kinds than these is checked against the first of them.
const MOST_KINDS: usize = 10;

pub struct PolicyTypes;

impl Controller for PolicyTypes {
    fn name(&self) -> &'static str {
        "validatingadmissionpolicy-status-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::itself(POLICIES.group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(entry) = view.cache.get(&POLICIES.group_resource(), key) else { return plan };
        let mut object = entry.object();
        let seen = object.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or(0);
        let generation = object.generation();
        let policy = object.to_typed::<api::ValidatingAdmissionPolicy>().ok().filter(|_| generation > seen);
        let Some(spec) = policy.and_then(|policy| policy.spec) else { return plan };
        let kinds = Kinds { served: view.cache.resources(), cache: view.cache };
        let warnings = warnings(&spec, &kinds);
        let status = object.section_mut("status");
        status.insert("observedGeneration".into(), generation.into());
        let checked = if warnings.is_empty() { json!({}) } else { json!({ "expressionWarnings": warnings }) };
        status.insert("typeChecking".into(), checked);
        plan.then(Write::Update { target: POLICIES.status(key), object });
        plan
    }
}

/// What is wrong with the expressions of the validations, as `ExpressionWarning`s.
fn warnings(spec: &api::ValidatingAdmissionPolicySpec, kinds: &Kinds<'_>) -> Vec<Value> {
    let environments = environments(spec, kinds);
    let validations = spec.validations.iter().flatten().enumerate();
    let expressions = validations.flat_map(|(index, validation)| {
        let message = validation.message_expression.as_deref().filter(|text| !text.is_empty());
        let of_message = message.map(|text| (index, "messageExpression", text));
        [(index, "expression", validation.expression.as_str())].into_iter().chain(of_message)
    });
    let warning = |(index, field, text): (usize, &str, &str)| {
        let issues: Vec<String> =
            environments.iter().filter_map(|(kind, environment)| issue(kind, environment, text)).collect();
        (!issues.is_empty()).then(|| {
            json!({ "fieldRef": format!("spec.validations[{index}].{field}"), "warning": issues.join("\n") })
        })
    };
    expressions.filter_map(warning).collect()
}

/// What expressions see, for each of the kinds that the policy matches.
fn environments(
    spec: &api::ValidatingAdmissionPolicySpec,
    kinds: &Kinds<'_>,
) -> Vec<(GroupVersionKind, Environment)> {
    let param = spec.param_kind.as_ref().and_then(|kind| {
        let version = GroupVersion::parse(kind.api_version.as_deref()?)?;
        kinds.declared(&version.kind(kind.kind.clone()?))
    });
    let variables = || {
        let all = spec.variables.iter().flatten();
        all.map(|variable| (variable.name.clone(), variable.expression.clone())).collect()
    };
    let environment = |kind: GroupVersionKind| {
        let scope = Scope {
            params: spec.param_kind.is_some(),
            authorizer: true,
            object: Some(kinds.declared(&kind)?),
            param: param.clone(),
            ..Scope::default()
        };
        let (_, scope) = compile_variables(variables(), scope);
        Some((kind, scope.environment()))
    };
    kinds.matched(spec).into_iter().filter_map(environment).collect()
}

fn issue(kind: &GroupVersionKind, environment: &Environment, expression: &str) -> Option<String> {
    match environment.compile(expression) {
        Err(CompileError::Issues(issues)) => Some(format!("{kind}: {issues}\n")),
        // What constants evaluate to has nothing to do with types.
        Err(CompileError::Instantiation(_)) | Ok(_) => None,
    }
}

/// The kinds that there are.
struct Kinds<'a> {
    served: Vec<CachedResource>,
    cache: &'a dyn Cache,
}

impl Kinds<'_> {
    /// Those that the policy's rules name, by group, version and kind; rules with wildcards name none.
    fn matched(&self, spec: &api::ValidatingAdmissionPolicySpec) -> Vec<GroupVersionKind> {
        let rules = spec.match_constraints.iter().filter_map(|all| all.resource_rules.as_ref()).flatten();
        let mut found = BTreeSet::new();
        for rule in rules {
            let named = self.of_rule(rule);
            let count = named.len();
            found.extend(
                named
                    .into_iter()
                    .take(MOST_KINDS)
                    .map(|kind| (kind.group.to_string(), kind.version.to_string(), kind.kind.to_string())),
            );
            if count >= MOST_KINDS {
                break;
            }
        }
        found.into_iter().map(|(group, version, kind)| GroupVersionKind::new(group, version, kind)).collect()
    }

    fn of_rule(&self, rule: &api::NamedRuleWithOperations) -> Vec<GroupVersionKind> {
        let (groups, versions) = (exact(&rule.api_groups), exact(&rule.api_versions));
        let mut resources: Vec<&String> = rule.resources.iter().flatten().collect();
        resources.retain(|resource| !resource.contains(['*', '/']));
        resources.sort();
        let mut found = Vec::new();
        for group in &groups {
            for version in &versions {
                found.extend(resources.iter().filter_map(|resource| self.kind(group, version, resource)));
            }
        }
        found
    }

    fn kind(&self, group: &str, version: &str, resource: &str) -> Option<GroupVersionKind> {
        let known =
            |served: &&CachedResource| served.resource.group == group && served.resource.resource == resource;
        let kind = self.served.iter().find(known)?.kind.kind.to_string();
        Some(GroupVersionKind::new(group.to_owned(), version.to_owned(), kind))
    }

    /// The type of a kind's objects; `None` if its schema is not known.
    fn declared(&self, kind: &GroupVersionKind) -> Option<Arc<Declared>> {
        if let Some(schema) = Catalog::builtin().schema(kind) {
            return Some(Arc::new(Declared::from_schema(schema, &kind.kind)));
        }
        let served = self
            .served
            .iter()
            .find(|served| served.kind.group == kind.group && served.kind.kind == kind.kind)?;
        let name = format!("{}.{}", served.resource.resource, served.resource.group);
        let definition =
            self.cache.get(&CUSTOM_RESOURCE_DEFINITIONS.group_resource(), &ObjectKey::cluster(name))?;
        let definition = definition.object();
        let versions = definition.at(&["spec", "versions"])?.as_array()?;
        let version = versions.iter().find(|version| version["name"] == *kind.version)?;
        let schema = version.pointer("/schema/openAPIV3Schema")?;
        Some(Arc::new(Declared::from_openapi(schema, &kind.kind, true)))
    }
}

/// Sorted; none if one of them is a wildcard.
fn exact(names: &Option<Vec<String>>) -> Vec<&String> {
    let mut names: Vec<&String> = names.iter().flatten().collect();
    if names.iter().any(|name| name.contains('*')) {
        names.clear();
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use ironclad_client::testing::Objects;

    use super::*;

    fn served(group: &'static str, resource: &'static str, kind: &'static str) -> CachedResource {
        let kind = GroupVersionKind::new(group, "v1", kind);
        CachedResource { resource: kind.group_version().resource(resource), kind, namespaced: true }
    }

    /// Fields and warnings of a policy about `resources` (group and plural) with these validations.
    fn check(resources: &[(&str, &str)], validations: Value, more: Value, want: &[(&str, &str)]) {
        let world = Objects::default();
        let schema = json!({ "type": "object", "properties": {
            "spec": { "type": "object", "properties": { "size": { "type": "integer" } } },
        } });
        let versions = json!([{ "name": "v1", "schema": { "openAPIV3Schema": schema } }]);
        let definition =
            json!({ "metadata": { "name": "foos.example.com" }, "spec": { "versions": versions } });
        world.put("apiextensions.k8s.io", "customresourcedefinitions", definition);
        let served = vec![
            served("apps", "deployments", "Deployment"),
            served("", "pods", "Pod"),
            served("", "configmaps", "ConfigMap"),
            served("example.com", "foos", "Foo"),
            served("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition"),
        ];
        let rules: Vec<Value> = resources
            .iter()
            .map(|(group, resource)| {
                json!({ "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource] })
            })
            .collect();
        let mut spec = more;
        spec["matchConstraints"] = json!({ "resourceRules": rules });
        spec["validations"] = validations;
        let spec = serde_json::from_value(spec).expect("a spec");
        let told = warnings(&spec, &Kinds { served, cache: &world });
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|warning| {
                (
                    warning["fieldRef"].as_str().unwrap_or_default(),
                    warning["warning"].as_str().unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(told, want);
    }

    #[test]
    fn expressions_are_held_against_the_kinds_that_are_matched() {
        let deployments = [("apps", "deployments")];
        let good = json!([{ "expression": "object.spec.replicas > 1", "messageExpression": "'a'" }]);
        check(&deployments, good.clone(), json!({}), &[]);
        let field = "spec.validations[0].expression";
        check(
            &deployments,
            json!([{
                "expression": "object.spec.replicas > '1'",
                "messageExpression": "'wants replicas > 1, got ' + object.spec.replicas",
            }]),
            json!({}),
            &[
                (
                    field,
                    "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
                ),
                (
                    "spec.validations[0].messageExpression",
                    "apps/v1, Kind=Deployment: ERROR: <input>:1:28: found no matching overload for '_+_' applied to '(string, int)'\n | 'wants replicas > 1, got ' + object.spec.replicas\n | ...........................^\n",
                ),
            ],
        );
        // Of several kinds each is told; those behind wildcards are not looked for.
        let undefined = |kind: &str| {
            format!(
                "{kind}: ERROR: <input>:1:12: undefined field 'replicas'\n | object.spec.replicas > 1\n | ...........^\n"
            )
        };
        let both = format!("{}\n{}", undefined("/v1, Kind=Pod"), undefined("example.com/v1, Kind=Foo"));
        check(
            &[("example.com", "foos"), ("", "pods"), ("apps", "deployments"), ("", "*"), ("*", "pods")],
            good,
            json!({}),
            &[(field, &both)],
        );
    }

    #[test]
    fn parameters_and_variables_have_types_too() {
        let more = json!({
            "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
            "variables": [{ "name": "size", "expression": "object.spec.size" }],
        });
        let foos = [("example.com", "foos")];
        let validation = |expression: &str| json!([{ "expression": expression }]);
        check(&foos, validation("variables.size > 1 && params.data['a'] == 'b'"), more.clone(), &[]);
        check(
            &foos,
            validation("variables.size == params.data"),
            more,
            &[(
                "spec.validations[0].expression",
                "example.com/v1, Kind=Foo: ERROR: <input>:1:16: found no matching overload for '_==_' applied to '(int, map(string, string))'\n | variables.size == params.data\n | ...............^\n",
            )],
        );
    }

    #[test]
    fn a_kind_that_contains_itself_has_a_type() {
        let definitions = [("apiextensions.k8s.io", "customresourcedefinitions")];
        check(&definitions, json!([{ "expression": "object.spec.group != ''" }]), json!({}), &[]);
    }
}

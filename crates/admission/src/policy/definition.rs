//! Policies and bindings as they are stored, and compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::{Entry, GroupResource};
use ironclad_client::Cache;
use ironclad_client::cache::CachedResource;
use ironclad_engine::gate::AdmissionRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::params::{self, ParamKind, ParamRef};
use crate::Cluster;
use crate::expressions::{Condition, Conditions, Definitions, Scope, compile_variables};
use crate::matching::{Constraints, Invocation, MatchResources, Subject};
use crate::reading;

/// A policy of either kind; `T` is what it does.
pub(super) struct Policy<T> {
    pub name: String,
    /// The version that was compiled.
    revision: u64,
    pub fails_open: bool,
    pub param_kind: Option<ParamKind>,
    /// `None` where there are none, which validation refuses.
    pub constraints: Option<Constraints>,
    pub variables: Definitions,
    pub conditions: Conditions,
    pub rules: T,
}

/// What a policy does, in its own kind's words.
pub(super) trait Rules: Sized {
    /// The part of `spec` that only this kind has.
    type Spec: DeserializeOwned + Default;
    const POLICIES: &'static str;
    const BINDINGS: &'static str;

    /// `scope` has all variables of the policy in it.
    fn compile(spec: Self::Spec, scope: &Scope) -> Self;
}

pub(super) struct Binding {
    pub name: String,
    pub policy: String,
    pub param_ref: Option<ParamRef>,
    pub constraints: Option<Constraints>,
    /// `Deny`, `Warn`, `Audit`; of validating policies only.
    pub actions: Vec<String>,
}

/// A policy with the bindings that put it into force, at least one.
pub(super) struct InForce<T> {
    pub policy: Arc<Policy<T>>,
    pub bindings: Vec<Binding>,
}

/// All policies in force, by name.
pub(super) type Policies<T> = Vec<InForce<T>>;

pub(super) fn resources<T: Rules>() -> [GroupResource; 2] {
    [T::POLICIES, T::BINDINGS].map(|name| GroupResource::new("admissionregistration.k8s.io", name))
}

/// Reads all bindings, and compiles their policies where they are not those of `before`.
pub(super) fn list<T: Rules>(cache: &dyn Cache, before: &Policies<T>) -> Policies<T> {
    let [policies, bindings] = resources::<T>();
    let mut bound: BTreeMap<String, Vec<Binding>> = BTreeMap::new();
    for entry in cache.list(&bindings, None) {
        if let Some(binding) = binding(&entry) {
            bound.entry(binding.policy.clone()).or_default().push(binding);
        }
    }
    let in_force = bound.into_iter().filter_map(|(name, bindings)| {
        let entry = cache.get(&policies, &ironclad_api::ObjectKey::cluster(name.as_str()))?;
        let known = before.iter().map(|known| &known.policy);
        let known = known.into_iter().find(|known| known.name == name && known.revision == entry.revision);
        let policy = match known {
            Some(policy) => policy.clone(),
            None => Arc::new(Policy::compile(&entry)?),
        };
        Some(InForce { policy, bindings })
    });
    in_force.collect()
}

#[derive(Default, Deserialize)]
#[serde(default, bound = "S: DeserializeOwned + Default")]
struct Stored<S> {
    spec: S,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PolicySpec {
    param_kind: Option<ParamKind>,
    match_constraints: Option<MatchResources>,
    failure_policy: Option<String>,
    #[serde(deserialize_with = "reading::or_default")]
    match_conditions: Vec<Condition>,
    #[serde(deserialize_with = "reading::or_default")]
    variables: Vec<Variable>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    expression: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BindingSpec {
    policy_name: String,
    param_ref: Option<ParamRef>,
    match_resources: Option<MatchResources>,
    #[serde(deserialize_with = "reading::or_default")]
    validation_actions: Vec<String>,
}

impl<T> Policy<T> {
    /// How the policy sees the request, and what its parameters are; `None` if it is not concerned.
    pub fn concern(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<Option<(Invocation, Option<CachedResource>)>, String> {
        let constraints = self.constraints.as_ref();
        let constraints = constraints.ok_or("policy contained no match constraints, a required field")?;
        let Some(invocation) = constraints.concern(request, cluster)? else { return Ok(None) };
        let kind = self.param_kind.as_ref().map(|kind| kind.resolve(cluster)).transpose()?;
        Ok(Some((invocation, kind)))
    }
}

impl Binding {
    /// The parameters to evaluate the policy with; none if the binding is not about the request.
    pub fn params(
        &self,
        kind: Option<&CachedResource>,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<Vec<Value>, String> {
        if let Some(constraints) = &self.constraints
            && constraints.concern(request, cluster)?.is_none()
        {
            return Ok(Vec::new());
        }
        params::collect(kind, self.param_ref.as_ref(), Subject::of(request).namespace, cluster)
    }
}

impl<T: Rules> Policy<T> {
    fn compile(entry: &Entry) -> Option<Self> {
        let shared = reading::read::<Stored<PolicySpec>>(entry)?.spec;
        let own = reading::read::<Stored<T::Spec>>(entry)?.spec;
        let scope = Scope { params: shared.param_kind.is_some(), authorizer: true, ..Scope::default() };
        let variables = shared.variables.into_iter().map(|variable| (variable.name, variable.expression));
        let (variables, scope) = compile_variables(variables.collect(), scope);
        let fails_open = shared.failure_policy.as_deref() == Some("Ignore");
        let environment = scope.environment();
        Some(Self {
            name: entry.key.name.clone(),
            revision: entry.revision,
            fails_open,
            param_kind: shared.param_kind,
            constraints: shared.match_constraints.map(Constraints::from),
            conditions: Conditions::compile(&environment, &shared.match_conditions, fails_open),
            variables,
            rules: T::compile(own, &scope),
        })
    }
}

fn binding(entry: &Entry) -> Option<Binding> {
    let spec = reading::read::<Stored<BindingSpec>>(entry)?.spec;
    Some(Binding {
        name: entry.key.name.clone(),
        policy: spec.policy_name,
        param_ref: spec.param_ref,
        constraints: spec.match_resources.map(Constraints::from),
        actions: spec.validation_actions,
    })
}

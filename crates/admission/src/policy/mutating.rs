//! The plugin MutatingAdmissionPolicy.

use std::sync::Arc;

use ironclad_api::{Cause, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;
use serde_json::Value;

use super::definition::{self, Policies, Policy};
use super::is_excluded;
use super::mutation::{Failure, Mutation, Mutations};
use crate::expressions::{Authority, Inputs, Matched, namespace_object};
use crate::matching::Invocation;
use crate::plugins::forbidden;
use crate::reading::Derived;
use crate::versions;
use crate::{Cluster, Pass, WaitingPlugin};

const NAME: &str = "MutatingAdmissionPolicy";

pub(crate) struct MutatingAdmissionPolicy {
    authorizer: Arc<dyn Authorizer>,
    policies: Derived<Policies<Mutations>>,
}

impl MutatingAdmissionPolicy {
    pub fn new(cache: &Arc<dyn Cache>, authorizer: &Arc<dyn Authorizer>) -> Self {
        let resources = definition::resources::<Mutations>();
        Self { authorizer: authorizer.clone(), policies: Derived::new(cache, &resources, definition::list) }
    }
}

/// A policy to be carried out with one parameter of one binding.
struct Call {
    policy: Arc<Policy<Mutations>>,
    binding: String,
    invocation: Invocation,
    params: Value,
    /// Tells this call from the others of the request.
    key: String,
}

/// A policy that could not be carried out, and why.
struct Objection {
    text: String,
    /// Empty, or the word that becomes the Status' reason.
    reason: &'static str,
}

/// The policies of one request.
struct Workshop<'a> {
    cluster: &'a Cluster<'a>,
    authority: Arc<Authority>,
    /// Of policies that fail closed.
    objections: Vec<Objection>,
}

impl Workshop<'_> {
    /// What is to be done, judged by the object as it came.
    fn calls(&mut self, policies: &Policies<Mutations>, request: &AdmissionRequest<'_>) -> Vec<Call> {
        let mut calls = Vec::new();
        for in_force in policies {
            let policy = &in_force.policy;
            let (invocation, kind) = match policy.concern(request, self.cluster) {
                Ok(None) => continue,
                Ok(Some(concern)) => concern,
                Err(why) => {
                    self.object(policy, None, format!("failed to configure policy: {why}"), "");
                    continue;
                }
            };
            for binding in &in_force.bindings {
                let params = match binding.params(kind.as_ref(), request, self.cluster) {
                    Ok(params) => params,
                    Err(why) => {
                        let why = format!("failed to configure binding: {why}");
                        self.object(policy, Some(&binding.name), why, "");
                        continue;
                    }
                };
                calls.extend(params.into_iter().map(|params| Call {
                    key: key(policy, &binding.name, &params),
                    policy: policy.clone(),
                    binding: binding.name.clone(),
                    invocation: invocation.clone(),
                    params,
                }));
            }
        }
        calls
    }

    fn object(
        &mut self,
        policy: &Policy<Mutations>,
        binding: Option<&str>,
        why: String,
        reason: &'static str,
    ) {
        if policy.fails_open {
            return;
        }
        let text = match binding {
            Some(binding) => {
                format!("policy '{}' with binding '{binding}' denied request: {why}", policy.name)
            }
            None => format!("policy \"{}\" denied request: {why}", policy.name),
        };
        self.objections.push(Objection { text, reason });
    }

    /// Carries out one call and says whether it changed the object; `None` if its conditions
    /// do not hold.
    async fn carry_out(
        &mut self,
        call: &Call,
        request: &mut AdmissionRequest<'_>,
        namespace: &Value,
    ) -> Result<Option<bool>, Status> {
        if !call.policy.conditions.is_empty() {
            let inputs = self.inputs(call, request, namespace).await?;
            let check = || call.policy.matches(&inputs.activation(&call.params));
            match self.authority.settle(check).await {
                Matched::Yes => {}
                Matched::No => return Ok(None),
                Matched::Error(why) => {
                    self.object(&call.policy, Some(&call.binding), why, "Invalid");
                    return Ok(None);
                }
            }
        }
        let mut changed = false;
        for mutation in &call.policy.rules.mutations {
            match self.mutate(call, mutation, request, namespace).await? {
                Ok(did) => changed |= did,
                Err(why) => self.object(&call.policy, Some(&call.binding), why, "Invalid"),
            }
        }
        Ok(Some(changed))
    }

    async fn mutate(
        &self,
        call: &Call,
        mutation: &Mutation,
        request: &mut AdmissionRequest<'_>,
        namespace: &Value,
    ) -> Result<Result<bool, String>, Status> {
        let objects = versions::versioned(request, &call.invocation.kind).await?;
        let Some(before) = &objects.object else { return Ok(Ok(false)) };
        let inputs = Inputs::new(request, &call.invocation, &objects, namespace.clone(), &self.authority);
        let evaluate = || call.policy.evaluate(mutation, &inputs.activation(&call.params));
        let made = match self.authority.settle(evaluate).await {
            Ok(made) => made,
            Err(why) => return Ok(Err(why)),
        };
        let after = match mutation.apply(made, before, &call.invocation) {
            Ok(after) => after,
            Err(Failure::Policy(why)) => return Ok(Err(why)),
            Err(Failure::Internal(why)) => return Err(Status::internal_error(why)),
        };
        let changed = after != *before;
        let stored = versions::to_storage(request, after).await?;
        if let Some(object) = &mut request.object {
            **object = stored;
        }
        Ok(Ok(changed))
    }

    async fn inputs(
        &self,
        call: &Call,
        request: &AdmissionRequest<'_>,
        namespace: &Value,
    ) -> Result<Inputs, Status> {
        let objects = versions::versioned(request, &call.invocation.kind).await?;
        Ok(Inputs::new(request, &call.invocation, &objects, namespace.clone(), &self.authority))
    }

    /// The first objection speaks for all; the others are causes beside it.
    fn verdict(self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let Some(first) = self.objections.first() else { return Ok(()) };
        let mut status = forbidden(request, "admission request denied by policy");
        status.message = first.text.clone();
        if !first.reason.is_empty() {
            status.reason = first.reason.into();
        }
        let causes = self.objections.into_iter().map(|objection| objection.text);
        status.details_mut().causes.extend(causes.map(|message| Cause { message, ..Cause::default() }));
        Err(status)
    }
}

fn key(policy: &Policy<Mutations>, binding: &str, params: &Value) -> String {
    let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    format!("{}/{binding}/{namespace}/{name}", policy.name)
}

impl MutatingAdmissionPolicy {
    async fn run(
        &self,
        policies: &Policies<Mutations>,
        request: &mut AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
        pass: &mut Pass,
    ) -> Result<(), Status> {
        let authority = Authority::new(self.authorizer.clone(), request);
        let mut workshop = Workshop { cluster, authority, objections: Vec::new() };
        let calls = workshop.calls(policies, request);
        if calls.is_empty() {
            return workshop.verdict(request);
        }
        let namespace = namespace_object(request, cluster)?;
        let second = pass.second;
        if second {
            pass.memory(NAME).enter(request.object.as_deref());
        }
        for call in &calls {
            if second && !pass.memory(NAME).is_due(&call.key) {
                continue;
            }
            let Some(changed) = workshop.carry_out(call, request, &namespace).await? else { continue };
            if changed {
                pass.memory(NAME).changed();
                pass.again = true;
            }
            if call.policy.rules.reinvocable {
                pass.memory(NAME).ran(&call.key);
            }
        }
        pass.memory(NAME).leave(request.object.as_deref());
        workshop.verdict(request)
    }
}

impl WaitingPlugin for MutatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
        pass: &'a mut Pass,
    ) -> BoxFuture<'a, Result<(), Status>> {
        let policies = self.policies.get();
        if policies.is_empty() || is_excluded(request) {
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(async move { self.run(&policies, request, cluster, pass).await })
    }
}

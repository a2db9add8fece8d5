//! The plugin ValidatingAdmissionPolicy.

use std::sync::Arc;

use ironclad_api::{Cause, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;
use serde_json::Value;

use super::annotations::{self, Collected};
use super::definition::{self, Binding, InForce, Policies, Policy};
use super::is_excluded;
use super::judgement::{Denial, Judgement, Validations};
use crate::expressions::{Authority, Inputs, namespace_object};
use crate::matching::Invocation;
use crate::plugins::forbidden;
use crate::reading::Derived;
use crate::versions::{self, Versioned};
use crate::{Cluster, WaitingPlugin};

pub(crate) struct ValidatingAdmissionPolicy {
    authorizer: Arc<dyn Authorizer>,
    policies: Derived<Policies<Validations>>,
}

impl ValidatingAdmissionPolicy {
    pub fn new(cache: &Arc<dyn Cache>, authorizer: &Arc<dyn Authorizer>) -> Self {
        let resources = definition::resources::<Validations>();
        Self { authorizer: authorizer.clone(), policies: Derived::new(cache, &resources, definition::list) }
    }
}

/// A denial that counts: who said it, and what.
struct Denied {
    policy: String,
    binding: Option<String>,
    denial: Denial,
}

/// The policies of one request, one after the other.
struct Court<'a> {
    request: &'a AdmissionRequest<'a>,
    cluster: &'a Cluster<'a>,
    authority: Arc<Authority>,
    denied: Vec<Denied>,
}

impl Court<'_> {
    async fn hear(&mut self, in_force: &InForce<Validations>) -> Result<(), Status> {
        let policy = &*in_force.policy;
        let (invocation, kind) = match policy.concern(self.request, self.cluster) {
            Ok(None) => return Ok(()),
            Ok(Some(concern)) => concern,
            Err(why) => {
                self.misconfigured(policy, None, &why);
                return Ok(());
            }
        };
        let mut objects: Option<Versioned> = None;
        let mut collected = Collected::default();
        for binding in &in_force.bindings {
            let params = match binding.params(kind.as_ref(), self.request, self.cluster) {
                Ok(params) => params,
                Err(why) => {
                    self.misconfigured(policy, Some(binding), &why);
                    continue;
                }
            };
            if objects.is_none() && !params.is_empty() {
                match versions::versioned(self.request, &invocation.kind).await {
                    Ok(versioned) => objects = Some(versioned),
                    Err(status) => {
                        let why = format!("failed to convert object version: {status}");
                        self.misconfigured(policy, Some(binding), &why);
                        continue;
                    }
                }
            }
            let Some(objects) = &objects else { continue };
            self.ask(policy, binding, &invocation, objects, &params, &mut collected).await?;
        }
        collected.publish(&policy.name, self.request.context);
        Ok(())
    }

    async fn ask(
        &mut self,
        policy: &Policy<Validations>,
        binding: &Binding,
        invocation: &Invocation,
        objects: &Versioned,
        params: &[Value],
        collected: &mut Collected,
    ) -> Result<(), Status> {
        if params.is_empty() {
            return Ok(());
        }
        let namespace = namespace_object(self.request, self.cluster)?;
        let inputs = Inputs::new(self.request, invocation, objects, namespace, &self.authority);
        for params in params {
            let judgement = self.authority.settle(|| policy.judge(&inputs.activation(params))).await;
            self.act(policy, binding, judgement, collected);
        }
        Ok(())
    }

    fn act(
        &mut self,
        policy: &Policy<Validations>,
        binding: &Binding,
        judgement: Judgement,
        collected: &mut Collected,
    ) {
        let context = self.request.context;
        let denied = |denial: Denial| Denied {
            policy: policy.name.clone(),
            binding: Some(binding.name.clone()),
            denial,
        };
        for denial in judgement.denials {
            for action in &binding.actions {
                match action.as_str() {
                    "Audit" => {
                        annotations::failure(context, &policy.name, &binding.name, &binding.actions, &denial);
                    }
                    "Warn" => context.warn(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                        policy.name, binding.name, denial.message
                    )),
                    _ => self.denied.push(denied(denial.clone())),
                }
            }
        }
        judgement.annotations.into_iter().for_each(|(key, value)| collected.add(key, value));
        for message in judgement.failed_annotations {
            self.denied.push(denied(Denial { index: 0, message, reason: String::new() }));
        }
    }

    /// A policy or binding that cannot be evaluated denies, unless it lets errors pass.
    fn misconfigured(&mut self, policy: &Policy<Validations>, binding: Option<&Binding>, why: &str) {
        if policy.fails_open {
            return;
        }
        let what = if binding.is_some() { "binding" } else { "policy" };
        let message = format!("failed to configure {what}: {why}");
        self.denied.push(Denied {
            policy: policy.name.clone(),
            binding: binding.map(|binding| binding.name.clone()),
            denial: Denial { index: 0, message, reason: String::new() },
        });
    }

    fn verdict(self) -> Result<(), Status> {
        let Some(Denied { policy, binding, denial }) = self.denied.into_iter().next() else { return Ok(()) };
        let with = binding.map(|binding| format!(" with binding '{binding}'")).unwrap_or_default();
        let message =
            format!("ValidatingAdmissionPolicy '{policy}'{with} denied request: {}", denial.message);
        let mut status = forbidden(self.request, message.as_str());
        let reason = if denial.reason.is_empty() { "Invalid" } else { &denial.reason };
        status.code = match reason {
            "Forbidden" => 403,
            "Unauthorized" => 401,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        status.reason = reason.into();
        status.details_mut().causes.push(Cause { message, ..Cause::default() });
        Err(status)
    }
}

impl WaitingPlugin for ValidatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        let policies = self.policies.get();
        if policies.is_empty() || is_excluded(request) {
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(async move {
            let authority = Authority::new(self.authorizer.clone(), request);
            let mut court = Court { request, cluster, authority, denied: Vec::new() };
            for in_force in policies.iter() {
                court.hear(in_force).await?;
            }
            court.verdict()
        })
    }
}

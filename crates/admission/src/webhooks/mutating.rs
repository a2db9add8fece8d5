//! MutatingAdmissionWebhook: webhooks that are asked one after the other, and may patch the object.

use std::sync::Arc;

use ironclad_api::patch::JsonPatch;
use ironclad_api::{Status, json};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;
use ironclad_webhook::Caller;

use super::call::{Question, Refusal};
use super::hook::{self, Hook, Hooks};
use crate::expressions::Authority;
use crate::matching::{Invocation, is_exempt};
use crate::metrics::WebhookCall;
use crate::reading::Derived;
use crate::versions::{self, Versioned};
use crate::{Cluster, Pass, WaitingPlugin};

const NAME: &str = "MutatingAdmissionWebhook";
const RESOURCE: &str = "mutatingwebhookconfigurations";
/// Where the audit log says which webhooks changed the object, and which could not be asked.
const MUTATION: &str = "mutation.webhook.admission.k8s.io";

pub(crate) struct MutatingAdmissionWebhook {
    caller: Arc<Caller>,
    authorizer: Arc<dyn Authorizer>,
    hooks: Derived<Hooks>,
}

impl MutatingAdmissionWebhook {
    pub fn new(cache: &Arc<dyn Cache>, caller: &Arc<Caller>, authorizer: &Arc<dyn Authorizer>) -> Self {
        let resource = hook::resource(RESOURCE);
        let make = |cache: &dyn Cache, before: &Hooks| hook::list(cache, &hook::resource(RESOURCE), before);
        Self {
            caller: caller.clone(),
            authorizer: authorizer.clone(),
            hooks: Derived::new(cache, &[resource], make),
        }
    }

    async fn ask_all(
        &self,
        hooks: &Hooks,
        request: &mut AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
        pass: &mut Pass,
    ) -> Result<(), Status> {
        let authority = Authority::new(self.authorizer.clone(), request);
        let second = pass.second;
        if second {
            pass.memory(NAME).enter(request.object.as_deref());
        }
        for (index, hook) in hooks.iter().flat_map(|configured| &configured.hooks).enumerate() {
            if second && !pass.memory(NAME).is_due(&hook.uid) {
                continue;
            }
            let Some(invocation) = hook.concerns(request, cluster)? else { continue };
            let objects = versions::versioned(request, &invocation.kind).await?;
            if !hook.conditions_hold(request, &invocation, &objects, &authority).await? {
                continue;
            }
            let place = Place { round: u8::from(second), index };
            if self.ask(hook, request, &invocation, objects, place).await? {
                pass.memory(NAME).changed();
                pass.again = true;
            }
            if hook.reinvocable {
                pass.memory(NAME).ran(&hook.uid);
            }
        }
        pass.memory(NAME).leave(request.object.as_deref());
        Ok(())
    }

    /// Asks one webhook, and says whether it changed the object.
    async fn ask(
        &self,
        hook: &Hook,
        request: &mut AdmissionRequest<'_>,
        invocation: &Invocation,
        objects: Versioned,
        place: Place,
    ) -> Result<bool, Status> {
        let (env, since) = (self.caller.env(), self.caller.env().elapsed());
        let asked = self.patch(hook, request, invocation, objects).await;
        let call = WebhookCall {
            name: &hook.name,
            mutating: true,
            operation: request.operation,
            fails_open: hook.fails_open,
            took: env.elapsed().saturating_sub(since),
        };
        call.ended(&asked);
        request.context.waited_for_webhooks(call.took);
        let mut audit = request.context.audit.lock();
        let changed = *asked.as_ref().unwrap_or(&false);
        audit.entry(place.key(MUTATION)).or_insert_with(|| mutation(hook, changed));
        match asked {
            Ok(changed) => Ok(changed),
            Err(Refusal::Failed(why)) if hook.fails_open => {
                tracing::warn!(webhook = hook.name, why, "a webhook could not be asked; let through");
                audit
                    .entry(place.key(&format!("failed-open.{MUTATION}")))
                    .or_insert_with(|| hook.name.clone());
                Ok(false)
            }
            Err(Refusal::Failed(why)) => Err(Status::internal_error(why)),
            Err(Refusal::Denied(status)) => Err(status),
        }
    }

    async fn patch(
        &self,
        hook: &Hook,
        request: &mut AdmissionRequest<'_>,
        invocation: &Invocation,
        objects: Versioned,
    ) -> Result<bool, Refusal> {
        let broken = |why: String| Refusal::Denied(Status::internal_error(why));
        let question = Question::new(hook, request, invocation, &objects, &self.caller)?;
        let answer = question.ask(hook, request.context, &self.caller, true).await?;
        let Some(patch) = answer.patch().map_err(|why| hook.failed(why))? else { return Ok(false) };
        let patch = json::decode(&patch).map_err(|error| error.to_string());
        let patch =
            patch.and_then(|patch| JsonPatch::from_value(patch.value).map_err(|error| error.to_string()));
        let patch = patch
            .map_err(|why| hook.failed(format!("received undecodable patch in webhook response: {why}")))?;
        if patch.is_empty() {
            return Ok(false);
        }
        let Some(before) = objects.object else {
            return Err(broken(format!(
                "admission webhook \"{}\" attempted to modify the object, which is not supported for this operation",
                hook.name
            )));
        };
        let before = before.into_value();
        let after = patch.apply(&before).map_err(|error| broken(error.to_string()))?;
        let (after, _) = versions::typed(after, invocation).map_err(broken)?;
        let changed = Some(&after.0) != before.as_object();
        let stored = versions::to_storage(request, after).await.map_err(Refusal::Denied)?;
        if let Some(object) = &mut request.object {
            **object = stored;
        }
        Ok(changed)
    }
}

/// Which call of the request this is, for the audit log.
#[derive(Clone, Copy)]
struct Place {
    round: u8,
    index: usize,
}

impl Place {
    fn key(self, prefix: &str) -> String {
        format!("{prefix}/round_{}_index_{}", self.round, self.index)
    }
}

fn mutation(hook: &Hook, mutated: bool) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    // In the order in which Go writes the fields.
    format!(
        "{{\"configuration\":{},\"webhook\":{},\"mutated\":{mutated}}}",
        quoted(&hook.configuration),
        quoted(&hook.name)
    )
}

impl WaitingPlugin for MutatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
        pass: &'a mut Pass,
    ) -> BoxFuture<'a, Result<(), Status>> {
        let hooks = self.hooks.get();
        if hooks.is_empty() || is_exempt(request.kind) {
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(async move { self.ask_all(&hooks, request, cluster, pass).await })
    }
}

//! ValidatingAdmissionWebhook: webhooks that are asked all at once. The write passes if none
//! of them objects.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures::future::join_all;
use ironclad_api::{GroupVersionKind, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;
use ironclad_webhook::Caller;

use super::call::{Question, Refusal};
use super::hook::{self, Hook, Hooks};
use crate::expressions::Authority;
use crate::matching::is_exempt;
use crate::metrics::WebhookCall;
use crate::reading::Derived;
use crate::versions::{self, Versioned};
use crate::{Cluster, WaitingPlugin};

const RESOURCE: &str = "validatingwebhookconfigurations";
/// Where the audit log says which webhooks could not be asked.
const FAILED_OPEN: &str = "failed-open.validating.webhook.admission.k8s.io";

pub(crate) struct ValidatingAdmissionWebhook {
    caller: Arc<Caller>,
    authorizer: Arc<dyn Authorizer>,
    hooks: Derived<Hooks>,
}

impl ValidatingAdmissionWebhook {
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
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<(), Status> {
        let authority = Authority::new(self.authorizer.clone(), request);
        let mut concerned = Vec::new();
        let mut objects: HashMap<GroupVersionKind, Versioned> = HashMap::new();
        for hook in hooks.iter().flat_map(|configured| &configured.hooks) {
            let Some(invocation) = hook.concerns(request, cluster)? else { continue };
            let versioned = match objects.entry(invocation.kind.clone()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(versions::versioned(request, &invocation.kind).await?),
            };
            if hook.conditions_hold(request, &invocation, versioned, &authority).await? {
                concerned.push((hook, invocation));
            }
        }
        let asked = concerned.iter().enumerate().map(|(index, (hook, invocation))| {
            let objects = &objects[&invocation.kind];
            let question = Question::new(hook, request, invocation, objects, &self.caller);
            self.ask(hook, request, question, index)
        });
        let (env, since) = (self.caller.env(), self.caller.env().elapsed());
        let answers = join_all(asked).await;
        request.context.waited_for_webhooks(env.elapsed().saturating_sub(since));
        answers.into_iter().collect()
    }

    async fn ask(
        &self,
        hook: &Hook,
        request: &AdmissionRequest<'_>,
        question: Result<Question, Refusal>,
        index: usize,
    ) -> Result<(), Status> {
        let (env, since) = (self.caller.env(), self.caller.env().elapsed());
        let asked = match question {
            Ok(question) => question.ask(hook, request.context, &self.caller, false).await.map(drop),
            Err(refusal) => Err(refusal),
        };
        let call = WebhookCall {
            name: &hook.name,
            mutating: false,
            operation: request.operation,
            fails_open: hook.fails_open,
            took: env.elapsed().saturating_sub(since),
        };
        call.ended(&asked);
        match asked {
            Ok(()) => Ok(()),
            Err(Refusal::Failed(why)) if hook.fails_open => {
                tracing::warn!(webhook = hook.name, why, "a webhook could not be asked; let through");
                let key = format!("{FAILED_OPEN}/round_0_index_{index}");
                request.context.audit.lock().entry(key).or_insert_with(|| hook.name.clone());
                Ok(())
            }
            Err(Refusal::Failed(why)) => Err(Status::internal_error(why)),
            Err(Refusal::Denied(status)) => Err(status),
        }
    }
}

impl WaitingPlugin for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        let hooks = self.hooks.get();
        if hooks.is_empty() || is_exempt(request.kind) {
            return Box::pin(std::future::ready(Ok(())));
        }
        Box::pin(async move { self.ask_all(&hooks, request, cluster).await })
    }
}

//! A webhook, and the list of all of them.

use std::sync::Arc;

use ironclad_api::labels::LabelSelector;
use ironclad_api::{Entry, GroupResource, Status};
use ironclad_cel::Environment;
use ironclad_client::Cache;
use ironclad_engine::gate::AdmissionRequest;
use ironclad_webhook::{ClientConfig, Endpoint};
use serde::Deserialize;
use serde_json::Value;

use crate::Cluster;
use crate::expressions::{Authority, Budget, Condition, Conditions, Inputs, Matched, Run, Scope};
use crate::matching::{Invocation, MatchPolicy, Rule, Selectors, Subject, first_match};
use crate::reading;
use crate::versions::Versioned;

/// Of webhooks that do not say; the API's default.
const TIMEOUT_SECONDS: u32 = 10;

#[derive(Debug)]
pub(super) struct Hook {
    pub configuration: String,
    pub name: String,
    /// Unique among all hooks of a request.
    pub uid: String,
    /// `None` where the configuration names no place, which validation refuses.
    pub endpoint: Option<Endpoint>,
    pub timeout_seconds: u32,
    /// `None`: not said, which is not the same as `None` for dry runs.
    pub side_effects: Option<String>,
    /// A webhook that cannot be asked counts as one that has no objection.
    pub fails_open: bool,
    pub review_versions: Vec<String>,
    /// Wants to see the object again when others change it after it.
    pub reinvocable: bool,
    rules: Vec<Rule>,
    match_policy: MatchPolicy,
    selectors: Selectors,
    conditions: Conditions,
}

/// The webhooks of one configuration, read once per version.
pub(super) struct Configured {
    name: String,
    revision: u64,
    pub hooks: Vec<Hook>,
}

/// All webhooks of one kind, in the order in which they are asked: by the names of their
/// configurations, and as they stand in them.
pub(super) type Hooks = Vec<Arc<Configured>>;

impl Hook {
    /// How this hook sees the request; `None` if it does not concern it.
    pub fn concerns(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<Option<Invocation>, Status> {
        let Some(selected) = self.selectors.select(request, cluster) else { return Ok(None) };
        match first_match(&self.rules, self.match_policy, request) {
            Some(invocation) => selected.map(|()| Some(invocation)),
            None => Ok(None),
        }
    }

    /// Whether the match conditions hold for the request as the invocation sees it.
    pub async fn conditions_hold(
        &self,
        request: &AdmissionRequest<'_>,
        invocation: &Invocation,
        objects: &Versioned,
        authority: &Arc<Authority>,
    ) -> Result<bool, Status> {
        if self.conditions.is_empty() {
            return Ok(true);
        }
        let inputs = Inputs::new(request, invocation, objects, Value::Null, authority);
        let check = || {
            let activation = inputs.activation(&Value::Null);
            let mut run = Run { activation: &activation, variables: None, budget: Budget(0) };
            self.conditions.check(&mut run)
        };
        match authority.settle(check).await {
            Matched::Yes => Ok(true),
            Matched::No => Ok(false),
            Matched::Error(why) => {
                let resource = request.target.resource.group_resource();
                Err(Status::forbidden(&resource, Subject::of(request).name, why))
            }
        }
    }
}

pub(super) fn resource(resource: &'static str) -> GroupResource {
    GroupResource::new("admissionregistration.k8s.io", resource)
}

/// Reads the configurations of a resource that are not those of `before`.
pub(super) fn list(cache: &dyn Cache, resource: &GroupResource, before: &Hooks) -> Hooks {
    let read = |entry: &Arc<Entry>| {
        let known =
            |known: &&Arc<Configured>| known.name == entry.key.name && known.revision == entry.revision;
        match before.iter().find(known) {
            Some(known) => Some(known.clone()),
            None => configured(entry).map(Arc::new),
        }
    };
    cache.list(resource, None).iter().filter_map(read).collect()
}

fn configured(entry: &Entry) -> Option<Configured> {
    let configuration: Configuration = reading::read(entry)?;
    let name = entry.key.name.clone();
    let environment = Scope { authorizer: true, ..Scope::default() }.environment();
    let webhooks = configuration.webhooks.into_iter().enumerate();
    let hooks = webhooks.map(|(index, webhook)| webhook.hook(&name, index, &environment)).collect();
    Some(Configured { revision: entry.revision, hooks, name })
}

/// Mutating and validating webhooks in one: they have the same fields but for the last.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    #[serde(deserialize_with = "reading::or_default")]
    webhooks: Vec<Webhook>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Webhook {
    name: String,
    client_config: ClientConfig,
    #[serde(deserialize_with = "reading::or_default")]
    rules: Vec<Rule>,
    failure_policy: Option<String>,
    match_policy: Option<MatchPolicy>,
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
    side_effects: Option<String>,
    timeout_seconds: Option<u32>,
    #[serde(deserialize_with = "reading::or_default")]
    admission_review_versions: Vec<String>,
    reinvocation_policy: Option<String>,
    #[serde(deserialize_with = "reading::or_default")]
    match_conditions: Vec<Condition>,
}

impl Webhook {
    fn hook(self, configuration: &str, index: usize, environment: &Environment) -> Hook {
        let fails_open = self.failure_policy.as_deref() == Some("Ignore");
        Hook {
            conditions: Conditions::compile(environment, &self.match_conditions, fails_open),
            uid: format!("{configuration}/{}/{index}", self.name),
            configuration: configuration.to_owned(),
            endpoint: self.client_config.endpoint(),
            timeout_seconds: self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS),
            side_effects: self.side_effects,
            fails_open,
            review_versions: self.admission_review_versions,
            reinvocable: self.reinvocation_policy.as_deref() == Some("IfNeeded"),
            rules: self.rules,
            match_policy: self.match_policy.unwrap_or_default(),
            selectors: Selectors::new(self.namespace_selector.as_ref(), self.object_selector.as_ref()),
            name: self.name,
        }
    }
}

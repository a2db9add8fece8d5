//! A webhook, and the list of all of them.

use ironclad_api::labels::LabelSelector;
use ironclad_api::{GroupResource, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::AdmissionRequest;
use ironclad_webhook::{ClientConfig, Endpoint};
use serde::Deserialize;

use crate::Cluster;
use crate::matching::{Invocation, MatchPolicy, Rule, Selectors, first_match};
use crate::reading;

/// Of webhooks that do not say; the API's default.
const TIMEOUT_SECONDS: u32 = 10;

#[derive(Clone, Debug)]
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
}

/// All webhooks of one kind, in the order in which they are asked: by the names of their
/// configurations, and as they stand in them.
pub(super) type Hooks = Vec<Hook>;

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
}

pub(super) fn resource(resource: &'static str) -> GroupResource {
    GroupResource::new("admissionregistration.k8s.io", resource)
}

/// Reads all configurations of a resource.
pub(super) fn list(cache: &dyn Cache, resource: &GroupResource) -> Hooks {
    let entries = cache.list(resource, None);
    let configurations =
        entries.iter().filter_map(|entry| Some((entry, reading::read::<Configuration>(entry)?)));
    configurations
        .flat_map(|(entry, configuration)| {
            let name = entry.key.name.clone();
            configuration
                .webhooks
                .into_iter()
                .enumerate()
                .map(move |(index, webhook)| webhook.hook(&name, index))
        })
        .collect()
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
}

impl Webhook {
    fn hook(self, configuration: &str, index: usize) -> Hook {
        Hook {
            uid: format!("{configuration}/{}/{index}", self.name),
            configuration: configuration.to_owned(),
            endpoint: self.client_config.endpoint(),
            timeout_seconds: self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS),
            side_effects: self.side_effects,
            fails_open: self.failure_policy.as_deref() == Some("Ignore"),
            review_versions: self.admission_review_versions,
            reinvocable: self.reinvocation_policy.as_deref() == Some("IfNeeded"),
            rules: self.rules,
            match_policy: self.match_policy.unwrap_or_default(),
            selectors: Selectors::new(self.namespace_selector.as_ref(), self.object_selector.as_ref()),
            name: self.name,
        }
    }
}

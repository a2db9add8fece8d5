//! What a policy or binding concerns: rules, rules that take away again, and selectors.

use ironclad_api::labels::LabelSelector;
use ironclad_engine::gate::AdmissionRequest;
use serde::Deserialize;

use super::{Invocation, MatchPolicy, Rule, Selectors, first_match};
use crate::Cluster;
use crate::reading;

/// `MatchResources`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MatchResources {
    #[serde(deserialize_with = "reading::or_default")]
    resource_rules: Vec<Rule>,
    #[serde(deserialize_with = "reading::or_default")]
    exclude_resource_rules: Vec<Rule>,
    match_policy: Option<MatchPolicy>,
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
}

/// The same, ready to be asked.
#[derive(Debug)]
pub(crate) struct Constraints {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    policy: MatchPolicy,
    selectors: Selectors,
}

impl From<MatchResources> for Constraints {
    fn from(resources: MatchResources) -> Self {
        Self {
            policy: resources.match_policy.unwrap_or_default(),
            selectors: Selectors::new(
                resources.namespace_selector.as_ref(),
                resources.object_selector.as_ref(),
            ),
            rules: resources.resource_rules,
            excluded: resources.exclude_resource_rules,
        }
    }
}

impl Constraints {
    /// How the request is seen; `None` if it is not concerned.
    pub fn concern(
        &self,
        request: &AdmissionRequest<'_>,
        cluster: &Cluster<'_>,
    ) -> Result<Option<Invocation>, String> {
        let Some(selected) = self.selectors.select(request, cluster) else { return Ok(None) };
        if first_match(&self.excluded, self.policy, request).is_some() {
            return Ok(None);
        }
        let invocation = match self.rules.is_empty() {
            true => Some(Invocation::exact(request)),
            false => first_match(&self.rules, self.policy, request),
        };
        match invocation {
            Some(invocation) => selected.map(|()| Some(invocation)).map_err(|status| status.message),
            None => Ok(None),
        }
    }
}

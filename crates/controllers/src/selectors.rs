//! Label selectors of typed objects, ready to match.

use std::collections::BTreeMap;

use ironclad_api::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// A selector that matches labels. One that does not parse matches nothing.
pub struct Selector(labels::Selector);

impl Default for Selector {
    /// Matches nothing.
    fn default() -> Self {
        Self(labels::Selector::nothing())
    }
}

impl Selector {
    pub fn new(selector: &LabelSelector) -> Self {
        let parsed = serde_json::to_value(selector).and_then(serde_json::from_value::<labels::LabelSelector>);
        let selector = parsed.ok().and_then(|selector| selector.to_selector().ok());
        Self(selector.unwrap_or_else(labels::Selector::nothing))
    }

    pub fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        match labels {
            Some(labels) => self.0.matches(labels),
            None => self.0.matches(&BTreeMap::new()),
        }
    }
}

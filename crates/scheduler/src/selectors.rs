//! Label selectors of typed objects, parsed.

use ironclad_api::labels::{LabelSelector, LabelSelectorRequirement, Selector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Typed;

/// A missing selector selects nothing, and so does one that does not parse.
pub fn parse(selector: Option<&Typed>) -> Selector {
    let Some(selector) = selector else { return Selector::nothing() };
    let expressions =
        selector.match_expressions.iter().flatten().map(|expression| LabelSelectorRequirement {
            key: expression.key.clone(),
            operator: expression.operator.clone(),
            values: expression.values.clone().unwrap_or_default(),
        });
    let plain = LabelSelector {
        match_labels: selector.match_labels.clone().unwrap_or_default(),
        match_expressions: expressions.collect(),
    };
    plain.to_selector().unwrap_or_else(|_| Selector::nothing())
}

//! Label selectors of typed objects, in the form that has rules.

use ironclad_api::labels::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use crate::fields::items;

pub(crate) fn selector(selector: &meta::LabelSelector) -> LabelSelector {
    let expression = |expression: &meta::LabelSelectorRequirement| LabelSelectorRequirement {
        key: expression.key.clone(),
        operator: expression.operator.clone(),
        values: expression.values.clone().unwrap_or_default(),
    };
    LabelSelector {
        match_labels: selector.match_labels.clone().unwrap_or_default(),
        match_expressions: items(&selector.match_expressions).iter().map(expression).collect(),
    }
}

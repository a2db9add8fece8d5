//! The wide columns of kinds with a pod template.

use ironclad_api::Object;
use ironclad_api::labels::LabelSelector;
use ironclad_engine::Column;
use serde_json::Value;

use crate::columns::{NONE, text, wide};

/// The containers' names and images, and the selector.
pub(crate) fn containers_images_selector(selector: fn(&Object) -> String) -> [Column; 3] {
    [
        wide(text("Containers", |object| joined(object, "name"))),
        wide(text("Images", |object| joined(object, "image"))),
        wide(text("Selector", selector)),
    ]
}

fn joined(object: &Object, field: &str) -> String {
    let containers = object.at(&["spec", "template", "spec", "containers"]).and_then(Value::as_array);
    let texts =
        containers.into_iter().flatten().map(|container| container[field].as_str().unwrap_or_default());
    texts.collect::<Vec<_>>().join(",")
}

/// `spec.selector` as text; `<none>` for one that selects everything.
/// Source: `metav1.FormatLabelSelector`.
pub(crate) fn selector(object: &Object) -> String {
    match selector_text(object) {
        Some(text) if text.is_empty() => NONE.to_owned(),
        Some(text) => text,
        None => "<error>".to_owned(),
    }
}

/// `spec.selector` as text; `None` if it is malformed.
pub(crate) fn selector_text(object: &Object) -> Option<String> {
    let Some(selector) = object.at(&["spec", "selector"]) else { return Some(NONE.to_owned()) };
    let selector: LabelSelector = serde_json::from_value(selector.clone()).ok()?;
    Some(selector.to_selector().ok()?.to_string())
}

//! The wide columns of kinds with a pod template.

use ironclad_api::Object;
use ironclad_api::labels::LabelSelector;
use ironclad_engine::Column;
use serde_json::Value;

use crate::columns::{NONE, text, wide};

/// The containers' names and images, and the selector.
pub(crate) fn containers_images_selector(selector: fn(&Object) -> String) -> [Column; 3] {
    let [containers, images] = containers_images();
    [containers, images, wide(text("Selector", selector))]
}

/// The containers' names and images.
pub(crate) fn containers_images() -> [Column; 2] {
    [
        wide(text("Containers", |object| joined(object, "name"))),
        wide(text("Images", |object| joined(object, "image"))),
    ]
}

fn joined(object: &Object, field: &str) -> String {
    of_containers(object.at(&["spec", "template"]), field)
}

/// A field of each container of a template.
pub(crate) fn of_containers(template: Option<&Value>, field: &str) -> String {
    let containers = template.and_then(|template| template.pointer("/spec/containers")?.as_array());
    let texts =
        containers.into_iter().flatten().map(|container| container[field].as_str().unwrap_or_default());
    texts.collect::<Vec<_>>().join(",")
}

/// Labels as text; `<none>` for none.
pub(crate) fn labels_text(labels: Option<&Value>) -> String {
    let labels = ironclad_api::object::string_map(labels);
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") }
}

/// `spec.selector` as text; `<none>` for one that selects everything.
/// Source: `metav1.FormatLabelSelector`.
pub(crate) fn selector(object: &Object) -> String {
    formatted(object.at(&["spec", "selector"]))
}

/// A LabelSelector as text, wherever it stands.
pub(crate) fn formatted(selector: Option<&Value>) -> String {
    match as_text(selector) {
        Some(text) if text.is_empty() => NONE.to_owned(),
        Some(text) => text,
        None => "<error>".to_owned(),
    }
}

/// `spec.selector` as text; `None` if it is malformed.
pub(crate) fn selector_text(object: &Object) -> Option<String> {
    as_text(object.at(&["spec", "selector"]))
}

fn as_text(selector: Option<&Value>) -> Option<String> {
    let Some(selector) = selector else { return Some(NONE.to_owned()) };
    let selector: LabelSelector = serde_json::from_value(selector.clone()).ok()?;
    Some(selector.to_selector().ok()?.to_string())
}

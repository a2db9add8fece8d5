//! AppArmor profiles that old clients name in annotations (KEP-24).

use ironclad_api::Object;
use ironclad_api::object::object_in;
use serde_json::{Value, json};

use crate::pod_template::defaults::CONTAINER_LISTS;
use crate::spec::objects_at;

const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const LOCALHOST: &str = "localhost/";

/// Gives containers without a profile the one that their annotation names, unless it is the
/// pod's own.
pub(super) fn fields_from_annotations(pod: &mut Object) {
    if pod.str_at(&["spec", "os", "name"]) == "windows" {
        return;
    }
    let annotations = ironclad_api::object::string_map(pod.metadata().and_then(|m| m.get("annotations")));
    if !annotations.keys().any(|key| key.starts_with(PREFIX)) {
        return;
    }
    let of_pod = pod.at(&["spec", "securityContext", "appArmorProfile"]).cloned();
    for list in CONTAINER_LISTS {
        for container in objects_at(pod.section_mut("spec"), list) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            let profile = annotations.get(&format!("{PREFIX}{name}")).and_then(|text| profile(text));
            let Some(profile) = profile.filter(|profile| of_pod.as_ref() != Some(profile)) else { continue };
            object_in(container, "securityContext").entry("appArmorProfile").or_insert(profile);
        }
    }
}

/// The profile that an annotation's text stands for.
fn profile(text: &str) -> Option<Value> {
    match text {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => {
            let local =
                text.strip_prefix(LOCALHOST).filter(|name| !name.is_empty() && name.trim() == *name)?;
            Some(json!({"type": "Localhost", "localhostProfile": local}))
        }
    }
}

/// A warning for each such annotation that says more than the fields do.
pub(super) fn warnings(pod: &Object) -> Vec<String> {
    let of_pod = pod.at(&["spec", "securityContext", "appArmorProfile"]);
    let lists = CONTAINER_LISTS.iter().filter_map(|list| pod.at(&["spec", list])?.as_array());
    let mut warnings = Vec::new();
    for container in lists.flatten() {
        let key = format!("{PREFIX}{}", container["name"].as_str().unwrap_or_default());
        let Some(text) = pod.annotation(&key) else { continue };
        // The field is there by now, put there from the annotation or by the client itself.
        let told_by_pod = profile(text).is_some_and(|profile| of_pod == Some(&profile));
        let by_client = container.pointer("/securityContext/appArmorProfile").is_some()
            && container.pointer("/securityContext/appArmorProfile") != profile(text).as_ref();
        if !told_by_pod && !by_client {
            warnings.push(format!(
                "metadata.annotations[{key}]: deprecated since v1.30; use the \"appArmorProfile\" field instead"
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_become_fields() {
        let check = |text: &str, want: Option<Value>| {
            let mut pod = Object::from_value(json!({
                "metadata": {"annotations": {format!("{PREFIX}a"): text}},
                "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
            }))
            .expect("an object");
            fields_from_annotations(&mut pod);
            let pod = pod.into_value();
            assert_eq!(pod.pointer("/spec/containers/0/securityContext/appArmorProfile"), want.as_ref());
            assert_eq!(pod.pointer("/spec/containers/1/securityContext"), None);
        };
        check("unconfined", Some(json!({"type": "Unconfined"})));
        check("runtime/default", Some(json!({"type": "RuntimeDefault"})));
        check("localhost/x", Some(json!({"type": "Localhost", "localhostProfile": "x"})));
        check("localhost/", None);
        check("other", None);
    }
}

//! What extension servers say they serve.

use std::sync::Arc;

use ironclad_api::GroupVersion;
use serde_json::{Map, Value, json};

/// What is known of one group and version of another server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// `APIResourceDiscovery` of each resource.
    pub resources: Vec<Value>,
    /// Whether the server said so when it was last asked.
    pub current: bool,
    /// The URL of its OpenAPI v3 document at the server, query included; empty if it has none.
    pub openapi: String,
}

impl Document {
    /// The same, of which nobody knows whether it still holds.
    pub fn stale(known: Option<&Arc<Self>>) -> Self {
        Self { current: false, ..known.map(|known| Self::clone(known)).unwrap_or_default() }
    }
}

/// The resources of a group and version in an `APIGroupDiscoveryList`; empty if it is not there.
pub fn from_list(list: &Value, wanted: &GroupVersion) -> Vec<Value> {
    let items =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let group = items(list, "items").into_iter().find(|group| group["metadata"]["name"] == *wanted.group);
    let versions = group.map(|group| items(&group, "versions")).unwrap_or_default();
    let version = versions.into_iter().find(|version| version["version"] == *wanted.version);
    let mut resources = version.map(|version| items(&version, "resources")).unwrap_or_default();
    resources.iter_mut().for_each(complete);
    resources
}

/// Clients of 1.26 stumble over resources without a kind.
fn complete(resource: &mut Value) {
    let fill = |value: &mut Value| {
        if let Some(value) = value.as_object_mut() {
            let kind = value
                .entry("responseKind")
                .or_insert_with(|| json!({"group": "", "version": "", "kind": ""}));
            if kind.is_null() {
                *kind = json!({"group": "", "version": "", "kind": ""});
            }
        }
    };
    fill(resource);
    if let Some(subresources) = resource.get_mut("subresources").and_then(Value::as_array_mut) {
        subresources.iter_mut().for_each(fill);
    }
}

/// The same of an `APIResourceList`, from servers before 1.26.
pub fn from_legacy(list: &Value, group_version: &GroupVersion) -> Vec<Value> {
    let resources = list.get("resources").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |resource: &Value| resource["name"].as_str().unwrap_or_default().to_owned();
    let (subresources, mains): (Vec<Value>, Vec<Value>) =
        resources.into_iter().partition(|resource| name(resource).contains('/'));
    let mut all: Vec<Value> = mains.iter().map(|main| resource(main, group_version)).collect();
    for sub in subresources {
        let whole = name(&sub);
        let Some((parent, short)) = whole.split_once('/') else { continue };
        let Some(found) = all.iter_mut().find(|resource| resource["resource"] == parent) else { continue };
        let described = json!({
            "subresource": short,
            "responseKind": response_kind(&sub, group_version),
            "verbs": sub.get("verbs").cloned().unwrap_or_else(|| json!([])),
        });
        let list =
            found.as_object_mut().map(|found| found.entry("subresources").or_insert_with(|| json!([])));
        if let Some(list) = list.and_then(Value::as_array_mut) {
            list.push(described);
        }
    }
    all
}

fn resource(main: &Value, group_version: &GroupVersion) -> Value {
    let namespaced = main["namespaced"].as_bool().unwrap_or_default();
    let mut described = Map::from_iter([
        ("resource".to_owned(), main["name"].clone()),
        ("responseKind".to_owned(), response_kind(main, group_version)),
        ("scope".to_owned(), if namespaced { "Namespaced" } else { "Cluster" }.into()),
        ("singularResource".to_owned(), main.get("singularName").cloned().unwrap_or_else(|| "".into())),
        ("verbs".to_owned(), main.get("verbs").cloned().unwrap_or_else(|| json!([]))),
    ]);
    for field in ["shortNames", "categories"] {
        described.extend(main.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    described.into()
}

/// Of the list's own group and version unless it says another.
fn response_kind(resource: &Value, group_version: &GroupVersion) -> Value {
    let text = |field: &str| resource[field].as_str().unwrap_or_default();
    let (group, version) = match (text("group"), text("version")) {
        ("", "") => (&*group_version.group, &*group_version.version),
        own => own,
    };
    json!({"group": group, "version": version, "kind": text("kind")})
}

/// Where an OpenAPI v3 index says that the document of a group and version is.
pub fn openapi_url(index: &Value, group_version: &GroupVersion) -> String {
    let path = format!("apis/{}/{}", group_version.group, group_version.version);
    index["paths"][path]["serverRelativeURL"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group_version() -> GroupVersion {
        GroupVersion::new("wardle.example.com", "v1alpha1")
    }

    #[test]
    fn old_lists_say_the_same_as_new_ones() {
        let legacy = json!({"kind": "APIResourceList", "groupVersion": "wardle.example.com/v1alpha1", "resources": [
            {"name": "fischers", "singularName": "fischer", "namespaced": false, "kind": "Fischer", "verbs": ["get"]},
            {"name": "flunders", "singularName": "flunder", "namespaced": true, "kind": "Flunder", "verbs": ["get", "list"],
                "shortNames": ["fl"]},
            {"name": "flunders/scale", "namespaced": true, "group": "autoscaling", "version": "v1", "kind": "Scale",
                "verbs": ["get"]},
        ]});
        let own = |kind: &str| json!({"group": "wardle.example.com", "version": "v1alpha1", "kind": kind});
        let want = json!([
            {"resource": "fischers", "responseKind": own("Fischer"), "scope": "Cluster", "singularResource": "fischer",
                "verbs": ["get"]},
            {"resource": "flunders", "responseKind": own("Flunder"), "scope": "Namespaced", "singularResource": "flunder",
                "verbs": ["get", "list"], "shortNames": ["fl"], "subresources": [{"subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}, "verbs": ["get"]}]},
        ]);
        assert_eq!(Value::from(from_legacy(&legacy, &group_version())), want);
    }

    #[test]
    fn resources_are_found_in_a_list_of_groups() {
        let list = json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": "other"}, "versions": [{"version": "v1alpha1", "resources": [{"resource": "x"}]}]},
            {"metadata": {"name": "wardle.example.com"}, "versions": [
                {"version": "v1", "resources": []},
                {"version": "v1alpha1", "resources": [{"resource": "flunders"}]}]},
        ]});
        let none = json!({"group": "", "version": "", "kind": ""});
        let want = json!([{"resource": "flunders", "responseKind": none}]);
        assert_eq!(Value::from(from_list(&list, &group_version())), want);
        assert_eq!(from_list(&json!({"items": 1}), &group_version()), Vec::<Value>::new());
    }
}

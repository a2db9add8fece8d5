//! An `APIService` for every group and version that this server serves itself: what is compiled in, and what
//! CustomResourceDefinitions define. Clients see in them who serves what.

use std::collections::BTreeSet;

use ironclad_api::{GroupResource, GroupVersion, GroupVersionResource, Object, ObjectKey};
use ironclad_client::{Cache, Change, Target};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use ironclad_engine::registry::order;
use ironclad_engine::{Kinds, SchemaRef};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Upstream's label on those that the server keeps by itself.
const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
/// Its values: made at the start, and kept all the time.
const ON_START: &str = "onstart";
const ALWAYS: &str = "true";

/// No server of this group can be another one.
const OWN_GROUP: &str = "apiregistration.k8s.io";

/// Upstream's for custom resources.
const CUSTOM_VERSION_PRIORITY: u32 = 100;

pub struct LocalApiServices {
    builtin: BTreeSet<GroupVersion>,
}

impl LocalApiServices {
    pub fn new(kinds: &Kinds) -> Self {
        let builtin = kinds.all_served().filter(|served| matches!(served.schema(), SchemaRef::Builtin(_)));
        let versions = builtin.map(|served| served.gvr.group_version());
        Self { builtin: versions.filter(|version| *version.group != *OWN_GROUP).collect() }
    }

    /// Of those that are compiled in.
    pub fn names(&self) -> Vec<String> {
        self.builtin.iter().map(|version| key(&version.group, &version.version).name).collect()
    }

    fn wanted(&self, cache: &dyn Cache, name: &str) -> Option<Value> {
        let (version, group) = name.split_once('.')?;
        let group_version = GroupVersion::new(group.to_owned(), version.to_owned());
        let (label, version_priority) = match self.builtin.contains(&group_version) {
            true => (ON_START, builtin_priority(group, version)),
            false if is_defined(cache, &group_version) => (ALWAYS, CUSTOM_VERSION_PRIORITY),
            false => return None,
        };
        let mut spec = json!({
            "version": version,
            "groupPriorityMinimum": order::group_priority(group),
            "versionPriority": version_priority,
        });
        if !group.is_empty() {
            spec["group"] = group.into();
        }
        Some(json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name, "labels": {MANAGED: label}},
            "spec": spec,
        }))
    }
}

impl Controller for LocalApiServices {
    fn name(&self) -> &'static str {
        "autoregister"
    }

    fn watches(&self) -> Vec<Watch> {
        let names: Vec<ObjectKey> =
            self.builtin.iter().map(|version| key(&version.group, &version.version)).collect();
        // The namespace is there at every start, so the first look comes by itself.
        let start = Watch::new(GroupResource::new("", "namespaces"), move |change, _| {
            let first = change.old.is_none() && change.entry().key.name == "default";
            if first { names.clone() } else { Vec::new() }
        });
        let defined = Watch::new(definitions(), |change, _| names_defined(change));
        vec![start, defined, Watch::itself(api_services().group_resource())]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let current = view.cache.get(&api_services().group_resource(), key).map(|entry| entry.object());
        match (self.wanted(view.cache, &key.name), current) {
            (None, None) => {}
            (Some(wanted), None) => {
                let object = Object::from_value(wanted).unwrap_or_default();
                plan.then(Write::create(Target::collection(api_services(), ""), object));
            }
            (None, Some(current)) if managed(&current).is_some() => {
                plan.then(Write::delete(Target::object(api_services(), key), current.uid()));
            }
            (Some(wanted), Some(mut current)) if managed(&current) == Some(ALWAYS) => {
                if current.0.get("spec") != wanted.get("spec") {
                    current.0.insert("spec".into(), wanted["spec"].clone());
                    plan.then(Write::Update { target: Target::object(api_services(), key), object: current });
                }
            }
            // An administrator's own.
            (_, Some(_)) => {}
        }
        plan
    }
}

fn managed(object: &Object) -> Option<&'static str> {
    let label = object.at(&["metadata", "labels"])?.get(MANAGED)?.as_str()?;
    [ON_START, ALWAYS].into_iter().find(|known| *known == label)
}

fn is_defined(cache: &dyn Cache, wanted: &GroupVersion) -> bool {
    cache
        .list(&definitions(), None)
        .iter()
        .any(|entry| served(&entry.object()).any(|version| version == *wanted))
}

fn names_defined(change: &Change) -> Vec<ObjectKey> {
    let both = [&change.old, &change.new].into_iter().flatten();
    let versions = both.flat_map(|entry| served(&entry.object()).collect::<Vec<_>>());
    let names: BTreeSet<ObjectKey> = versions.map(|version| key(&version.group, &version.version)).collect();
    names.into_iter().collect()
}

/// The versions that a definition serves.
fn served(definition: &Object) -> impl Iterator<Item = GroupVersion> {
    let group = definition.str_at(&["spec", "group"]).to_owned();
    let versions =
        definition.at(&["spec", "versions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let served = versions.into_iter().filter(|version| version["served"] == true);
    served.map(move |version| {
        GroupVersion::new(group.clone(), version["name"].as_str().unwrap_or_default().to_owned())
    })
}

/// Upstream's, of those versions that it serves by default.
fn builtin_priority(group: &str, version: &str) -> u32 {
    match (group, version) {
        ("", _) => 1,
        ("autoscaling", "v2") => 30,
        ("flowcontrol.apiserver.k8s.io" | "resource.k8s.io", "v1") => 21,
        _ => 15,
    }
}

fn key(group: &str, version: &str) -> ObjectKey {
    ObjectKey::cluster(format!("{version}.{group}"))
}

fn api_services() -> GroupVersionResource {
    GroupVersionResource::new("apiregistration.k8s.io", "v1", "apiservices")
}

fn definitions() -> GroupResource {
    GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ironclad_api::Entry;
    use ironclad_client::{CachedResource, Observer};

    use super::*;

    /// A cache of what stands in it.
    struct Objects(Vec<(GroupResource, Object)>);

    impl Cache for Objects {
        fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Entry>> {
            self.list(resource, None).into_iter().find(|entry| entry.key == *key)
        }

        fn list(&self, resource: &GroupResource, _: Option<&str>) -> Vec<Arc<Entry>> {
            let of = self.0.iter().filter(|(known, _)| known == resource);
            let entry = |object: &Object| {
                let meta = ironclad_api::entry::EntryMeta { key: object.key(), ..Default::default() };
                Arc::new(Entry::new(meta, 1, ironclad_api::json::encode(object).into()))
            };
            of.map(|(_, object)| entry(object)).collect()
        }

        fn observe(&self, _: &[GroupResource], _: Arc<dyn Observer>) {}

        fn resources(&self) -> Vec<CachedResource> {
            Vec::new()
        }

        fn revision(&self) -> u64 {
            1
        }
    }

    fn definition(group: &str, versions: &[(&str, bool)]) -> (GroupResource, Object) {
        let versions: Vec<Value> =
            versions.iter().map(|(name, served)| json!({"name": name, "served": served})).collect();
        let object = json!({"metadata": {"name": "x"}, "spec": {"group": group, "versions": versions}});
        (definitions(), Object::from_value(object).expect("an object"))
    }

    fn existing(name: &str, label: &str, priority: u32) -> (GroupResource, Object) {
        let object = json!({"metadata": {"name": name, "uid": "u", "labels": {MANAGED: label}},
            "spec": {"group": "acme.com", "version": "v1", "groupPriorityMinimum": priority, "versionPriority": 100}});
        (api_services().group_resource(), Object::from_value(object).expect("an object"))
    }

    #[test]
    fn what_is_served_is_registered_and_nothing_else() {
        let controller = LocalApiServices { builtin: BTreeSet::from([GroupVersion::new("apps", "v1")]) };
        let check = |objects: Vec<(GroupResource, Object)>, name: &str, want: &str| {
            let cache = Objects(objects);
            let view = View { cache: &cache, last_failure: None };
            let plan = controller.reconcile(&view, &ObjectKey::cluster(name), Timestamp::UNIX_EPOCH);
            let got = match plan.stages.first().and_then(|stage| stage.first()) {
                None => "nothing".to_owned(),
                Some(Write::Create { object, .. }) => format!("create {}", object.0["spec"]),
                Some(Write::Update { object, .. }) => format!("update {}", object.0["spec"]),
                Some(Write::Delete { .. }) => "delete".to_owned(),
                Some(other) => format!("{other:?}"),
            };
            assert_eq!(got, want, "{name}");
        };
        let apps =
            r#"create {"group":"apps","groupPriorityMinimum":17800,"version":"v1","versionPriority":15}"#;
        check(Vec::new(), "v1.apps", apps);
        check(Vec::new(), "v1.other", "nothing");
        let acme = |served| definition("acme.com", &[("v1", served)]);
        let spec = r#"{"group":"acme.com","groupPriorityMinimum":1000,"version":"v1","versionPriority":100}"#;
        check(vec![acme(true)], "v1.acme.com", &format!("create {spec}"));
        check(vec![acme(false)], "v1.acme.com", "nothing");
        check(vec![acme(true), existing("v1.acme.com", ALWAYS, 1000)], "v1.acme.com", "nothing");
        check(vec![acme(true), existing("v1.acme.com", ALWAYS, 9)], "v1.acme.com", &format!("update {spec}"));
        check(vec![existing("v1.acme.com", ALWAYS, 1000)], "v1.acme.com", "delete");
        check(vec![existing("v1.acme.com", "", 1000)], "v1.acme.com", "nothing");
    }
}

//! Publishes the cluster's CA into every namespace as the ConfigMap
//! `kube-root-ca.crt`, which pods mount to trust the API server.

use ironclad_api::{GroupVersionKind, Object, ObjectKey};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;
use serde_json::json;

use crate::resources::{CONFIG_MAPS, NAMESPACES};

const NAME: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

pub struct RootCaPublisher {
    root_ca: String,
}

impl RootCaPublisher {
    pub fn new(root_ca: String) -> Self {
        Self { root_ca }
    }

    fn wanted(&self, key: &ObjectKey) -> Object {
        let mut object = Object::new(&GroupVersionKind::new("", "v1", "ConfigMap"), key);
        object.set_annotation("kubernetes.io/description", DESCRIPTION);
        object.0.insert("data".into(), json!({ KEY: self.root_ca }));
        object
    }
}

impl Controller for RootCaPublisher {
    fn name(&self) -> &'static str {
        "root-ca-cert-publisher"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(NAMESPACES.group_resource()),
            Watch::new(CONFIG_MAPS.group_resource(), |change, _| {
                let key = &change.entry().key;
                (key.name == NAME).then(|| ObjectKey::cluster(key.namespace.clone())).into_iter().collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        if !crate::namespace::is_active(view.cache, &key.name) {
            return Plan::done();
        }
        let map = ObjectKey::new(key.name.clone(), NAME);
        let wanted = self.wanted(&map);
        let mut plan = Plan::done();
        match view.cache.get(&CONFIG_MAPS.group_resource(), &map).map(|entry| entry.object()) {
            None => plan.then(Write::create(CONFIG_MAPS.collection(&key.name), wanted)),
            Some(existing) if existing.0.get("data") != wanted.0.get("data") => {
                let mut object = existing;
                object.0.insert("data".into(), wanted.0.get("data").cloned().unwrap_or_default());
                object.set_annotation("kubernetes.io/description", DESCRIPTION);
                plan.then(Write::Update { target: CONFIG_MAPS.object(&map), object });
            }
            Some(_) => {}
        }
        plan
    }
}

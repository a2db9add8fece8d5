//! A cluster without a server, in which a controller's plans are carried out: for tests that play
//! a controller through.

use std::time::Duration;

use ironclad_api::patch::{merge_patch, strategic};
use ironclad_api::schema::Catalog;
use ironclad_api::{GroupVersion, GroupVersionResource, Object, ObjectKey};
use ironclad_client::testing::Objects;
use ironclad_client::{Cache, PatchKind, Target};
use ironclad_control::{Controller, Plan, View, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::resources::Resource;

/// Objects, a clock, and what was told. Every write succeeds at once; deleted objects are gone.
pub(crate) struct World {
    pub cache: Objects,
    pub now: Timestamp,
    made: usize,
    /// `Reason: note`, in order.
    pub events: Vec<String>,
    pub requeue: Option<Duration>,
}

pub(crate) const NAMESPACE: &str = "ns";
/// More rounds than this and a controller is at odds with itself.
const ROUNDS: usize = 50;

impl World {
    pub fn at(now: &str) -> Self {
        let now = now.parse().expect("a time");
        Self { cache: Objects::default(), now, made: 0, events: Vec::new(), requeue: None }
    }

    /// Puts an object in; what its metadata lacks is filled in.
    pub fn put(&mut self, resource: Resource, mut object: Value) {
        let metadata = &mut object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        for (field, value) in [
            ("uid", json!(format!("uid-{name}"))),
            ("resourceVersion", json!("1")),
            ("creationTimestamp", json!(ironclad_api::time::format(self.now))),
        ] {
            if metadata[field].is_null() {
                metadata[field] = value;
            }
        }
        let resource = resource.group_resource();
        self.cache.put(&resource.group, &resource.resource, object);
    }

    pub fn get(&self, resource: Resource, name: &str) -> Option<Value> {
        let in_namespace = self.cache.get(&resource.group_resource(), &ObjectKey::new(NAMESPACE, name));
        let entry =
            in_namespace.or_else(|| self.cache.get(&resource.group_resource(), &ObjectKey::cluster(name)))?;
        Some(entry.object().into_value())
    }

    /// Changes an object that is there.
    pub fn change(&mut self, resource: Resource, name: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.get(resource, name).unwrap_or_else(|| panic!("no {name}"));
        change(&mut object);
        self.put(resource, object);
    }

    pub fn remove(&mut self, resource: Resource, name: &str) {
        let resource = resource.group_resource();
        self.cache.remove(&resource.group, &resource.resource, &ObjectKey::new(NAMESPACE, name));
    }

    pub fn names(&self, resource: Resource) -> Vec<String> {
        let all = self.cache.list(&resource.group_resource(), None);
        all.iter().map(|entry| entry.key.name.clone()).collect()
    }

    pub fn plan(&self, controller: &dyn Controller, name: &str) -> Plan {
        let view = View { cache: &self.cache, last_failure: None };
        controller.reconcile(&view, &ObjectKey::new(NAMESPACE, name), self.now)
    }

    /// One reconcile and what it plans; whether it wrote anything.
    pub fn round(&mut self, controller: &dyn Controller, name: &str) -> bool {
        let plan = self.plan(controller, name);
        let wrote = !plan.stages.is_empty();
        self.carry_out(plan);
        wrote
    }

    pub fn carry_out(&mut self, plan: Plan) {
        self.requeue = plan.requeue_after;
        self.events.extend(plan.events.iter().map(|event| format!("{}: {}", event.reason, event.note)));
        plan.stages.into_iter().flatten().for_each(|write| self.apply(write));
    }

    /// Rounds until there is nothing to write.
    pub fn settle(&mut self, controller: &dyn Controller, name: &str) {
        for _ in 0..ROUNDS {
            if !self.round(controller, name) {
                return;
            }
        }
        panic!("never settles: {:#?}", self.plan(controller, name));
    }

    pub fn passes(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Create { collection, object, tell } => {
                let mut object = object.into_value();
                if object["metadata"]["name"].is_null() {
                    self.made += 1;
                    let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default();
                    object["metadata"]["name"] = json!(format!("{prefix}{}", self.made));
                }
                if let Some(tell) = tell {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    self.events.push(format!("{}: {}{name}", tell.success.0, tell.success.1));
                }
                self.put_at(&collection.resource, object);
            }
            Write::Update { target, object } => {
                let Some(mut standing) = self.standing(&target) else { return };
                match target.subresource.as_str() {
                    "status" => standing["status"] = object.0["status"].clone(),
                    _ => standing = object.into_value(),
                }
                self.put_at(&target.resource, standing);
            }
            Write::Patch { target, kind, patch } => {
                let Some(standing) = self.standing(&target) else { return };
                // Preconditions, which hold here.
                let mut patch = patch;
                if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("resourceVersion");
                }
                let patched = match kind {
                    PatchKind::Strategic => {
                        let version = standing["apiVersion"].as_str().unwrap_or_default();
                        let kind = standing["kind"].as_str().unwrap_or_default().to_owned();
                        let kind = GroupVersion::parse(version).expect("a version").kind(kind);
                        let schema = Catalog::builtin().schema(&kind).expect("a built-in kind");
                        strategic(&standing, &patch, schema)
                    }
                    _ => merge_patch(&standing, &patch),
                };
                self.put_at(&target.resource, patched.expect("a patch that fits"));
            }
            Write::Delete { target, tell, .. } => {
                if let Some(tell) = tell {
                    self.events.push(format!("{}: {}{}", tell.success.0, tell.success.1, target.name));
                }
                self.cache.remove(&target.resource.group, &target.resource.resource, &key(&target));
            }
        }
    }

    fn standing(&self, target: &Target) -> Option<Value> {
        let entry = self.cache.get(&target.resource.group_resource(), &key(target))?;
        Some(entry.object().into_value())
    }

    fn put_at(&mut self, resource: &GroupVersionResource, mut object: Value) {
        let metadata = &mut object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{name}"));
            metadata["creationTimestamp"] = json!(ironclad_api::time::format(self.now));
        }
        let object = Object::from_value(object).expect("an object").into_value();
        self.cache.put(&resource.group, &resource.resource, object);
    }
}

fn key(target: &Target) -> ObjectKey {
    ObjectKey::new(target.namespace.clone(), target.name.clone())
}

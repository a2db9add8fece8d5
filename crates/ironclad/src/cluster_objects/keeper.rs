//! Puts the cluster's own objects back when they are deleted or bent.

use std::collections::HashMap;

use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Target;
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;

use super::{Keep, Wanted};

/// A controller over the wanted objects. RBAC objects are left out: upstream, too, looks at them at its start
/// only, so that an administrator can take a right away for the time being.
pub struct Keeper {
    /// The key's name is `RESOURCE NAME`, since a controller's keys are of one space.
    wanted: HashMap<ObjectKey, Wanted>,
}

impl Keeper {
    pub fn new(wanted: impl IntoIterator<Item = Wanted>) -> Self {
        let kept = wanted.into_iter().filter(|wanted| wanted.keep != Keep::Policy);
        let keyed = kept.map(|wanted| {
            let resource = wanted.resource.group_resource();
            (own_key(&resource, &wanted.object.key()), wanted)
        });
        Self { wanted: keyed.collect() }
    }
}

fn own_key(resource: &GroupResource, key: &ObjectKey) -> ObjectKey {
    ObjectKey::new(key.namespace.clone(), format!("{} {}", resource.resource, key.name))
}

impl Controller for Keeper {
    fn name(&self) -> &'static str {
        "cluster-objects"
    }

    fn watches(&self) -> Vec<Watch> {
        let mut resources: Vec<GroupResource> =
            self.wanted.values().map(|wanted| wanted.resource.group_resource()).collect();
        resources.sort();
        resources.dedup();
        let keys: std::sync::Arc<std::collections::HashSet<ObjectKey>> =
            std::sync::Arc::new(self.wanted.keys().cloned().collect());
        let watch = |resource: GroupResource| {
            let keys = keys.clone();
            Watch::new(resource, move |change, _| {
                let key = own_key(&change.resource, &change.entry().key);
                if keys.contains(&key) { vec![key] } else { Vec::new() }
            })
        };
        resources.into_iter().map(watch).collect()
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let mut plan = Plan::done();
        let Some(wanted) = self.wanted.get(key) else { return plan };
        let object_key = wanted.object.key();
        match view.cache.get(&wanted.resource.group_resource(), &object_key) {
            None => {
                let collection = Target::collection(wanted.resource.clone(), object_key.namespace);
                plan.then(Write::create(collection, wanted.object.clone()));
            }
            Some(entry) => {
                if let Some(object) = wanted.mended(&entry.object()) {
                    plan.then(Write::Update {
                        target: Target::object(wanted.resource.clone(), &object_key),
                        object,
                    });
                }
            }
        }
        plan
    }
}

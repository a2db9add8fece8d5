//! Gives every namespace its `default` service account.

use ironclad_api::{GroupVersionKind, Object, ObjectKey};
use ironclad_control::{Controller, Plan, View, Watch, Write};
use jiff::Timestamp;

use crate::resources::{NAMESPACES, SERVICE_ACCOUNTS};

const NAME: &str = "default";

pub struct ServiceAccounts;

impl Controller for ServiceAccounts {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::itself(NAMESPACES.group_resource()),
            Watch::new(SERVICE_ACCOUNTS.group_resource(), |change, _| {
                let key = &change.entry().key;
                let lost = change.new.is_none() && key.name == NAME;
                lost.then(|| ObjectKey::cluster(key.namespace.clone())).into_iter().collect()
            }),
        ]
    }

    fn reconcile(&self, view: &View<'_>, key: &ObjectKey, _now: Timestamp) -> Plan {
        let account = ObjectKey::new(key.name.clone(), NAME);
        let exists = view.cache.get(&SERVICE_ACCOUNTS.group_resource(), &account).is_some();
        if exists || !crate::namespace::is_active(view.cache, &key.name) {
            return Plan::done();
        }
        let object = Object::new(&GroupVersionKind::new("", "v1", "ServiceAccount"), &account);
        let mut plan = Plan::done();
        plan.then(Write::create(SERVICE_ACCOUNTS.collection(&key.name), object));
        plan
    }
}

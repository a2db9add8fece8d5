//! What a quota is charged for one resource's objects.

use ironclad_api::GroupResource;
use jiff::Timestamp;

use crate::amounts::Amounts;
use crate::item::Item;
use crate::quota::Quota;
use crate::scope::Scope;
use crate::{device_claims, pods, services, volume_claims};

/// Resources whose objects are free: events, and what is never stored.
const FREE: [(&str, &str); 10] = [
    ("", "bindings"),
    ("", "componentstatuses"),
    ("", "events"),
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("events.k8s.io", "events"),
];
/// Counted by their plain plural as well, as before `count/` names.
const BY_PLURAL: [&str; 4] = ["configmaps", "replicationcontrollers", "resourcequotas", "secrets"];

/// One resource, as quotas see it. Every resource has one, custom ones included, but those
/// whose objects are free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluator {
    resource: GroupResource,
    charged: Charged,
    /// `count/<plural>.<group>`
    count: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charged {
    Pods,
    Services,
    VolumeClaims,
    DeviceClaims,
    /// By their number alone; under the plain plural too if true.
    Number(bool),
}

impl Evaluator {
    /// `None`: the objects are free.
    pub fn of(resource: &GroupResource) -> Option<Self> {
        let names = (&*resource.group, &*resource.resource);
        let charged = match names {
            ("", "pods") => Charged::Pods,
            ("", "services") => Charged::Services,
            ("", "persistentvolumeclaims") => Charged::VolumeClaims,
            ("resource.k8s.io", "resourceclaims") => Charged::DeviceClaims,
            free if FREE.contains(&free) => return None,
            ("", plural) => Charged::Number(BY_PLURAL.contains(&plural)),
            _ => Charged::Number(false),
        };
        let count = match names {
            ("", plural) => format!("count/{plural}"),
            (group, plural) => format!("count/{plural}.{group}"),
        };
        Some(Self { resource: resource.clone(), charged, count })
    }

    pub fn resource(&self) -> &GroupResource {
        &self.resource
    }

    /// Whether this resource's objects are charged under a quota's name.
    pub fn charges(&self, name: &str) -> bool {
        name == self.count
            || match self.charged {
                Charged::Pods => pods::charges(name),
                Charged::Services => services::NAMES.contains(&name),
                Charged::VolumeClaims => volume_claims::charges(name),
                Charged::DeviceClaims => device_claims::charges(name),
                Charged::Number(by_plural) => by_plural && name == self.resource.resource,
            }
    }

    /// What one object uses, under all its names.
    pub fn usage(&self, item: &Item, now: Timestamp) -> Amounts {
        let mut usage = match item {
            Item::Pod(pod) => pods::usage(pod, now),
            Item::Service(service) => services::usage(service),
            Item::VolumeClaim(claim) => volume_claims::usage(claim),
            Item::DeviceClaim(claim) => device_claims::usage(claim),
            Item::Other => Amounts::default(),
        };
        usage.put_count(self.count.as_str(), 1);
        if self.charged == Charged::Number(true) {
            usage.put_count(self.resource.resource.to_string(), 1);
        }
        usage
    }

    /// Whether the object meets all conditions of the quota.
    pub fn in_scope(&self, quota: &Quota, item: &Item) -> bool {
        let meets = |scope: &Scope| match item {
            Item::Pod(pod) => pods::in_scope(pod, scope),
            Item::VolumeClaim(claim) => volume_claims::in_scope(claim, scope),
            Item::Service(_) | Item::DeviceClaim(_) | Item::Other => false,
        };
        quota.scopes.iter().all(meets)
    }

    /// What an object must state where a quota limits these names.
    pub fn constraints(&self, item: &Item, limited: &[&str]) -> Result<(), String> {
        match item {
            Item::Pod(pod) => pods::constraints(pod, limited),
            _ => Ok(()),
        }
    }

    /// Whether an admitted create costs anything.
    pub fn charges_create(&self, subresource: &str) -> bool {
        subresource.is_empty()
    }

    /// Whether an admitted update may cost anything.
    pub fn charges_update(&self, subresource: &str, old: &Item, new: &Item) -> bool {
        match (subresource, old, new) {
            ("", Item::Pod(old), Item::Pod(new)) => pods::is_terminating(old) != pods::is_terminating(new),
            ("resize", Item::Pod(_), _) => true,
            ("", Item::Service(_) | Item::VolumeClaim(_) | Item::DeviceClaim(_), _) => true,
            ("status", Item::VolumeClaim(old), Item::VolumeClaim(new)) => {
                volume_claims::allocated(old) != volume_claims::allocated(new)
            }
            _ => false,
        }
    }

    /// Whether a change may have freed or taken something that nobody was charged for: the quotas
    /// are to be recounted. Creations are charged as they are admitted.
    pub fn calls_for_recount(&self, old: &Item, new: Option<&Item>) -> bool {
        let Some(new) = new else { return true };
        match (old, new) {
            (Item::Pod(old), Item::Pod(new)) => {
                pods::is_terminating(old) != pods::is_terminating(new)
                    || pods::has_ended(old) != pods::has_ended(new)
                    || pods::given(old) != pods::given(new)
            }
            (Item::Service(old), Item::Service(new)) => services::kind(old) != services::kind(new),
            (Item::VolumeClaim(old), Item::VolumeClaim(new)) => {
                volume_claims::usage(old) != volume_claims::usage(new)
            }
            _ => false,
        }
    }
}

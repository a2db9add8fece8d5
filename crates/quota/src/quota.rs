//! A ResourceQuota as it is enforced.

use k8s_openapi::api::core::v1::ResourceQuota;

use crate::amounts::Amounts;
use crate::scope::Scope;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// `spec.hard`: what is asked for.
    pub asked: Amounts,
    /// `status.hard`: what is enforced.
    pub hard: Amounts,
    /// `status.used`.
    pub used: Amounts,
}

impl Quota {
    pub fn read(object: &ResourceQuota) -> Self {
        let spec = object.spec.as_ref();
        let status = object.status.as_ref();
        Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            scopes: spec.map(Scope::all).unwrap_or_default(),
            asked: Amounts::of(spec.and_then(|spec| spec.hard.as_ref())),
            hard: Amounts::of(status.and_then(|status| status.hard.as_ref())),
            used: Amounts::of(status.and_then(|status| status.used.as_ref())),
        }
    }
}

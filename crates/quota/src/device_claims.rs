//! ResourceClaims: how many devices of each class they may take.

use std::collections::BTreeMap;

use k8s_openapi::api::resource::v1::{DeviceRequest, ResourceClaim};

use crate::amounts::Amounts;

const OF_CLASS: &str = ".deviceclass.resource.k8s.io/devices";
/// The most devices that one claim can be given; what `All` may amount to.
const MOST_DEVICES: i64 = 32;

pub(crate) fn charges(name: &str) -> bool {
    name.ends_with(OF_CLASS)
}

pub(crate) fn usage(claim: &ResourceClaim) -> Amounts {
    let mut usage = Amounts::default();
    let requests = claim.spec.devices.as_ref().and_then(|devices| devices.requests.as_ref());
    for request in requests.into_iter().flatten() {
        for (class, count) in devices(request) {
            let mut own = Amounts::default();
            own.put_count(format!("{class}{OF_CLASS}"), usize::try_from(count).unwrap_or(0));
            usage.add(&own);
        }
    }
    usage
}

/// The most devices of each class that a request may be satisfied with.
fn devices(request: &DeviceRequest) -> BTreeMap<&str, i64> {
    let mut most = BTreeMap::new();
    let alternatives = request.first_available.iter().flatten();
    let alternatives = alternatives
        .map(|one| (one.device_class_name.as_str(), count(one.allocation_mode.as_deref(), one.count)));
    let exactly = request.exactly.iter();
    let exactly =
        exactly.map(|one| (one.device_class_name.as_str(), count(one.allocation_mode.as_deref(), one.count)));
    for (class, count) in alternatives.chain(exactly) {
        let slot = most.entry(class).or_insert(0);
        *slot = count.max(*slot);
    }
    most
}

/// A mode that is not known counts nothing.
fn count(mode: Option<&str>, count: Option<i64>) -> i64 {
    match mode {
        Some("ExactCount") => count.unwrap_or(0),
        Some("All") => MOST_DEVICES,
        _ => 0,
    }
}

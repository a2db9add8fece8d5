//! What became of a claim: the devices allocated to it, who uses them, and what drivers say.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};
use ironclad_api::validation::condition;
use ironclad_api::validation::ip::interface_address;
use k8s_openapi::api::resource::v1 as resource;
use resource::{
    AllocatedDeviceStatus, NetworkDeviceData, ResourceClaimConsumerReference, ResourceClaimStatus,
};
use serde_json::{Value, json};

use super::names::{self, RequestNames};
use super::{UNBOUNDED, allocation, bounded, configuration, slice};
use crate::spec::typed;

const MOST_CONSUMERS: usize = 256;
const MOST_CONDITIONS: usize = 8;
const MOST_ADDRESSES: usize = 16;
const LONGEST_INTERFACE: usize = 256;
const LONGEST_HARDWARE_ADDRESS: usize = 128;

/// A device, or a share of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DeviceId {
    driver: String,
    pool: String,
    device: String,
    share: String,
}

impl DeviceId {
    /// Of a result or of a status, which name them alike.
    fn read(value: &Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { driver: text("driver"), pool: text("pool"), device: text("device"), share: text("shareID") }
    }
}

impl From<DeviceId> for BadValue {
    /// As Go prints it.
    fn from(id: DeviceId) -> Self {
        let quoted = |text: &str| ironclad_api::goprint::json(&json!(text));
        Self::Printed(format!(
            "{{\"Driver\":{},\"Pool\":{},\"Device\":{},\"ShareID\":{}}}",
            quoted(&id.driver),
            quoted(&id.pool),
            quoted(&id.device),
            quoted(&id.share)
        ))
    }
}

fn allocated(claim: &Object) -> BTreeSet<DeviceId> {
    let results = claim.at(&["status", "allocation", "devices", "results"]).and_then(Value::as_array);
    results.into_iter().flatten().map(DeviceId::read).collect()
}

/// Drops what drivers said of devices that the claim no longer has: a client that gives the
/// devices back need not know of it.
pub(super) fn drop_deallocated(new: &mut Object, old: &Object) {
    let gone: BTreeSet<DeviceId> = allocated(old).difference(&allocated(new)).cloned().collect();
    let status = new.section_mut("status");
    let Some(devices) = status.get_mut("devices").and_then(Value::as_array_mut) else { return };
    devices.retain(|device| !gone.contains(&DeviceId::read(device)));
    if devices.is_empty() {
        status.remove("devices");
    }
}

pub(super) fn validate(new: &Object, old: &Object) -> FieldErrors {
    let (claim, before) = (typed::<resource::ResourceClaim>(new), typed::<resource::ResourceClaim>(old));
    let (status, old_status) = (claim.status.unwrap_or_default(), before.status.unwrap_or_default());
    let path = Path::new("status");
    let uid = |consumer: &ResourceClaimConsumerReference| consumer.uid.clone();
    let mut errors =
        bounded::set(slice(&status.reserved_for), MOST_CONSUMERS, &path.child("reservedFor"), uid, consumer);
    errors.extend(devices(new, &status, &path.child("devices")));
    let is_deleted = new.deletion_timestamp().is_some();
    errors.extend(reservation(&status, &old_status, is_deleted, &path.child("reservedFor")));
    let path = path.child("allocation");
    match (&old_status.allocation, &status.allocation) {
        (Some(before), Some(now)) if before != now => {
            let value = new.at(&["status", "allocation"]).cloned().unwrap_or_default();
            errors.push(FieldError::invalid(&path, value, "field is immutable"));
        }
        (None, Some(now)) => {
            let devices = claim.spec.devices.unwrap_or_default();
            errors.extend(allocation::validate(now, &RequestNames::of(&devices), &path));
        }
        _ => {}
    }
    errors
}

fn consumer(consumer: &ResourceClaimConsumerReference, path: &Path) -> FieldErrors {
    let fields = [("resource", &consumer.resource), ("name", &consumer.name), ("uid", &consumer.uid)];
    let missing = fields.iter().filter(|(_, value)| value.is_empty());
    missing.map(|(field, _)| FieldError::required(&path.child(field), "")).collect()
}

/// Only what is allocated is reserved, and a claim that goes takes no more consumers.
fn reservation(
    status: &ResourceClaimStatus,
    old: &ResourceClaimStatus,
    is_deleted: bool,
    path: &Path,
) -> Option<FieldError> {
    let reserved = slice(&status.reserved_for);
    if reserved.is_empty() {
        return None;
    }
    if status.allocation.is_none() {
        return Some(FieldError::forbidden(path, "may not be specified when `allocated` is not set"));
    }
    let added = reserved.iter().any(|consumer| !slice(&old.reserved_for).contains(consumer));
    let detail = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
    (is_deleted && added).then(|| FieldError::forbidden(path, detail))
}

fn devices(claim: &Object, status: &ResourceClaimStatus, path: &Path) -> FieldErrors {
    let allocated = allocated(claim);
    let id = |device: &AllocatedDeviceStatus| DeviceId {
        driver: device.driver.clone(),
        pool: device.pool.clone(),
        device: device.device.clone(),
        share: device.share_id.clone().unwrap_or_default(),
    };
    let conditions = claim.at(&["status", "devices"]).and_then(Value::as_array);
    let mut each = conditions.into_iter().flatten();
    bounded::set(slice(&status.devices), UNBOUNDED, path, id, |device, path| {
        let conditions = each.next().and_then(|device| device.get("conditions")?.as_array());
        let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
        self::device(
            device,
            allocated.contains(&id(device)).then_some(()).ok_or_else(|| id(device)),
            conditions,
            path,
        )
    })
}

fn device(
    device: &AllocatedDeviceStatus,
    allocated: Result<(), DeviceId>,
    conditions: &[Value],
    path: &Path,
) -> FieldErrors {
    let mut errors = names::driver(&device.driver, &path.child("driver"));
    errors.extend(names::pool(&device.pool, &path.child("pool")));
    errors.extend(names::short(&device.device, &path.child("device")));
    errors.extend(device.share_id.iter().flat_map(|id| names::uid(id, &path.child("shareID"))));
    if let Err(id) = allocated {
        errors.push(FieldError::invalid(path, id, "must be an allocated device in the claim"));
    }
    let at = path.child("conditions");
    if conditions.len() > MOST_CONDITIONS {
        errors.push(FieldError::too_many(&at, conditions.len(), MOST_CONDITIONS));
    }
    errors.extend(condition::conditions(&at, conditions));
    if let Some(data) = &device.data {
        errors.extend(configuration::data(&data.0, false, &path.child("data")));
    }
    errors.extend(device.network_data.iter().flat_map(|data| network(data, &path.child("networkData"))));
    errors
}

fn network(data: &NetworkDeviceData, path: &Path) -> FieldErrors {
    let fields = [
        ("interfaceName", &data.interface_name, LONGEST_INTERFACE),
        ("hardwareAddress", &data.hardware_address, LONGEST_HARDWARE_ADDRESS),
    ];
    let long =
        fields.iter().filter(|(_, value, most)| value.as_ref().is_some_and(|value| value.len() > *most));
    let mut errors: FieldErrors =
        long.map(|(field, _, most)| FieldError::too_long(&path.child(field), *most)).collect();
    let rule = |address: &String, path: &Path| interface_address(path, address);
    errors.extend(bounded::set(slice(&data.ips), MOST_ADDRESSES, &path.child("ips"), String::clone, rule));
    errors
}

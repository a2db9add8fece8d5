//! How much of something a device has, and in which amounts it is shared out.

use std::str::FromStr;

use ironclad_api::field::{FieldError, FieldErrors, Path};
use ironclad_api::quantity::Quantity;
use k8s_openapi::api::resource::v1::{CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::{bounded, slice};

const MOST_VALUES: usize = 10;

/// It has passed its schema, so that it can be read.
fn quantity(text: &Text) -> Quantity {
    Quantity::from_str(&text.0).unwrap_or_default()
}

/// `is_shared`: whether the device may be allocated several times.
pub(super) fn validate(capacity: &DeviceCapacity, is_shared: bool, path: &Path) -> FieldErrors {
    let path = path.child("requestPolicy");
    match &capacity.request_policy {
        None => FieldErrors::new(),
        Some(policy) if is_shared => self::policy(policy, &quantity(&capacity.value), &path),
        Some(_) => vec![FieldError::forbidden(&path, "allowMultipleAllocations must be true")],
    }
}

fn policy(policy: &CapacityRequestPolicy, capacity: &Quantity, path: &Path) -> FieldErrors {
    let values = slice(&policy.valid_values);
    let required = |field: &str| {
        vec![FieldError::required(&path.child("default"), format!("required when {field} is defined"))]
    };
    match (values, &policy.valid_range, &policy.default) {
        ([], None, _) => FieldErrors::new(),
        ([_, ..], Some(_), _) => {
            let detail = "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at \
                          the same time";
            vec![FieldError::forbidden(path, detail)]
        }
        ([], Some(_), None) => required("validRange"),
        ([_, ..], None, None) => required("validValues"),
        (values, None, Some(default)) => {
            let values: Vec<Quantity> = values.iter().map(quantity).collect();
            self::values(&values, &quantity(default), capacity, &path.child("validValues"))
        }
        ([], Some(range), Some(default)) => {
            self::range(range, &quantity(default), capacity, &path.child("validRange"))
        }
    }
}

fn values(values: &[Quantity], default: &Quantity, capacity: &Quantity, path: &Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (index, pair) in values.windows(2).enumerate() {
        if let [before, after] = pair
            && before > after
        {
            let detail = "values must be sorted in ascending order";
            errors.push(FieldError::invalid(&path.index(index + 1), after.to_string(), detail));
        }
    }
    let key = |value: &Quantity| value.value().to_string();
    errors.extend(bounded::set(values, MOST_VALUES, path, key, |value, path| {
        let detail = format!("option is larger than capacity value: {capacity}");
        let error = (value > capacity).then(|| FieldError::invalid(path, value.to_string(), detail));
        error.into_iter().collect()
    }));
    if values.len() > MOST_VALUES || !values.contains(default) {
        let detail = "default value is not valid according to the requestPolicy";
        errors.push(FieldError::invalid(path, default.to_string(), detail));
    }
    errors
}

fn range(
    range: &CapacityRequestPolicyRange,
    default: &Quantity,
    capacity: &Quantity,
    path: &Path,
) -> FieldErrors {
    let least = quantity(&range.min);
    let most = range.max.as_ref().map(quantity);
    let mut errors = FieldErrors::new();
    let mut refuse = |wrong: bool, field: &str, value: &Quantity, detail: String| {
        errors.extend(wrong.then(|| FieldError::invalid(&path.child(field), value.to_string(), detail)));
    };
    let larger = |what: &str| format!("{what} is larger than capacity value: {capacity}");
    refuse(least > *capacity, "min", &least, larger("min"));
    refuse(*default < least, "min", default, format!("default is less than min: {least}"));
    if let Some(most) = &most {
        refuse(least > *most, "max", &least, format!("min is larger than max: {most}"));
        refuse(most > capacity, "max", most, larger("max"));
        refuse(default > most, "max", default, format!("default is more than max: {most}"));
    }
    if let Some(step) = range.step.as_ref().map(quantity) {
        let one = least.clone() + &step;
        refuse(one > *capacity, "step", &step, larger(&format!("one step {one}")));
        for value in [Some(default), most.as_ref()].into_iter().flatten() {
            let detail = format!("value is not a multiple of a given step ({step}) from ({least})");
            refuse(!is_multiple(value, &least, &step), "step", value, detail);
        }
    }
    errors
}

/// In whole units. A step of nothing leads nowhere.
fn is_multiple(value: &Quantity, least: &Quantity, step: &Quantity) -> bool {
    value.value().checked_sub(least.value()).and_then(|above| above.checked_rem(step.value())) == Some(0)
}

//! The devices that were found for a claim.

use ironclad_api::field::{FieldError, FieldErrors, Path};
use k8s_openapi::api::resource::v1 as resource;
use resource::{AllocationResult, DeviceAllocationConfiguration, DeviceRequestAllocationResult};

use super::names::{self, RequestNames};
use super::{MOST_CONFIGURATIONS, MOST_REQUESTS, binding, bounded, claim_spec, configuration, slice};
use crate::pod_template::rules::affinity::node_selector;

const SOURCES: [&str; 2] = ["FromClaim", "FromClass"];
/// Those of the class and those of the claim.
const MOST_ALLOCATED: usize = 2 * MOST_CONFIGURATIONS;

pub(super) fn validate(allocation: &AllocationResult, known: &RequestNames<'_>, path: &Path) -> FieldErrors {
    let devices = path.child("devices");
    let empty = resource::DeviceAllocationResult::default();
    let allocated = allocation.devices.as_ref().unwrap_or(&empty);
    let mut errors =
        bounded::list(slice(&allocated.results), MOST_REQUESTS, &devices.child("results"), |result, path| {
            self::result(result, known, path)
        });
    errors.extend(bounded::list(
        slice(&allocated.config),
        MOST_ALLOCATED,
        &devices.child("config"),
        |config, path| self::config(config, known, path),
    ));
    if let Some(selector) = &allocation.node_selector {
        errors.extend(node_selector(selector, true, &path.child("nodeSelector")));
    }
    errors
}

fn result(result: &DeviceRequestAllocationResult, known: &RequestNames<'_>, path: &Path) -> FieldErrors {
    let mut errors = known.validate(&result.request, &path.child("request"));
    errors.extend(names::driver(&result.driver, &path.child("driver")));
    errors.extend(names::pool(&result.pool, &path.child("pool")));
    errors.extend(names::short(&result.device, &path.child("device")));
    let (conditions, failures) = (&result.binding_conditions, &result.binding_failure_conditions);
    errors.extend(binding::validate(slice(conditions), slice(failures), path));
    errors.extend(result.share_id.iter().flat_map(|id| names::uid(id, &path.child("shareID"))));
    errors
}

fn config(config: &DeviceAllocationConfiguration, known: &RequestNames<'_>, path: &Path) -> FieldErrors {
    let at = path.child("source");
    let mut errors = match config.source.as_str() {
        "" => vec![FieldError::required(&at, "")],
        source if !SOURCES.contains(&source) => {
            vec![FieldError::not_supported(&at, source, SOURCES)]
        }
        _ => FieldErrors::new(),
    };
    errors.extend(claim_spec::references(slice(&config.requests), known, &path.child("requests")));
    errors.extend(configuration::validate(config.opaque.as_ref(), false, path));
    errors
}

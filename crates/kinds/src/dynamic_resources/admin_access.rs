//! Access to devices that are in use, for those who watch over them: only in namespaces that
//! are labelled for it (KEP-5018).

use ironclad_api::field::{FieldError, Path};
use ironclad_api::{GroupResource, ObjectKey};
use ironclad_client::Cache;
use k8s_openapi::api::resource::v1 as resource;

use super::slice;

const LABEL: &str = "resource.kubernetes.io/admin-access";

/// Refuses requests for it outside such a namespace.
pub(super) fn requested(
    claim: Option<&resource::DeviceClaim>,
    namespace: &str,
    cache: &dyn Cache,
) -> Option<FieldError> {
    let requests = claim.map(|claim| slice(&claim.requests)).unwrap_or_default();
    let wants = |request: &resource::DeviceRequest| {
        request.exactly.as_ref().and_then(|exact| exact.admin_access) == Some(true)
    };
    let index = requests.iter().position(wants)?;
    let path = Path::new("spec").child("devices").child("requests").index(index).child("adminAccess");
    check(namespace, cache, &path)
}

/// The same for results, unless it was granted before.
pub(super) fn granted(
    new: &resource::ResourceClaimStatus,
    old: &resource::ResourceClaimStatus,
    namespace: &str,
    cache: &dyn Cache,
) -> Option<FieldError> {
    let first = |status: &resource::ResourceClaimStatus| {
        let devices = status.allocation.as_ref()?.devices.as_ref()?;
        slice(&devices.results).iter().position(|result| result.admin_access == Some(true))
    };
    let index = first(new).filter(|_| first(old).is_none())?;
    let path = Path::new("status").child("allocation").child("devices").child("results").index(index);
    check(namespace, cache, &path.child("adminAccess"))
}

fn check(namespace: &str, cache: &dyn Cache, path: &Path) -> Option<FieldError> {
    let Some(found) = cache.get(&GroupResource::new("", "namespaces"), &ObjectKey::cluster(namespace)) else {
        let why = format!(
            "could not retrieve namespace to verify admin access: namespaces \"{namespace}\" not found"
        );
        return Some(FieldError::internal(path, why));
    };
    let labelled = found.object().label(LABEL) == Some("true");
    let detail =
        format!("admin access to devices requires the `{LABEL}: true` label on the containing namespace");
    (!labelled).then(|| FieldError::forbidden(path, detail))
}

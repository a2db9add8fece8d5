//! Persistent volumes and claims.
//!
//! - [`protection`]: what is in use is not deleted.
//! - [`binder`]: claims get their volumes, and volumes are given back.
//! - [`ephemeral`]: claims that live and die with a pod.
//!
//! Source: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

pub mod binder;
pub mod ephemeral;
pub mod protection;

use ironclad_api::{Entry, Object};
use k8s_openapi::api::core::v1 as api;

/// Where the class stood before it was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// The class of a volume or a claim, empty for none; the annotation of old counts first.
fn class(object: &Object) -> &str {
    object.annotation(CLASS_ANNOTATION).unwrap_or_else(|| object.str_at(&["spec", "storageClassName"]))
}

/// `false` if none of the pod's volumes is a claim: most pods need not be decoded to see it.
fn may_have_claims(pod: &Entry) -> bool {
    pod.mentions("\"persistentVolumeClaim\"") || pod.mentions("\"ephemeral\"")
}

/// The claims that a pod's volumes are.
fn claims(pod: &api::Pod) -> impl Iterator<Item = (String, Use)> + '_ {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(move |volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some((claim.claim_name.clone(), Use::Named)),
        (None, Some(_)) => Some((format!("{name}-{}", volume.name), Use::Ephemeral)),
        (None, None) => None,
    })
}

/// How a pod came by a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It names it.
    Named,
    /// It was made for it (KEP-1698), and it is its owner.
    Ephemeral,
}

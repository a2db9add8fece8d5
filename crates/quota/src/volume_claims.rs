//! PersistentVolumeClaims: how many and how much storage, in all and by storage class.

use ironclad_api::quantity::{Notation, Quantity};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use crate::amounts::Amounts;
use crate::scope::Scope;

const CLAIMS: &str = "persistentvolumeclaims";
const STORAGE: &str = "requests.storage";
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

pub(crate) fn charges(name: &str) -> bool {
    let own =
        |own: &str| name.strip_suffix(own).is_some_and(|class| class.is_empty() || class.ends_with(OF_CLASS));
    own(CLAIMS) || own(STORAGE)
}

pub(crate) fn usage(claim: &PersistentVolumeClaim) -> Amounts {
    let mut usage = Amounts::default();
    let class = class(claim);
    let mut put = |name: &str, amount: Quantity| {
        if !class.is_empty() {
            usage.put(format!("{class}{OF_CLASS}{name}"), amount.clone());
        }
        usage.put(name, amount);
    };
    put(CLAIMS, Quantity::new(1, Notation::DecimalSi));
    if let Some(storage) = storage(claim) {
        put(STORAGE, storage);
    }
    usage
}

fn class(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim.metadata.annotations.as_ref().and_then(|all| all.get(CLASS_ANNOTATION));
    let named = || claim.spec.as_ref()?.storage_class_name.as_deref();
    annotated.map(String::as_str).or_else(named).unwrap_or_default()
}

/// What is asked for, or what was allocated where that is more (an expansion that was taken back),
/// in whole bytes.
pub(crate) fn storage(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let resources = claim.spec.as_ref()?.resources.as_ref();
    let asked = Amounts::of(resources.and_then(|resources| resources.requests.as_ref()));
    let mut amount = asked.get("storage")?.clone();
    if let Some(allocated) = allocated(claim).filter(|allocated| *allocated > amount) {
        amount = allocated;
    }
    amount.round_up(0);
    Some(amount)
}

pub(crate) fn allocated(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let status = claim.status.as_ref()?;
    Amounts::of(status.allocated_resources.as_ref()).get("storage").cloned()
}

/// `VolumeAttributesClass` is the only scope that claims know.
pub(crate) fn in_scope(claim: &PersistentVolumeClaim, scope: &Scope) -> bool {
    if scope.name != "VolumeAttributesClass" {
        return false;
    }
    let classes = attribute_classes(claim);
    match classes.is_empty() {
        true => scope.picks(""),
        false => classes.iter().any(|class| scope.picks(class)),
    }
}

/// The class that is asked for, the one that it has, and the one that it is being changed to.
fn attribute_classes(claim: &PersistentVolumeClaim) -> Vec<&str> {
    let status = claim.status.as_ref();
    let wanted = claim.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.as_deref());
    let current = status.and_then(|status| status.current_volume_attributes_class_name.as_deref());
    let target = status
        .and_then(|status| status.modify_volume_status.as_ref())
        .and_then(|modify| modify.target_volume_attributes_class_name.as_deref());
    [wanted, current, target].into_iter().flatten().filter(|name| !name.is_empty()).collect()
}

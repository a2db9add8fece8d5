//! LimitRanger: gives containers the requests and limits that their namespace's LimitRanges say, and
//! refuses pods and claims that are out of range.
//!
//! - [`defaults`]: what containers get.
//! - [`bounds`]: what is held against the ranges.
//!
//! Source: <https://kubernetes.io/docs/concepts/policy/limit-range/>.

mod bounds;
mod defaults;
pub(super) mod demand;

use std::collections::BTreeMap;
use std::sync::Arc;

use ironclad_api::quantity::Quantity;
use ironclad_api::{Status, field};
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use serde_json::Value;

use super::{core, forbidden, is_about};
use crate::{Cluster, Plugin};

/// Amounts by the name of their resource.
pub(super) type Amounts = BTreeMap<String, Quantity>;

pub(super) struct LimitRanger;

/// What the ranges are held against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Pod,
    Claim,
}

impl Plugin for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if subject(request) != Some(Subject::Pod) {
            return Ok(());
        }
        let ranges = ranges(request, cluster);
        if let Some(pod) = request.object.as_mut() {
            ranges.iter().for_each(|range| defaults::fill(pod, range));
        }
        Ok(())
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let (Some(subject), Some(object)) = (subject(request), request.object.as_deref()) else {
            return Ok(());
        };
        for range in ranges(request, cluster) {
            let faults = match subject {
                Subject::Pod => bounds::of_pod(&range, object),
                Subject::Claim => bounds::of_claim(&range, object),
            };
            if let Some(why) = field::aggregate_texts(faults) {
                return Err(forbidden(request, why));
            }
        }
        Ok(())
    }
}

/// New pods and those that are resized, and claims. An object that is being deleted is let be.
fn subject(request: &AdmissionRequest<'_>) -> Option<Subject> {
    if request.old.is_some_and(|old| old.deletion_timestamp().is_some()) {
        return None;
    }
    let creates = request.operation == AdmissionOperation::Create;
    let updates = request.operation == AdmissionOperation::Update;
    let new_pod = creates && is_about(request, "", "pods", "");
    let resized = updates && is_about(request, "", "pods", "resize");
    let claim = (creates || updates) && is_about(request, "", "persistentvolumeclaims", "");
    match (new_pod || resized, claim) {
        (true, _) => Some(Subject::Pod),
        (false, true) => Some(Subject::Claim),
        (false, false) => None,
    }
}

fn ranges(request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Vec<Arc<api::LimitRange>> {
    cluster.cache.list_as::<api::LimitRange>(&core("limitranges"), Some(&request.target.namespace))
}

/// The items of a range for one type.
fn items<'a>(range: &'a api::LimitRange, kind: &'a str) -> impl Iterator<Item = &'a api::LimitRangeItem> {
    range.spec.iter().flat_map(|spec| &spec.limits).filter(move |item| item.type_ == kind)
}

fn amounts(list: Option<&BTreeMap<String, Text>>) -> Amounts {
    let read = |(name, text): (&String, &Text)| Some((name.clone(), Quantity::parse(&text.0).ok()?));
    list.into_iter().flatten().filter_map(read).collect()
}

/// The same out of an object's JSON.
pub(super) fn amounts_of(list: Option<&Value>) -> Amounts {
    let read = |(name, value): (&String, &Value)| Some((name.clone(), Quantity::from_json(value).ok()?));
    list.and_then(Value::as_object).into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests;

//! Pods and claims held against a range.

use ironclad_api::Object;
use ironclad_api::quantity::Quantity;
use k8s_openapi::api::core::v1 as api;

use super::{Amounts, amounts, amounts_of, demand, items};
use crate::plugins::pod_references;

/// Beyond this, thousandths do not fit an i64 (`resource.MaxMilliValue`).
const MAX_IN_THOUSANDTHS: i64 = i64::MAX / 1000;

/// Everything about a pod that is out of range.
pub(super) fn of_pod(range: &api::LimitRange, pod: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    for item in range.spec.iter().flat_map(|spec| &spec.limits) {
        match item.type_.as_str() {
            "Container" => {
                for list in ["containers", "initContainers"] {
                    for container in pod_references::list(pod, list) {
                        let resources = container.get("resources");
                        let of = |field: &str| amounts_of(resources.and_then(|all| all.get(field)));
                        faults.extend(
                            Asked { requests: of("requests"), limits: of("limits") }.held_against(item),
                        );
                    }
                }
            }
            "Pod" => {
                let whole = Asked {
                    requests: demand::of_pod(pod, "requests"),
                    limits: demand::of_pod(pod, "limits"),
                };
                faults.extend(whole.held_against(item));
            }
            _ => {}
        }
    }
    faults
}

/// Everything about a claim that is out of range. What it is limited to does not count.
pub(super) fn of_claim(range: &api::LimitRange, claim: &Object) -> Vec<String> {
    let requests = amounts_of(claim.at(&["spec", "resources", "requests"]));
    let asked = Asked { requests, limits: Amounts::new() };
    let mut faults = Vec::new();
    for item in items(range, "PersistentVolumeClaim") {
        let (min, max) = (amounts(item.min.as_ref()), amounts(item.max.as_ref()));
        faults.extend(min.iter().filter_map(|(name, min)| asked.less(item, name, min)));
        faults.extend(max.iter().filter_map(|(name, max)| asked.more(item, name, max, "request")));
    }
    faults
}

/// What somebody asks for and is limited to.
struct Asked {
    requests: Amounts,
    limits: Amounts,
}

impl Asked {
    fn held_against(&self, item: &api::LimitRangeItem) -> Vec<String> {
        let of = |list| amounts(list);
        let (min, max) = (of(item.min.as_ref()), of(item.max.as_ref()));
        let ratios = of(item.max_limit_request_ratio.as_ref());
        let less = min.iter().filter_map(|(name, min)| self.less(item, name, min));
        let more = max.iter().filter_map(|(name, max)| self.more(item, name, max, "limit"));
        let spread = ratios.iter().filter_map(|(name, ratio)| self.spread(item, name, ratio));
        less.chain(more).chain(spread).collect()
    }

    fn less(&self, item: &api::LimitRangeItem, name: &str, min: &Quantity) -> Option<String> {
        let rule = format!("minimum {name} usage per {} is {min}", item.type_);
        let (request, limit) = (self.requests.get(name), self.limits.get(name));
        match (request, limit) {
            (None, _) => Some(format!("{rule}.  No request is specified")),
            (Some(request), _) if request < min => Some(format!("{rule}, but request is {request}")),
            (_, Some(limit)) if limit < min => Some(format!("{rule}, but limit is {limit}")),
            _ => None,
        }
    }

    /// `bound` names what must be there: a limit, or the request where limits do not count.
    fn more(&self, item: &api::LimitRangeItem, name: &str, max: &Quantity, bound: &str) -> Option<String> {
        let rule = format!("maximum {name} usage per {} is {max}", item.type_);
        let (request, limit) = (self.requests.get(name), self.limits.get(name));
        let given = if bound == "limit" { limit } else { request };
        match (given, request) {
            (None, _) => Some(format!("{rule}.  No {bound} is specified")),
            (Some(given), _) if given > max => Some(format!("{rule}, but {bound} is {given}")),
            (_, Some(request)) if request > max => Some(format!("{rule}, but request is {request}")),
            _ => None,
        }
    }

    /// How far the limit is above the request.
    fn spread(&self, item: &api::LimitRangeItem, name: &str, most: &Quantity) -> Option<String> {
        let rule = format!("{name} max limit to request ratio per {} is {most}", item.type_);
        let given = |list: &Amounts| list.get(name).filter(|amount| !amount.is_zero()).cloned();
        let Some(request) = given(&self.requests) else {
            return Some(format!("{rule}, but no request is specified or request is 0"));
        };
        let Some(limit) = given(&self.limits) else {
            return Some(format!("{rule}, but no limit is specified or limit is 0"));
        };
        let fits = [&request, &limit, most].iter().all(|amount| amount.value() <= MAX_IN_THOUSANDTHS);
        let ratio = match fits {
            true => limit.milli_value() as f64 / request.milli_value() as f64,
            false => limit.value() as f64 / request.value() as f64,
        };
        let bound = match most.value() <= MAX_IN_THOUSANDTHS {
            true => most.milli_value() as f64 / 1000.0,
            false => most.value() as f64,
        };
        (ratio > bound).then(|| format!("{rule}, but provided ratio is {ratio:.6}"))
    }
}

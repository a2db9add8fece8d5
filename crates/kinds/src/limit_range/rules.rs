//! Upstream's rules for the items of a LimitRange.

use std::collections::BTreeSet;

use ironclad_api::quantity::{Notation, Quantity};
use ironclad_api::{FieldError, Path, validation};
use k8s_openapi::api::core::v1 as core;

use crate::pod_template::container_resources::{Amounts, amounts, may_overcommit};
use crate::resource_names;

type Errors = Vec<FieldError>;

const TYPES: [&str; 3] = ["Pod", "Container", "PersistentVolumeClaim"];
/// Beyond this, thousandths do not fit an i64 (`resource.MaxMilliValue`).
const MAX_IN_THOUSANDTHS: i64 = i64::MAX / 1000;

pub(super) fn range(range: &core::LimitRange) -> Errors {
    let path = Path::new("spec").child("limits");
    let mut seen = BTreeSet::new();
    let mut errors = Errors::new();
    let limits = range.spec.iter().flat_map(|spec| &spec.limits).enumerate();
    for (index, limit) in limits {
        let path = path.index(index);
        errors.extend(kind(&limit.type_, &path.child("type")));
        if !seen.insert(&limit.type_) {
            errors.push(FieldError::duplicate(&path.child("type"), &limit.type_));
        }
        let lists = Lists::of(limit);
        errors.extend(lists.names(limit, &path));
        let resources: BTreeSet<&String> =
            lists.all().into_iter().flat_map(|(_, list)| list.keys()).collect();
        errors.extend(resources.into_iter().flat_map(|resource| lists.compare(resource, &path)));
    }
    errors
}

fn kind(name: &str, path: &Path) -> Errors {
    let errors = validation::label::label_key(path, name);
    if errors.is_empty() && !name.contains('/') && !TYPES.contains(&name) {
        let detail = "must be a standard limit type or fully qualified";
        return vec![FieldError::invalid(path, name, detail)];
    }
    errors
}

/// The amounts of one item.
struct Lists {
    max: Amounts,
    min: Amounts,
    default: Amounts,
    default_request: Amounts,
    ratio: Amounts,
}

impl Lists {
    /// Of an item for pods the defaults do not count: it must not have any.
    fn of(limit: &core::LimitRangeItem) -> Self {
        let defaults = |list| if limit.type_ == "Pod" { Amounts::new() } else { amounts(list) };
        Self {
            max: amounts(limit.max.as_ref()),
            min: amounts(limit.min.as_ref()),
            default: defaults(limit.default.as_ref()),
            default_request: defaults(limit.default_request.as_ref()),
            ratio: amounts(limit.max_limit_request_ratio.as_ref()),
        }
    }

    fn all(&self) -> [(&'static str, &Amounts); 5] {
        [
            ("max", &self.max),
            ("min", &self.min),
            ("default", &self.default),
            ("defaultRequest", &self.default_request),
            ("maxLimitRequestRatio", &self.ratio),
        ]
    }

    /// The names of resources, and which lists may and must be there.
    fn names(&self, limit: &core::LimitRangeItem, path: &Path) -> Errors {
        let rule = match limit.type_.as_str() {
            "Pod" | "Container" => resource_names::container_resource,
            _ => resource_names::resource,
        };
        let [max, min, default, default_request, ratio] = self.all().map(|(field, list)| {
            let path = path.child(field);
            list.keys().flat_map(|resource| rule(resource, &path.key(resource))).collect::<Errors>()
        });
        let mut errors = [max, min].concat();
        if limit.type_ == "Pod" {
            let given = [("default", &limit.default), ("defaultRequest", &limit.default_request)];
            let given = given.iter().filter(|(_, list)| list.as_ref().is_some_and(|list| !list.is_empty()));
            errors.extend(given.map(|(field, _)| {
                FieldError::forbidden(&path.child(field), "may not be specified when `type` is 'Pod'")
            }));
        }
        errors.extend([default, default_request].concat());
        let bounds_storage = self.min.contains_key("storage") || self.max.contains_key("storage");
        if limit.type_ == "PersistentVolumeClaim" && !bounds_storage {
            let detail = "either minimum or maximum storage value is required, but neither was provided";
            errors.push(FieldError::required(&path.child("limits"), detail));
        }
        errors.extend(ratio);
        errors
    }

    /// One resource's amounts beside each other.
    fn compare(&self, resource: &str, path: &Path) -> Errors {
        let [max, min, default, request, ratio] = self.all().map(|(_, list)| list.get(resource));
        let invalid = |field: &str, shown: &Quantity, detail: String| {
            FieldError::invalid(&path.child(field).key(resource), shown.to_string(), detail)
        };
        let mut errors = Errors::new();
        // What must not be greater than what; where that is told, and which of both is shown.
        for (small, large, small_words, large_words, field, shows_small) in [
            (min, max, "min value", "max value", "min", true),
            (min, request, "min value", "default request value", "defaultRequest", false),
            (request, max, "default request value", "max value", "defaultRequest", true),
            (request, default, "default request value", "default limit value", "defaultRequest", true),
            (min, default, "min value", "default value", "default", true),
            (default, max, "default value", "max value", "default", false),
        ] {
            let Some((small, large)) = small.zip(large).filter(|(small, large)| small > large) else {
                continue;
            };
            let detail = format!("{small_words} {small} is greater than {large_words} {large}");
            errors.push(invalid(field, if shows_small { small } else { large }, detail));
        }
        if let Some(ratio) = ratio {
            let one = Quantity::new(1, Notation::DecimalSi);
            let less = (*ratio < one).then(|| format!("ratio {ratio} is less than 1"));
            let beyond = min.zip(max).and_then(|(min, max)| beyond(ratio, min, max));
            let details = less.into_iter().chain(beyond);
            errors.extend(details.map(|detail| invalid("maxLimitRequestRatio", ratio, detail)));
        }
        if let Some((default, request)) = default.zip(request).filter(|(default, request)| default != request)
            && !may_overcommit(resource)
        {
            let detail =
                format!("default value {default} must equal to defaultRequest value {request} in {resource}");
            errors.push(invalid("defaultRequest", request, detail));
        }
        errors
    }
}

/// A ratio that the bounds never let anybody reach.
fn beyond(ratio: &Quantity, min: &Quantity, max: &Quantity) -> Option<String> {
    let fits = [ratio, min, max].iter().all(|amount| amount.value() < MAX_IN_THOUSANDTHS);
    let (value, min, max) = match fits {
        true => (ratio.milli_value() as f64 / 1000.0, min.milli_value(), max.milli_value()),
        false => (ratio.value() as f64, min.value(), max.value()),
    };
    let limit = max as f64 / min as f64;
    (value > limit).then(|| format!("ratio {ratio} is greater than max/min = {limit:.6}"))
}

//! `CSIDriver`.

use std::collections::BTreeSet;

use ironclad_api::{FieldError, Object, Path, Status};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::storage::v1 as api;
use serde_json::{Value, json};

use super::GROUP;
use crate::columns::{NONE, age, column, name, text};
use crate::fields::{immutable, items, one_of, value_at};
use crate::spec::{default_to, spec, typed};

const FS_GROUP_POLICIES: [&str; 3] = ["File", "None", "ReadWriteOnceWithFSType"];
const LIFECYCLE_MODES: [&str; 2] = ["Persistent", "Ephemeral"];
const UNSET: &str = "<unset>";
/// Between these a token requested for a driver lives.
const TOKEN_SECONDS: std::ops::RangeInclusive<i64> = 600..=1 << 32;
const MIN_UPDATE_PERIOD_SECONDS: i64 = 10;
const TOKENS_IN_SECRETS: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true \
    to prevent possible logging of tokens in volume attributes";

pub struct CsiDriver {
    spec: KindSpec,
}

impl CsiDriver {
    pub fn new() -> Self {
        let flag = |name, field: &'static str, absent| {
            column(name, "boolean", 0, move |driver, _| {
                driver.at(&["spec", field]).cloned().unwrap_or(Value::Bool(absent))
            })
        };
        Self {
            spec: KindSpec {
                columns: vec![
                    name(),
                    flag("AttachRequired", "attachRequired", true),
                    flag("PodInfoOnMount", "podInfoOnMount", false),
                    flag("StorageCapacity", "storageCapacity", false),
                    text("TokenRequests", audiences),
                    flag("RequiresRepublish", "requiresRepublish", false),
                    text("Modes", modes),
                    age(),
                ],
                ..spec(GROUP, "v1", "CSIDriver", "csidrivers", Scope::Cluster)
            },
        }
    }
}

impl Default for CsiDriver {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for CsiDriver {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn returns_deleted(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn default(&self, driver: &mut Object) {
        let spec = driver.section_mut("spec");
        default_to(spec, "attachRequired", true);
        default_to(spec, "podInfoOnMount", false);
        default_to(spec, "storageCapacity", false);
        default_to(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
        if spec.get("volumeLifecycleModes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            spec.insert("volumeLifecycleModes".into(), json!(["Persistent"]));
        }
        default_to(spec, "requiresRepublish", false);
        default_to(spec, "seLinuxMount", false);
    }

    /// A field of a disabled feature (KEP-5030) is dropped. The generation is counted from the first
    /// change on, but a new driver has none.
    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        let gated = "preventPodSchedulingIfMissing";
        if old.is_none_or(|old| value_at(old, &["spec", gated]).is_null()) {
            new.section_mut("spec").remove(gated);
        }
        if let Some(old) = old.filter(|old| old.0.get("spec") != new.0.get("spec")) {
            new.set_meta("generation", old.generation() + 1);
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let driver: api::CSIDriver = typed(new);
        let path = Path::new("spec");
        let mut errors = validate(&driver.spec, &path);
        let Some(old) = old else { return errors };
        // The first is misspelled upstream.
        for (field, told) in
            [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")]
        {
            errors.extend(immutable(&path.child(told), &["spec", field], new, old));
        }
        errors
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        let requests = value_at(new, &["spec", "tokenRequests"]);
        let asks = requests.as_array().is_some_and(|requests| !requests.is_empty());
        let decided = new.at(&["spec", "serviceAccountTokenInSecrets"]).is_some_and(Value::is_boolean);
        let unchanged = old.is_some_and(|old| value_at(old, &["spec", "tokenRequests"]) == requests);
        if asks && !decided && !unchanged { vec![TOKENS_IN_SECRETS.to_owned()] } else { Vec::new() }
    }
}

fn audiences(driver: &Object) -> String {
    let Some(requests) = driver.at(&["spec", "tokenRequests"]).and_then(Value::as_array) else {
        return UNSET.into();
    };
    let audiences = requests.iter().map(|request| request["audience"].as_str().unwrap_or_default());
    audiences.collect::<Vec<_>>().join(",")
}

fn modes(driver: &Object) -> String {
    let modes = driver.at(&["spec", "volumeLifecycleModes"]).and_then(Value::as_array).into_iter().flatten();
    let joined = modes.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    if joined.is_empty() { NONE.into() } else { joined }
}

fn validate(spec: &api::CSIDriverSpec, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let policy = spec.fs_group_policy.as_deref();
    errors.extend(policy.and_then(|policy| one_of(&path.child("fsGroupPolicy"), policy, &FS_GROUP_POLICIES)));
    errors.extend(token_requests(items(&spec.token_requests), &path.child("tokenRequests")));
    let at = path.child("volumeLifecycleModes");
    let modes = items(&spec.volume_lifecycle_modes).iter();
    errors.extend(modes.filter_map(|mode| one_of(&at, mode, &LIFECYCLE_MODES)));
    let period = spec.node_allocatable_update_period_seconds;
    errors.extend(period.filter(|period| *period < MIN_UPDATE_PERIOD_SECONDS).map(|period| {
        let detail = format!("must be greater than or equal to {MIN_UPDATE_PERIOD_SECONDS} seconds");
        FieldError::invalid(&path.child("nodeAllocatableUpdatePeriodSeconds"), period, detail)
    }));
    if let Some(given) = spec.service_account_token_in_secrets
        && items(&spec.token_requests).is_empty()
    {
        let detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
        errors.push(FieldError::invalid(&path.child("serviceAccountTokenInSecrets"), given, detail));
    }
    errors
}

fn token_requests(requests: &[api::TokenRequest], path: &Path) -> Vec<FieldError> {
    let mut seen = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let path = path.index(index);
        if !seen.insert(&request.audience) {
            errors.push(FieldError::duplicate(&path.child("audience"), &request.audience));
            continue;
        }
        let Some(seconds) = request.expiration_seconds else { continue };
        let path = path.child("expirationSeconds");
        if seconds < *TOKEN_SECONDS.start() {
            let detail = "may not specify a duration less than 10 minutes";
            errors.push(FieldError::invalid(&path, seconds, detail));
        }
        if seconds > *TOKEN_SECONDS.end() {
            let detail = "may not specify a duration larger than 2^32 seconds";
            errors.push(FieldError::invalid(&path, seconds, detail));
        }
    }
    errors
}

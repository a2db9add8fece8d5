use ironclad_api::field::{FieldErrors, Path};
use ironclad_api::{Object, time};
use ironclad_engine::strategy::Strategy;
use k8s_openapi::api::resource::v1 as resource;
use serde_json::{Value, json};

use super::*;
use crate::spec::typed;

fn texts(errors: FieldErrors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

/// `base` with the members of `more` in the place of its own; what is null goes.
fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
        base.retain(|_, value| !value.is_null());
    }
    base
}

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

// === claims ===

#[track_caller]
fn check_claim(devices: Value, want: &[&str]) {
    let mut claim = object(json!({"spec": {"devices": devices}}));
    ResourceClaim::new().default(&mut claim);
    let spec = typed::<resource::ResourceClaim>(&claim).spec;
    let want: Vec<String> = want.iter().map(|error| format!("spec.devices.{error}")).collect();
    assert_eq!(texts(claim_spec::validate(&spec, &Path::new("spec"))), want);
}

#[track_caller]
fn check_request(more: Value, want: &[&str]) {
    let exact = with(json!({"deviceClassName": "class"}), more);
    let want: Vec<String> = want.iter().map(|error| format!("requests[0].exactly.{error}")).collect();
    let devices = json!({"requests": [{"name": "a", "exactly": exact}]});
    check_claim(devices, &want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn requests_are_held_against_upstreams_rules() {
    check_request(json!({}), &[]);
    check_request(json!({"deviceClassName": null}), &["deviceClassName: Required value"]);
    check_request(
        json!({"allocationMode": "All", "count": 1}),
        &["count: Invalid value: 1: must not be specified when allocationMode is 'All'"],
    );
    check_request(
        json!({"allocationMode": "x", "count": -1}),
        &[r#"allocationMode: Unsupported value: "x": supported values: "All", "ExactCount""#],
    );
    check_request(json!({"count": -1}), &["count: Invalid value: -1: must be greater than zero"]);
    check_request(json!({"selectors": [{}]}), &["selectors[0].cel: Required value"]);
    let long = "a".repeat(10 * 1024 + 1);
    check_request(
        json!({"selectors": [{"cel": {"expression": long}}]}),
        &["selectors[0].cel.expression: Too long: may not be more than 10240 bytes"],
    );
    check_request(
        json!({"tolerations": [{"key": "k"}, {"operator": "Exists", "value": "v", "effect": "x"}, {"operator": "y"}]}),
        &[
            r#"tolerations[1].value: Invalid value: "v": must be empty for operator `Exists`"#,
            r#"tolerations[1].effect: Unsupported value: "x": supported values: "NoExecute", "NoSchedule", "None""#,
            r#"tolerations[2].operator: Unsupported value: "y": supported values: "Equal", "Exists""#,
        ],
    );
}

#[test]
fn tolerations_are_of_equality_unless_they_say_otherwise() {
    let mut claim = object(json!({"spec": {"devices": {"requests": [
        {"name": "a", "exactly": {"deviceClassName": "c", "tolerations": [{"key": "k"}, {"operator": "Exists"}]}},
        {"name": "b", "firstAvailable": [{"name": "s", "deviceClassName": "c", "tolerations": [{"key": "k"}]}]},
    ]}}}));
    ResourceClaim::new().default(&mut claim);
    let requests = claim.at(&["spec", "devices", "requests"]).expect("requests");
    let operator = |path: &str| requests.pointer(path).cloned().unwrap_or_default();
    assert_eq!(operator("/0/exactly/tolerations/0/operator"), "Equal");
    assert_eq!(operator("/0/exactly/tolerations/1/operator"), "Exists");
    assert_eq!(operator("/1/firstAvailable/0/tolerations/0/operator"), "Equal");
}

#[test]
fn a_template_gives_claims_no_more_than_labels_and_annotations() {
    let check = |metadata: Value, want: &[&str]| {
        let devices = json!({"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "c"}}]}});
        let template = json!({"metadata": {"name": "t"}, "spec": {"metadata": metadata, "spec": devices}});
        crate::testing::check_create(&super::ResourceClaimTemplate::new(), template, want);
    };
    check(json!({"labels": {"a": "b"}, "annotations": {"c": "d"}}), &[]);
    check(
        json!({"name": "n", "uid": "u", "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a", "uid": "u"}]}),
        &[
            "spec.metadata.name: Forbidden: cannot be set",
            "spec.metadata.uID: Forbidden: cannot be set",
            "spec.metadata.ownerReferences: Forbidden: cannot be set",
        ],
    );
}

#[test]
fn a_request_is_exact_or_has_alternatives() {
    let one = "exactly one of `exactly` or `firstAvailable` is required";
    let sub = json!([{"name": "s", "deviceClassName": "c"}]);
    check_claim(json!({"requests": [{"name": "a"}]}), &[&format!("requests[0]: Required value: {one}")]);
    check_claim(json!({"requests": [{"name": "a", "firstAvailable": sub}]}), &[]);
    check_claim(
        json!({"requests": [{"name": "a", "firstAvailable": sub, "exactly": {"deviceClassName": "c"}}]}),
        &[&format!("requests[0]: Invalid value: null: {one}, but multiple fields are set")],
    );
    let same = json!({"name": "A", "exactly": {"deviceClassName": "c"}});
    check_claim(
        json!({"requests": [same, same]}),
        &[
            &format!(r#"requests[0].name: Invalid value: "A": {LABEL}"#),
            &format!(r#"requests[1].name: Invalid value: "A": {LABEL}"#),
            r#"requests[1]: Duplicate value: "A""#,
        ],
    );
    let many: Vec<Value> =
        (0..33).map(|n| json!({"name": format!("r{n}"), "exactly": {"deviceClassName": "c"}})).collect();
    check_claim(json!({ "requests": many }), &["requests: Too many: 33: must have at most 32 items"]);
}

#[test]
fn constraints_and_configurations_name_requests() {
    let claim = |more: Value| {
        let requests = json!([{"name": "a", "firstAvailable": [{"name": "s", "deviceClassName": "c"}]}]);
        with(json!({ "requests": requests }), more)
    };
    let unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    check_claim(claim(json!({"constraints": [{"requests": ["a", "a/s"], "matchAttribute": "d.io/n"}]})), &[]);
    check_claim(
        claim(json!({"constraints": [{"requests": ["b", "a/t", "a/s/x", "b"]}]})),
        &[
            &format!(r#"constraints[0].requests[0]: Invalid value: "b": {unknown}"#),
            &format!(r#"constraints[0].requests[1]: Invalid value: "a/t": {unknown}"#),
            &format!(r#"constraints[0].requests[2]: Invalid value: "a/s/x": {unknown}"#),
            &format!(r#"constraints[0].requests[3]: Invalid value: "b": {unknown}"#),
            r#"constraints[0].requests[3]: Duplicate value: "b""#,
            "constraints[0]: Required value: exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set",
        ],
    );
    check_claim(
        claim(json!({"constraints": [{"matchAttribute": "n"}, {"distinctAttribute": "/"}]})),
        &[
            r#"constraints[0].matchAttribute: Invalid value: "n": a fully qualified name must be a domain and a name separated by a slash"#,
            r#"constraints[1].distinctAttribute: Invalid value: "": the domain must not be empty"#,
            r#"constraints[1].distinctAttribute: Invalid value: "": the name must not be empty"#,
        ],
    );
    check_claim(
        claim(
            json!({"config": [{}, {"opaque": {"driver": "", "parameters": "x"}}, {"opaque": {"driver": "d.io", "parameters": null}}]}),
        ),
        &[
            "config[0].opaque: Required value",
            "config[1].opaque.driver: Required value",
            r#"config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object"#,
            "config[2].opaque.parameters: Required value",
        ],
    );
}

#[test]
fn claims_ask_for_one_device_by_default() {
    let requests = json!([{"exactly": {}}, {"firstAvailable": [{"allocationMode": "All"}, {"count": 2}]}]);
    let mut claim = object(json!({"spec": {"devices": {"requests": requests}}}));
    ResourceClaim::new().default(&mut claim);
    let want = json!([
        {"exactly": {"allocationMode": "ExactCount", "count": 1}},
        {"firstAvailable": [{"allocationMode": "All"}, {"allocationMode": "ExactCount", "count": 2}]},
    ]);
    assert_eq!(claim.at(&["spec", "devices", "requests"]), Some(&want));
}

// === a claim's status ===

fn claim(status: Value) -> Object {
    let requests = json!([{"name": "a", "exactly": {"deviceClassName": "c"}}]);
    object(json!({"metadata": {"name": "n"}, "spec": {"devices": {"requests": requests}}, "status": status}))
}

fn allocation() -> Value {
    json!({"devices": {"results": [{"request": "a", "driver": "d.io", "pool": "p", "device": "x"}]}})
}

#[track_caller]
fn check_status(old: Value, new: Value, want: &[&str]) {
    assert_eq!(texts(claim_status::validate(&claim(new), &claim(old))), want);
}

#[test]
fn an_allocation_is_sound_and_stays() {
    check_status(json!({}), json!({"allocation": allocation()}), &[]);
    let other = json!({"devices": {"results": [{"request": "b", "driver": "", "pool": "", "device": "X"}],
        "config": [{"source": "x", "opaque": {"driver": "d.io", "parameters": {}}}]}});
    let unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    let results = "status.allocation.devices.results[0]";
    check_status(
        json!({}),
        json!({"allocation": other}),
        &[
            &format!(r#"{results}.request: Invalid value: "b": {unknown}"#),
            &format!("{results}.driver: Required value"),
            &format!("{results}.pool: Required value"),
            &format!(r#"{results}.device: Invalid value: "X": {LABEL}"#),
            r#"status.allocation.devices.config[0].source: Unsupported value: "x": supported values: "FromClaim", "FromClass""#,
        ],
    );
    let errors = texts(claim_status::validate(
        &claim(json!({"allocation": other})),
        &claim(json!({"allocation": allocation()})),
    ));
    assert!(matches!(&errors[..], [error] if error.ends_with(": field is immutable")), "{errors:?}");
}

#[test]
fn only_what_is_allocated_is_reserved_and_reported_on() {
    let consumer = json!({"resource": "pods", "name": "p", "uid": "1"});
    check_status(
        json!({}),
        json!({"reservedFor": [consumer, {"uid": "1"}]}),
        &[
            "status.reservedFor[1].resource: Required value",
            "status.reservedFor[1].name: Required value",
            r#"status.reservedFor[1]: Duplicate value: "1""#,
            "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
        ],
    );
    check_status(json!({}), json!({"allocation": allocation(), "reservedFor": [consumer]}), &[]);
    let device = |more: Value| with(json!({"driver": "d.io", "pool": "p", "device": "x"}), more);
    check_status(
        json!({}),
        json!({"allocation": allocation(), "devices": [device(json!({})), device(json!({"device": "y"}))]}),
        &[
            r#"status.devices[1]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"y","ShareID":""}: must be an allocated device in the claim"#,
        ],
    );
    check_status(
        json!({}),
        json!({"allocation": allocation(), "devices": [device(json!({"networkData": {"ips": ["x"]},
            "data": [], "shareID": "abc"}))]}),
        &[
            r#"status.devices[0].shareID: Invalid value: "abc": error validating uid: invalid UUID length: 3"#,
            r#"status.devices[0]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"x","ShareID":"abc"}: must be an allocated device in the claim"#,
            r#"status.devices[0].data: Invalid value: "<value omitted>": must be a valid JSON object"#,
            r#"status.devices[0].networkData.ips[0]: Invalid value: "x": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"#,
        ],
    );
}

#[test]
fn what_drivers_said_goes_with_the_device() {
    let device = json!({"driver": "d.io", "pool": "p", "device": "x"});
    let old = claim(json!({"allocation": allocation(), "devices": [device]}));
    let mut new = claim(json!({"devices": [device]}));
    claim_status::drop_deallocated(&mut new, &old);
    assert_eq!(new.0.get("status"), Some(&json!({})));
    let mut kept = old.clone();
    claim_status::drop_deallocated(&mut kept, &old);
    assert_eq!(kept, old);
}

#[test]
fn tables_show_the_state_of_a_claim() {
    let check = |status: Value, deleted: bool, want: &str| {
        let mut claim = claim(status);
        if deleted {
            claim.set_meta("deletionTimestamp", time::format(jiff::Timestamp::UNIX_EPOCH));
        }
        assert_eq!(claim::state(&claim), want);
    };
    check(json!({}), false, "pending");
    check(json!({}), true, "deleted");
    check(json!({"allocation": {}}), false, "allocated");
    check(json!({"allocation": {}, "reservedFor": [{}]}), true, "deleted,allocated,reserved");
}

// === classes ===

#[test]
fn classes_are_held_against_upstreams_rules() {
    let check = |spec: Value, want: &[&str]| {
        let class: resource::DeviceClass = typed(&object(json!({ "spec": spec })));
        assert_eq!(texts(device_class::validate(&class.spec, None)), want);
    };
    check(
        json!({"selectors": [{"cel": {"expression": "true"}}], "extendedResourceName": "example.com/gpu"}),
        &[],
    );
    check(
        json!({"config": [{}], "extendedResourceName": "cpu"}),
        &[
            "spec.config[0].opaque: Required value",
            r#"spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name"#,
        ],
    );
}

// === slices ===

#[track_caller]
fn check_slice(more: Value, want: &[&str]) {
    let pool = json!({"name": "p", "resourceSliceCount": 1, "generation": 0});
    let spec = with(json!({"driver": "d.io", "pool": pool, "nodeName": "n"}), more);
    let slice: resource::ResourceSlice = typed(&object(json!({ "spec": spec })));
    let want: Vec<String> = want.iter().map(|error| format!("spec{error}")).collect();
    assert_eq!(texts(resource_slice::validate(&slice.spec, None)), want);
}

#[track_caller]
fn check_device(more: Value, want: &[&str]) {
    let device = with(json!({"name": "x"}), more);
    let want: Vec<String> = want.iter().map(|error| format!(".devices[0]{error}")).collect();
    check_slice(json!({"devices": [device]}), &want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn slices_are_held_against_upstreams_rules() {
    let one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    check_slice(json!({}), &[]);
    check_slice(
        json!({"driver": null, "pool": {"name": "", "resourceSliceCount": 0, "generation": -1}}),
        &[
            ".driver: Required value",
            ".pool.name: Required value",
            ".pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
            ".pool.generation: Invalid value: -1: must be greater than or equal to zero",
        ],
    );
    check_slice(
        json!({"nodeName": "", "allNodes": false}),
        &[
            r#".nodeName: Invalid value: "": must be either unset or set to a non-empty string"#,
            ".allNodes: Invalid value: false: must be either unset or set to true",
            &format!(": Required value: {one}"),
        ],
    );
    check_slice(
        json!({"allNodes": true}),
        &[&format!(r#": Invalid value: "{{`nodeName`, `allNodes`}}": {one}, but multiple fields are set"#)],
    );
    check_slice(
        json!({"devices": [], "sharedCounters": [{"name": "a"}]}),
        &[
            r#": Invalid value: "": only one of `sharedCounters` or `devices` is allowed"#,
            ".sharedCounters[0].counters: Required value",
        ],
    );
}

#[test]
fn devices_are_held_against_upstreams_rules() {
    check_device(json!({}), &[]);
    check_device(
        json!({"attributes": {"a": {}, "b": {"int": 1, "bool": true}, "c": {"version": "1"}, "d-": {"int": 1}}}),
        &[
            r#".attributes[a]: Invalid value: "": exactly one value must be specified"#,
            r#".attributes[b]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified"#,
            r#".attributes[c].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0"#,
            r#".attributes: Invalid value: "d-": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"#,
        ],
    );
    let many: serde_json::Map<String, Value> =
        (0..33).map(|n| (format!("a{n}"), json!({"int": 1}))).collect();
    check_device(
        json!({ "attributes": many }),
        &[": Invalid value: 33: the total number of attributes and capacities must not exceed 32"],
    );
    check_device(
        json!({"taints": [{"key": "k", "effect": "x"}, {"key": "", "effect": ""}]}),
        &[
            r#".taints[0].effect: Unsupported value: "x": supported values: "NoExecute", "NoSchedule", "None""#,
            r#".taints[1].key: Invalid value: "": name part must be non-empty"#,
            r#".taints[1].key: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#,
            ".taints[1].effect: Required value",
        ],
    );
    check_device(
        json!({"nodeName": "n"}),
        &[
            ": Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
        ],
    );
    check_device(
        json!({"bindingFailureConditions": ["a", "a"]}),
        &[
            r#".bindingFailureConditions[1]: Duplicate value: "a""#,
            ".bindingConditions: Invalid value: null: bindingConditions are required to use bindingFailureConditions",
        ],
    );
    check_device(
        json!({"consumesCounters": [{"counterSet": "s"}, {"counterSet": "s", "counters": {"c": {"value": "1"}}}]}),
        &[".consumesCounters[0].counters: Required value", r#".consumesCounters[1]: Duplicate value: "s""#],
    );
}

#[test]
fn capacities_are_shared_out_as_their_policy_says() {
    let check = |policy: Value, want: &[&str]| {
        let capacity = json!({"mem": {"value": "10", "requestPolicy": policy}});
        let want: Vec<String> =
            want.iter().map(|error| format!(".capacity[mem].requestPolicy{error}")).collect();
        check_device(
            json!({"allowMultipleAllocations": true, "capacity": capacity}),
            &want.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    check(json!({}), &[]);
    check(
        json!({"validValues": ["1"], "validRange": {"min": "1"}}),
        &[
            ": Forbidden: exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time",
        ],
    );
    check(json!({"validValues": ["1"]}), &[".default: Required value: required when validValues is defined"]);
    check(
        json!({"default": "3", "validValues": ["2", "1", "11"]}),
        &[
            r#".validValues[1]: Invalid value: "1": values must be sorted in ascending order"#,
            r#".validValues[2]: Invalid value: "11": option is larger than capacity value: 10"#,
            r#".validValues: Invalid value: "3": default value is not valid according to the requestPolicy"#,
        ],
    );
    check(
        json!({"default": "1", "validRange": {"min": "2", "max": "11", "step": "9"}}),
        &[
            r#".validRange.min: Invalid value: "1": default is less than min: 2"#,
            r#".validRange.max: Invalid value: "11": max is larger than capacity value: 10"#,
            r#".validRange.step: Invalid value: "9": one step 11 is larger than capacity value: 10"#,
            r#".validRange.step: Invalid value: "1": value is not a multiple of a given step (9) from (2)"#,
        ],
    );
    check_device(
        json!({"capacity": {"mem": {"value": "1", "requestPolicy": {}}}}),
        &[".capacity[mem].requestPolicy: Forbidden: allowMultipleAllocations must be true"],
    );
}

//! What a hostile document of the largest size costs: time that grows with its size, not with its square. Each of
//! these took minutes, on a thread that others wait for.

use std::time::{Duration, Instant};

use ironclad_api::apply::{FieldSet, Manager, apply, track_update};
use ironclad_api::patch::{json_patch, strategic};
use ironclad_api::schema::{Catalog, Schema};
use ironclad_api::{GroupVersionKind, json};
use serde_json::{Map, Value, json};

const MANY: usize = 150_000;
const NOW: &str = "2026-01-01T00:00:00Z";

/// Far beyond what a debug build takes on a busy machine, and far below what the square takes.
const LIMIT: Duration = Duration::from_secs(20);

#[track_caller]
fn check<T>(work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    done
}

fn schema(group: &'static str, kind: &'static str) -> &'static Schema {
    Catalog::builtin().schema(&GroupVersionKind::new(group, "v1", kind)).expect("in the catalog")
}

fn config_map(data: impl Iterator<Item = String>) -> Value {
    let data: Map<String, Value> = data.map(|name| (name, "".into())).collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "u"}, "data": data})
}

fn track(old: Option<&Value>, new: &mut Value, name: &str) {
    let manager = Manager { name, subresource: "", api_version: "v1" };
    track_update(old, new, schema("", "ConfigMap"), &manager, NOW, &FieldSet::new());
}

fn managers(object: &Value) -> usize {
    object["metadata"]["managedFields"].as_array().map_or(0, Vec::len)
}

#[test]
fn all_fields_go_to_another_manager() {
    let mut old = config_map((0..MANY).map(|at| format!("a{at}")));
    track(None, &mut old, "ann");
    let mut new = config_map((0..MANY).map(|at| format!("b{at}")));
    check(|| track(Some(&old), &mut new, "bob"));
    let left = &new["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!((managers(&new), left), (2, &json!({"f:data": {}})), "the map itself has not changed");
}

#[test]
fn new_fields_stand_between_old_ones() {
    let named = |at: usize| format!("{at:06}");
    let mut old = config_map((0..MANY).step_by(2).map(named));
    track(None, &mut old, "ann");
    let mut new = config_map((0..MANY).map(named));
    check(|| track(Some(&old), &mut new, "bob"));
    assert_eq!(managers(&new), 2);
}

#[test]
fn many_managers_lose_many_fields() {
    let old = config_map((0..MANY / 10).map(|at| format!("a{at}")));
    let mut new = config_map((0..MANY / 10).map(|at| format!("b{at}")));
    let manager = |at: usize| {
        json!({"manager": format!("m{at}"), "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {format!("f:a{at}"): {}}}})
    };
    let managers: Vec<Value> = (0..MANY / 10).map(manager).collect();
    new["metadata"]["managedFields"] = managers.into();
    check(|| track(Some(&old), &mut new, "bob"));
}

#[test]
fn field_sets_are_read_in_any_order() {
    // Numbers are not in the order of their texts.
    let fields: Map<String, Value> = (0..MANY).map(|at| (format!("v:{at}"), json!({}))).collect();
    let set = check(|| FieldSet::from_fields_v1(&Value::Object(fields)).expect("readable"));
    assert_eq!(set.paths().len(), MANY);
}

#[test]
fn a_list_is_applied_in_any_order() {
    let finalizers: Vec<String> = (0..MANY).rev().map(|at| format!("{at:06}")).collect();
    let mut config = config_map(std::iter::empty());
    config["metadata"]["finalizers"] = finalizers.into();
    let manager = Manager { name: "ann", subresource: "", api_version: "v1" };
    let config_map = schema("", "ConfigMap");
    let applied = check(|| apply(None, &config, config_map, &manager, NOW, false, &FieldSet::new()));
    assert!(applied.is_ok());
}

#[test]
fn what_is_wrong_below_a_long_path_is_told_in_bounds() {
    let long = "x".repeat(1 << 20);
    let wrong = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "c"}, "spec": {"extra": {long: vec![1; MANY]}}});
    let kind = schema("certificates.k8s.io", "CertificateSigningRequest");
    let manager = Manager { name: "ann", subresource: "", api_version: "certificates.k8s.io/v1" };
    let applied = check(|| apply(None, &wrong, kind, &manager, NOW, false, &FieldSet::new()));
    let error = applied.expect_err("no texts").to_string();
    assert!(error.len() < 16 << 20, "{} bytes", error.len());
}

#[test]
fn patches_with_many_directives() {
    let names = || (0..MANY).map(|at| format!("a{at}"));
    let data: Map<String, Value> = names().map(|name| (name, "".into())).collect();
    let mut data = Value::Object(data);
    data["$retainKeys"] = names().collect::<Vec<_>>().into();
    let patched = check(|| strategic(&json!({}), &data, schema("", "ConfigMap")));
    assert!(patched.is_ok());

    let list = |more: Value| {
        let element = |name: String| {
            let mut element = more.clone();
            element["name"] = name.into();
            element
        };
        json!({"spec": {"containers": names().map(element).collect::<Vec<_>>()}})
    };
    let (pod, patch) = (list(json!({})), list(json!({"$patch": "delete"})));
    let patched = check(|| strategic(&pod, &patch, schema("", "Pod"))).expect("applies");
    assert_eq!(patched["spec"]["containers"], json!([]));

    let operation: String = names().map(|name| format!(r#","{name}":0"#)).collect();
    let patch = format!(r#"[{{"op":"add","path":"/a","value":1{operation}}}]"#);
    assert!(check(|| json_patch(&json!({}), patch.as_bytes())).is_ok());
}

#[test]
fn fields_repeat_below_a_long_path() {
    let repeated = r#""a":0,"#.repeat(MANY);
    let body = format!(r#"{{"{}":{{{repeated}"b":0}}}}"#, "x".repeat(1 << 20));
    let decoded = check(|| json::decode(body.as_bytes())).expect("JSON");
    assert_eq!(decoded.duplicates.len(), 1);
    let unknown = [format!("{}.b", "x".repeat(1 << 20))];
    let told = check(|| json::strict_errors(body.as_bytes(), &decoded.duplicates, &unknown));
    assert_eq!(told.len(), 2);
}

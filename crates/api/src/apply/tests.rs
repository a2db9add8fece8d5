//! What upstream's documentation and tests say of field ownership and server-side apply.

use serde_json::{Value, json};

use super::*;
use crate::gvk::GroupVersionKind;
use crate::prune::as_typed;
use crate::schema::{Catalog, Schema, structural};
use crate::status::Status;

const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:01:00Z";

fn schema(group: &'static str, kind: &'static str) -> &'static Schema {
    Catalog::builtin().schema(&GroupVersionKind::new(group, "v1", kind)).unwrap()
}

fn manager(name: &str) -> Manager<'_> {
    Manager { name, subresource: "", api_version: "apps/v1" }
}

fn v1(name: &str) -> Manager<'_> {
    Manager { name, subresource: "", api_version: "v1" }
}

/// The fields of the one manager of that name.
fn owned(object: &Value, name: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let entry = entries.into_iter().find(|entry| entry["manager"] == *name);
    entry.map(|entry| entry["fieldsV1"].clone()).unwrap_or_default()
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": data})
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}, "spec": spec})
}

/// Applies as `name` and stores the result.
fn apply_as(live: Option<&Value>, config: &Value, name: &str, force: bool) -> Result<Value, ApplyError> {
    let is_core = config["apiVersion"] == "v1";
    let kind = if config["kind"] == "Pod" { "Pod" } else { "ConfigMap" };
    let (schema, manager) =
        if is_core { (schema("", kind), v1(name)) } else { (schema("apps", "Deployment"), manager(name)) };
    let mut object = apply(live, config, schema, &manager, NOW, force, &FieldSet::new())?;
    as_typed(&mut object, schema);
    object["metadata"]["uid"] = json!("u");
    Ok(object)
}

fn apply_error(live: &Value, config: &Value, name: &str) -> String {
    apply_as(Some(live), config, name, false).unwrap_err().to_string()
}

// === paths and sets ===

#[test]
fn fields_v1_is_read_and_written_as_it_was() {
    let check = |fields: Value| {
        let set = FieldSet::from_fields_v1(&fields).unwrap();
        assert_eq!(set.to_fields_v1(), fields);
    };
    check(json!({}));
    check(json!({"f:a": {}}));
    check(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {"f:d": {}}}));
    check(
        json!({"f:l": {"k:{\"name\":\"a\",\"port\":80}": {".": {}, "f:x": {}}, "v:\"s\"": {}, "v:1": {}, "i:3": {}}}),
    );
    let unknown = json!({"f:a": {}, "x:a": {"f:b": {}}});
    assert_eq!(FieldSet::from_fields_v1(&unknown).unwrap().to_fields_v1(), json!({"f:a": {}}));
    assert!(FieldSet::from_fields_v1(&json!({"f": {}})).is_err());
    assert!(FieldSet::from_fields_v1(&json!({"k:{": {}})).is_err());
}

#[test]
fn set_algebra() {
    let set = |fields: Value| FieldSet::from_fields_v1(&fields).unwrap();
    let check = |got: FieldSet, want: Value| assert_eq!(got.to_fields_v1(), want);
    let a = set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}}));
    let b = set(json!({"f:a": {"f:b": {}}, "f:e": {}}));
    check(a.union(&b), json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}, "f:e": {}}));
    check(a.intersection(&b), json!({"f:a": {"f:b": {}}}));
    check(a.difference(&b), json!({"f:a": {".": {}, "f:c": {}}, "f:d": {}}));
    check(a.difference(&set(json!({"f:a": {}}))), json!({"f:a": {"f:b": {}, "f:c": {}}, "f:d": {}}));
    check(a.recursive_difference(&set(json!({"f:a": {}}))), json!({"f:d": {}}));
    assert!(a.difference(&a).is_empty());
}

#[test]
fn elements_of_a_set_have_one_order_whatever_numbers_they_are() {
    let number = |n: Value| PathElement::Value(n);
    let base = 1_i64 << 62;
    let float = number(json!(base as f64));
    assert_eq!(float, number(json!(base)));
    assert!(float < number(json!(base + 1)), "an integer that no float is");
    assert_eq!(number(json!(1.0)), number(json!(1)));
    assert_eq!(
        number(json!(9.223372036854776e18)),
        number(json!(9_223_372_036_854_776_000_u64)),
        "as Go prints it"
    );
    assert!(number(json!(1)) < number(json!(1.5)) && number(json!(1.5)) < number(json!(2)));
    let mut elements: Vec<Value> = (0..40).map(|n| json!(base + (n * 17) % 40)).collect();
    elements.insert(25, json!(base as f64));
    let schema = structural::resource(&json!({"type": "object", "properties": {"s": {
        "type": "array", "x-kubernetes-list-type": "set", "items": {"type": "number"}}}}));
    let mut object = json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n"}, "s": elements});
    track_update(None, &mut object, &schema, &v1("m"), NOW, &FieldSet::new());
    let fields = owned(&object, "m");
    assert_eq!(fields["f:s"].as_object().map(|set| set.len()), Some(41), "{fields}");
}

#[test]
fn what_a_client_says_in_another_spelling_is_owned_all_the_same() {
    let service = |ports: &[i64], label: &str| {
        let ports: Vec<Value> = ports.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect();
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports},
            "metadata": {"name": "s", "uid": "u", "labels": {"a": label}}})
    };
    let port = json!({".": {}, "f:port": {}, "f:protocol": {}});
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {"f:ports": {"k:{\"protocol\":\"TCP\",\"port\":80}": port}}});
    let live = service(&[80, 443], "1");
    let mut new = service(&[443], "2");
    new["metadata"]["managedFields"] = json!([{"manager": "m", "operation": "Update", "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": fields, "time": NOW}]);
    track_update(Some(&live), &mut new, schema("", "Service"), &v1("m"), LATER, &FieldSet::new());
    assert_eq!(owned(&new, "m"), json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}));
}

#[test]
fn paths_are_printed_as_in_conflicts() {
    let check = |fields: Value, want: &str| {
        let paths = FieldSet::from_fields_v1(&fields).unwrap().paths();
        let text: Vec<String> = paths.iter().map(|path| path::display(path)).collect();
        assert_eq!(text.join(" "), want);
    };
    check(json!({"f:spec": {".": {}, "f:replicas": {}}, "f:z": {}}), ".spec .z .spec.replicas");
    check(
        json!({"f:l": {"k:{\"protocol\":\"TCP\",\"containerPort\":80}": {}, "v:\"a\"": {}}}),
        ".l[containerPort=80,protocol=\"TCP\"] .l[=\"a\"]",
    );
}

// === tracking of other verbs ===

#[test]
fn a_create_owns_what_kubectl_create_is_known_to_own() {
    let mut object = deployment(json!({"replicas": 1, "selector": {"matchLabels": {"app": "nginx"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
        "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [
            {"name": "nginx", "image": "nginx", "imagePullPolicy": "Always",
             "ports": [{"containerPort": 80, "protocol": "TCP"}]}], "dnsPolicy": "ClusterFirst"}}}));
    object["metadata"]["labels"] = json!({"app": "nginx"});
    object["metadata"]["uid"] = json!("u");
    let schema = schema("apps", "Deployment");
    as_typed(&mut object, schema);
    let status = FieldSet::of_fields(&[&["status"]]);
    track_update(None, &mut object, schema, &manager("kubectl-create"), NOW, &status);
    assert_eq!(
        object["metadata"]["managedFields"],
        json!([{"apiVersion": "apps/v1", "fieldsType": "FieldsV1", "manager": "kubectl-create",
            "operation": "Update", "time": NOW, "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:replicas": {}, "f:selector": {},
                    "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
                    "f:template": {
                        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                        "f:spec": {"f:containers": {"k:{\"name\":\"nginx\"}": {".": {}, "f:image": {},
                            "f:imagePullPolicy": {}, "f:name": {},
                            "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}":
                                {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                            "f:resources": {}}}, "f:dnsPolicy": {}}}}}}])
    );
}

/// Updates `live` to `new` as `name` and returns the new object.
fn update_as(live: &Value, mut new: Value, name: &str, now: &str) -> Value {
    new["metadata"]["uid"] = json!("u");
    track_update(Some(live), &mut new, schema("", "ConfigMap"), &v1(name), now, &FieldSet::new());
    new
}

fn created(data: Value) -> Value {
    let mut object = config_map(data);
    track_update(None, &mut object, schema("", "ConfigMap"), &v1("creator"), NOW, &FieldSet::new());
    object["metadata"]["uid"] = json!("u");
    object
}

#[test]
fn an_update_takes_what_it_changes_and_frees_what_it_removes() {
    let live = created(json!({"a": "1", "b": "1", "c": "1"}));
    assert_eq!(owned(&live, "creator"), json!({"f:data": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}}));
    let new = update_as(&live, config_map(json!({"a": "2", "c": "1", "d": "1"})), "editor", LATER);
    assert_eq!(owned(&new, "creator"), json!({"f:data": {".": {}, "f:c": {}}}));
    assert_eq!(owned(&new, "editor"), json!({"f:data": {"f:a": {}, "f:d": {}}}));
    let times: Vec<&Value> =
        new["metadata"]["managedFields"].as_array().unwrap().iter().map(|e| &e["time"]).collect();
    assert_eq!(times, [NOW, LATER]);
}

#[test]
fn who_writes_again_owns_what_it_wrote_and_no_more() {
    let check = |what: &str, data: Value, want: Value| {
        let live = created(json!({"a": "1", "b": "1"}));
        let new = update_as(&live, config_map(data), "creator", LATER);
        assert_eq!(owned(&new, "creator"), json!({ "f:data": want }), "{what}");
        let time = if what == "less" { NOW } else { LATER };
        assert_eq!(new["metadata"]["managedFields"][0]["time"], time, "{what}");
    };
    check("the same field", json!({"a": "2", "b": "1"}), json!({".": {}, "f:a": {}, "f:b": {}}));
    check(
        "another one",
        json!({"a": "1", "b": "1", "c": "1"}),
        json!({".": {}, "f:a": {}, "f:b": {}, "f:c": {}}),
    );
    check("less", json!({"a": "1"}), json!({".": {}, "f:a": {}}));
    check("one of them, and less", json!({"a": "2"}), json!({".": {}, "f:a": {}}));
}

#[test]
fn an_update_without_effect_changes_no_entry() {
    let live = created(json!({"a": "1"}));
    let new = update_as(&live, config_map(json!({"a": "1"})), "editor", LATER);
    assert_eq!(new, live);
}

#[test]
fn managers_can_be_edited_reset_and_are_kept_from_clients_that_know_none() {
    let live = created(json!({"a": "1"}));
    let mut sent = live.clone();
    sent["metadata"]["managedFields"][0]["manager"] = json!("renamed");
    let new = update_as(&live, sent, "editor", LATER);
    assert_eq!(owned(&new, "renamed"), json!({"f:data": {".": {}, "f:a": {}}}));

    for reset in [json!([]), json!([{}])] {
        let mut sent = live.clone();
        sent["metadata"]["managedFields"] = reset;
        let new = update_as(&live, sent, "editor", LATER);
        assert_eq!(new["metadata"].get("managedFields"), None);
        // Without managers, an object is not tracked until the first apply.
        let next = update_as(&new, config_map(json!({"a": "2"})), "editor", LATER);
        assert_eq!(next["metadata"].get("managedFields"), None);
    }
    let mut garbage = config_map(json!({"a": "1"}));
    garbage["metadata"]["managedFields"] = json!([{"manager": "x", "operation": "Nonsense"}]);
    assert_eq!(update_as(&live, garbage, "editor", LATER), live);
}

#[test]
fn more_than_ten_updaters_are_put_together() {
    let mut live = created(json!({}));
    for i in 0..12 {
        let mut data = live["data"].as_object().cloned().unwrap_or_default();
        data.insert(format!("k{i:02}"), json!("1"));
        let now = format!("2026-01-01T00:{i:02}:00Z");
        live = update_as(&live, config_map(Value::Object(data)), &format!("m{i:02}"), &now);
    }
    let entries = live["metadata"]["managedFields"].as_array().unwrap();
    let names: Vec<&str> = entries.iter().filter_map(|e| e["manager"].as_str()).collect();
    assert_eq!(names, ["ancient-changes", "m03", "m04", "m05", "m06", "m07", "m08", "m09", "m10", "m11"]);
    assert_eq!(
        owned(&live, "ancient-changes"),
        json!({"f:data": {".": {}, "f:k00": {}, "f:k01": {}, "f:k02": {}}})
    );
    assert_eq!(entries[0]["time"], "2026-01-01T00:02:00Z");
}

#[test]
fn a_subresource_has_its_own_entry() {
    let mut live = deployment(json!({"selector": {}}));
    let schema = schema("apps", "Deployment");
    track_update(None, &mut live, schema, &manager("a"), NOW, &FieldSet::of_fields(&[&["status"]]));
    live["metadata"]["uid"] = json!("u");
    let mut new = live.clone();
    new["status"] = json!({"replicas": 3});
    new["metadata"]["managedFields"] = json!([]);
    let writer = Manager { subresource: "status", ..manager("a") };
    track_update(Some(&live), &mut new, schema, &writer, LATER, &FieldSet::of_fields(&[&["spec"]]));
    let entries = new["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "a subresource cannot reset managers");
    assert_eq!(entries[1]["subresource"], "status");
    assert_eq!(entries[1]["fieldsV1"], json!({"f:status": {".": {}, "f:replicas": {}}}));
}

#[test]
fn times_alone_are_no_change() {
    let old = created(json!({"a": "1"}));
    let mut new = old.clone();
    new["metadata"]["managedFields"][0]["time"] = json!(LATER);
    keep_times(&old, &mut new);
    assert_eq!(new, old);
    let mut changed = old.clone();
    changed["metadata"]["managedFields"][0]["time"] = json!(LATER);
    changed["data"]["a"] = json!("2");
    let before = changed.clone();
    keep_times(&old, &mut changed);
    assert_eq!(changed, before);
}

// === server-side apply ===

#[test]
fn apply_creates_and_owns_what_it_sets() {
    let config = config_map(json!({"a": "1"}));
    let object = apply_as(None, &config, "x", false).unwrap();
    assert_eq!(object["data"], json!({"a": "1"}));
    assert_eq!(
        object["metadata"]["managedFields"],
        json!([{"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:a": {}}},
            "manager": "x", "operation": "Apply", "time": NOW}])
    );
    assert_eq!(apply_as(Some(&object), &config, "x", false).unwrap(), object);
}

#[test]
fn what_is_no_longer_applied_goes_unless_another_owns_it() {
    let live = apply_as(None, &config_map(json!({"a": "1", "b": "1", "c": "1"})), "x", false).unwrap();
    let live = apply_as(Some(&live), &config_map(json!({"b": "1"})), "y", false).unwrap();
    let live = apply_as(Some(&live), &config_map(json!({"c": "1"})), "x", false).unwrap();
    assert_eq!(live["data"], json!({"b": "1", "c": "1"}));
    assert_eq!(owned(&live, "x"), json!({"f:data": {"f:c": {}}}));
    assert_eq!(owned(&live, "y"), json!({"f:data": {"f:b": {}}}));
}

#[test]
fn changing_anothers_field_is_a_conflict_unless_forced() {
    let spec =
        |replicas: u32| deployment(json!({"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}}));
    let live = apply_as(None, &spec(1), "x", false).unwrap();
    assert_eq!(
        apply_error(&live, &spec(2), "y"),
        "Apply failed with 1 conflict: conflict with \"x\": .spec.replicas"
    );
    let forced = apply_as(Some(&live), &spec(2), "y", true).unwrap();
    assert_eq!(forced["spec"]["replicas"], 2);
    assert_eq!(owned(&forced, "x"), json!({"f:spec": {"f:selector": {}}}));

    let mut updated = spec(3);
    updated["metadata"] = live["metadata"].clone();
    let schema = schema("apps", "Deployment");
    as_typed(&mut updated, schema);
    track_update(Some(&live), &mut updated, schema, &manager("edit"), LATER, &FieldSet::new());
    let error = apply_as(Some(&updated), &spec(1), "x", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Apply failed with 1 conflict: conflict with \"edit\" using apps/v1: .spec.replicas"
    );
    let status = Status::from(error);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    let cause = &status.causes()[0];
    assert_eq!(
        (&*cause.reason, &*cause.message, &*cause.field),
        ("FieldManagerConflict", "conflict with \"edit\" using apps/v1", ".spec.replicas")
    );
}

#[test]
fn several_conflicts_are_listed_by_manager() {
    let live = apply_as(None, &config_map(json!({"a": "1", "b": "1"})), "x", false).unwrap();
    let live = apply_as(Some(&live), &config_map(json!({"c": "1"})), "y", false).unwrap();
    assert_eq!(
        apply_error(&live, &config_map(json!({"a": "2", "b": "2", "c": "2"})), "z"),
        "Apply failed with 3 conflicts: conflicts with \"x\":\n- .data.a\n- .data.b\nconflicts with \"y\":\n- .data.c"
    );
}

fn pod(containers: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}})
}

#[test]
fn list_elements_are_merged_by_key_and_keep_their_place() {
    let live =
        apply_as(None, &pod(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])), "x", false);
    let live = live.unwrap();
    let both = apply_as(Some(&live), &pod(json!([{"name": "c", "image": "1"}])), "y", false).unwrap();
    let names = |object: &Value| -> Vec<String> {
        let list = object["spec"]["containers"].as_array().unwrap();
        list.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&both), ["a", "b", "c"]);
    let reordered = pod(json!([{"name": "b", "image": "1"}, {"name": "a", "image": "1"}]));
    assert_eq!(names(&apply_as(Some(&both), &reordered, "x", false).unwrap()), ["b", "c", "a"]);
    let fewer = apply_as(Some(&both), &pod(json!([{"name": "b", "image": "1"}])), "x", false).unwrap();
    assert_eq!(names(&fewer), ["b", "c"]);
}

#[test]
fn a_keys_default_stands_for_an_absent_key() {
    let ports = |ports: Value| pod(json!([{"name": "a", "image": "1", "ports": ports}]));
    let live = apply_as(None, &ports(json!([{"containerPort": 80, "name": "web"}])), "x", false).unwrap();
    let key = "k:{\"containerPort\":80,\"protocol\":\"TCP\"}";
    let fields = owned(&live, "x");
    assert!(fields["f:spec"]["f:containers"]["k:{\"name\":\"a\"}"]["f:ports"].get(key).is_some(), "{fields}");
    let udp = ports(json!([{"containerPort": 80, "protocol": "UDP"}]));
    let live = apply_as(Some(&live), &udp, "y", false).unwrap();
    assert_eq!(live["spec"]["containers"][0]["ports"].as_array().unwrap().len(), 2);
    let twice = ports(json!([{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]));
    assert_eq!(
        apply_error(&live, &twice, "z"),
        "failed to create typed patch object (/p; /v1, Kind=Pod): .spec.containers[name=\"a\"].ports: duplicate entries for key [containerPort=80,protocol=\"TCP\"]"
    );
}

#[test]
fn sets_are_owned_by_value_and_atomic_lists_as_a_whole() {
    let with = |finalizers: Value| {
        let mut config = config_map(json!({"a": "1"}));
        config["metadata"]["finalizers"] = finalizers;
        config
    };
    let live = apply_as(None, &with(json!(["a/b"])), "x", false).unwrap();
    assert_eq!(
        owned(&live, "x"),
        json!({"f:data": {"f:a": {}}, "f:metadata": {"f:finalizers": {"v:\"a/b\"": {}}}})
    );
    let live = apply_as(Some(&live), &with(json!(["c/d"])), "y", false).unwrap();
    assert_eq!(live["metadata"]["finalizers"], json!(["a/b", "c/d"]));
    let live = apply_as(Some(&live), &with(json!([])), "x", false).unwrap();
    assert_eq!(live["metadata"]["finalizers"], json!(["c/d"]));

    let command = |words: Value| pod(json!([{"name": "a", "command": words}]));
    let live = apply_as(None, &command(json!(["x", "y"])), "x", false).unwrap();
    let error = apply_error(&live, &command(json!(["z"])), "y");
    assert_eq!(
        error,
        "Apply failed with 1 conflict: conflict with \"x\": .spec.containers[name=\"a\"].command"
    );
}

#[test]
fn an_untracked_object_gets_a_manager_for_what_it_has() {
    let mut live = config_map(json!({"a": "1", "b": "1"}));
    live["metadata"]["uid"] = json!("u");
    assert_eq!(
        apply_error(&live, &config_map(json!({"a": "2"})), "x"),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a"
    );
    let object = apply_as(Some(&live), &config_map(json!({"c": "1"})), "x", false).unwrap();
    assert_eq!(owned(&object, "before-first-apply"), json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}}));
}

#[test]
fn kubectl_takes_over_what_it_applied_client_side() {
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"},
        "data": {"a": "1", "b": "1"}});
    let mut live = config_map(json!({"a": "1", "b": "2"}));
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    live["metadata"]["annotations"] = json!({annotation: applied.to_string()});
    track_update(
        None,
        &mut live,
        schema("", "ConfigMap"),
        &v1("kubectl-client-side-apply"),
        NOW,
        &FieldSet::new(),
    );
    live["metadata"]["uid"] = json!("u");

    let config = config_map(json!({"a": "3"}));
    assert!(apply_as(Some(&live), &config, "other", false).is_err());
    let object = apply_as(Some(&live), &config, "kubectl", false).unwrap();
    assert_eq!(object["data"], json!({"a": "3", "b": "2"}));
    let renewed = object["metadata"]["annotations"][annotation].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(renewed).unwrap(), config);
    // What somebody changed since is still a conflict.
    let error = apply_error(&live, &config_map(json!({"a": "3", "b": "3"})), "kubectl");
    assert_eq!(
        error,
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.b"
    );
}

#[test]
fn fields_the_request_cannot_set_are_not_owned() {
    let mut config = deployment(json!({"replicas": 1}));
    config["status"] = json!({"replicas": 5});
    let reset = FieldSet::of_fields(&[&["status"]]);
    let object =
        apply(None, &config, schema("apps", "Deployment"), &manager("x"), NOW, false, &reset).unwrap();
    assert_eq!(owned(&object, "x"), json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn bad_configurations_are_refused_with_upstreams_text() {
    let live = apply_as(None, &config_map(json!({"a": "1"})), "x", false).unwrap();
    let check = |change: &dyn Fn(&mut Value), want: &str| {
        let mut config = config_map(json!({"a": "1"}));
        change(&mut config);
        let error =
            apply(Some(&live), &config, schema("", "ConfigMap"), &v1("x"), NOW, false, &FieldSet::new());
        assert_eq!(error.unwrap_err().to_string(), want);
    };
    let prefix = "failed to create typed patch object (n/c; /v1, Kind=ConfigMap): ";
    check(&|c| c["foo"] = json!(1), &format!("{prefix}.foo: field not declared in schema"));
    check(
        &|c| c["data"]["a"] = json!(8080),
        &format!("{prefix}.data.a: expected string, got &value.valueUnstructured{{Value:8080}}"),
    );
    check(&|c| c["data"] = json!("x"), &format!("{prefix}.data: expected map, got &{{x}}"));
    check(&|c| c["immutable"] = json!("x"), &format!("{prefix}.immutable: expected boolean, got &{{x}}"));
    check(
        &|c| c["metadata"]["finalizers"] = json!(["a", "a", {}]),
        &format!(
            "{prefix}errors:\n  .metadata.finalizers: duplicate entries for key [=\"a\"]\n  .metadata.finalizers: element 2: associative list without keys has an element that's a map type"
        ),
    );
    check(&|c| c["metadata"]["managedFields"] = json!([]), "metadata.managedFields must be nil");
    check(
        &|c| c["apiVersion"] = json!("v2"),
        "Incorrect version specified in apply patch. Specified patch version: v2, expected: v1",
    );
}

#[test]
fn custom_resources_follow_their_schema() {
    let schema = structural::resource(
        &json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "hosts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "ip": {"type": "string"}}}},
        "any": {"x-kubernetes-preserve-unknown-fields": true}}}}}),
    );
    let writer = |name| Manager { name, subresource: "", api_version: "g/v1" };
    let object =
        |spec: Value| json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "k"}, "spec": spec});
    let config = object(json!({"hosts": [{"name": "a", "ip": "1"}], "any": {"x": {"y": [1]}}}));
    let live = apply(None, &config, &schema, &writer("x"), NOW, false, &FieldSet::new()).unwrap();
    assert_eq!(
        owned(&live, "x"),
        json!({"f:spec": {"f:any": {"f:x": {".": {}, "f:y": {}}},
            "f:hosts": {"k:{\"name\":\"a\"}": {".": {}, "f:ip": {}, "f:name": {}}}}})
    );
    let more = object(json!({"hosts": [{"name": "b"}]}));
    let live = apply(Some(&live), &more, &schema, &writer("y"), NOW, false, &FieldSet::new()).unwrap();
    assert_eq!(live["spec"]["hosts"], json!([{"name": "a", "ip": "1"}, {"name": "b"}]));
}

#[test]
fn the_scale_subresource_owns_its_parents_replicas() {
    let replicas = [PathElement::field("spec"), PathElement::field("replicas")];
    let mut parent = apply_as(None, &deployment(json!({"replicas": 1, "selector": {}})), "x", false).unwrap();
    let mut scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d"}, "spec": {"replicas": 1}});
    scale::to_scale(&parent, &replicas, &mut scale);
    assert_eq!(owned(&scale, "x"), json!({"f:spec": {"f:replicas": {}}}));

    let live = scale.clone();
    scale["spec"]["replicas"] = json!(2);
    let writer = Manager { name: "hpa", subresource: "scale", api_version: "autoscaling/v1" };
    scale["metadata"]["uid"] = json!("u");
    let schema = Catalog::builtin().schema(&GroupVersionKind::new("autoscaling", "v1", "Scale")).unwrap();
    track_update(Some(&live), &mut scale, schema, &writer, LATER, &FieldSet::new());
    scale::to_parent(&mut parent, "apps/v1", &replicas, &scale);
    assert_eq!(owned(&parent, "x"), json!({"f:spec": {"f:selector": {}}}));
    assert_eq!(owned(&parent, "hpa"), json!({"f:spec": {"f:replicas": {}}}));
    let entry =
        parent["metadata"]["managedFields"].as_array().unwrap().iter().find(|e| e["manager"] == "hpa");
    assert_eq!(
        (&entry.unwrap()["apiVersion"], &entry.unwrap()["subresource"]),
        (&json!("apps/v1"), &json!("scale"))
    );
}

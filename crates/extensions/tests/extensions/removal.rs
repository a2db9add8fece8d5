use std::time::Duration;

use serde_json::json;

use crate::world::{CRDS, World, widget, widgets};

const WIDGETS: &str = "example.com/v1/widgets ns/";
const CRD: &str = "apiextensions.k8s.io/v1/customresourcedefinitions widgets.example.com";

#[test]
fn objects_go_before_their_definition() {
    let world = World::new();
    world.define(widgets(json!({})));
    for (namespace, name) in [("ns", "a"), ("ns", "b"), ("other", "c")] {
        let path = format!("example.com/v1/widgets {namespace}/");
        world.check("create", &path, widget(name, json!({"size": 1})), 201, json!({}));
    }
    world.check("delete", CRD, json!(null), 200, json!({
        "metadata": {"finalizers": ["customresourcecleanup.apiextensions.k8s.io"]},
        "status": {"conditions": [{"type": "NamesAccepted"}, {"type": "Established"},
            {"type": "Terminating", "status": "True", "reason": "InstanceDeletionPending",
                "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"}]}}));
    world.wait(Duration::from_secs(2));
    world.check("get", CRD, json!(null), 404, json!({}));
    world.check_error("list", WIDGETS, json!({}), 404, "the server could not find the requested resource");
    // Nothing comes back with a definition of the same name.
    world.define(widgets(json!({})));
    world.check("list", WIDGETS, json!({}), 200, json!({"items": []}));
}

#[test]
fn a_finalizer_of_an_object_holds_its_definition_back() {
    let world = World::new();
    world.define(widgets(json!({})));
    let mut held = widget("a", json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.check("create", WIDGETS, held, 201, json!({}));
    world.check("delete", CRD, json!(null), 200, json!({}));
    world.wait(Duration::from_secs(5));
    let got = world.check("get", CRD, json!(null), 200, json!({}));
    let terminating = &got["status"]["conditions"][2];
    assert_eq!(terminating["reason"], "InstanceDeletionInProgress", "{got:#}");
    world.check_error("create", WIDGETS, widget("b", json!({"size": 1})), 403,
        r#"widgets.example.com "b" is forbidden: create not allowed while custom resource definition is terminating"#);
    let path = "example.com/v1/widgets ns/a";
    world.check("merge", path, json!({"metadata": {"finalizers": null}}), 200, json!({}));
    world.wait(Duration::from_secs(2));
    world.check("get", CRD, json!(null), 404, json!({}));
}

#[test]
fn what_was_never_served_goes_at_once() {
    let world = World::new();
    world.define(widgets(json!({})));
    let taken = widgets(json!({"names": {"plural": "gadgets", "kind": "Widget"}}));
    world.check("create", CRDS, taken, 201, json!({}));
    world.wait(Duration::from_millis(10));
    let gadgets = format!("{CRDS} gadgets.example.com");
    world.check("delete", &gadgets, json!(null), 200, json!({}));
    world.wait(Duration::from_millis(10));
    world.check("get", &gadgets, json!(null), 404, json!({}));
    world.check("list", WIDGETS, json!({}), 200, json!({"items": []}));
}

#[test]
fn a_restart_serves_what_was_served_and_ends_what_was_ending() {
    let world = World::new();
    world.define(widgets(json!({})));
    world.define(widgets(json!({"names": {"plural": "gadgets", "kind": "Gadget"}})));
    world.check("create", WIDGETS, widget("a", json!({"size": 1})), 201, json!({}));
    let world = world.restarted();
    world.check("get", "example.com/v1/widgets ns/a", json!(null), 200, json!({"spec": {"size": 1}}));
    world.check("delete", CRD, json!(null), 200, json!({}));
    let world = world.restarted();
    world.wait(Duration::from_secs(2));
    world.check("get", CRD, json!(null), 404, json!({}));
    world.check("list", "example.com/v1/gadgets ns/", json!({}), 200, json!({"items": []}));
}

#[test]
fn all_definitions_at_once_can_be_deleted() {
    let world = World::new();
    for (plural, kind) in [("as", "A"), ("bs", "B"), ("cs", "C")] {
        world.define(widgets(json!({"names": {"plural": plural, "kind": kind}})));
    }
    for plural in ["as", "bs", "cs"] {
        world.check("delete", &format!("{CRDS} {plural}.example.com"), json!(null), 200, json!({}));
    }
    world.wait(Duration::from_secs(2));
    world.check("list", CRDS, json!({}), 200, json!({"items": []}));
}

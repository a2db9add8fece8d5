use ironclad_api::GroupResource;
use ironclad_client::Cache;
use ironclad_engine::{Engine, Parts, Registry, Response};
use ironclad_store::Store;
use serde_json::{Value, json};

use crate::kinds::{Gauge, Plain, Widget};
use crate::world::{Call, World, widget};

fn vessel(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("example.com/{version}"), "kind": "Vessel", "metadata": {"name": name}, "spec": spec})
}

#[test]
fn every_version_shows_the_same_object() {
    let world = World::new();
    let body = vessel("v1", "a", json!({"door": 3}));
    let want = json!({"apiVersion": "example.com/v1", "spec": {"door": 3, "port": null},
        "metadata": {"managedFields": [{"apiVersion": "example.com/v1", "fieldsV1": {"f:spec": {"f:door": {}}}}]}});
    world.check("create", "example.com/v1/vessels ns/", body, 201, want);
    let two = json!({"apiVersion": "example.com/v2", "spec": {"port": 3, "door": null}});
    world.check("get", "example.com/v2/vessels ns/a", (), 200, two);
    let one = json!({"apiVersion": "example.com/v1", "spec": {"door": 3}});
    world.check("get", "example.com/v1/vessels ns/a", (), 200, one.clone());
    let list = json!({"kind": "VesselList", "apiVersion": "example.com/v1", "items": [one]});
    world.check("list", "example.com/v1/vessels ns/", (), 200, list);
    let patched = json!({"apiVersion": "example.com/v1", "spec": {"door": 4}});
    world.check("merge", "example.com/v1/vessels ns/a", json!({"spec": {"door": 4}}), 200, patched.clone());
    let mut call = Call::default();
    call.list.resource_version = Some(1);
    let Ok(Response::Watch(mut watch)) = world.response("watch", "example.com/v1/vessels ns/", (), &call).0
    else {
        panic!("no watch")
    };
    let event = world.run(async move { watch.next().await.expect("an event") });
    let event: Value = serde_json::from_slice(&event.frame).expect("JSON");
    assert_eq!((&event["type"], &event["object"]["spec"]), (&json!("MODIFIED"), &json!({"door": 4})));
    world.check_error(
        "create",
        "example.com/v2/vessels ns/",
        vessel("v1", "b", json!({})),
        &Call::default(),
        400,
        "the API version in the data (example.com/v1) does not match the expected API version (example.com/v2)",
    );
}

#[test]
fn every_version_selects_by_its_own_fields() {
    let world = World::new();
    for (name, port) in [("a", 1), ("b", 2), ("c", 3)] {
        let body = vessel("v2", name, json!({"port": port}));
        world.check("create", "example.com/v2/vessels ns/", body, 201, json!({}));
    }
    let names = |path: &str, call: &Call| -> Vec<String> {
        let body = world.call("list", path, (), call).body;
        let items = body["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| Some(item["metadata"]["name"].as_str()?.to_owned())).collect()
    };
    let check = |version: &str, selector: &str, want: &[&str]| {
        let path = format!("example.com/{version}/vessels ns/");
        assert_eq!(names(&path, &Call::fields(selector)), want, "{version} {selector}");
    };
    check("v1", "spec.door=2", &["b"]);
    check("v1", "spec.door!=2", &["a", "c"]);
    check("v1", "metadata.name=c,spec.door=3", &["c"]);
    check("v1", "metadata.name=c,spec.door=2", &[]);
    check("v2", "spec.port=2", &["b"]);
    for (version, field) in [("v1", "spec.port"), ("v2", "spec.door")] {
        let path = format!("example.com/{version}/vessels ns/");
        let why = format!("field label not supported: {field}");
        world.check_error("list", &path, (), &Call::fields(&format!("{field}=2")), 400, &why);
    }
    // Pages count what is selected.
    let mut call = Call::fields("spec.door!=2");
    call.list.limit = 1;
    let page = world.call("list", "example.com/v1/vessels ns/", (), &call).body;
    assert_eq!(page["items"][0]["metadata"]["name"], "a");
    let token = page["metadata"]["continue"].as_str().expect("there is more").to_owned();
    call.list.continue_token = token;
    assert_eq!(names("example.com/v1/vessels ns/", &call), ["c"]);
}

#[test]
fn objects_enter_and_leave_the_fields_of_a_version() {
    let world = World::new();
    world.check(
        "create",
        "example.com/v2/vessels ns/",
        vessel("v2", "a", json!({"port": 1})),
        201,
        json!({}),
    );
    world.check(
        "create",
        "example.com/v2/vessels ns/",
        vessel("v2", "b", json!({"port": 2})),
        201,
        json!({}),
    );
    let call = Call::fields("spec.door=2");
    let Ok(Response::Watch(mut watch)) = world.response("watch", "example.com/v1/vessels ns/", (), &call).0
    else {
        panic!("no watch")
    };
    world.check("merge", "example.com/v2/vessels ns/b", json!({"spec": {"port": 3}}), 200, json!({}));
    world.check("merge", "example.com/v2/vessels ns/a", json!({"spec": {"port": 4}}), 200, json!({}));
    world.check("merge", "example.com/v2/vessels ns/a", json!({"spec": {"port": 2}}), 200, json!({}));
    world.check("delete", "example.com/v2/vessels ns/a", (), 200, json!({}));
    let events = world.run(async move {
        let mut events = Vec::new();
        for _ in 0..4 {
            let event = watch.next().await.expect("an event");
            let line: Value = serde_json::from_slice(&event.frame).expect("JSON");
            let door = line["object"]["spec"]["door"].clone();
            events.push(json!([line["type"], line["object"]["metadata"]["name"], door]));
        }
        events
    });
    let want = json!([["ADDED", "b", 2], ["DELETED", "b", 2], ["ADDED", "a", 2], ["DELETED", "a", 2]]);
    assert_eq!(Value::Array(events), want);
}

#[test]
fn a_kind_may_be_served_in_two_groups() {
    let world = World::new();
    let body = vessel("v2", "a", json!({"port": 3}));
    world.check("create", "example.com/v2/vessels ns/", body, 201, json!({}));
    let want = json!({"apiVersion": "ships.example.com/v2", "spec": {"port": 3}});
    world.check("get", "ships.example.com/v2/vessels ns/a", (), 200, want.clone());
    world.check("list", "ships.example.com/v2/vessels", (), 200, json!({"items": [want]}));
    let missing = "vessels.ships.example.com \"b\" not found";
    world.check_error("get", "ships.example.com/v2/vessels ns/b", (), &Call::default(), 404, missing);
    let cache = world.engine.cache();
    let key = ironclad_api::ObjectKey::new("ns", "a");
    for group in ["example.com", "ships.example.com"] {
        assert!(cache.get(&GroupResource::new(group, "vessels"), &key).is_some());
    }
}

#[test]
fn what_is_stored_has_the_defaults_of_its_version_and_managers_what_was_written() {
    let world = World::new();
    let engine = world.engine.clone();
    world.run(async move { engine.put_kind(Gauge::shared()).await.expect("added") });
    let gauge = json!({"apiVersion": "example.com/v2", "kind": "Gauge", "metadata": {"name": "a"}, "spec": {"set": 1}});
    let owned = json!([{"apiVersion": "example.com/v2",
        "fieldsV1": {"f:spec": {".": {}, "f:set": {}, "f:two": {}, "f:one": null}}}]);
    let two = json!({"spec": {"set": 1}, "metadata": {"managedFields": owned}});
    world.check("create", "example.com/v2/gauges ns/", gauge, 201, two);
    let one = json!({"spec": {"set": 1, "one": "one"}});
    world.check("get", "example.com/v1/gauges ns/a", (), 200, one);
    world.check(
        "merge",
        "example.com/v2/gauges ns/a",
        json!({"spec": {"set": 2}}),
        200,
        json!({"spec": {"set": 2}}),
    );
    world.check("get", "example.com/v1/gauges ns/a", (), 200, json!({"spec": {"set": 2, "one": "one"}}));
}

/// A world that serves config maps only, on the store of another.
fn without_widgets(world: World) -> World {
    let registry = Registry::new([Plain::shared()]);
    let store = world.store.clone() as std::sync::Arc<dyn Store>;
    let parts = Parts::new(world.env.shared(), store, registry, world.gate.clone(), world.gate.clone());
    let engine = world.run(async move { Engine::start(parts).await.expect("starts") });
    World { engine, ..world }
}

#[test]
fn kinds_come_and_go_at_run_time() {
    let world = World::new();
    world.check("create", "example.com/v1/widgets", widget("w", json!({})), 201, json!({}));
    let world = without_widgets(world);
    world.check(
        "get",
        "example.com/v1/widgets w",
        (),
        404,
        json!({"reason": "NotFound", "details": {"name": null}}),
    );

    let engine = world.engine.clone();
    world.run(async move { engine.put_kind(Widget::shared()).await.expect("added") });
    world.check("get", "example.com/v1/widgets w", (), 200, json!({"spec": {"color": "red"}}));
    world.check("create", "example.com/v1/widgets", widget("x", json!({})), 201, json!({}));
    let mut call = Call::default();
    call.list.resource_version = Some(2);
    let Ok(Response::Watch(mut watch)) = world.response("watch", "example.com/v1/widgets", (), &call).0
    else {
        panic!("no watch")
    };

    let engine = world.engine.clone();
    world.run(async move {
        engine.remove_kind(&GroupResource::new("example.com", "widgets")).await.expect("removed")
    });
    world.check("get", "example.com/v1/widgets w", (), 404, json!({}));
    assert!(world.run(async move { watch.next().await.is_none() }), "its watches end");
}

#[test]
fn stored_objects_take_on_a_new_schema() {
    let world = World::new();
    let body = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}});
    let raw = ironclad_store::Txn {
        compares: Vec::new(),
        ops: vec![ironclad_store::Op::Put {
            key: "/registry/example.com/widgets/w".into(),
            value: json!({"old": true, "spec": {"gone": 1}, "kind": "Widget", "apiVersion": "example.com/v1",
                "metadata": {"name": "w"}})
            .to_string()
            .into(),
        }],
    };
    drop(body);
    let store = world.store.clone();
    world.run(async move { store.txn(raw).await.expect("written") });
    let want =
        json!({"spec": {"color": "red", "gone": null}, "old": null, "metadata": {"resourceVersion": "1"}});
    world.check("get", "example.com/v1/widgets w", (), 200, want);
}

/// The managers that own something, as `NAME VERSION FIELDS`.
fn owners(world: &World, path: &str) -> Vec<String> {
    let body = world.call("get", path, (), &Call::default()).body;
    let entries = body["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let line = |entry: Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let spec = entry["fieldsV1"]["f:spec"].as_object().cloned().unwrap_or_default();
        let fields: Vec<String> = spec.into_iter().map(|(name, _)| name).collect();
        format!("{} {} {}", text("manager"), text("apiVersion"), fields.join(","))
    };
    entries.into_iter().map(line).collect()
}

#[test]
fn fields_are_owned_across_versions() {
    let world = World::new();
    let (one, two) = ("example.com/v1/vessels ns/a", "example.com/v2/vessels ns/a");
    let apply = |manager: &str, force: bool, path: &str, body: Value, code: u16| -> Value {
        let mut call = Call::manager(manager);
        call.write.force = force;
        world.check_with("apply", path, body, &call, code, json!({}))
    };
    apply("ann", false, one, vessel("v1", "a", json!({"door": 1, "grace": 5})), 201);
    assert_eq!(owners(&world, two), ["ann example.com/v1 f:door,f:grace"]);

    // Whoever changes a field in another version meets its owner.
    let refused = apply("bob", false, two, vessel("v2", "a", json!({"port": 2})), 409);
    let want = "Apply failed with 1 conflict: conflict with \"ann\": .spec.door";
    assert_eq!(refused["message"], want);
    apply("bob", true, two, vessel("v2", "a", json!({"port": 2})), 200);
    assert_eq!(owners(&world, one), ["ann example.com/v1 f:grace", "bob example.com/v2 f:port"]);

    // What is not applied any more goes, whichever version it was applied in.
    apply("ann", true, two, vessel("v2", "a", json!({"port": 3})), 200);
    let want = json!({"spec": {"port": 3, "grace": null}});
    world.check("get", two, (), 200, want);
    assert_eq!(owners(&world, one), ["ann example.com/v2 f:port"]);

    // An update takes it, too.
    let mut call = Call::manager("tom");
    call.write.force = false;
    world.check_with("merge", one, json!({"spec": {"door": 4}}), &call, 200, json!({"spec": {"door": 4}}));
    assert_eq!(owners(&world, two), ["tom example.com/v1 f:door"]);
}

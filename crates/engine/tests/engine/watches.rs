use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_api::params::ResourceVersionMatch;
use ironclad_engine::{Response, Watch, WatchEvent};
use serde_json::{Value, json};

use crate::world::{Call, World, config_map, contains};

fn start(world: &World, path: &str, call: &Call) -> Box<Watch> {
    match world.response("watch", path, (), call).0 {
        Ok(Response::Watch(watch)) => watch,
        _ => panic!("no watch"),
    }
}

fn from(revision: u64) -> Call {
    let mut call = Call::default();
    call.list.resource_version = Some(revision);
    call
}

/// Everything the watch yields now.
fn now(watch: &mut Watch) -> Vec<Value> {
    std::iter::from_fn(|| watch.next_now()).map(line).collect()
}

/// Everything the watch yields until it ends.
fn all(world: &World, mut watch: Box<Watch>) -> Vec<Value> {
    world.run(async move {
        let mut events = Vec::new();
        while let Some(event) = watch.next().await {
            events.push(line(event));
        }
        events
    })
}

fn line(event: WatchEvent) -> Value {
    assert!(event.frame.ends_with(b"}\n"));
    let value: Value = serde_json::from_slice(&event.frame).expect("JSON");
    assert_eq!(value["type"], event.event.as_str());
    assert_eq!(value["object"], serde_json::from_slice::<Value>(event.object_json()).expect("JSON"));
    value
}

fn check(events: &[Value], want: Value) {
    if let Err(why) = contains(&Value::Array(events.to_vec()), &want, "") {
        panic!("{why} in {events:#?}");
    }
}

fn event(kind: &str, name: &str, revision: &str) -> Value {
    json!({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": revision}}})
}

fn labeled(name: &str, label: &str) -> Value {
    let mut body = config_map(name, json!({}));
    body["metadata"]["labels"] = json!({"l": label});
    body
}

#[test]
fn a_watch_goes_on_where_a_list_ended() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let mut watch = start(&world, "v1/configmaps ns/", &from(1));
    check(&now(&mut watch), json!([]));
    world.check("create", "v1/configmaps ns/", config_map("b", json!({})), 201, json!({}));
    world.check("create", "v1/configmaps other/", config_map("c", json!({})), 201, json!({}));
    world.check("merge", "v1/configmaps ns/a", json!({"data": {"x": "y"}}), 200, json!({}));
    world.check("delete", "v1/configmaps ns/b", (), 200, json!({}));
    check(
        &now(&mut watch),
        json!([event("ADDED", "b", "2"), event("MODIFIED", "a", "4"), event("DELETED", "b", "5")]),
    );
}

#[test]
fn a_watch_without_a_revision_begins_with_what_is_there() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    for call in [Call::default(), from(0)] {
        let mut watch = start(&world, "v1/configmaps ns/", &call);
        check(&now(&mut watch), json!([event("ADDED", "a", "1")]));
    }
}

#[test]
fn initial_events_end_with_a_bookmark() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let mut call = Call::default();
    call.list.send_initial_events = Some(true);
    call.list.resource_version_match = Some(ResourceVersionMatch::NotOlderThan);
    call.list.allow_watch_bookmarks = true;
    let mut watch = start(&world, "v1/configmaps ns/", &call);
    let end = json!({"type": "BOOKMARK", "object": {"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}}});
    check(&now(&mut watch), json!([event("ADDED", "a", "1"), end]));
    call.list.send_initial_events = Some(false);
    check(&now(&mut start(&world, "v1/configmaps ns/", &call)), json!([]));
    call.list.resource_version_match = None;
    world.check_error(
        "watch",
        "v1/configmaps ns/",
        (),
        &call,
        422,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting \
         resourceVersionMatch to NotOlderThan",
    );
}

#[test]
fn objects_enter_and_leave_a_selector() {
    let world = World::new();
    let mut call = Call::labels("l=x");
    call.list.resource_version = Some(0);
    let mut watch = start(&world, "v1/configmaps", &call);
    world.check("create", "v1/configmaps ns/", labeled("a", "y"), 201, json!({}));
    for label in ["x", "x2", "x"] {
        world.check("update", "v1/configmaps ns/a", labeled("a", label), 200, json!({}));
    }
    world.check("merge", "v1/configmaps ns/a", json!({"data": {"k": "v"}}), 200, json!({}));
    world.check("delete", "v1/configmaps ns/a", (), 200, json!({}));
    let mut left = event("DELETED", "a", "3");
    left["object"]["metadata"]["labels"] = json!({"l": "x"});
    check(
        &now(&mut watch),
        json!([
            event("ADDED", "a", "2"),
            left,
            event("ADDED", "a", "4"),
            event("MODIFIED", "a", "5"),
            event("DELETED", "a", "6")
        ]),
    );
}

#[test]
fn one_object_is_watched_by_its_name() {
    let world = World::new();
    let mut watch = start(&world, "v1/configmaps ns/a", &from(0));
    for name in ["a", "b"] {
        world.check("create", "v1/configmaps ns/", config_map(name, json!({})), 201, json!({}));
    }
    check(&now(&mut watch), json!([event("ADDED", "a", "1")]));
}

#[test]
fn bookmarks_come_each_minute_and_before_the_end() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let mut call = from(1);
    call.list.allow_watch_bookmarks = true;
    call.list.timeout_seconds = Some(130);
    let started = std::sync::Arc::clone(&world.env);
    let before = ironclad_env::Environment::elapsed(&*started);
    let bookmark =
        json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "1", "annotations": null}}});
    let events = all(&world, start(&world, "v1/configmaps ns/", &call));
    check(&events, json!([bookmark, bookmark, bookmark]));
    assert_eq!(ironclad_env::Environment::elapsed(&*started) - before, Duration::from_secs(130));
    call.list.allow_watch_bookmarks = false;
    check(&all(&world, start(&world, "v1/configmaps ns/", &call)), json!([]));
}

#[test]
fn a_revision_from_before_the_log_is_too_old() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    world.check("create", "v1/configmaps ns/", config_map("b", json!({})), 201, json!({}));
    let world = World::on(world.env.clone(), world.store.clone());
    let expired = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired",
        "message": "too old resource version: 1 (2)"}});
    check(&all(&world, start(&world, "v1/configmaps ns/", &from(1))), json!([expired]));
    check(&now(&mut start(&world, "v1/configmaps ns/", &from(2))), json!([]));
}

#[test]
fn a_dropped_wait_loses_nothing() {
    let world = World::new();
    let mut watch = start(&world, "v1/configmaps ns/", &from(0));
    for name in ["a", "b"] {
        let never = futures::FutureExt::now_or_never(watch.next());
        assert!(never.is_none());
        world.check("create", "v1/configmaps ns/", config_map(name, json!({})), 201, json!({}));
        assert_eq!(now(&mut watch).len(), 1);
    }
}

/// Applies events to a state, and refuses what does not follow from it.
fn replay(state: &mut BTreeMap<String, Value>, last: &mut u64, events: &[Value]) {
    for event in events {
        let object = &event["object"];
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let revision: u64 = text("resourceVersion").parse().expect("a number");
        assert!(revision > *last, "reordered or repeated: {event}");
        *last = revision;
        let key = format!("{}/{}", text("namespace"), text("name"));
        let before = match event["type"].as_str() {
            Some("ADDED") => state.insert(key, object.clone()).is_none(),
            Some("MODIFIED") => state.insert(key, object.clone()).is_some(),
            Some("DELETED") => state.remove(&key).is_some(),
            _ => false,
        };
        assert!(before, "does not follow: {event}");
    }
}

#[test]
fn every_watch_leads_from_its_list_to_the_newest_state() {
    let world = World::new();
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let scopes = [
        ("v1/configmaps", ""),
        ("v1/configmaps a/", ""),
        ("v1/configmaps", "l=x"),
        ("v1/configmaps b/", "l!=x"),
    ];
    let list = |scope: (&str, &str)| {
        let list = world.check_with("list", scope.0, (), &Call::labels(scope.1), 200, json!({}));
        let revision: u64 =
            list["metadata"]["resourceVersion"].as_str().expect("text").parse().expect("a number");
        let items = list["items"].as_array().expect("items").iter();
        let key = |item: &Value| {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", text("namespace"), text("name"))
        };
        (revision, items.map(|item| (key(item), item.clone())).collect::<BTreeMap<_, _>>())
    };
    let mut watches = Vec::new();
    for _ in 0..600 {
        let (namespace, name) = (["a", "b"][random(2) as usize], format!("o{}", random(6)));
        let path = format!("v1/configmaps {namespace}/");
        match random(10) {
            0..4 => drop(world.call(
                "create",
                &path,
                labeled(&name, ["x", "y"][random(2) as usize]),
                &Call::default(),
            )),
            4..7 => {
                let body = labeled(&name, ["x", "y"][random(2) as usize]);
                drop(world.call("update", &format!("{path}{name}"), body, &Call::default()));
            }
            7 => drop(world.call("delete", &format!("{path}{name}"), (), &Call::default())),
            8 => {
                let scope = scopes[random(4) as usize];
                let (revision, state) = list(scope);
                let mut call = Call::labels(scope.1);
                call.list.resource_version = Some(revision.max(1));
                watches.push((scope, start(&world, scope.0, &call), state, revision));
            }
            _ => {
                for (_, watch, state, last) in &mut watches {
                    replay(state, last, &now(watch));
                }
            }
        }
    }
    assert!(watches.len() > 20);
    for (scope, mut watch, mut state, mut last) in watches {
        replay(&mut state, &mut last, &now(&mut watch));
        assert_eq!(state, list(scope).1, "{scope:?}");
    }
}

use std::sync::Arc;

use ironclad_client::Request;
use serde_json::{Value, json};

use crate::world::{Call, World, object, target};

fn vessel(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v2", "kind": "Vessel", "metadata": {"name": name}, "spec": spec})
}

#[test]
fn claims_are_unique_kept_and_given_back() {
    let world = World::new();
    let path = "example.com/v2/vessels ns/";
    world.check("create", path, vessel("a", json!({})), 201, json!({"spec": {"port": 1}}));
    world.check("create", path, vessel("b", json!({})), 201, json!({"spec": {"port": 2}}));
    let taken = "Vessel.example.com \"c\" is invalid: spec.port: Invalid value: 1: is taken";
    world.check_error("create", path, vessel("c", json!({"port": 1})), &Call::default(), 422, taken);
    world.check(
        "update",
        "example.com/v2/vessels ns/a",
        vessel("a", json!({"grace": 0})),
        200,
        json!({"spec": {"port": 1}}),
    );
    world.check(
        "update",
        "example.com/v2/vessels ns/a",
        vessel("a", json!({"port": 9})),
        200,
        json!({"spec": {"port": 9}}),
    );
    world.check("create", path, vessel("c", json!({"port": 1})), 201, json!({}));
    world.check("delete", "example.com/v2/vessels ns/b", (), 200, json!({}));
    world.check("create", path, vessel("d", json!({})), 201, json!({"spec": {"port": 2}}));
    let world = World::on(world.env.clone(), world.store.clone());
    world.check_error(
        "create",
        path,
        vessel("e", json!({"port": 9})),
        &Call::default(),
        422,
        "Vessel.example.com \"e\" is invalid: spec.port: Invalid value: 9: is taken",
    );
}

#[test]
fn racing_writers_never_hold_the_same_claim() {
    let world = World::new();
    let (engine, context) = (world.engine.clone(), world.context());
    let ports = world.run(async move {
        let create = |name: String| {
            let request =
                Request::create(target("example.com/v2/vessels ns/"), object(vessel(&name, json!({}))));
            let (engine, context) = (Arc::clone(&engine), context.clone());
            async move {
                engine.handle(&context, request).await.expect("created").into_object().expect("an object")
            }
        };
        let created = futures::future::join_all((0..4).map(|n| create(format!("v{n}")))).await;
        let mut ports: Vec<_> = created.iter().map(|object| object.at(&["spec", "port"]).cloned()).collect();
        ports.sort_by_key(|port| port.as_ref().and_then(Value::as_i64));
        ports
    });
    assert_eq!(ports, (1..5).map(|port| Some(json!(port))).collect::<Vec<_>>());
}

#[test]
fn racing_patches_all_take_effect() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", crate::world::config_map("a", json!({})), 201, json!({}));
    let (engine, context) = (world.engine.clone(), world.context());
    world.run(async move {
        let patch = |n: usize| {
            let body = json!({"data": {format!("k{n}"): "v"}}).to_string();
            let request =
                Request::patch(target("v1/configmaps ns/a"), ironclad_client::PatchKind::Merge, body);
            let (engine, context) = (Arc::clone(&engine), context.clone());
            async move { engine.handle(&context, request).await.map(drop) }
        };
        let results = futures::future::join_all((0..20).map(patch)).await;
        assert!(results.iter().all(Result::is_ok));
    });
    let got = world.check("get", "v1/configmaps ns/a", (), 200, json!({}));
    assert_eq!(got["data"].as_object().map(serde_json::Map::len), Some(20));
}

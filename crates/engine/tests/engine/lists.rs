use ironclad_api::params::ResourceVersionMatch;
use ironclad_client::Cache;
use ironclad_store::Store;
use serde_json::{Value, json};

use crate::world::{Call, World, config_map, widget};

fn world(names: &[&str]) -> World {
    let world = World::new();
    for key in names {
        let (namespace, name) = key.split_once('/').expect("a slash");
        let mut body = config_map(name, json!({}));
        body["metadata"]["labels"] = json!({"name": name});
        world.check("create", &format!("v1/configmaps {namespace}/"), body, 201, json!({}));
    }
    world
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items");
    let key = |item: &Value| {
        let part = |field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
        format!("{}/{}", part("namespace"), part("name"))
    };
    items.iter().map(key).collect()
}

fn page(limit: usize, token: &str) -> Call {
    let mut call = Call::default();
    call.list.limit = limit;
    call.list.continue_token = token.to_owned();
    call
}

#[test]
fn lists_are_in_key_order_and_say_their_revision() {
    let world = world(&["b/x", "a-b/x", "a/z", "a/y"]);
    let all = world.check(
        "list",
        "v1/configmaps",
        (),
        200,
        json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "4", "continue": null}}),
    );
    assert_eq!(names(&all), ["a-b/x", "a/y", "a/z", "b/x"]);
    assert_eq!(names(&world.check("list", "v1/configmaps a/", (), 200, json!({}))), ["a/y", "a/z"]);
    assert_eq!(names(&world.check("list", "v1/configmaps none/", (), 200, json!({}))), [""; 0]);
}

#[test]
fn selectors_select() {
    let world = world(&["a/x", "a/y", "b/x"]);
    let check = |call: Call, want: &[&str]| {
        assert_eq!(names(&world.check_with("list", "v1/configmaps", (), &call, 200, json!({}))), want);
    };
    check(Call::labels("name=x"), &["a/x", "b/x"]);
    check(Call::labels("name notin (x)"), &["a/y"]);
    check(Call::fields("metadata.name=x,metadata.namespace=b"), &["b/x"]);
    check(Call::fields("metadata.namespace!=a"), &["b/x"]);
    let unknown = "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
    world.check_error("list", "v1/configmaps", (), &Call::fields("spec.x=1"), 400, unknown);
    world.check("create", "example.com/v1/widgets", widget("r", json!({})), 201, json!({}));
    world.check("create", "example.com/v1/widgets", widget("g", json!({"color": "green"})), 201, json!({}));
    let red = world.check_with(
        "list",
        "example.com/v1/widgets",
        (),
        &Call::fields("spec.color=red"),
        200,
        json!({}),
    );
    assert_eq!(names(&red), ["/r"]);
    let unknown = "field label not supported: spec.size";
    world.check_error("list", "example.com/v1/widgets", (), &Call::fields("spec.size=1"), 400, unknown);
}

#[test]
fn pages_show_one_revision_while_writes_go_on() {
    let world = world(&["a/1", "a/2", "a/3", "b/4", "b/5"]);
    let first = world.check_with(
        "list",
        "v1/configmaps",
        (),
        &page(2, ""),
        200,
        json!({"metadata": {"resourceVersion": "5", "remainingItemCount": 3}}),
    );
    assert_eq!(names(&first), ["a/1", "a/2"]);
    let token = first["metadata"]["continue"].as_str().expect("a token");
    world.check("create", "v1/configmaps a/", config_map("25", json!({})), 201, json!({}));
    world.check("delete", "v1/configmaps a/3", (), 200, json!({}));
    let second = world.check_with(
        "list",
        "v1/configmaps",
        (),
        &page(2, token),
        200,
        json!({"metadata": {"resourceVersion": "5", "remainingItemCount": 1}}),
    );
    assert_eq!(names(&second), ["a/3", "b/4"]);
    let token = second["metadata"]["continue"].as_str().expect("a token");
    let want = json!({"metadata": {"resourceVersion": "5", "continue": null, "remainingItemCount": null}});
    let last = world.check_with("list", "v1/configmaps", (), &page(0, token), 200, want);
    assert_eq!(names(&last), ["b/5"]);
}

#[test]
fn an_expired_page_offers_an_inconsistent_one() {
    let world = world(&["a/1", "a/2", "a/3"]);
    let first = world.check_with("list", "v1/configmaps a/", (), &page(1, ""), 200, json!({}));
    let token = first["metadata"]["continue"].as_str().expect("a token");
    world.check("create", "v1/configmaps a/", config_map("15", json!({})), 201, json!({}));
    let store = world.store.clone();
    world.run(async move { store.compact(store.revision()).await.expect("compacts") });
    let gone =
        world.check_with("list", "v1/configmaps a/", (), &page(0, token), 410, json!({"reason": "Expired"}));
    let token = gone["metadata"]["continue"].as_str().expect("a token");
    let rest = world.check_with("list", "v1/configmaps a/", (), &page(0, token), 200, json!({}));
    assert_eq!(names(&rest), ["a/15", "a/2", "a/3"]);
    world.check_error(
        "list",
        "v1/configmaps a/",
        (),
        &page(0, "x"),
        400,
        "invalid continue token: continue key is not valid: Invalid input length: 1",
    );
}

#[test]
fn pages_expire_after_some_minutes() {
    let world = world(&["a/1", "a/2"]);
    let first = world.check_with("list", "v1/configmaps a/", (), &page(1, ""), 200, json!({}));
    let token = first["metadata"]["continue"].as_str().expect("a token");
    world.check("create", "example.com/v1/widgets", widget("w", json!({})), 201, json!({}));
    world.env.run_for(std::time::Duration::from_secs(4 * 60));
    world.check_with("list", "v1/configmaps a/", (), &page(1, token), 200, json!({}));
    world.env.run_for(std::time::Duration::from_secs(4 * 60));
    world.check_with("list", "v1/configmaps a/", (), &page(1, token), 410, json!({"reason": "Expired"}));
}

#[test]
fn revisions_are_honoured() {
    let world = world(&["a/1", "a/2", "a/3"]);
    let at = |revision, matching| {
        let mut call = Call::default();
        (call.list.resource_version, call.list.resource_version_match) = (revision, matching);
        call
    };
    let check = |call: &Call, revision: &str, count: usize| {
        let want = json!({"metadata": {"resourceVersion": revision}});
        assert_eq!(names(&world.check_with("list", "v1/configmaps", (), call, 200, want)).len(), count);
    };
    check(&at(Some(0), None), "3", 3);
    check(&at(Some(2), None), "3", 3);
    check(&at(Some(2), Some(ResourceVersionMatch::NotOlderThan)), "3", 3);
    check(&at(Some(2), Some(ResourceVersionMatch::Exact)), "2", 2);
    let future = "Timeout: Too large resource version: 9, current: 3";
    world.check_error("list", "v1/configmaps", (), &at(Some(9), None), 504, future);
    let mut get = Call::default();
    get.get.resource_version = Some(9);
    world.check_error("get", "v1/configmaps a/1", (), &get, 504, future);
    world.check_error(
        "list",
        "v1/configmaps",
        (),
        &at(None, Some(ResourceVersionMatch::Exact)),
        422,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
         unless resourceVersion is provided",
    );
}

#[test]
fn a_restart_serves_what_was_written() {
    let before = world(&["a/1", "b/2"]);
    let want = before.check("get", "v1/configmaps b/2", (), 200, json!({}));
    let after = World::on(before.env.clone(), before.store.clone());
    assert_eq!(after.check("get", "v1/configmaps b/2", (), 200, json!({})), want);
    let list = after.check("list", "v1/configmaps", (), 200, json!({"metadata": {"resourceVersion": "2"}}));
    assert_eq!(names(&list), ["a/1", "b/2"]);
    assert_eq!(after.engine.cache().revision(), 2);
}

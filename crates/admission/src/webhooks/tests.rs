//! Requests against a real engine, with webhooks on a real HTTPS server.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ironclad_env::RealEnv;
use ironclad_webhook::Caller;
use ironclad_webhook::testing::{Reply, Server};
use serde_json::{Value, json};

use super::{MutatingAdmissionWebhook, ValidatingAdmissionWebhook};
use crate::Step::Waiting;
use crate::small_cluster::{SmallCluster, Write};

const CONFIGMAPS: &str = "/v1/configmaps";
const WIDGETS: &str = "example.com/v1/widgets";

struct World {
    cluster: SmallCluster,
    server: Server,
}

fn base64(value: &Value) -> String {
    STANDARD.encode(value.to_string())
}

/// What the server answers at each path.
fn response(path: &str, review: &Value) -> Value {
    let request = &review["request"];
    let patch = |patch: Value| json!({ "allowed": true, "patchType": "JSONPatch", "patch": base64(&patch) });
    match path {
        "/allow" => json!({ "allowed": true, "warnings": ["take care"], "auditAnnotations": { "k": "v" } }),
        "/bare" => json!({ "allowed": false }),
        "/message" => {
            json!({ "allowed": false, "status": { "message": "no way", "code": 422, "reason": "Invalid" } })
        }
        "/reason" => {
            json!({ "allowed": false, "status": { "reason": "Because", "status": "Success", "code": 200 } })
        }
        "/other-uid" => json!({ "allowed": true, "uid": "x" }),
        "/patch-without-type" => json!({ "allowed": true, "patch": base64(&json!([])) }),
        "/one" => patch(json!([{ "op": "add", "path": "/spec/one", "value": 1 }])),
        // Only if it sees what /one did.
        "/two" if request["object"]["spec"]["one"] == 1 => {
            patch(json!([{ "op": "add", "path": "/spec/two", "value": 2 }]))
        }
        "/count" => {
            let seen = request["object"]["spec"]["count"].as_i64().unwrap_or(0);
            patch(json!([{ "op": "add", "path": "/spec/count", "value": seen + 1 }]))
        }
        "/no-color" => patch(json!([{ "op": "remove", "path": "/spec/color" }])),
        "/misfit" => patch(json!([{ "op": "remove", "path": "/spec/missing" }])),
        _ => json!({ "allowed": true }),
    }
}

impl World {
    async fn new() -> Self {
        let env = RealEnv::shared();
        let answer = |path: &str, review: &Value| {
            let path = path.split('?').next().unwrap_or_default();
            let mut response = response(path, review);
            if response["uid"].is_null() {
                response["uid"] = review["request"]["uid"].clone();
            }
            let review = json!({ "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
                "response": response });
            let delay = Duration::from_secs(if path == "/slow" { 3 } else { 0 });
            Reply { delay, ..Reply::json(&review) }
        };
        let server = Server::start(&env, &["hook.ns.svc"], Box::new(answer)).await;
        let caller = Caller::new(env, server.resolver());
        let authorizer = crate::small_cluster::authorizer();
        let cluster = SmallCluster::new(|cache| {
            vec![
                Waiting(Box::new(MutatingAdmissionWebhook::new(cache, &caller, &authorizer))),
                Waiting(Box::new(ValidatingAdmissionWebhook::new(cache, &caller, &authorizer))),
            ]
        });
        Self { cluster: cluster.await, server }
    }

    /// Puts up a configuration with one webhook `hook.example.com`, which by default sees all
    /// writes of configmaps and widgets.
    async fn hook(&self, kind: &str, name: &str, path: &str, more: Value) {
        let mut webhook = json!({
            "name": "hook.example.com",
            "clientConfig": {
                "service": { "namespace": "ns", "name": "hook", "path": path },
                "caBundle": STANDARD.encode(&self.server.ca_bundle),
            },
            "rules": [{ "operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"],
                "resources": ["configmaps", "widgets"] }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 1,
        });
        if let (Some(webhook), Value::Object(more)) = (webhook.as_object_mut(), more) {
            webhook.extend(more);
        }
        let resource = format!("admissionregistration.k8s.io/v1/{kind}webhookconfigurations");
        let object = json!({ "metadata": { "name": name }, "webhooks": [webhook] });
        self.cluster.must(Write::new("create", &resource, "/", object)).await;
    }

    /// The questions asked since the last look.
    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.server.seen.lock())
    }
}

fn map(name: &str) -> Value {
    json!({ "metadata": { "name": name, "namespace": "ns", "labels": { "tier": "web" } } })
}

fn widget(name: &str) -> Value {
    json!({ "metadata": { "name": name, "namespace": "ns" }, "spec": {} })
}

#[tokio::test]
async fn a_denial_is_the_webhooks_status_with_its_name() {
    let check = async |kind: &str, path: &str, more: Value, code: u16, reason: &str, message: &str| {
        let world = World::new().await;
        world.hook(kind, "c", path, more).await;
        let status = world.cluster.run(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
        let status = status.expect_err(path);
        assert_eq!((status.code, status.reason.as_str(), status.message.as_str()), (code, reason, message));
    };
    let denied = "admission webhook \"hook.example.com\" denied the request";
    for kind in ["mutating", "validating"] {
        check(kind, "/bare", json!({}), 400, "", &format!("{denied} without explanation")).await;
        check(kind, "/message", json!({}), 422, "Invalid", &format!("{denied}: no way")).await;
        check(kind, "/reason", json!({}), 400, "Because", &format!("{denied}: Because")).await;
        let late = "Internal error occurred: failed calling webhook \"hook.example.com\": failed to call webhook: \
                    Post \"https://hook.ns.svc:443/slow?timeout=1s\": context deadline exceeded";
        check(kind, "/slow", json!({}), 500, "InternalError", late).await;
        let unknown = "Internal error occurred: failed calling webhook \"hook.example.com\": could not create \
                       admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)";
        check(kind, "/allow", json!({ "admissionReviewVersions": ["v2"] }), 500, "InternalError", unknown)
            .await;
        // Ignoring failures is not ignoring denials.
        check(
            kind,
            "/bare",
            json!({ "failurePolicy": "Ignore" }),
            400,
            "",
            &format!("{denied} without explanation"),
        )
        .await;
    }
    let invalid = |why: &str| {
        format!(
            "Internal error occurred: failed calling webhook \"hook.example.com\": received invalid webhook \
             response: {why}"
        )
    };
    let why = invalid("webhook returned response.patch but not response.patchType");
    check("mutating", "/patch-without-type", json!({}), 500, "InternalError", &why).await;
    let why = invalid("validating webhook may not return response.patch");
    check("validating", "/one", json!({}), 500, "InternalError", &why).await;
    let why = "Internal error occurred: remove operation does not apply: doc is missing path: \
               \"/spec/missing\": missing value";
    check("mutating", "/misfit", json!({ "failurePolicy": "Ignore" }), 500, "InternalError", why).await;
}

#[tokio::test]
async fn a_failure_that_is_ignored_lets_the_write_pass_and_is_noted() {
    for (kind, key) in [
        ("mutating", "failed-open.mutation.webhook.admission.k8s.io/round_0_index_0"),
        ("validating", "failed-open.validating.webhook.admission.k8s.io/round_0_index_0"),
    ] {
        let world = World::new().await;
        world.hook(kind, "c", "/slow", json!({ "failurePolicy": "Ignore" })).await;
        world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
        let audit = world.cluster.context.audit.lock().clone();
        assert_eq!(audit.get(key).map(String::as_str), Some("hook.example.com"), "{audit:?}");
    }
}

#[tokio::test]
async fn warnings_and_annotations_are_passed_on() {
    let world = World::new().await;
    world.hook("mutating", "c", "/allow", json!({})).await;
    world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
    let context = &world.cluster.context;
    assert_eq!(*context.warnings.lock(), ["take care"]);
    let audit = context.audit.lock().clone();
    let audit: Vec<(&str, &str)> = audit.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        audit,
        [
            ("hook.example.com/k", "v"),
            (
                "mutation.webhook.admission.k8s.io/round_0_index_0",
                "{\"configuration\":\"c\",\"webhook\":\"hook.example.com\",\"mutated\":false}"
            )
        ]
    );
}

#[tokio::test]
async fn only_what_rules_and_selectors_name_is_asked_about() {
    let check = async |more: Value, resource: &str, object: Value, want: bool| {
        let world = World::new().await;
        world.hook("validating", "c", "/allow", more.clone()).await;
        let key = if resource.ends_with("namespaces") { "/" } else { "ns/" };
        world.cluster.must(Write::new("create", resource, key, object)).await;
        assert_eq!(!world.asked().is_empty(), want, "{more} {resource}");
    };
    let rule = |operations: &str, group: &str, version: &str, resource: &str, scope: &str| {
        json!({ "rules": [{ "operations": [operations], "apiGroups": [group], "apiVersions": [version],
            "resources": [resource], "scope": scope }] })
    };
    let maps = async |more: Value, want: bool| check(more, CONFIGMAPS, map("a"), want).await;
    maps(rule("CREATE", "", "v1", "configmaps", "Namespaced"), true).await;
    maps(rule("CREATE", "", "v1", "*", "*"), true).await;
    maps(rule("*", "*", "*", "*/*", "*"), true).await;
    maps(rule("UPDATE", "", "v1", "configmaps", "*"), false).await;
    maps(rule("CREATE", "apps", "v1", "configmaps", "*"), false).await;
    maps(rule("CREATE", "", "v2", "configmaps", "*"), false).await;
    maps(rule("CREATE", "", "v1", "configmaps/status", "*"), false).await;
    maps(rule("CREATE", "", "v1", "configmaps", "Cluster"), false).await;
    let namespaces = async |more: Value, want: bool| {
        let object = json!({ "metadata": { "name": "blue", "labels": { "team": "blue" } } });
        check(more, "/v1/namespaces", object, want).await;
    };
    namespaces(rule("CREATE", "", "v1", "namespaces", "Cluster"), true).await;
    namespaces(rule("CREATE", "", "v1", "namespaces", "Namespaced"), false).await;
    let mut by_team = rule("CREATE", "", "v1", "*", "*");
    by_team["namespaceSelector"] = json!({ "matchLabels": { "team": "blue" } });
    namespaces(by_team.clone(), true).await;
    maps(by_team, false).await;
    maps(json!({ "namespaceSelector": { "matchLabels": { "team": "red" } } }), true).await;
    maps(json!({ "objectSelector": { "matchLabels": { "tier": "web" } } }), true).await;
    maps(json!({ "objectSelector": { "matchLabels": { "tier": "db" } } }), false).await;
    // Another version of the same resource is the same resource, unless the policy is exact.
    let mut v2 = rule("CREATE", "example.com", "v2", "widgets", "*");
    check(v2.clone(), WIDGETS, widget("a"), true).await;
    v2["matchPolicy"] = json!("Exact");
    check(v2, WIDGETS, widget("a"), false).await;
}

#[tokio::test]
async fn conditions_keep_requests_from_webhooks() {
    let check = async |conditions: &[&str], policy: &str, asked: bool, refusal: &str| {
        let world = World::new().await;
        let conditions: Vec<Value> =
            conditions.iter().map(|text| json!({ "name": "c", "expression": text })).collect();
        let more = json!({ "matchConditions": conditions, "failurePolicy": policy });
        world.hook("validating", "c", "/allow", more).await;
        let got = world.cluster.run(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
        assert_eq!(got.err().map(|status| status.message).unwrap_or_default(), refusal, "{conditions:?}");
        assert_eq!(!world.asked().is_empty(), asked, "{conditions:?}");
    };
    check(&["request.userInfo.username == 'ann'", "object.metadata.name == 'a'"], "Fail", true, "").await;
    check(&["true", "request.operation == 'DELETE'"], "Fail", false, "").await;
    check(&["object.missing", "false"], "Fail", false, "").await;
    check(&["object.missing == 1"], "Ignore", false, "").await;
    check(&["authorizer.group('').resource('pods').name('x').check('get').allowed()"], "Fail", true, "")
        .await;
    check(
        &["authorizer.group('').resource('pods').name('secret').check('get').allowed()"],
        "Fail",
        false,
        "",
    )
    .await;
    check(&["authorizer.requestResource.check('breakglass').allowed()"], "Fail", true, "").await;
    let missing = "configmaps \"a\" is forbidden: expression 'object.missing == 1' resulted in error: no such \
                   key: missing";
    check(&["object.missing == 1", "true"], "Fail", false, missing).await;
}

#[tokio::test]
async fn a_review_says_everything_about_the_request() {
    let world = World::new().await;
    world.hook("validating", "c", "/allow", json!({})).await;
    let created = world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
    world.cluster.must(Write::new("delete", CONFIGMAPS, "ns/a", json!(null))).await;
    let resource = json!({ "group": "", "version": "v1", "resource": "configmaps" });
    let kind = json!({ "group": "", "version": "v1", "kind": "ConfigMap" });
    let mut object = created.clone();
    object.remove_meta("resourceVersion");
    let review = |operation: &str, object: Value, old: Value, options: &str| {
        json!({ "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
            "name": "a", "namespace": "ns", "operation": operation, "dryRun": false,
            "userInfo": { "username": "ann", "groups": ["dev"] }, "object": object, "oldObject": old,
            "options": { "kind": options, "apiVersion": "meta.k8s.io/v1" } } })
    };
    let asked: Vec<Value> = world
        .asked()
        .into_iter()
        .map(|(_, mut review)| {
            let uid = review["request"].as_object_mut().and_then(|request| request.remove("uid"));
            assert_eq!(uid.and_then(|uid| uid.as_str().map(str::len)), Some(36));
            review
        })
        .collect();
    assert_eq!(
        asked,
        [
            review("CREATE", object.into_value(), json!(null), "CreateOptions"),
            review("DELETE", json!(null), created.into_value(), "DeleteOptions"),
        ]
    );
}

#[tokio::test]
async fn a_webhook_sees_the_version_that_it_names() {
    let world = World::new().await;
    let rules = json!([{ "operations": ["*"], "apiGroups": ["example.com"], "apiVersions": ["v2"],
        "resources": ["widgets"] }]);
    world.hook("mutating", "c", "/one", json!({ "rules": rules })).await;
    let made = world.cluster.must(Write::new("create", WIDGETS, "ns/", widget("a"))).await;
    let request = world.asked().remove(0).1["request"].take();
    assert_eq!(request["kind"]["version"], "v2");
    assert_eq!(request["resource"]["version"], "v2");
    assert_eq!(request["requestKind"]["version"], "v1");
    assert_eq!(request["object"]["apiVersion"], "example.com/v2");
    assert_eq!(request["object"]["spec"]["seenAs"], "v2");
    assert_eq!(made.api_version(), "example.com/v1");
    assert_eq!(made.at(&["spec", "one"]), Some(&json!(1)));
}

#[tokio::test]
async fn patches_add_up_in_the_order_of_names_and_defaults_come_back() {
    let check = async |hooks: &[(&str, &str, Value)], want: Value| {
        let world = World::new().await;
        for (name, path, more) in hooks {
            world.hook("mutating", name, path, more.clone()).await;
        }
        let made = world.cluster.must(Write::new("create", WIDGETS, "ns/", widget("a"))).await;
        let mut spec = made.at(&["spec"]).cloned().unwrap_or_default();
        spec.as_object_mut().and_then(|spec| spec.remove("seenAs"));
        assert_eq!(spec, want, "{hooks:?}");
    };
    let once = json!({});
    let needed = json!({ "reinvocationPolicy": "IfNeeded" });
    check(
        &[("b", "/two", once.clone()), ("a", "/one", once.clone())],
        json!({ "color": "red", "one": 1, "two": 2 }),
    )
    .await;
    check(&[("a", "/two", once.clone()), ("b", "/one", once.clone())], json!({ "color": "red", "one": 1 }))
        .await;
    check(
        &[("a", "/two", needed.clone()), ("b", "/one", once.clone())],
        json!({ "color": "red", "one": 1, "two": 2 }),
    )
    .await;
    // Its own change is no reason to be asked again; somebody else's is, in both rounds.
    check(&[("a", "/count", needed.clone())], json!({ "color": "red", "count": 1 })).await;
    check(
        &[("a", "/count", needed.clone()), ("b", "/count", needed.clone())],
        json!({ "color": "red", "count": 4 }),
    )
    .await;
    check(&[("a", "/no-color", once.clone())], json!({ "color": "red" })).await;
}

#[tokio::test]
async fn a_dry_run_asks_only_who_leaves_no_trace() {
    let check = async |side_effects: Value, want: &str| {
        let world = World::new().await;
        world.hook("validating", "c", "/allow", json!({ "sideEffects": side_effects })).await;
        let write = Write { dry_run: true, ..Write::new("create", CONFIGMAPS, "ns/", map("a")) };
        let refusal = world.cluster.run(write).await.err().map(|status| status.message);
        assert_eq!(refusal.unwrap_or_default(), want);
    };
    check(json!("None"), "").await;
    check(json!("NoneOnDryRun"), "").await;
    check(json!("Some"), "admission webhook \"hook.example.com\" does not support dry run").await;
}

#[tokio::test]
async fn hooks_are_not_asked_about_hooks() {
    let world = World::new().await;
    let rules =
        json!([{ "operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"] }]);
    world.hook("validating", "c", "/bare", json!({ "rules": rules })).await;
    let configurations = "admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    world.cluster.must(Write::new("delete", configurations, "/c", json!(null))).await;
    world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn streams_are_asked_about_with_their_options() {
    let world = World::new().await;
    world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
    let rules = json!([{ "operations": ["CONNECT"], "apiGroups": [""], "apiVersions": ["v1"],
        "resources": ["configmaps/attach"] }]);
    world.hook("validating", "c", "/bare", json!({ "rules": rules })).await;
    let key = ironclad_api::ObjectKey::new("ns", "a");
    let resource = ironclad_api::GroupVersionResource::new("", "v1", "configmaps");
    let target = ironclad_client::Target::object(resource, &key).subresource("attach");
    let mut options = ironclad_api::Object::default();
    options.0.insert("kind".into(), "PodAttachOptions".into());
    let cluster = &world.cluster;
    let refused = cluster.engine.connect(&cluster.context, &target, &mut options).await;
    assert!(refused.is_err_and(|status| status.message.contains("denied the request")));
    let request = world.asked().remove(0).1["request"].take();
    assert_eq!(request["operation"], "CONNECT");
    assert_eq!(request["kind"]["kind"], "PodAttachOptions");
    assert_eq!((&request["subResource"], &request["name"]), (&json!("attach"), &json!("a")));
    assert_eq!(request["object"]["kind"], "PodAttachOptions");
}

#[tokio::test]
async fn nobody_waits_for_webhooks_that_run_at_once() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.hook("validating", name, "/slow", json!({ "failurePolicy": "Ignore" })).await;
    }
    let before = world.cluster.engine.env().elapsed();
    world.cluster.must(Write::new("create", CONFIGMAPS, "ns/", map("a"))).await;
    assert!(world.cluster.engine.env().elapsed() - before < Duration::from_secs(2));
}

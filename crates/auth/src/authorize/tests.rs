use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ironclad_api::{fields, labels};
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, User};
use ironclad_env::RealEnv;
use ironclad_webhook::Patience;
use ironclad_webhook::testing::{Reply, Server};
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::{BuiltIn, Chain, conditions, question};
use crate::{NodeAuthorizer, Rbac, ReviewVersion};

/// A webhook in a file, with the kubeconfig at `path` and these fields changed.
fn webhook(path: &str, changed: Value) -> Value {
    let mut webhook = json!({
        "timeout": "3s", "subjectAccessReviewVersion": "v1", "failurePolicy": "NoOpinion",
        "connectionInfo": { "type": "KubeConfigFile", "kubeConfigFile": path },
    });
    for (field, value) in changed.as_object().into_iter().flatten() {
        webhook[field.as_str()] = value.clone();
    }
    json!({ "type": "Webhook", "name": "hook.example.com", "webhook": webhook })
}

fn file(authorizers: &[Value]) -> Vec<u8> {
    let (version, kind) = ("apiserver.config.k8s.io/v1", "AuthorizationConfiguration");
    json!({ "apiVersion": version, "kind": kind, "authorizers": authorizers }).to_string().into_bytes()
}

// === the file ===

/// `expected` is empty for a file that is good.
fn check_file(text: &[u8], expected: &str) {
    let required = BTreeSet::from(["RBAC".to_owned()]);
    let error = Configuration::parse(text, &required).err().unwrap_or_default();
    assert_eq!(error, expected, "{}", String::from_utf8_lossy(text));
}

#[test]
fn a_bad_file_is_refused_with_upstreams_words() {
    let rbac = json!({ "type": "RBAC", "name": "rbac" });
    let check = |authorizers: &[Value], expected: &str| {
        check_file(&file(authorizers), expected);
    };
    let with = |authorizer: Value, expected: &str| check(&[rbac.clone(), authorizer], expected);
    let load = |why: &str| format!("failed to load AuthorizationConfiguration from file: {why}");
    check_file(b"apiVersion: v1", &load("Object 'Kind' is missing in 'apiVersion: v1'"));
    let kind = "no kind \"Pod\" is registered for version \"v1\"";
    check_file(b"kind: Pod\napiVersion: v1", &load(kind));
    check(std::slice::from_ref(&rbac), "");
    check(&[], "authorizers: Required value: at least one authorization mode must be defined");
    check(
        &[json!({ "type": "Node", "name": "no de" })],
        "authorizers[0].name: Invalid value: \"no de\": authorizer name is invalid: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
    check(
        &[json!({ "type": "Node", "name": "other" })],
        "[expected name node for authorizer Node instead of other, missing required types: [RBAC]]",
    );
    with(json!({ "name": "x" }), "authorizers[1].type: Required value");
    with(
        json!({ "type": "Magic", "name": "x" }),
        "authorizers[1].type: Unsupported value: \"Magic\": supported values: \"ABAC\", \"AlwaysAllow\", \"AlwaysDeny\", \"Node\", \"RBAC\", \"Webhook\"",
    );
    with(rbac.clone(), "authorizers[1].type: Duplicate value: \"RBAC\"");
    with(json!({ "type": "Node", "name": "rbac" }), "authorizers[1].name: Duplicate value: \"rbac\"");
    with(
        json!({ "type": "Webhook", "name": "x" }),
        "authorizers[1].webhook: Required value: required when type=Webhook",
    );
    with(
        json!({ "type": "Node", "name": "node", "webhook": {} }),
        "authorizers[1].webhook: Invalid value: \"non-null\": may only be specified when type=Webhook",
    );
    with(
        json!({ "type": "Webhook", "name": "x", "webhook": { "speed": 1, "connectionInfo": { "file": "" } } }),
        &load(
            "strict decoding error: unknown field \"authorizers[1].webhook.connectionInfo.file\", unknown field \"authorizers[1].webhook.speed\"",
        ),
    );
}

#[test]
fn a_bad_webhook_is_refused_with_upstreams_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = folder.path().join("good");
    std::fs::write(&good, "").expect("written");
    let check = |changed: Value, expected: &[&str]| {
        let text =
            file(&[json!({ "type": "RBAC", "name": "rbac" }), webhook(&good.to_string_lossy(), changed)]);
        let expected: Vec<String> = expected.iter().map(|error| format!("authorizers[1].{error}")).collect();
        let expected = ironclad_api::field::aggregate_texts(expected).unwrap_or_default();
        check_file(&text, &expected);
    };
    check(json!({}), &[]);
    check(json!({ "timeout": null }), &["timeout: Required value"]);
    let within = "must be > 0s and <= 30s";
    check(json!({ "timeout": "31s" }), &[&format!("timeout: Invalid value: \"31s\": {within}")]);
    check(json!({ "timeout": "-1s" }), &[&format!("timeout: Invalid value: \"-1s\": {within}")]);
    check(
        json!({ "authorizedTTL": "-1s", "unauthorizedTTL": "-1m" }),
        &[
            "authorizedTTL: Invalid value: \"-1s\": must be > 0s",
            "unauthorizedTTL: Invalid value: \"-1m0s\": must be > 0s",
        ],
    );
    check(
        json!({ "subjectAccessReviewVersion": "v2", "failurePolicy": "" }),
        &[
            "subjectAccessReviewVersion: Unsupported value: \"v2\": supported values: \"v1\", \"v1beta1\"",
            "failurePolicy: Required value",
        ],
    );
    check(
        json!({ "failurePolicy": "Ignore" }),
        &["failurePolicy: Unsupported value: \"Ignore\": supported values: \"NoOpinion\", \"Deny\""],
    );
    let info =
        |kind: &str, file: Value| json!({ "connectionInfo": { "type": kind, "kubeConfigFile": file } });
    check(info("", Value::Null), &["connectionInfo.type: Required value"]);
    check(
        info("Magic", Value::Null),
        &[
            "connectionInfo.type: Unsupported value: {\"Type\":\"Magic\",\"KubeConfigFile\":null}: supported values: \"InClusterConfig\", \"KubeConfigFile\"",
        ],
    );
    check(info("KubeConfigFile", Value::Null), &["connectionInfo.kubeConfigFile: Required value"]);
    check(
        info("KubeConfigFile", json!("relative")),
        &["connectionInfo.kubeConfigFile: Invalid value: \"relative\": must be an absolute path"],
    );
    check(
        info("KubeConfigFile", json!("/nowhere/to/be")),
        &[
            "connectionInfo.kubeConfigFile: Invalid value: \"/nowhere/to/be\": error loading file: stat /nowhere/to/be: no such file or directory",
        ],
    );
    check(
        info("KubeConfigFile", json!("/")),
        &["connectionInfo.kubeConfigFile: Invalid value: \"/\": must be a regular file"],
    );
    let conditions = |version: &str, expressions: &[&str]| {
        let list: Vec<Value> = expressions.iter().map(|text| json!({ "expression": text })).collect();
        json!({ "matchConditionSubjectAccessReviewVersion": version, "matchConditions": list })
    };
    check(
        conditions("", &["true"]),
        &[
            "matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified",
        ],
    );
    check(
        conditions("v1beta1", &[]),
        &[
            "matchConditionSubjectAccessReviewVersion: Unsupported value: \"v1beta1\": supported values: \"v1\"",
        ],
    );
    check(
        conditions("v1", &["true", " ", "true", "request.user", "request.nobody == ''"]),
        &[
            "matchConditions[1].expression: Required value",
            "matchConditions[2].expression: Duplicate value: \"true\"",
            "matchConditions[3].expression: Invalid value: \"request.user\": must evaluate to bool but got string",
            "matchConditions[4].expression: Invalid value: \"request.nobody == ''\": compilation failed: ERROR: <input>:1:8: undefined field 'nobody'\n | request.nobody == ''\n | .......^",
        ],
    );
}

// === what is asked ===

fn asked() -> Attributes {
    let user = User {
        name: "jane".into(),
        groups: vec!["dev".into()],
        extra: [("scopes".to_owned(), vec!["a".to_owned()])].into(),
        ..User::default()
    };
    Attributes {
        user: Arc::new(user),
        verb: "list".into(),
        version: "v1".into(),
        resource: "pods".into(),
        namespace: "web".into(),
        field_selector: fields::Selector::parse("spec.nodeName=n1,status.phase!=Failed").expect("a selector"),
        label_selector: labels::Selector::parse("app in (a,b),!old,tier=x,size>3").expect("a selector"),
        ..Attributes::default()
    }
}

#[test]
fn a_question_is_a_review_with_its_selectors_as_requirements() {
    let requirement = |key: &str, operator: &str, values: &[&str]| json!({ "key": key, "operator": operator, "values": values });
    let labels = json!([requirement("app", "In", &["a", "b"]), { "key": "old", "operator": "DoesNotExist" }, requirement("tier", "In", &["x"])]);
    let fields = json!([
        requirement("spec.nodeName", "In", &["n1"]),
        requirement("status.phase", "NotIn", &["Failed"])
    ]);
    let attributes = json!({ "namespace": "web", "verb": "list", "version": "v1", "resource": "pods",
        "fieldSelector": { "requirements": fields }, "labelSelector": { "requirements": labels } });
    let expected = json!({ "user": "jane", "groups": ["dev"], "extra": { "scopes": ["a"] }, "resourceAttributes": attributes });
    assert_eq!(question::spec(&asked(), ReviewVersion::V1), expected);
    let path = Attributes { verb: "get".into(), path: "/livez".into(), ..Attributes::default() };
    assert_eq!(
        question::spec(&path, ReviewVersion::V1),
        json!({ "nonResourceAttributes": { "path": "/livez", "verb": "get" } })
    );
    let beta = question::spec(&asked(), ReviewVersion::V1Beta1);
    assert_eq!((&beta["group"], &beta["groups"]), (&json!(["dev"]), &Value::Null));
}

#[test]
fn conditions_see_every_field_and_selectors() {
    let check = |asked: &Attributes, expressions: &[&str], expected: Result<bool, &str>| {
        let list: Vec<conditions::Condition> =
            expressions.iter().map(|text| conditions::Condition { expression: (*text).to_owned() }).collect();
        let mut errors = Vec::new();
        let compiled = conditions::Conditions::compile(&list, &ironclad_api::Path::new("c"), &mut errors);
        assert_eq!(errors, [], "{expressions:?}");
        let held = compiled.hold(&question::request(asked));
        assert_eq!(held.as_ref().copied().map_err(String::as_str), expected, "{expressions:?}");
    };
    let path = Attributes { verb: "get".into(), path: "/livez".into(), ..Attributes::default() };
    check(&asked(), &["has(request.resourceAttributes)", "request.resourceAttributes.name == ''"], Ok(true));
    check(
        &asked(),
        &["request.uid == ''", "'dev' in request.groups", "request.extra['scopes'] == ['a']"],
        Ok(true),
    );
    check(&asked(), &["!('system:nodes' in request.groups)", "request.user == 'john'"], Ok(false));
    check(
        &asked(),
        &[
            "request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'spec.nodeName' && r.operator == 'In' && r.values == ['n1'])",
        ],
        Ok(true),
    );
    check(&asked(), &["request.resourceAttributes.?labelSelector.requirements.hasValue()"], Ok(true));
    check(
        &path,
        &["!has(request.resourceAttributes) && request.nonResourceAttributes.path.startsWith('/live')"],
        Ok(true),
    );
    check(
        &path,
        &["request.resourceAttributes.namespace == 'web'"],
        Err(
            "cel evaluation error: expression 'request.resourceAttributes.namespace == 'web'' resulted in error: no such key: resourceAttributes",
        ),
    );
    check(&path, &["request.resourceAttributes.namespace == 'web'", "false"], Ok(false));
}

// === the chain ===

struct World {
    server: Server,
    chain: Arc<Chain>,
    calls: AtomicUsize,
    kubeconfig: String,
    _folder: tempfile::TempDir,
}

/// Answers by the name of the user.
fn answer(review: &Value) -> Reply {
    let reason = "because";
    let status = match review["spec"]["user"].as_str().unwrap_or_default() {
        "allowed" => json!({ "allowed": true, "reason": reason }),
        "denied" => json!({ "allowed": false, "denied": true, "reason": reason }),
        "both" => json!({ "allowed": true, "denied": true }),
        "broken" => return Reply { code: 403, ..Reply::json(&json!({})) },
        _ => json!({ "allowed": false, "reason": "no idea" }),
    };
    let version = &review["apiVersion"];
    Reply::json(&json!({ "kind": "SubjectAccessReview", "apiVersion": version, "status": status }))
}

async fn world(changed: Value) -> World {
    let env = RealEnv::shared();
    let server = Server::start(&env, &[], Box::new(|_, review| answer(review))).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hook.yaml");
    std::fs::write(&path, server.kubeconfig("/authorize")).expect("written");
    let kubeconfig = path.to_string_lossy().into_owned();
    let objects = Arc::new(Objects::default());
    let built_in = BuiltIn {
        env,
        node: Arc::new(NodeAuthorizer::new(objects.clone(), &[])),
        rbac: Rbac::new(objects),
        patience: Patience { calls: 2, first_wait: Duration::from_millis(1), ..Patience::USUAL },
    };
    let rbac = json!({ "type": "RBAC", "name": "rbac" });
    let text = file(&[webhook(&kubeconfig, changed), rbac]);
    let chain = Chain::configured(built_in, &text).unwrap_or_else(|error| panic!("{error}"));
    World { server, chain, calls: AtomicUsize::new(0), kubeconfig, _folder: folder }
}

fn by(user: &str) -> Attributes {
    Attributes { user: Arc::new(User { name: user.into(), ..User::default() }), ..asked() }
}

impl World {
    async fn check(&self, user: &str, expected: Decision, calls: usize) {
        assert_eq!(self.chain.authorize(&by(user)).await, expected, "{user}");
        let made = self.server.seen.lock().len();
        assert_eq!(made - self.calls.swap(made, Ordering::SeqCst), calls, "{user}");
    }
}

fn allow() -> Decision {
    Decision::Allow { reason: "because".into() }
}

fn undecided(reason: &str) -> Decision {
    Decision::NoOpinion { reason: reason.into() }
}

#[tokio::test]
async fn a_webhook_is_asked_in_its_turn_and_its_answers_are_kept() {
    let world = world(json!({})).await;
    world.check("allowed", allow(), 1).await;
    world.check("allowed", allow(), 0).await;
    world.check("denied", Decision::Deny { reason: "because".into() }, 1).await;
    world.check("denied", Decision::Deny { reason: "because".into() }, 0).await;
    world.check("nobody", undecided("no idea"), 1).await;
    let error = "webhook subject access review returned both allow and deny response".to_owned();
    world.check("both", Decision::Failed { denied: true, reason: String::new(), error }, 1).await;
    let broken = world.chain.authorize(&by("broken")).await;
    assert!(matches!(broken, Decision::Failed { denied: false, .. }), "{broken:?}");
    assert_eq!(world.server.seen.lock()[0].0, "/authorize?timeout=3s");
    let rules = world.chain.rules(&User::default(), "web");
    assert_eq!(
        (rules.incomplete, rules.errors),
        (true, vec!["webhook authorizer does not support user rule resolution".to_owned()])
    );
}

#[tokio::test]
async fn the_file_says_what_is_kept_and_what_a_failure_means() {
    let changed = json!({ "cacheAuthorizedRequests": false, "failurePolicy": "Deny", "subjectAccessReviewVersion": "v1beta1" });
    let world = world(changed).await;
    world.check("allowed", allow(), 1).await;
    world.check("allowed", allow(), 1).await;
    world.check("nobody", undecided("no idea"), 1).await;
    world.check("nobody", undecided("no idea"), 0).await;
    let broken = world.chain.authorize(&by("broken")).await;
    assert!(matches!(broken, Decision::Failed { denied: true, .. }), "{broken:?}");
}

#[tokio::test]
async fn conditions_keep_a_webhook_from_being_asked() {
    let conditions = [
        json!({ "expression": "request.user != 'nobody'" }),
        json!({ "expression": "request.uid.size() > 0 ? [][0] == 1 : true" }),
    ];
    let world =
        world(json!({ "matchConditionSubjectAccessReviewVersion": "v1", "matchConditions": conditions }))
            .await;
    world.check("nobody", undecided(""), 0).await;
    world.check("allowed", allow(), 1).await;
}

#[tokio::test]
async fn another_file_takes_the_place_of_the_first_whole_or_not_at_all() {
    let world = world(json!({})).await;
    world.check("allowed", allow(), 1).await;
    let rbac = json!({ "type": "RBAC", "name": "rbac" });
    let refused = |text: &[u8], expected: &str| {
        let error = world.chain.reload(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{error}");
    };
    refused(b"nonsense", "failed to load");
    refused(&file(&[webhook(&world.kubeconfig, json!({}))]), "missing required types: [RBAC]");
    refused(
        &file(&[rbac.clone(), json!({ "type": "Node", "name": "node" })]),
        "authorizer type Node is not allowed if it was not enabled at initial server startup",
    );
    world.check("allowed", allow(), 0).await;
    world.chain.reload(&file(&[rbac])).unwrap_or_else(|error| panic!("{error}"));
    world.check("allowed", undecided(""), 0).await;
}

#[test]
fn members_of_the_privileged_group_are_not_asked_for() {
    let objects = Arc::new(Objects::default());
    let built_in = BuiltIn {
        env: RealEnv::shared(),
        node: Arc::new(NodeAuthorizer::new(objects.clone(), &[])),
        rbac: Rbac::new(objects),
        patience: Patience::USUAL,
    };
    let denies = file(&[json!({ "type": "AlwaysDeny", "name": "alwaysdeny" })]);
    let chain = Chain::configured(built_in, &denies).unwrap_or_else(|error| panic!("{error}"));
    let check = |groups: &[&str], expected: Decision| {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let asked = Attributes { user: Arc::new(User { groups, ..User::default() }), ..asked() };
        assert_eq!(futures::FutureExt::now_or_never(chain.authorize(&asked)), Some(expected));
    };
    check(&["system:masters"], Decision::Allow { reason: String::new() });
    check(&["dev"], undecided("Everything is forbidden."));
}

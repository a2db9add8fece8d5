//! Servers elsewhere that know tokens, decide who may do what, and are told what happened.

mod cluster;

use std::time::Duration;

use cluster::{Answer, Ask, Setup, ask, start_with};
use ironclad_apiserver::audit::{self, webhook::Mode};
use ironclad_auth::ReviewVersion;
use ironclad_auth::authenticate::webhook::{Settings, WebhookTokens};
use ironclad_env::RealEnv;
use ironclad_webhook::testing::{Reply, Server};
use ironclad_webhook::{Patience, Remote};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Everybody is called as their token is. jane may list what is hers; nobody knows what broken may do.
fn answer(path: &str, review: &Value) -> Reply {
    let spec = &review["spec"];
    let status = match path.split('?').next().unwrap_or_default() {
        "/authenticate" if spec["token"] == "unknown" => json!({ "authenticated": false }),
        "/authenticate" => json!({ "authenticated": true, "user": { "username": spec["token"] } }),
        "/authorize" if spec["user"] == "slow" => {
            return Reply { delay: Duration::from_secs(600), ..Reply::json(&json!({})) };
        }
        "/authorize" if spec["user"] == "broken" => return Reply { code: 403, ..Reply::json(&json!({})) },
        "/authorize" => {
            let hers = json!([{ "key": "owner", "operator": "In", "values": ["jane"] }]);
            let allowed = spec["resourceAttributes"]["labelSelector"]["requirements"] == hers;
            json!({ "allowed": allowed, "reason": if allowed { "hers" } else { "not hers" } })
        }
        _ => return Reply { body: String::new(), ..Reply::json(&json!({})) },
    };
    Reply::json(&json!({ "apiVersion": review["apiVersion"], "kind": review["kind"], "status": status }))
}

struct World {
    cluster: cluster::Cluster,
    server: Server,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let env = RealEnv::shared();
    let server = Server::start(&env, &[], Box::new(answer)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, server.kubeconfig(&format!("/{name}"))).expect("written");
        path
    };
    let remote =
        |name: &str| Remote::load(env.clone(), &kubeconfig(name)).unwrap_or_else(|error| panic!("{error}"));
    let tokens = Settings {
        remote: remote("authenticate"),
        version: ReviewVersion::V1,
        kept_for: Settings::KEPT_FOR,
        patience: Patience::USUAL,
    };
    let connection = json!({ "type": "KubeConfigFile", "kubeConfigFile": kubeconfig("authorize") });
    let webhook = json!({
        "timeout": "5s", "subjectAccessReviewVersion": "v1", "failurePolicy": "NoOpinion", "connectionInfo": connection,
        "matchConditionSubjectAccessReviewVersion": "v1",
        "matchConditions": [{ "expression": "has(request.resourceAttributes) && request.user in ['jane', 'broken', 'slow']" }],
    });
    let authorization = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration",
        "authorizers": [{ "type": "Webhook", "name": "hook", "webhook": webhook }, { "type": "RBAC", "name": "rbac" }],
    });
    let setup = Setup {
        audit_webhook: Some(audit::webhook::Settings::new(remote("audit"))),
        tokens: vec![WebhookTokens::new(env.clone(), tokens, vec!["https://own".into()])],
        authorization: authorization.to_string().into_bytes(),
        anonymous_paths: vec!["/livez".into()],
        ..Setup::default()
    };
    World { cluster: start_with(setup).await, server, _folder: folder }
}

impl World {
    async fn send(&self, token: &str, ask: Ask) -> Answer {
        self.cluster.send(ask.anonymously().header("authorization", format!("Bearer {token}"))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_elsewhere_say_who_may_do_what_and_are_told_of_it() {
    let world = world().await;
    let check = async |token: &str, path: &str, code: u16, text: &str| {
        let answer = world.send(token, ask("GET", path)).await;
        assert_eq!(answer.code, code, "{token} {path}: {}", answer.text());
        assert!(answer.text().contains(text), "{token} {path}: {}", answer.text());
    };
    let hers = format!("{MAPS}?labelSelector=owner%3Djane");
    check("unknown", MAPS, 401, "Unauthorized").await;
    check("jane", &hers, 200, "\"items\":[]").await;
    let refused = "configmaps is forbidden: User \\\"jane\\\" cannot list resource \\\"configmaps\\\" in API group \\\"\\\" in the namespace \\\"default\\\": not hers";
    check("jane", MAPS, 403, refused).await;
    let broken = format!("Internal Server Error: \"{MAPS}\": ");
    check("broken", MAPS, 500, &broken).await;
    check("jane", "/version", 200, "gitVersion").await;

    let attributes = json!({ "namespace": "default", "verb": "list", "resource": "configmaps" });
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": attributes } });
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let own = world.cluster.send(ask("POST", reviews).json(&review)).await;
    assert_eq!(own.json()["status"], json!({ "allowed": true }), "{}", own.text());

    let World { cluster, server, _folder } = world;
    cluster.server.shutdown().await;
    let seen = server.seen.lock();
    let lists = seen.iter().filter(|(path, _)| path.starts_with("/audit"));
    let events: Vec<&Value> =
        lists.flat_map(|(_, list)| list["items"].as_array().into_iter().flatten()).collect();
    let of = |user: &str, code: u64| {
        let found = events.iter().find(|event| {
            event["user"]["username"] == user
                && event["responseStatus"]["code"] == code
                && event["objectRef"].is_object()
        });
        found.map(|event| event["annotations"].clone())
    };
    let annotations = |decision: &str, reason: &str| {
        Some(json!({ "authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason }))
    };
    assert_eq!(of("jane", 200), annotations("allow", "hers"));
    assert_eq!(of("jane", 403), annotations("forbid", "not hers"));
    let unknown: Vec<&Value> =
        events.iter().filter(|event| event["user"] == json!({})).map(|event| &event["stage"]).collect();
    assert_eq!(unknown, ["ResponseStarted"]);
    assert_eq!(of("broken", 500), Some(json!({ "authorization.k8s.io/reason": "internal error" })));
}

#[tokio::test(flavor = "multi_thread")]
async fn anonymous_requests_are_let_in_where_the_configuration_says() {
    let world = world().await;
    for (path, code) in [("/livez", 200), ("/readyz", 401), ("/api", 401), ("/livez/ping", 401)] {
        let answer =
            tokio::time::timeout(Duration::from_secs(20), world.cluster.send(ask("GET", path).anonymously()));
        assert_eq!(answer.await.expect("in time").code, code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_logged_although_its_client_has_gone() {
    let world = world().await;
    let mut connection = world.cluster.connect(true).await;
    let request = format!("GET {MAPS} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer slow\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("sent");
    until(|| world.server.seen.lock().iter().any(|(_, review)| review["spec"]["user"] == "slow")).await;
    drop(connection);
    let log = world.cluster.folder.path().join("audit/audit.log");
    let find = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let mut events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.find(|event| event["user"]["username"] == "slow")
    };
    until(|| find().is_some()).await;
    let event = find().expect("an event");
    let closed =
        json!({ "metadata": {}, "status": "Success", "message": "Connection closed early", "code": 200 });
    assert_eq!((&event["stage"], &event["responseStatus"]), (&json!("ResponseComplete"), &closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_audit_log_lets_nothing_happen_that_it_cannot_keep() {
    let env = RealEnv::shared();
    let refuse = |_: &str, _: &Value| Reply { code: 403, ..Reply::json(&json!({})) };
    let server = Server::start(&env, &[], Box::new(refuse)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit");
    std::fs::write(&path, server.kubeconfig("/audit")).expect("written");
    let remote = Remote::load(env, &path).unwrap_or_else(|error| panic!("{error}"));
    let policy = b"{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}";
    let check = async |mode: Mode, code: u16, text: &str| {
        let settings = audit::webhook::Settings::new(remote.clone());
        let patience = Patience { calls: 1, ..settings.patience };
        let setup = Setup {
            policy: audit::Policy::parse(policy).expect("a policy"),
            audit_webhook: Some(audit::webhook::Settings { mode, patience, ..settings }),
            ..Setup::default()
        };
        let cluster = start_with(setup).await;
        let answer = cluster.send(ask("GET", "/api")).await;
        assert_eq!(answer.code, code, "{mode:?}: {}", answer.text());
        assert!(answer.text().contains(text), "{mode:?}: {}", answer.text());
    };
    check(Mode::Blocking, 200, "APIVersions").await;
    let refused = "Internal Server Error: \"/api\": failed to store audit event\n";
    check(Mode::BlockingStrict, 500, refused).await;
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never was so");
}

use std::sync::Arc;

use ironclad_env::RealEnv;
use ironclad_webhook::Place;
use ironclad_webhook::testing::{Reply, Server};

use super::*;

type Answer = fn(&Value) -> Value;

fn object(version: &str, name: &str) -> Value {
    json!({ "apiVersion": format!("example.com/{version}"), "kind": "Widget",
        "metadata": { "name": name, "namespace": "ns", "uid": name, "labels": { "a": "b" }, "generation": 3 },
        "spec": { "from": version } })
}

/// A review with the request's objects, each changed.
fn converted(request: &Value, change: fn(&mut Value)) -> Value {
    let mut objects = request["objects"].as_array().cloned().unwrap_or_default();
    for object in &mut objects {
        object["apiVersion"] = request["desiredAPIVersion"].clone();
        change(object);
    }
    response(request, json!({ "result": { "status": "Success" }, "convertedObjects": objects }))
}

fn response(request: &Value, mut response: Value) -> Value {
    response["uid"] = request["uid"].clone();
    json!({ "kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "response": response })
}

async fn convert(answer: Answer, objects: &[Value]) -> Result<Vec<Value>, String> {
    let env = RealEnv::shared();
    let reply = move |_: &str, review: &Value| Reply::json(&answer(&review["request"]));
    let server = Server::start(&env, &["hook.ns.svc"], Box::new(reply)).await;
    let webhook = Webhook {
        caller: Caller::new(env, server.resolver()),
        endpoint: Some(server.at("/convert")),
        review_versions: vec!["v2".to_owned(), "v1".to_owned()],
    };
    let objects = objects.iter().cloned().filter_map(Object::from_value).collect();
    let converted = webhook.convert(objects, &GroupVersion::new("example.com", "v2")).await;
    let review = &server.seen.lock()[0].1;
    assert_eq!(review["apiVersion"], "apiextensions.k8s.io/v1");
    assert_eq!(review["request"]["desiredAPIVersion"], "example.com/v2");
    converted.map(|all| all.into_iter().map(Object::into_value).collect()).map_err(|status| status.message)
}

#[tokio::test]
async fn objects_come_back_in_the_other_version_with_their_metadata() {
    let answer: Answer = |request| {
        converted(request, |object| {
            object["spec"] = json!({ "to": "v2" });
            object["metadata"]["labels"] = json!({ "c": "d" });
            object["metadata"]["annotations"] = json!({ "was": "v1" });
            object["metadata"]["generation"] = json!(9);
        })
    };
    let got = convert(answer, &[object("v1", "x"), object("v1alpha1", "y")]).await.expect("converted");
    let want = |name: &str| {
        json!({ "apiVersion": "example.com/v2", "kind": "Widget", "spec": { "to": "v2" },
            "metadata": { "name": name, "namespace": "ns", "uid": name, "generation": 3,
                "labels": { "c": "d" }, "annotations": { "was": "v1" } } })
    };
    assert_eq!(got, [want("x"), want("y")]);
}

#[tokio::test]
async fn an_answer_that_is_wrong_is_refused_in_upstreams_words() {
    let check = async |answer: Answer, want: &str| {
        let got = convert(answer, &[object("v1", "x")]).await;
        assert_eq!(got, Err(format!("conversion webhook for example.com/v1, Kind=Widget {want}")));
    };
    check(
        |request| response(request, json!({ "result": { "status": "Failure", "message": "cannot" } })),
        "failed: cannot",
    )
    .await;
    check(
        |request| response(request, json!({ "result": { "status": "Failed" } })),
        "failed: response.result.status was 'Failed', not 'Success'",
    )
    .await;
    check(
        |request| response(request, json!({ "result": { "status": "Success" } })),
        "returned 0 objects, expected 1",
    )
    .await;
    check(
        |_| json!({ "kind": "Other", "apiVersion": "apiextensions.k8s.io/v1", "response": {} }),
        "failed: expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got \
         apiextensions.k8s.io/v1, Kind=Other",
    )
    .await;
    check(
        |_| json!({ "kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1" }),
        "failed: no response provided",
    )
    .await;
    let invalid = "returned invalid converted object at index 0";
    check(
        |request| converted(request, |object| object["apiVersion"] = json!("example.com/v3")),
        &format!("{invalid}: invalid groupVersion (expected example.com/v2, received example.com/v3)"),
    )
    .await;
    check(
        |request| converted(request, |object| object["metadata"]["name"] = json!("other")),
        &format!("{invalid}: must have the same name: x != other"),
    )
    .await;
    check(
        |request| converted(request, |object| object["metadata"]["uid"] = json!("other")),
        &format!("{invalid}: must have the same UID: x != other"),
    )
    .await;
    check(
        |request| converted(request, |object| object["metadata"] = json!(null)),
        "returned invalid metadata in object at index 0: invalid metadata in converted object",
    )
    .await;
    check(
        |request| converted(request, |object| object["metadata"]["labels"] = json!({ "k": 1 })),
        "returned invalid metadata in object at index 0: metadata.labels[k] must be a string in converted object",
    )
    .await;
}

#[tokio::test]
async fn a_webhook_that_cannot_be_reached_is_named() {
    let caller = Caller::new(RealEnv::shared(), Arc::new(ironclad_webhook::resolver::NoServices));
    let place =
        Place::Service { namespace: "ns".into(), name: "hook".into(), port: 443, path: "/convert".into() };
    let endpoint = Some(Endpoint { place, ca_bundle: Vec::new() });
    let webhook = Webhook { caller, endpoint, review_versions: vec!["v1".to_owned()] };
    let objects = vec![Object::from_value(object("v1", "x")).expect("an object")];
    let refused = webhook.convert(objects, &GroupVersion::new("example.com", "v2")).await;
    assert_eq!(
        refused.expect_err("refused").message,
        "conversion webhook for example.com/v1, Kind=Widget failed: Post \"https://hook.ns.svc:443/convert\": \
         service \"hook\" not found"
    );
}

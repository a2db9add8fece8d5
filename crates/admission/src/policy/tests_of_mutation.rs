//! Mutating policies put into a real engine, and the objects that come out.

use serde_json::{Value, json};

use super::MutatingAdmissionPolicy;
use crate::Step::Waiting;
use crate::small_cluster::{SmallCluster, Write, authorizer};

const WIDGETS: &str = "example.com/v1/widgets";

async fn cluster() -> SmallCluster {
    let authorizer = authorizer();
    SmallCluster::new(|cache| vec![Waiting(Box::new(MutatingAdmissionPolicy::new(cache, &authorizer)))]).await
}

/// Puts a policy about widgets into force.
async fn policy(cluster: &SmallCluster, name: &str, more: Value) {
    let mut spec = json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": { "resourceRules": [{ "operations": ["CREATE", "UPDATE"],
            "apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["widgets"] }] },
    });
    if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
        spec.extend(more);
    }
    let object = json!({ "metadata": { "name": name }, "spec": spec });
    let resource = "admissionregistration.k8s.io/v1/mutatingadmissionpolicies";
    cluster.must(Write::new("create", resource, "/", object)).await;
    let object = json!({ "metadata": { "name": name }, "spec": { "policyName": name } });
    let resource = "admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings";
    cluster.must(Write::new("create", resource, "/", object)).await;
}

fn patch(expression: &str) -> Value {
    json!({ "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": expression } }] })
}

fn configuration(expression: &str) -> Value {
    json!({ "mutations": [{ "patchType": "ApplyConfiguration",
        "applyConfiguration": { "expression": expression } }] })
}

/// The spec of a widget after the policies, or why there is none.
async fn made(policies: &[Value]) -> Result<Value, String> {
    let cluster = cluster().await;
    for (index, spec) in policies.iter().enumerate() {
        policy(&cluster, &format!("p{index}"), spec.clone()).await;
    }
    let widget = json!({ "metadata": { "name": "a", "namespace": "ns" }, "spec": { "size": 1 } });
    let made = cluster.run(Write::new("create", WIDGETS, "ns/", widget)).await;
    made.map(|object| object.at(&["spec"]).cloned().unwrap_or_default()).map_err(|status| status.message)
}

#[tokio::test]
async fn patches_and_configurations_change_the_object() {
    let check = async |policies: &[Value], want: Value| {
        assert_eq!(made(policies).await, Ok(want), "{policies:?}");
    };
    check(
        &[patch("[JSONPatch{op: 'add', path: '/spec/two', value: object.spec.size + 1}]")],
        json!({ "size": 1, "color": "red", "two": 2 }),
    )
    .await;
    check(
        &[configuration(
            "Object{spec: Object.spec{color: 'blue', of: namespaceObject.metadata.labels.team}}",
        )],
        json!({ "size": 1, "color": "blue", "of": "red" }),
    )
    .await;
    // A test that does not hold leaves the patch out; a removed field gets its default again.
    check(
        &[patch("[JSONPatch{op: 'test', path: '/spec/size', value: 2}, JSONPatch{op: 'remove', path: '/spec/size'}]")],
        json!({ "size": 1, "color": "red" }),
    )
    .await;
    check(&[patch("[JSONPatch{op: 'remove', path: '/spec/color'}]")], json!({ "size": 1, "color": "red" }))
        .await;
}

#[tokio::test]
async fn policies_see_what_those_before_them_did() {
    let size = |reinvocation: &str| {
        let mut spec = patch("[JSONPatch{op: 'replace', path: '/spec/size', value: object.spec.size * 2}]");
        spec["reinvocationPolicy"] = json!(reinvocation);
        spec
    };
    let got = made(&[size("Never"), size("Never")]).await;
    assert_eq!(got, Ok(json!({ "size": 4, "color": "red" })));
    let got = made(&[size("IfNeeded"), size("Never")]).await;
    assert_eq!(got, Ok(json!({ "size": 8, "color": "red" })));
}

#[tokio::test]
async fn conditions_and_failures_keep_the_object_as_it_is() {
    let with = |mut spec: Value, more: &[(&str, Value)]| {
        more.iter().for_each(|(field, value)| spec[*field] = value.clone());
        spec
    };
    let broken = patch("[JSONPatch{op: 'add', path: '/spec/x', value: object.missing}]");
    let untouched = Ok(json!({ "size": 1, "color": "red" }));
    let conditions = json!([{ "name": "c", "expression": "object.spec.size > 1" }]);
    assert_eq!(made(&[with(broken.clone(), &[("matchConditions", conditions)])]).await, untouched);
    assert_eq!(made(&[with(broken.clone(), &[("failurePolicy", json!("Ignore"))])]).await, untouched);
    assert_eq!(
        made(&[broken]).await,
        Err("policy 'p0' with binding 'p0' denied request: expression '[JSONPatch{op: 'add', path: '/spec/x', \
             value: object.missing}]' resulted in error: no such key: missing"
            .to_owned())
    );
    assert_eq!(
        made(&[patch("'text'")]).await,
        Err("policy 'p0' with binding 'p0' denied request: must evaluate to list(JSONPatch) but got string"
            .to_owned())
    );
    assert_eq!(
        made(&[patch("[JSONPatch{op: 'remove', path: '/spec/missing'}]")]).await,
        Err("policy 'p0' with binding 'p0' denied request: JSON Patch: error in remove for path: \
             '/spec/missing': Unable to remove nonexistent key: missing: missing value"
            .to_owned())
    );
}

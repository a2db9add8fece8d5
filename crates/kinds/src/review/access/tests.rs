use std::sync::Arc;

use ironclad_api::Object;
use ironclad_engine::Context;
use ironclad_engine::gate::{
    Attributes, Authorizer, Decision, NonResourceRule, ResourceRule, RuleResolver, Rules, User,
};
use ironclad_env::BoxFuture;
use serde_json::{Value, json};

use super::super::Answer;
use super::{Access, Of, SelfRules};

/// Answers by the verb, and says what it was asked.
struct ByVerb;

impl Authorizer for ByVerb {
    fn authorize<'a>(&'a self, asked: &'a Attributes) -> BoxFuture<'a, Decision> {
        let Attributes { user, resource, path, field_selector, label_selector, .. } = asked;
        let reason = format!("{} {resource}{path} {field_selector} {label_selector}", user.name);
        let error = "nobody knows".to_owned();
        Box::pin(std::future::ready(match asked.verb.as_str() {
            "get" => Decision::Allow { reason },
            "list" => Decision::Deny { reason },
            "fail" => Decision::Failed { denied: false, reason: String::new(), error },
            "fail-closed" => Decision::Failed { denied: true, reason: String::new(), error },
            _ => Decision::NoOpinion { reason: String::new() },
        }))
    }
}

fn wait<T>(answer: BoxFuture<'_, T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(answer)
}

fn context() -> Context {
    Context::new(Arc::new(User { name: "caller".into(), ..User::default() }), "test")
}

/// `expected` is the status, or the message of the refusal.
fn check(of: Of, metadata: Value, spec: Value, expected: Result<Value, &str>) {
    let access = Access { authorizer: Arc::new(ByVerb), of };
    let review = json!({ "metadata": metadata, "spec": spec });
    let object = Object::from_value(review.clone()).expect("an object");
    let answer = wait(access.answer(&context(), "web", object));
    let got = answer.map(|review| review.0["status"].clone()).map_err(|status| status.message);
    assert_eq!(got.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text), "{review}");
}

fn resource(fields: Value) -> Value {
    json!({ "user": "jane", "resourceAttributes": fields })
}

#[test]
fn a_review_tells_the_decision_and_what_kept_it_from_being_better() {
    let subject = |spec: Value, expected: Value| check(Of::Subject, json!({}), spec, Ok(expected));
    let get = |more: Value| {
        let mut fields = json!({ "verb": "get", "resource": "pods" });
        more.as_object()
            .into_iter()
            .flatten()
            .for_each(|(field, value)| fields[field.as_str()] = value.clone());
        resource(fields)
    };
    subject(get(json!({})), json!({ "allowed": true, "reason": "jane pods  " }));
    let verb = |verb: &str| resource(json!({ "verb": verb, "resource": "pods" }));
    subject(verb("list"), json!({ "allowed": false, "denied": true, "reason": "jane pods  " }));
    subject(verb("watch"), json!({ "allowed": false }));
    subject(verb("fail"), json!({ "allowed": false, "evaluationError": "nobody knows" }));
    subject(
        verb("fail-closed"),
        json!({ "allowed": false, "denied": true, "evaluationError": "nobody knows" }),
    );
    subject(
        get(
            json!({ "fieldSelector": { "rawSelector": "a=b" }, "labelSelector": { "rawSelector": "c in (d)" } }),
        ),
        json!({ "allowed": true, "reason": "jane pods a=b c in (d)" }),
    );
    let requirements = json!([
        { "key": "a", "operator": "In", "values": ["b"] },
        { "key": "c", "operator": "In", "values": ["d", "e"] },
    ]);
    subject(
        get(
            json!({ "fieldSelector": { "requirements": requirements }, "labelSelector": { "rawSelector": "&" } }),
        ),
        json!({
            "allowed": true,
            "reason": "jane pods a=b ",
            "evaluationError": "spec.resourceAttributes.fieldSelector partially ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error",
        }),
    );
    subject(
        json!({ "groups": ["dev"], "nonResourceAttributes": { "verb": "get", "path": "/livez" } }),
        json!({ "allowed": true, "reason": " /livez  " }),
    );
    let own = json!({ "resourceAttributes": { "verb": "get", "resource": "pods" } });
    check(Of::Caller, json!({}), own, Ok(json!({ "allowed": true, "reason": "caller pods  " })));
    check(
        Of::LocalSubject,
        json!({ "namespace": "web" }),
        get(json!({ "namespace": "web" })),
        Ok(json!({ "allowed": true, "reason": "jane pods  " })),
    );
}

#[test]
fn a_review_that_makes_no_sense_is_refused_with_upstreams_words() {
    let subject = |metadata: Value, spec: Value, why: &str| {
        check(Of::Subject, metadata, spec, Err(&format!(".authorization.k8s.io \"\" is invalid: {why}")));
    };
    let local = |metadata: Value, spec: Value, why: &str| {
        check(
            Of::LocalSubject,
            metadata,
            spec,
            Err(&format!(".authorization.k8s.io \"\" is invalid: {why}")),
        );
    };
    let exactly = "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";
    let nobody = "spec.user: Invalid value: \"\": at least one of user or group must be specified";
    subject(json!({}), json!({}), &format!("[{exactly}, {nobody}]"));
    subject(json!({}), json!({ "user": "jane" }), exactly);
    subject(json!({}), json!({ "resourceAttributes": {} }), nobody);
    subject(
        json!({}),
        json!({ "user": "jane", "resourceAttributes": {}, "nonResourceAttributes": { "path": "/a", "verb": "get" } }),
        "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/a\",\"Verb\":\"get\"}: cannot be specified in combination with resourceAttributes",
    );
    local(
        json!({ "namespace": "web" }),
        resource(json!({ "namespace": "other" })),
        "spec.resourceAttributes.namespace: Invalid value: \"other\": must match metadata.namespace",
    );
    local(
        json!({ "namespace": "web" }),
        json!({ "user": "jane", "nonResourceAttributes": { "path": "/a", "verb": "get" } }),
        "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/a\",\"Verb\":\"get\"}: disallowed on this kind of request",
    );
    check(
        Of::LocalSubject,
        json!({ "namespace": "other" }),
        resource(json!({ "namespace": "other" })),
        Err("spec.resourceAttributes.namespace must match namespace: web"),
    );
}

struct Fixed;

impl RuleResolver for Fixed {
    fn rules(&self, user: &User, namespace: &str) -> Rules {
        let text = |text: &str| vec![text.to_owned()];
        let names = vec![user.name.clone(), namespace.to_owned()];
        let rule = ResourceRule {
            verbs: text("get"),
            api_groups: text(""),
            resources: text("pods"),
            resource_names: names,
        };
        let bare = ResourceRule { verbs: text("list"), resources: text("*"), ..ResourceRule::default() };
        Rules {
            resource_rules: vec![rule, bare],
            non_resource_rules: vec![NonResourceRule { verbs: text("get"), paths: text("/livez") }],
            incomplete: true,
            errors: vec!["one".into(), "two".into()],
        }
    }
}

#[test]
fn rules_are_told_as_far_as_they_are_known() {
    let review = |spec: Value| {
        Object::from_value(json!({ "metadata": { "name": "x" }, "spec": spec })).expect("an object")
    };
    let ask = |spec: Value| {
        let rules = SelfRules { rules: Arc::new(Fixed) };
        wait(rules.answer(&context(), "", review(spec)))
    };
    let refused = ask(json!({})).err().map(|status| status.message);
    assert_eq!(refused.as_deref(), Some("no namespace on request"));
    let answer = ask(json!({ "namespace": "web" })).unwrap_or_else(|status| panic!("{}", status.message));
    let status = json!({
        "resourceRules": [
            { "verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["caller", "web"] },
            { "verbs": ["list"], "resources": ["*"] },
        ],
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/livez"] }],
        "incomplete": true,
        "evaluationError": "[one, two]",
    });
    assert_eq!(answer.into_value(), json!({ "metadata": {}, "spec": {}, "status": status }));
}

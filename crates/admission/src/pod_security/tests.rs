//! The plugin as requests meet it.

use std::sync::Arc;

use ironclad_api::Object;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{AdmissionOperation, Context, User};
use serde_json::{Value, json};

use super::{Exemptions, PodSecurity, Settings};
use crate::testing::{Ask, validate};

const RESTRICTED_TEXT: &str = r#"violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#;
const LABEL: &str = "pod-security.kubernetes.io";

/// What came of a request: the refusal, the warnings, the audit annotations without their prefix.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    refused: String,
    warnings: Vec<String>,
    audit: Vec<(String, String)>,
}

fn world() -> Objects {
    let labels = |pairs: &[(&str, &str)]| -> Value {
        pairs
            .iter()
            .map(|(key, value)| (format!("{LABEL}/{key}"), Value::from(*value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let namespace = |name: &str, labels: Value| json!({ "metadata": { "name": name, "labels": labels } });
    let world = Objects::default();
    for (name, set) in [
        ("open", labels(&[])),
        ("strict", labels(&[("enforce", "restricted")])),
        ("told", labels(&[("warn", "restricted"), ("audit", "baseline")])),
        ("watched", labels(&[("audit", "restricted")])),
        ("broken", labels(&[("enforce", "tight")])),
        ("free", labels(&[("enforce", "restricted")])),
    ] {
        world.put("", "namespaces", namespace(name, set));
    }
    world
}

fn plugin() -> PodSecurity {
    let exemptions = Exemptions {
        usernames: vec!["root".into()],
        namespaces: vec!["free".into()],
        runtime_classes: vec!["vm".into()],
    };
    PodSecurity { settings: Settings { exemptions, ..Settings::default() } }
}

fn outcome(world: &Objects, user: &str, ask: Ask<'_>) -> Outcome {
    let user = User { name: user.into(), ..User::default() };
    let context = Context::new(Arc::new(user), "");
    let refused = validate(&plugin(), world, &context, ask).err().map(|status| status.message);
    let strip = |(key, value): (&String, &String)| {
        (key.trim_start_matches("pod-security.kubernetes.io/").to_owned(), value.clone())
    };
    let audit = context.audit.lock().iter().map(strip).collect();
    Outcome { refused: refused.unwrap_or_default(), warnings: context.warnings.lock().clone(), audit }
}

fn expect(refused: &str, warnings: &[&str], audit: &[(&str, &str)]) -> Outcome {
    Outcome {
        refused: refused.into(),
        warnings: warnings.iter().map(|text| (*text).to_owned()).collect(),
        audit: audit.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn pod(spec: Value) -> Object {
    Object::from_value(json!({ "metadata": { "name": "p" }, "spec": spec })).expect("an object")
}

fn bare() -> Object {
    pod(json!({ "containers": [{ "name": "c", "image": "i" }] }))
}

fn create<'a>(namespace: &'a str, resource: (&'a str, &'a str), object: Object) -> Ask<'a> {
    Ask {
        namespace,
        resource,
        subresource: "",
        object: Some(object),
        old: None,
        operation: AdmissionOperation::Create,
    }
}

#[test]
fn a_pod_meets_the_three_modes_of_its_namespace() {
    let check = |user: &str, namespace: &str, expected: Outcome| {
        let got = outcome(&world(), user, create(namespace, ("", "pods"), bare()));
        assert_eq!(got, expected, "{user} in {namespace}");
    };
    let would = format!("would {RESTRICTED_TEXT}");
    let violates = RESTRICTED_TEXT.replacen("violate", "violates", 1);
    check("jane", "open", expect("", &[], &[("enforce-policy", "privileged:latest")]));
    check(
        "jane",
        "strict",
        expect(
            &format!("pods \"p\" is forbidden: {violates}"),
            &[],
            &[("enforce-policy", "restricted:latest")],
        ),
    );
    check("jane", "told", expect("", &[&would], &[("enforce-policy", "privileged:latest")]));
    check(
        "jane",
        "watched",
        expect("", &[], &[("audit-violations", &would), ("enforce-policy", "privileged:latest")]),
    );
    let bad_label = r#"Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "tight": must be one of privileged, baseline, restricted"#;
    check(
        "jane",
        "broken",
        expect(
            &format!("pods \"p\" is forbidden: {violates}"),
            &[],
            &[("enforce-policy", "restricted:latest"), ("error", bad_label)],
        ),
    );
    check("root", "strict", expect("", &[], &[("exempt", "user")]));
    check("jane", "free", expect("", &[], &[("exempt", "namespace")]));
    check(
        "jane",
        "nowhere",
        expect(
            "Internal error occurred: failed to lookup namespace \"nowhere\"",
            &[],
            &[("error", "failed to lookup namespace \"nowhere\"")],
        ),
    );
}

#[test]
fn a_runtime_class_may_be_exempt() {
    let pod = pod(json!({ "runtimeClassName": "vm", "containers": [{ "name": "c" }] }));
    let got = outcome(&world(), "jane", create("strict", ("", "pods"), pod));
    assert_eq!(got, expect("", &[], &[("exempt", "runtimeClass")]));
}

#[test]
fn a_template_is_warned_of_and_never_refused() {
    let would = format!("would {RESTRICTED_TEXT}");
    let template = bare().into_value();
    let check = |namespace: &str, resource, object: Value, expected: Outcome| {
        let object = Object::from_value(object).expect("an object");
        assert_eq!(outcome(&world(), "jane", create(namespace, resource, object)), expected, "{resource:?}");
    };
    check(
        "strict",
        ("apps", "deployments"),
        json!({ "spec": { "template": template } }),
        expect("", &[&would], &[]),
    );
    check("strict", ("", "podtemplates"), json!({ "template": template }), expect("", &[&would], &[]));
    check(
        "watched",
        ("batch", "cronjobs"),
        json!({ "spec": { "jobTemplate": { "spec": { "template": template } } } }),
        expect("", &[], &[("audit-violations", &would)]),
    );
    check("strict", ("", "replicationcontrollers"), json!({ "spec": {} }), expect("", &[], &[]));
    check(
        "strict",
        ("example.com", "deployments"),
        json!({ "spec": { "template": template } }),
        expect("", &[], &[]),
    );
    check("open", ("apps", "deployments"), json!({ "spec": { "template": template } }), expect("", &[], &[]));
}

#[test]
fn only_updates_of_images_and_new_ephemeral_containers_are_looked_at() {
    let old = bare();
    let check = |subresource: &str, new: Object, refused: bool| {
        let ask = Ask {
            subresource,
            old: Some(old.clone()),
            operation: AdmissionOperation::Update,
            ..create("strict", ("", "pods"), new)
        };
        let got = outcome(&world(), "jane", ask);
        assert_eq!(!got.refused.is_empty(), refused, "{subresource}");
    };
    let with = |field: &str, value: Value| {
        let mut pod = bare();
        pod.section_mut("spec").insert(field.into(), value);
        pod
    };
    check("", old.clone(), false);
    check("", with("activeDeadlineSeconds", 5.into()), false);
    check("", with("containers", json!([{ "name": "c", "image": "other" }])), true);
    check("ephemeralcontainers", with("ephemeralContainers", json!([{ "name": "e", "image": "i" }])), true);
    check("status", with("containers", json!([{ "name": "c", "image": "other" }])), false);
}

#[test]
fn who_makes_a_namespace_stricter_is_told_of_the_pods_in_it() {
    let world = world();
    for (name, spec) in [
        ("a", json!({ "containers": [{ "name": "c" }] })),
        ("b", json!({ "containers": [{ "name": "c" }], "hostNetwork": true })),
        ("c", json!({ "containers": [{ "name": "d" }], "hostNetwork": true })),
        ("d", json!({ "containers": [{ "name": "d" }], "hostNetwork": true, "runtimeClassName": "vm" })),
    ] {
        world.put("", "pods", json!({ "metadata": { "name": name, "namespace": "open" }, "spec": spec }));
    }
    let namespace = |name: &str, labels: Value| {
        Object::from_value(json!({ "metadata": { "name": name, "labels": labels } })).expect("an object")
    };
    let enforce = |level: &str| json!({ "pod-security.kubernetes.io/enforce": level });
    let check = |name: &str, old: Option<Value>, new: Value, expected: Outcome| {
        let operation = if old.is_some() { AdmissionOperation::Update } else { AdmissionOperation::Create };
        let ask = Ask {
            namespace: "",
            resource: ("", "namespaces"),
            subresource: "",
            object: Some(namespace(name, new.clone())),
            old: old.map(|labels| namespace(name, labels)),
            operation,
        };
        assert_eq!(outcome(&world, "jane", ask), expected, "{name} {new}");
    };
    let heading =
        r#"existing pods in namespace "open" violate the new PodSecurity enforce level "baseline:latest""#;
    check(
        "open",
        Some(json!({})),
        enforce("baseline"),
        expect("", &[heading, "b (and 1 other pod): host namespaces"], &[]),
    );
    check("open", Some(enforce("restricted")), enforce("baseline"), expect("", &[], &[]));
    check("open", None, enforce("baseline"), expect("", &[], &[]));
    let invalid = r#"Namespace "open" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": must be one of privileged, baseline, restricted"#;
    check("open", None, enforce("x"), expect(invalid, &[], &[]));
    check("open", Some(enforce("y")), enforce("x"), expect(invalid, &[], &[]));
    check("open", Some(enforce("x")), enforce("x"), expect("", &[], &[]));
    check(
        "free",
        None,
        enforce("baseline"),
        expect(
            "",
            &[
                "namespace \"free\" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored",
            ],
            &[],
        ),
    );
}

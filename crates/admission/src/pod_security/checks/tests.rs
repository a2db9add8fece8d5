//! Upstream's published results for pods that break one rule each.

use serde_json::{Map, Value, json};

use super::evaluate;
use crate::pod_security::level::{Level, LevelVersion, Version};
use crate::pod_security::pod::Pod;
use crate::pod_security::verdict::details;

const LATEST: Version = Version::Latest;

/// What the pod violates at a level, of the reasons that begin with `about`.
fn told(level: Level, version: Version, about: &str, annotations: &Value, spec: &Value) -> String {
    let mut pod = Map::new();
    pod.insert("metadata".into(), json!({ "annotations": annotations }));
    pod.insert("spec".into(), spec.clone());
    let mut violations = evaluate(LevelVersion { level, version }, &Pod::new(&pod));
    violations.retain(|violation| violation.reason.starts_with(about));
    details(&violations)
}

fn check(level: Level, version: Version, about: &str, spec: Value, expected: &str) {
    assert_eq!(told(level, version, about, &Value::Null, &spec), expected, "{spec}");
}

fn baseline(about: &str, spec: Value, expected: &str) {
    check(Level::Baseline, LATEST, about, spec, expected);
}

fn restricted(about: &str, spec: Value, expected: &str) {
    check(Level::Restricted, LATEST, about, spec, expected);
}

/// Containers by name with their security contexts.
fn containers(pairs: &[(&str, Value)]) -> Value {
    pairs.iter().map(|(name, context)| json!({ "name": name, "securityContext": context })).collect()
}

#[test]
fn the_baseline_refuses_what_reaches_the_node() {
    baseline("host namespaces", json!({ "hostNetwork": false }), "");
    baseline(
        "host namespaces",
        json!({ "hostNetwork": true, "hostPID": true, "hostIPC": true }),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    );
    baseline(
        "hostPath",
        json!({ "volumes": [{ "name": "a", "hostPath": {} }, { "name": "b", "emptyDir": {} }, { "name": "c", "hostPath": {"path": "/"} }] }),
        r#"hostPath volumes (volumes "a", "c")"#,
    );
    baseline(
        "hostPort",
        json!({ "containers": [
            { "name": "a", "ports": [{ "hostPort": 0 }] },
            { "name": "b", "ports": [{ "hostPort": 0 }, { "hostPort": 20 }] },
            { "name": "c", "ports": [{ "hostPort": 10 }, { "hostPort": 30 }] },
        ] }),
        r#"hostPort (containers "b", "c" use hostPorts 10, 20, 30)"#,
    );
    baseline(
        "privileged",
        json!({
            "initContainers": containers(&[("i", json!({ "privileged": true }))]),
            "containers": containers(&[("a", json!({ "privileged": false })), ("b", json!({ "privileged": true }))]),
            "ephemeralContainers": containers(&[("e", json!({ "privileged": true }))]),
        }),
        r#"privileged (containers "i", "b", "e" must not set securityContext.privileged=true)"#,
    );
    baseline(
        "hostProcess",
        json!({
            "securityContext": { "windowsOptions": { "hostProcess": true } },
            "containers": containers(&[
                ("a", json!({ "windowsOptions": { "hostProcess": false } })),
                ("e", json!({ "windowsOptions": { "hostProcess": true } })),
                ("f", json!({ "windowsOptions": { "hostProcess": true } })),
            ]),
        }),
        r#"hostProcess (pod and containers "e", "f" must not set securityContext.windowsOptions.hostProcess=true)"#,
    );
}

#[test]
fn the_baseline_refuses_what_takes_confinement_away() {
    let profile = |kind: &str| json!({ "appArmorProfile": { "type": kind } });
    baseline(
        "forbidden AppArmor",
        json!({ "securityContext": profile("RuntimeDefault"), "containers": containers(&[("foo", profile("Unconfined"))]) }),
        r#"forbidden AppArmor profile (container "foo" must not set AppArmor profile type to "Unconfined")"#,
    );
    baseline(
        "non-default",
        json!({ "containers": containers(&[
            ("a", json!({ "capabilities": { "add": ["FOO", "BAR"] } })),
            ("b", json!({ "capabilities": { "add": ["BAR", "BAZ"] } })),
            ("c", json!({ "capabilities": { "add": ["AUDIT_WRITE", "CHOWN"] } })),
        ]) }),
        r#"non-default capabilities (containers "a", "b" must not include "BAR", "BAZ", "FOO" in securityContext.capabilities.add)"#,
    );
    let seccomp = |kind: &str| json!({ "seccompProfile": { "type": kind } });
    baseline(
        "seccompProfile",
        json!({ "securityContext": seccomp("Unconfined"), "containers": containers(&[
            ("a", Value::Null), ("b", seccomp("Localhost")), ("c", seccomp("Unconfined")), ("d", seccomp("Unconfined")),
        ]) }),
        r#"seccompProfile (pod and containers "c", "d" must not set securityContext.seccompProfile.type to "Unconfined")"#,
    );
    let options = |options: Value| json!({ "seLinuxOptions": options });
    baseline(
        "seLinuxOptions",
        json!({ "securityContext": options(json!({ "type": "foo", "user": "foo", "role": "foo" })), "containers": containers(&[
            ("a", options(json!({}))),
            ("b", options(json!({ "type": "container_engine_t" }))),
            ("e", options(json!({ "type": "bar" }))),
            ("f", options(json!({ "user": "bar" }))),
            ("g", options(json!({ "role": "bar" }))),
        ]) }),
        r#"seLinuxOptions (pod and containers "e", "f", "g" set forbidden securityContext.seLinuxOptions: types "bar", "foo"; user may not be set; role may not be set)"#,
    );
    baseline(
        "seLinuxOptions",
        json!({ "securityContext": options(json!({ "user": "bad" })) }),
        "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set)",
    );
    baseline(
        "forbidden sysctls",
        json!({ "securityContext": { "sysctls": [{ "name": "net.ipv4.tcp_rmem" }, { "name": "a" }, { "name": "b" }] } }),
        "forbidden sysctls (a, b)",
    );
    baseline(
        "procMount",
        json!({ "containers": containers(&[
            ("a", json!({ "procMount": null })),
            ("b", json!({ "procMount": "Unmasked" })),
            ("c", json!({ "procMount": "Default" })),
            ("d", json!({ "procMount": "other" })),
        ]) }),
        r#"procMount (containers "b", "d" must not set securityContext.procMount to "Unmasked", "other")"#,
    );
}

#[test]
fn annotations_of_older_versions_count() {
    let apparmor = json!({
        "container.apparmor.security.beta.kubernetes.io/a": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/b": "localhost/profile",
        "container.apparmor.security.beta.kubernetes.io/c": "other",
    });
    assert_eq!(
        told(Level::Baseline, LATEST, "forbidden AppArmor", &apparmor, &json!({})),
        r#"forbidden AppArmor profiles (annotations must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/a="unconfined"", "container.apparmor.security.beta.kubernetes.io/c="other"")"#
    );
    let seccomp = json!({
        "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
        "container.seccomp.security.alpha.kubernetes.io/a": "unconfined",
        "container.seccomp.security.alpha.kubernetes.io/b": "unknown",
        "container.seccomp.security.alpha.kubernetes.io/d": "docker/default",
        "container.seccomp.security.alpha.kubernetes.io/nobody": "unknown",
    });
    let spec =
        json!({ "containers": containers(&[("a", Value::Null), ("b", Value::Null), ("d", Value::Null)]) });
    assert_eq!(
        told(Level::Baseline, Version::Minor(18), "seccompProfile", &seccomp, &spec),
        r#"seccompProfile (forbidden annotations container.seccomp.security.alpha.kubernetes.io/a="unconfined", container.seccomp.security.alpha.kubernetes.io/b="unknown", seccomp.security.alpha.kubernetes.io/pod="unconfined")"#
    );
    assert_eq!(told(Level::Baseline, Version::Minor(19), "seccompProfile", &seccomp, &spec), "");
}

#[test]
fn probes_and_handlers_name_no_host() {
    let spec = json!({
        "initContainers": [{ "name": "init", "startupProbe": { "tcpSocket": { "host": "b.com" } } }],
        "containers": [
            { "name": "good", "livenessProbe": { "httpGet": { "host": "" } } },
            { "name": "bad", "lifecycle": { "preStop": { "httpGet": { "host": "a.com" } } } },
        ],
    });
    let expected =
        r#"probe or lifecycle host (containers "bad", "init" use probe or lifecycle hosts "a.com", "b.com")"#;
    baseline("probe", spec.clone(), expected);
    check(Level::Baseline, Version::Minor(34), "probe", spec.clone(), expected);
    check(Level::Baseline, Version::Minor(33), "probe", spec, "");
}

#[test]
fn the_restricted_level_wants_best_practice() {
    restricted(
        "allowPrivilegeEscalation",
        json!({ "containers": containers(&[
            ("a", Value::Null),
            ("b", json!({ "allowPrivilegeEscalation": null })),
            ("c", json!({ "allowPrivilegeEscalation": true })),
            ("d", json!({ "allowPrivilegeEscalation": false })),
        ]) }),
        r#"allowPrivilegeEscalation != false (containers "a", "b", "c" must set securityContext.allowPrivilegeEscalation=false)"#,
    );
    restricted(
        "unrestricted",
        json!({ "containers": containers(&[
            ("a", json!({ "capabilities": { "add": ["FOO", "BAR"] } })),
            ("b", json!({ "capabilities": { "add": ["BAR", "BAZ"] } })),
            ("c", json!({ "capabilities": { "add": ["NET_BIND_SERVICE", "CHOWN"], "drop": ["ALL", "FOO"] } })),
        ]) }),
        r#"unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]; containers "a", "b", "c" must not include "BAR", "BAZ", "CHOWN", "FOO" in securityContext.capabilities.add)"#,
    );
    restricted(
        "restricted volume",
        json!({ "volumes": [
            { "name": "a1", "hostPath": {} },
            { "name": "b1", "nfs": {} },
            { "name": "c1", "image": {} },
            { "name": "d1" },
            { "name": "e1", "nfs": {} },
        ] }),
        r#"restricted volume types (volumes "a1", "b1", "d1", "e1" use restricted volume types "hostPath", "nfs", "unknown")"#,
    );
    restricted("hostPath", json!({ "volumes": [{ "name": "a1", "hostPath": {} }] }), "");
    restricted(
        "runAsUser",
        json!({ "securityContext": { "runAsUser": 0 }, "containers": containers(&[
            ("a", json!({ "runAsUser": 1 })), ("c", json!({ "runAsUser": 0 })), ("d", json!({ "runAsUser": 0 })),
        ]) }),
        r#"runAsUser=0 (pod and containers "c", "d" must not set runAsUser=0)"#,
    );
}

#[test]
fn what_must_be_said_may_be_said_for_the_whole_pod() {
    let non_root = |value: Value| json!({ "runAsNonRoot": value });
    restricted(
        "runAsNonRoot",
        json!({ "containers": containers(&[("a", Value::Null), ("b", non_root(Value::Null)), ("c", non_root(true.into()))]) }),
        r#"runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true)"#,
    );
    restricted(
        "runAsNonRoot",
        json!({ "securityContext": non_root(true.into()), "containers": containers(&[("a", Value::Null), ("c", non_root(false.into()))]) }),
        r#"runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)"#,
    );
    let seccomp = |kind: &str| json!({ "seccompProfile": { "type": kind } });
    let silent = containers(&[("a", Value::Null), ("b", json!({})), ("c", seccomp("Localhost"))]);
    restricted(
        "seccompProfile",
        json!({ "containers": silent }),
        r#"seccompProfile (pod or containers "a", "b" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#,
    );
    restricted(
        "seccompProfile",
        json!({ "securityContext": seccomp("RuntimeDefault"), "containers": silent }),
        "",
    );
    restricted(
        "seccompProfile",
        json!({ "securityContext": seccomp("Unconfined"), "containers": silent }),
        r#"seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")"#,
    );
}

#[test]
fn windows_pods_need_not_say_what_only_linux_knows() {
    let bare = json!({ "os": { "name": "windows" }, "containers": containers(&[("a", Value::Null)]) });
    let expected = |linux: &str| {
        format!(
            r#"{linux}runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)"#
        )
    };
    restricted("", bare.clone(), &expected(""));
    check(
        Level::Restricted,
        Version::Minor(8),
        "",
        bare,
        &expected(
            r#"allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), "#,
        ),
    );
}

#[test]
fn users_of_the_pods_own_may_be_root_since_1_35() {
    let spec = json!({
        "hostUsers": false,
        "containers": containers(&[("a", json!({ "runAsUser": 0, "runAsNonRoot": false, "procMount": "Unmasked" }))]),
    });
    baseline("", spec.clone(), "");
    let mount = r#"procMount (container "a" must not set securityContext.procMount to "Unmasked")"#;
    check(Level::Baseline, Version::Minor(34), "", spec.clone(), mount);
    restricted("procMount", spec.clone(), mount);
    restricted("runAs", spec.clone(), "");
    check(
        Level::Restricted,
        Version::Minor(34),
        "runAs",
        spec,
        r#"runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false), runAsUser=0 (container "a" must not set runAsUser=0)"#,
    );
}

#[test]
fn a_bare_pod_breaks_four_rules_of_the_restricted_level() {
    let spec = json!({ "containers": [{ "name": "c" }] });
    restricted(
        "",
        spec.clone(),
        r#"allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")"#,
    );
    baseline("", spec.clone(), "");
    check(Level::Privileged, LATEST, "", spec, "");
}

#[test]
fn the_restricted_level_replaces_the_weaker_check_from_its_version_on() {
    let spec = json!({ "containers": containers(&[("a", json!({ "capabilities": { "add": ["FOO"], "drop": ["ALL"] } }))]) });
    let check = |minor, expected: &str| {
        let told = told(Level::Restricted, Version::Minor(minor), "", &Value::Null, &spec);
        let reasons: Vec<&str> = ["non-default capabilities", "unrestricted capabilities"]
            .into_iter()
            .filter(|reason| told.contains(reason))
            .collect();
        assert_eq!(reasons, [expected], "1.{minor}");
    };
    check(0, "non-default capabilities");
    check(21, "non-default capabilities");
    check(22, "unrestricted capabilities");
    check(36, "unrestricted capabilities");
}

//! Warnings about pods that are valid and most likely not what was meant.
//! The parts are [`scheduling`], [`containers`], [`volumes`] and [`overlaps`].

mod containers;
mod overlaps;
mod scheduling;
mod volumes;

use std::collections::BTreeSet;

use ironclad_api::goprint::quote;
use ironclad_api::{Object, Path, validation};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::spec::typed;

const DEAD_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    (
        "security.alpha.kubernetes.io/unsafe-sysctls",
        "non-functional in v1.11+; use the \"sysctls\" field instead",
    ),
];
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";

pub(crate) fn of_pod(pod: &Object) -> Vec<String> {
    let pod: core::Pod = typed(pod);
    of_spec(&pod.spec.unwrap_or_default(), &pod.metadata, &Path::root())
}

/// Of the template at `path`.
pub(crate) fn of_template(template: &core::PodTemplateSpec, path: &Path) -> Vec<String> {
    let metadata = template.metadata.clone().unwrap_or_default();
    of_spec(&template.spec.clone().unwrap_or_default(), &metadata, path)
}

fn of_spec(spec: &core::PodSpec, metadata: &ObjectMeta, path: &Path) -> Vec<String> {
    let at = path.child("spec");
    let mut warnings = scheduling::nodes(spec, &at);
    warnings.extend(scheduling::spread(spec, &at));
    warnings.extend(dead_annotations(metadata, path));
    warnings.extend(volumes::warnings(spec.volumes.as_deref().unwrap_or_default(), &at.child("volumes")));
    warnings.extend(overlaps::warnings(spec.volumes.as_deref().unwrap_or_default()));
    warnings.extend(repeated_names(spec, &at));
    warnings.extend(containers::fractions(spec.overhead.as_ref(), &at.child("overhead")));
    warnings.extend(pod_seccomp(spec, metadata, path));
    warnings.extend(containers::warnings(spec, metadata, path));
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let field = at.child("terminationGracePeriodSeconds");
        warnings.push(format!("{field}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    warnings.extend(scheduling::pods(spec, &at));
    warnings.extend(addresses(spec, &at));
    warnings
}

fn has_annotation(metadata: &ObjectMeta, key: &str) -> bool {
    metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(key))
}

fn annotation_path(path: &Path, key: &str) -> Path {
    path.child("metadata").child("annotations").key(key)
}

fn dead_annotations(metadata: &ObjectMeta, path: &Path) -> Vec<String> {
    let dead = DEAD_ANNOTATIONS.iter().filter(|(key, _)| has_annotation(metadata, key));
    dead.map(|(key, text)| format!("{}: {text}", annotation_path(path, key))).collect()
}

fn pod_seccomp(spec: &core::PodSpec, metadata: &ObjectMeta, path: &Path) -> Option<String> {
    let by_field = spec.security_context.as_ref().is_some_and(|context| context.seccomp_profile.is_some());
    let field = annotation_path(path, SECCOMP_POD);
    (!by_field && has_annotation(metadata, SECCOMP_POD))
        .then(|| format!("{field}: non-functional in v1.27+; use the \"seccompProfile\" field instead"))
}

fn repeated_names(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        if !seen.insert(alias.ip.as_str()) {
            let field = path.child("hostAliases").index(index).child("ip");
            warnings.push(format!("{field}: duplicate ip {}", quote(&alias.ip)));
        }
    }
    let mut seen = BTreeSet::new();
    let mut empty = Vec::new();
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        let field = path.child("imagePullSecrets").index(index).child("name");
        if !seen.insert(secret.name.as_str()) {
            warnings.push(format!("{field}: duplicate name {}", quote(&secret.name)));
        }
        if secret.name.is_empty() {
            empty.push(format!("{field}: invalid empty name \"\""));
        }
    }
    warnings.extend(empty);
    warnings
}

fn addresses(spec: &core::PodSpec, path: &Path) -> Vec<String> {
    let servers =
        spec.dns_config.as_ref().and_then(|config| config.nameservers.as_deref()).unwrap_or_default();
    let servers = servers.iter().enumerate().flat_map(|(index, server)| {
        validation::ip::ip_warning(&path.child("dnsConfig").child("nameservers").index(index), server)
    });
    let aliases = spec.host_aliases.iter().flatten().enumerate().flat_map(|(index, alias)| {
        validation::ip::ip_warning(&path.child("hostAliases").index(index).child("ip"), &alias.ip)
    });
    servers.chain(aliases).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(pod: Value, want: &[&str]) {
        assert_eq!(of_pod(&Object::from_value(pod).expect("an object")), want);
    }

    #[test]
    fn fields_that_changed_their_meaning() {
        check(
            json!({"metadata": {"annotations": {"scheduler.alpha.kubernetes.io/critical-pod": ""}}}),
            &[
                "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the \"priorityClassName\" field instead",
            ],
        );
        check(
            json!({"spec": {"nodeSelector": {"beta.kubernetes.io/os": "linux"}}}),
            &[
                "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
            ],
        );
        check(
            json!({"spec": {"volumes": [{"name": "v", "gitRepo": {"repository": "r"}}]}}),
            &["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"],
        );
    }

    #[test]
    fn repetitions() {
        let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "A", "value": "$(A)3"}]);
        check(
            json!({"spec": {"containers": [{"name": "c", "env": env}]}}),
            &[
                "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
            ],
        );
        let ports =
            json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP"}]);
        check(
            json!({"spec": {"containers": [{"name": "c", "ports": ports}]}}),
            &["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
        );
        check(
            json!({"spec": {"imagePullSecrets": [{"name": "a"}, {"name": "a"}, {}]}}),
            &[
                "spec.imagePullSecrets[1].name: duplicate name \"a\"",
                "spec.imagePullSecrets[2].name: invalid empty name \"\"",
            ],
        );
    }

    #[test]
    fn fractions_of_bytes() {
        check(
            json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"memory": "500m"}}}]}}),
            &[
                "spec.containers[0].resources.requests[memory]: fractional byte value \"500m\" is invalid, must be an integer",
            ],
        );
    }
}

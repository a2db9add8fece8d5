//! PodSecurity: pods keep to the Pod Security Standards as far as their namespace's labels ask.
//!
//! ```text
//!  labels of the namespace ─► Policy ─┬─ enforce: pods are refused
//!                                     ├─ audit:   pods and templates are annotated in the audit log
//!                                     └─ warn:    pods and templates are warned of
//! ```
//!
//! Source: <https://kubernetes.io/docs/concepts/security/pod-security-admission/> (KEP-2579).

mod checks;
mod existing_pods;
mod level;
mod namespace;
mod pod;
mod policy;
mod settings;
#[cfg(test)]
mod tests;
mod verdict;

use ironclad_api::{Object, ObjectKey, Status};
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use serde_json::{Map, Value};

use self::level::Level;
use self::pod::{Pod, text};
use self::verdict::{Violation, details};
use crate::plugins::{core, forbidden};
use crate::{Cluster, Plugin};

pub use level::LevelVersion;
pub use policy::Policy;
pub use settings::{Exemptions, Settings};

/// What audit annotations begin with.
const PREFIX: &str = "pod-security.kubernetes.io/";

/// Subresources of pods that do not carry a pod. Any other is evaluated.
const OTHER_SUBRESOURCES: [&str; 8] =
    ["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"];

pub(crate) struct PodSecurity {
    settings: Settings,
}

impl Plugin for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if !matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update) {
            return Ok(());
        }
        let (resource, subresource) = (&request.target.resource, request.target.subresource.as_str());
        match (&*resource.group, &*resource.resource, subresource) {
            ("", "namespaces", "") => self.namespace(request, cluster),
            ("", "pods", subresource) if !OTHER_SUBRESOURCES.contains(&subresource) => {
                self.pod(request, cluster)
            }
            (group, resource, "") => match template_path(group, resource) {
                Some(path) => {
                    self.template(request, cluster, path);
                    Ok(())
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Where a controller keeps its pods' template.
fn template_path(group: &str, resource: &str) -> Option<&'static [&'static str]> {
    match (group, resource) {
        ("", "podtemplates") => Some(&["template"]),
        ("", "replicationcontrollers")
        | ("apps", "replicasets" | "deployments" | "statefulsets" | "daemonsets")
        | ("batch", "jobs") => Some(&["spec", "template"]),
        ("batch", "cronjobs") => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// A pod or a template on trial, and what is asked of it.
struct Trial<'a, 'r> {
    request: &'a AdmissionRequest<'r>,
    policy: Policy,
    pod: Pod<'a>,
    /// Templates are only warned of and audited: what they make is refused when it is made.
    enforced: bool,
}

impl PodSecurity {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn pod(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if self.exempt(request) {
            return Ok(());
        }
        let namespace = request.target.namespace.as_str();
        let Some((policy, errors)) = self.policy(namespace, cluster) else {
            let text = format!("failed to lookup namespace \"{namespace}\"");
            annotate(request, "error", &text);
            return Err(Status::internal_error(text));
        };
        if policy.is_fully_privileged() && errors.is_none() {
            annotate(request, "enforce-policy", &LevelVersion::PRIVILEGED.to_string());
            return Ok(());
        }
        let Some(object) = request.object.as_deref() else { return Ok(()) };
        if request.old.is_some_and(|old| !is_significant_update(object, old)) {
            return Ok(());
        }
        let trial = Trial { request, policy, pod: Pod::new(&object.0), enforced: true };
        self.evaluate(&trial, errors)
    }

    fn template(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>, path: &[&str]) {
        if self.exempt(request) {
            return;
        }
        let namespace = request.target.namespace.as_str();
        let Some((policy, errors)) = self.policy(namespace, cluster) else {
            let text =
                format!("failed to lookup namespace \"{namespace}\": namespace \"{namespace}\" not found");
            return annotate(request, "error", &text);
        };
        let quiet = policy.warn.level == Level::Privileged && policy.audit.level == Level::Privileged;
        let template = request.object.as_deref().and_then(|object| object.at(path)?.as_object());
        if let Some(template) = template.filter(|_| !quiet || errors.is_some()) {
            let trial = Trial { request, policy, pod: Pod::new(template), enforced: false };
            // Nothing is refused where nothing is enforced.
            let _ = self.evaluate(&trial, errors);
        }
    }

    /// Upstream's short cuts, with the reason for the audit log.
    fn exempt(&self, request: &AdmissionRequest<'_>) -> bool {
        let exemptions = &self.settings.exemptions;
        let reason = if exemptions.namespaces.contains(&request.target.namespace) {
            "namespace"
        } else if exemptions.usernames.contains(&request.context.user.name) {
            "user"
        } else {
            return false;
        };
        annotate(request, "exempt", reason);
        true
    }

    /// The policy of a namespace and what is wrong with its labels; `None` if it is not there.
    fn policy(&self, namespace: &str, cluster: &Cluster<'_>) -> Option<(Policy, Option<String>)> {
        let entry = cluster.cache.get(&core("namespaces"), &ObjectKey::cluster(namespace))?;
        let (policy, errors) = Policy::of(&entry.labels, &self.settings.defaults);
        Some((policy, ironclad_api::field::aggregate(&errors)))
    }

    fn evaluate(&self, trial: &Trial<'_, '_>, errors: Option<String>) -> Result<(), Status> {
        let Trial { request, policy, pod, enforced } = trial;
        let class = text(pod.spec("runtimeClassName"));
        if self.settings.exemptions.runtime_classes.iter().any(|exempt| exempt == class) {
            annotate(request, "exempt", "runtimeClass");
            return Ok(());
        }
        if let Some(errors) = errors {
            annotate(request, "error", &format!("Failed to parse policy: {errors}"));
        }
        let mut evaluated = Evaluated { pod: *pod, done: Vec::with_capacity(3) };
        let mut refused = None;
        if *enforced {
            annotate(request, "enforce-policy", &policy.enforce.to_string());
            refused = evaluated.told("violates", policy.enforce);
        }
        if let Some(violated) = evaluated.told("would violate", policy.audit) {
            annotate(request, "audit-violations", &violated);
        }
        if let Some(refused) = refused {
            return Err(forbidden(request, refused));
        }
        if let Some(violated) = evaluated.told("would violate", policy.warn) {
            request.context.warn(violated);
        }
        Ok(())
    }
}

/// Results by level and version, each reached once: the three modes often ask the same.
struct Evaluated<'a> {
    pod: Pod<'a>,
    done: Vec<(LevelVersion, Vec<Violation>)>,
}

impl Evaluated<'_> {
    /// `violates PodSecurity "restricted:latest": …`; `None` if the pod is allowed.
    fn told(&mut self, verb: &str, wanted: LevelVersion) -> Option<String> {
        let violations = self.violations(wanted);
        let told = || format!("{verb} PodSecurity \"{wanted}\": {}", details(violations));
        (!violations.is_empty()).then(told)
    }

    fn violations(&mut self, wanted: LevelVersion) -> &[Violation] {
        if !self.done.iter().any(|(done, _)| *done == wanted) {
            self.done.push((wanted, checks::evaluate(wanted, &self.pod)));
        }
        let found = self.done.iter().find(|(done, _)| *done == wanted);
        found.map(|(_, violations)| violations.as_slice()).unwrap_or_default()
    }
}

fn annotate(request: &AdmissionRequest<'_>, key: &str, value: &str) {
    request.context.audit.lock().insert(format!("{PREFIX}{key}"), value.to_owned());
}

/// Of what may change in a pod, only its images matter, and containers that join it.
fn is_significant_update(new: &Object, old: &Object) -> bool {
    let images = |pod: &Object, list: &str| -> Vec<Option<String>> {
        let containers = pod.at(&["spec", list]).and_then(Value::as_array).into_iter().flatten();
        containers.map(|container| container["image"].as_str().map(str::to_owned)).collect()
    };
    let changed = |list| images(new, list) != images(old, list);
    changed("containers") || changed("initContainers") || ephemeral_images(new) != ephemeral_images(old)
}

/// By name: they have no order.
fn ephemeral_images(pod: &Object) -> Map<String, Value> {
    let containers = pod.at(&["spec", "ephemeralContainers"]).and_then(Value::as_array).into_iter().flatten();
    containers.map(|container| (text(&container["name"]).to_owned(), container["image"].clone())).collect()
}

//! `POST .../pods/NAME/binding`: a scheduler gives a pod its node.

use ironclad_api::field::{FieldErrors, Path, aggregate};
use ironclad_api::object::{object_in, string_map};
use ironclad_api::{FieldError, GroupResource, GroupVersionResource, Object, Status};
use ironclad_client::request::Target;
use ironclad_engine::Context;
use ironclad_engine::strategy::{Action, Api, KindSpec, Scope, Strategy};
use ironclad_env::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;

use super::conditions::{self, Condition};
use crate::spec::spec;

/// The action of the subresource, and of the collection `bindings`.
pub(super) struct Bind;

impl Action for Bind {
    fn run<'a>(
        &'a self,
        context: &'a Context,
        api: &'a dyn Api,
        target: &'a Target,
        binding: Object,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let target = pod_of(target, &binding)?;
            check(&binding)?;
            let now = api.env().now();
            let bind = |pod: &mut Object| bind(pod, &binding, now);
            api.update(context, &target, &bind, dry_run).await?;
            Ok(created())
        })
    }
}

/// What a successful create without an object answers.
pub(super) fn created() -> Object {
    let status = serde_json::to_value(Status::success(201)).unwrap_or_default();
    Object::from_value(status).unwrap_or_default()
}

/// The pod to be bound. In the old collection only the body names it.
fn pod_of(target: &Target, binding: &Object) -> Result<Target, Status> {
    let name = match target.name.as_str() {
        "" => binding.name(),
        name => name,
    };
    if name != binding.name() {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    Ok(Target {
        resource: GroupVersionResource::new("", "v1", "pods"),
        namespace: target.namespace.clone(),
        name: name.to_owned(),
        subresource: "binding".to_owned(),
    })
}

fn check(binding: &Object) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    let path = Path::new("target");
    let kind = binding.str_at(&["target", "kind"]);
    if !matches!(kind, "" | "Node") {
        errors.push(FieldError::not_supported(&path.child("kind"), kind, ["Node", "<empty>"]));
    }
    if binding.str_at(&["target", "name"]).is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    // As upstream: an error without a Status of its own.
    aggregate(&errors).map_or(Ok(()), |why| Err(Status::unclassified(why)))
}

/// Sets the pod's node, and takes over the binding's labels and annotations.
fn bind(pod: &mut Object, binding: &Object, now: Timestamp) -> Result<(), Status> {
    check_preconditions(pod, binding)?;
    let name = pod.name().to_owned();
    if let Some(why) = why_not(pod) {
        return Err(Status::conflict(&GroupResource::new("", "pods/binding"), &name, why));
    }
    pod.section_mut("spec").insert("nodeName".into(), binding.str_at(&["target", "name"]).into());
    pod.section_mut("status").remove("nominatedNodeName");
    for field in ["annotations", "labels"] {
        let more = string_map(binding.metadata().and_then(|metadata| metadata.get(field)));
        if !more.is_empty() {
            let pairs = more.into_iter().map(|(key, value)| (key, Value::from(value)));
            object_in(pod.metadata_mut(), field).extend(pairs);
        }
    }
    let scheduled = Condition { kind: "PodScheduled", status: "True", reason: "", message: "" };
    conditions::set(pod, &scheduled, now);
    Ok(())
}

fn why_not(pod: &Object) -> Option<String> {
    let name = pod.name();
    if pod.deletion_timestamp().is_some() {
        return Some(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let node = pod.str_at(&["spec", "nodeName"]);
    if !node.is_empty() {
        return Some(format!("pod {name} is already assigned to node {node:?}"));
    }
    let gates = pod.at(&["spec", "schedulingGates"]).and_then(Value::as_array);
    let gated = gates.is_some_and(|gates| !gates.is_empty());
    gated.then(|| format!("pod {name} has non-empty .spec.schedulingGates"))
}

/// A binding may be for one pod of that name only, or for one version of it.
fn check_preconditions(pod: &Object, binding: &Object) -> Result<(), Status> {
    for (what, given, standing) in [
        ("UID", binding.uid(), pod.uid()),
        ("ResourceVersion", binding.resource_version(), pod.resource_version()),
    ] {
        if !given.is_empty() && given != standing {
            let key = format!("/registry/pods/{}", pod.key());
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: \
                 Precondition failed: {what} in precondition: {given}, {what} in object meta: {standing}"
            );
            return Err(Status::conflict(&GroupResource::new("", "pods"), pod.name(), why));
        }
    }
    Ok(())
}

/// The collection `bindings`, which is only ever written to.
pub struct Bindings {
    spec: KindSpec,
}

impl Bindings {
    pub fn new() -> Self {
        let spec = spec("", "v1", "Binding", "bindings", Scope::Namespaced);
        Self { spec: KindSpec { verbs: &["create"], ..spec } }
    }
}

impl Default for Bindings {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Bindings {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn virtual_create(&self) -> Option<Arc<dyn Action>> {
        Some(Arc::new(Bind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        Object::from_value(value).expect("an object")
    }

    fn bound(pod: Value, binding: Value) -> Result<Object, String> {
        let mut pod = object(pod);
        bind(&mut pod, &object(binding), Timestamp::UNIX_EPOCH).map_err(|status| status.message)?;
        Ok(pod)
    }

    #[test]
    fn a_bound_pod_has_its_node_and_says_so() {
        let pod = json!({
            "metadata": {"name": "a", "labels": {"x": "1", "y": "1"}},
            "spec": {},
            "status": {"nominatedNodeName": "m", "phase": "Pending"},
        });
        let binding = json!({
            "metadata": {"name": "a", "labels": {"y": "2"}, "annotations": {"z": "3"}},
            "target": {"kind": "Node", "name": "n"},
        });
        let want = json!({
            "metadata": {"name": "a", "labels": {"x": "1", "y": "2"}, "annotations": {"z": "3"}},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "True",
                "lastProbeTime": null, "lastTransitionTime": "1970-01-01T00:00:00Z",
            }]},
        });
        assert_eq!(bound(pod, binding).map(Object::into_value), Ok(want));
    }

    #[test]
    fn pods_that_cannot_be_bound_are_refused() {
        let check = |pod: Value, want: &str| {
            let binding = json!({"metadata": {"name": "a", "uid": "u"}, "target": {"name": "n"}});
            assert_eq!(bound(pod, binding).map(Object::into_value), Err(want.to_owned()));
        };
        let pod =
            |spec: Value| json!({"metadata": {"name": "a", "namespace": "d", "uid": "u"}, "spec": spec});
        let conflict = "Operation cannot be fulfilled on pods/binding \"a\": pod a";
        check(pod(json!({"nodeName": "m"})), &format!("{conflict} is already assigned to node \"m\""));
        check(
            pod(json!({"schedulingGates": [{"name": "g"}]})),
            &format!("{conflict} has non-empty .spec.schedulingGates"),
        );
        check(
            json!({"metadata": {"name": "a", "uid": "u", "deletionTimestamp": "x"}}),
            &format!("{conflict} is being deleted, cannot be assigned to a host"),
        );
        check(
            json!({"metadata": {"name": "a", "namespace": "d", "uid": "v"}}),
            "Operation cannot be fulfilled on pods \"a\": StorageError: invalid object, Code: 4, Key: \
             /registry/pods/d/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in \
             precondition: u, UID in object meta: v",
        );
    }

    #[test]
    fn a_binding_names_a_node() {
        let check = |target: Value, want: Result<(), &str>| {
            let got = super::check(&object(json!({ "target": target })));
            assert_eq!(got.map_err(|status| status.message), want.map_err(str::to_owned));
        };
        check(json!({"kind": "Node", "name": "n"}), Ok(()));
        check(json!({"name": "n"}), Ok(()));
        check(json!({}), Err("target.name: Required value"));
        check(
            json!({"kind": "Pod", "name": "n"}),
            Err("target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""),
        );
    }
}

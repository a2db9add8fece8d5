//! Tokens: of the accounts of the node's own pods, bound to those, for audiences that their volumes name.

use std::sync::Arc;

use ironclad_api::goprint::quote;
use ironclad_api::{Entry, GroupResource, Object, ObjectKey, Status, field};
use ironclad_engine::gate::{AdmissionOperation, Attributes, Authorizer, Decision};
use serde_json::Value;

use super::{Asked, core};

pub(super) async fn check(asked: &Asked<'_>, authorizer: &dyn Authorizer) -> Result<(), Status> {
    let request = asked.request;
    if request.target.subresource != "token" || request.operation != AdmissionOperation::Create {
        return Ok(());
    }
    let Some(wanted) = asked.object() else { return Ok(()) };
    let pod = bound_pod(asked, wanted)?;
    let audiences = wanted.at(&["spec", "audiences"]).and_then(Value::as_array);
    let audience = match audiences.map(Vec::as_slice).unwrap_or_default() {
        [] => "",
        [one] => one.as_str().unwrap_or_default(),
        _ => return Err(asked.refused("node may only request 0 or 1 audiences")),
    };
    let volumes = Volumes { asked, pod: &pod.object() };
    match volumes.name_audience(audience) {
        Ok(true) => Ok(()),
        Ok(false) => authorize(asked, authorizer, audience).await,
        Err(why) => Err(asked.refused(format!("error validating audience {}: {why}", quote(audience)))),
    }
}

/// The pod that the token is for, which runs on the node.
fn bound_pod(asked: &Asked<'_>, wanted: &Object) -> Result<Arc<Entry>, Status> {
    let bound = |field: &str| wanted.str_at(&["spec", "boundObjectRef", field]);
    let (name, uid) = (bound("name"), bound("uid"));
    asked.demand(bound("apiVersion") == "v1" && bound("kind") == "Pod" && !name.is_empty(), || {
        "node requested token not bound to a pod".to_owned()
    })?;
    asked.demand(!uid.is_empty(), || "node requested token with a pod binding without a uid".to_owned())?;
    let key = ObjectKey::new(asked.request.target.namespace.clone(), name);
    let pod = asked.cluster.cache.get(&core("pods"), &key);
    let pod = pod.ok_or_else(|| Status::not_found(&core("pods"), name))?;
    asked.demand(pod.uid == uid, || {
        format!("the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated")
    })?;
    asked.demand(pod.field("spec.nodeName") == Some(asked.node), || {
        "node requested token bound to a pod scheduled on a different node".to_owned()
    })?;
    Ok(pod)
}

/// A right of its own makes up for a volume.
async fn authorize(asked: &Asked<'_>, authorizer: &dyn Authorizer, audience: &str) -> Result<(), Status> {
    let user = &asked.request.context.user;
    let attributes = Attributes {
        user: Arc::clone(user),
        verb: "request-serviceaccounts-token-audience".into(),
        version: "v1".into(),
        resource: audience.into(),
        namespace: asked.request.target.namespace.clone(),
        name: asked.name().to_owned(),
        ..Attributes::default()
    };
    let allowed = matches!(authorizer.authorize(&attributes).await, Decision::Allow { .. });
    asked.demand(allowed, || {
        format!(
            "audience {} not found in pod spec volume, {} is not authorized to request tokens for this audience",
            quote(audience),
            user.name
        )
    })
}

/// The volumes of a pod, as far as they want tokens.
struct Volumes<'a> {
    asked: &'a Asked<'a>,
    pod: &'a Object,
}

impl Volumes<'_> {
    /// Whether a volume, or the driver that provides it, wants tokens for the audience.
    fn name_audience(&self, audience: &str) -> Result<bool, String> {
        let mut errors = Vec::new();
        let volumes = self.pod.at(&["spec", "volumes"]).and_then(Value::as_array).into_iter().flatten();
        for volume in volumes {
            match self.names_audience(volume, audience) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => errors.push(why),
            }
        }
        field::aggregate_texts(errors).map_or(Ok(false), Err)
    }

    fn names_audience(&self, volume: &Value, audience: &str) -> Result<bool, String> {
        let sources = volume["projected"]["sources"].as_array().into_iter().flatten();
        let tokens = sources.map(|source| &source["serviceAccountToken"]).filter(|token| token.is_object());
        if tokens.into_iter().any(|token| token["audience"].as_str().unwrap_or_default() == audience) {
            return Ok(true);
        }
        let driver = match (&volume["ephemeral"], &volume["persistentVolumeClaim"], &volume["csi"]) {
            (Value::Object(_), _, _) => {
                let name = volume["name"].as_str().unwrap_or_default();
                self.driver_of_claim(&format!("{}-{name}", self.pod.name()))?
            }
            (_, Value::Object(claim), _) => {
                self.driver_of_claim(claim.get("claimName").and_then(Value::as_str).unwrap_or_default())?
            }
            (_, _, Value::Object(csi)) => {
                csi.get("driver").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => return Ok(false),
        };
        if driver.is_empty() {
            return Ok(false);
        }
        let driver = self.get(&GroupResource::new("storage.k8s.io", "csidrivers"), "", &driver)?;
        let requests = driver.at(&["spec", "tokenRequests"]).and_then(Value::as_array).into_iter().flatten();
        Ok(requests.into_iter().any(|request| request["audience"].as_str().unwrap_or_default() == audience))
    }

    /// The CSI driver of the volume that the claim is bound to; empty if it is no CSI volume.
    fn driver_of_claim(&self, name: &str) -> Result<String, String> {
        let claim = self.get(&core("persistentvolumeclaims"), self.pod.namespace(), name)?;
        let volume = claim.str_at(&["spec", "volumeName"]);
        let volume = self.get(&core("persistentvolumes"), "", volume)?;
        Ok(volume.str_at(&["spec", "csi", "driver"]).to_owned())
    }

    fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Result<Object, String> {
        let held = self.asked.cluster.cache.get(resource, &ObjectKey::new(namespace, name));
        held.map(|entry| entry.object()).ok_or_else(|| Status::not_found(resource, name).message)
    }
}

//! Conversion between versions by a webhook: one ConversionReview for a batch of objects.
//!
//! # Guarantees
//! Whatever the webhook answers, an object keeps its name, namespace, uid and the rest of its
//! metadata; only labels and annotations are the webhook's to convert.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_api::field::{Path, aggregate};
use ironclad_api::goprint::quote;
use ironclad_api::object::string_map;
use ironclad_api::validation::label;
use ironclad_api::{GroupVersion, GroupVersionKind, Object, Status};
use ironclad_env::EnvironmentExt;
use ironclad_webhook::{Caller, ClientConfig, Deadline, Endpoint};
use serde_json::{Map, Value, json};

use crate::definition::{Conversion, Webhook as Settings};

const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "ConversionReview";
/// Upstream sets no limit; a webhook that hangs must not hold reads for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// The webhook of one definition.
pub(super) struct Webhook {
    caller: Arc<Caller>,
    /// `None` where the definition names no place, which validation refuses.
    endpoint: Option<Endpoint>,
    review_versions: Vec<String>,
}

impl Webhook {
    /// `None` if objects are converted by changing their version only.
    pub(super) fn of(conversion: Option<&Conversion>, caller: &Arc<Caller>) -> Option<Self> {
        let settings = conversion.filter(|conversion| conversion.strategy == "Webhook")?.webhook.as_ref()?;
        let Settings { client_config, conversion_review_versions } = settings;
        let endpoint = client_config.as_ref().map(|config| ClientConfig {
            url: config.url.clone(),
            service: config.service.as_ref().map(|service| ironclad_webhook::ServiceReference {
                namespace: service.namespace.clone(),
                name: service.name.clone(),
                path: service.path.clone(),
                port: service.port,
            }),
            ca_bundle: config.ca_bundle.clone(),
        });
        Some(Self {
            caller: caller.clone(),
            endpoint: endpoint.and_then(|config| config.endpoint()),
            review_versions: conversion_review_versions.clone(),
        })
    }

    /// The objects in version `to`, in their order. None of them is in it yet.
    pub(super) async fn convert(
        &self,
        objects: Vec<Object>,
        to: &GroupVersion,
    ) -> Result<Vec<Object>, Status> {
        let Some(first) = objects.first() else { return Ok(objects) };
        let kind = kind_of(first);
        self.ask(&objects, to)
            .await
            .map_err(|why| format!("conversion webhook for {kind} failed: {why}"))
            .and_then(|converted| accept(&kind, objects, converted, to))
            .map_err(Status::unclassified)
    }

    async fn ask(&self, objects: &[Object], to: &GroupVersion) -> Result<Vec<Value>, String> {
        let known = |version: &&String| matches!(version.as_str(), "v1" | "v1beta1");
        let version = self.review_versions.iter().find(known);
        let version = version.ok_or("no supported conversion review versions")?;
        let endpoint = self.endpoint.as_ref();
        let endpoint = endpoint.ok_or("webhook configuration must have either service or URL")?;
        let uid = self.caller.env().uuid();
        let body = Bytes::from(review(version, &uid, objects, to).to_string());
        let answer = self.caller.post(endpoint, body, Deadline::Silent(LIMIT)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        read(&answer, version, &uid)
    }
}

fn review(version: &str, uid: &str, objects: &[Object], to: &GroupVersion) -> Value {
    json!({
        "kind": KIND,
        "apiVersion": format!("{GROUP}/{version}"),
        "request": { "uid": uid, "desiredAPIVersion": to.to_string(), "objects": objects },
        "response": { "uid": "", "convertedObjects": null, "result": { "metadata": {} } },
    })
}

/// The converted objects of an answer.
fn read(answer: &[u8], version: &str, uid: &str) -> Result<Vec<Value>, String> {
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let got = GroupVersion::parse(&text("apiVersion")).unwrap_or_else(|| GroupVersion::new("", ""));
    let (got, want) = (got.kind(text("kind")), GroupVersionKind::new(GROUP, version.to_owned(), KIND));
    let response = &answer["response"];
    // Reviews of v1beta1 are believed without a look at their kind and uid, as upstream.
    let strict = version == "v1";
    if strict && got != want {
        return Err(format!("expected webhook response of {want}, got {got}"));
    }
    if !response.is_object() {
        return Err("no response provided".to_owned());
    }
    let answered = response["uid"].as_str().unwrap_or_default();
    if strict && answered != uid {
        return Err(format!("expected response.uid={}, got {}", quote(uid), quote(answered)));
    }
    let result = |field: &str| response["result"][field].as_str().unwrap_or_default();
    match (result("status"), result("message")) {
        ("Success", _) => Ok(response["convertedObjects"].as_array().cloned().unwrap_or_default()),
        (status, "") => Err(format!("response.result.status was '{status}', not 'Success'")),
        (_, message) => Err(message.to_owned()),
    }
}

fn accept(
    kind: &GroupVersionKind,
    objects: Vec<Object>,
    converted: Vec<Value>,
    to: &GroupVersion,
) -> Result<Vec<Object>, String> {
    if converted.len() != objects.len() {
        let (got, want) = (converted.len(), objects.len());
        return Err(format!("conversion webhook for {kind} returned {got} objects, expected {want}"));
    }
    let pairs = objects.into_iter().zip(converted).enumerate();
    let accepted = pairs.map(|(index, (original, converted))| {
        accept_one(&original, converted, to).map_err(|fault| match fault {
            Fault::Object(why) => format!(
                "conversion webhook for {kind} returned invalid converted object at index {index}: {why}"
            ),
            Fault::Metadata(why) => {
                format!("conversion webhook for {kind} returned invalid metadata in object at index {index}: {why}")
            }
        })
    });
    accepted.collect()
}

/// What is wrong with a converted object.
enum Fault {
    Object(String),
    Metadata(String),
}

fn accept_one(original: &Object, converted: Value, to: &GroupVersion) -> Result<Object, Fault> {
    let Value::Object(converted) = converted else {
        return Err(Fault::Object("it is not an object".to_owned()));
    };
    let Some(metadata) = converted.get("metadata") else {
        return Err(Fault::Metadata("missing metadata in converted object".to_owned()));
    };
    if !metadata.is_object() {
        return Err(Fault::Metadata("invalid metadata in converted object".to_owned()));
    }
    let mut converted = Object(converted);
    same_identity(original, &converted, to).map_err(Fault::Object)?;
    let theirs = converted.0.remove("metadata").unwrap_or_default();
    let metadata = restored(original, &theirs).map_err(Fault::Metadata)?;
    converted.0.insert("metadata".to_owned(), Value::Object(metadata));
    Ok(converted)
}

fn same_identity(original: &Object, converted: &Object, to: &GroupVersion) -> Result<(), String> {
    let version = GroupVersion::parse(converted.api_version()).unwrap_or_else(|| GroupVersion::new("", ""));
    if version != *to {
        return Err(format!("invalid groupVersion (expected {to}, received {version})"));
    }
    let pairs = [
        ("name", original.name(), converted.name()),
        ("namespace", original.namespace(), converted.namespace()),
        ("UID", original.uid(), converted.uid()),
    ];
    if original.kind() != converted.kind() {
        let (want, got) = (original.kind(), converted.kind());
        return Err(format!("invalid kind (expected {want}, received {got})"));
    }
    match pairs.iter().find(|(_, before, after)| before != after) {
        Some((what, before, after)) => Err(format!("must have the same {what}: {before} != {after}")),
        None => Ok(()),
    }
}

/// The metadata as it was, with the webhook's labels and annotations.
fn restored(original: &Object, theirs: &Value) -> Result<Map<String, Value>, String> {
    let mut metadata = original.metadata().cloned().unwrap_or_default();
    for field in ["labels", "annotations"] {
        let given = match theirs.get(field) {
            None | Some(Value::Null) => {
                metadata.remove(field);
                continue;
            }
            Some(Value::Object(given)) => given,
            Some(_) => return Err(format!("invalid metadata.{field} in converted object")),
        };
        if let Some((key, _)) = given.iter().find(|(_, value)| !value.is_string()) {
            return Err(format!("metadata.{field}[{key}] must be a string in converted object"));
        }
        if metadata.get(field).and_then(Value::as_object) != Some(given) {
            check(field, given)?;
        }
        metadata.insert(field.to_owned(), Value::Object(given.clone()));
    }
    Ok(metadata)
}

fn check(field: &str, given: &Map<String, Value>) -> Result<(), String> {
    let given = string_map(Some(&Value::Object(given.clone())));
    let path = Path::new("metadata");
    let errors = match field {
        "labels" => label::labels(&path.child("labels"), &given),
        // Upstream's path lacks the s.
        _ => label::annotations(&path.child("annotation"), &given),
    };
    aggregate(&errors).map_or(Ok(()), Err)
}

fn kind_of(object: &Object) -> GroupVersionKind {
    let version = GroupVersion::parse(object.api_version()).unwrap_or_else(|| GroupVersion::new("", ""));
    version.kind(object.kind().to_owned())
}

#[cfg(test)]
mod tests;

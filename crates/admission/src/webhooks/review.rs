//! The AdmissionReview: what a webhook is asked, and what it answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::goprint::quote;
use ironclad_api::{GroupVersion, GroupVersionKind, GroupVersionResource, Status};
use ironclad_engine::gate::{AdmissionRequest, User};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::matching::{Invocation, Subject};
use crate::reading;
use crate::versions::Versioned;

const GROUP: &str = "admission.k8s.io";
const KIND: &str = "AdmissionReview";

/// The first version of reviews that both sides know.
pub(super) fn version(accepted: &[String]) -> Result<&'static str, String> {
    let known = |version: &String| ["v1", "v1beta1"].into_iter().find(|known| known == version);
    let version = accepted.iter().find_map(known);
    version.ok_or_else(|| "webhook does not accept known AdmissionReview versions (v1, v1beta1)".to_owned())
}

/// The question. The objects are in the version of the invocation.
pub(super) fn question(
    version: &str,
    uid: &str,
    request: &AdmissionRequest<'_>,
    invocation: &Invocation,
    objects: &Versioned,
) -> Value {
    let mut asked = facts(request, invocation);
    asked["uid"] = uid.into();
    asked["object"] = json!(objects.object);
    asked["oldObject"] = json!(objects.old);
    json!({ "kind": KIND, "apiVersion": format!("{GROUP}/{version}"), "request": asked })
}

/// An AdmissionRequest without its uid and objects.
pub(crate) fn facts(request: &AdmissionRequest<'_>, invocation: &Invocation) -> Value {
    let subject = Subject::of(request);
    let mut facts = json!({
        "kind": kind(&invocation.kind),
        "resource": resource(&invocation.resource),
        "requestKind": kind(request.kind),
        "requestResource": resource(&request.target.resource),
        "operation": request.operation.as_str(),
        "userInfo": user(&request.context.user),
        "dryRun": request.dry_run,
        "options": request.options.to_value(request.operation),
    });
    let texts = [
        ("subResource", subject.subresource),
        ("requestSubResource", subject.subresource),
        ("name", subject.name),
        ("namespace", subject.namespace),
    ];
    for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        facts[field] = text.into();
    }
    facts
}

fn kind(kind: &GroupVersionKind) -> Value {
    json!({ "group": kind.group, "version": kind.version, "kind": kind.kind })
}

fn resource(resource: &GroupVersionResource) -> Value {
    json!({ "group": resource.group, "version": resource.version, "resource": resource.resource })
}

fn user(user: &User) -> Value {
    let mut value = Map::from_iter([("username".to_owned(), json!(user.name))]);
    if !user.uid.is_empty() {
        value.insert("uid".into(), json!(user.uid));
    }
    if !user.groups.is_empty() {
        value.insert("groups".into(), json!(user.groups));
    }
    if !user.extra.is_empty() {
        value.insert("extra".into(), json!(user.extra));
    }
    Value::Object(value)
}

/// The answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer {
    uid: String,
    pub allowed: bool,
    pub status: Option<Status>,
    /// Base64.
    patch: Option<String>,
    patch_type: Option<String>,
    #[serde(deserialize_with = "reading::or_default")]
    pub audit_annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "reading::or_default")]
    pub warnings: Vec<String>,
}

/// Reads an answer and holds it against its question.
pub(super) fn answer(body: &[u8], version: &str, uid: &str, mutating: bool) -> Result<Answer, Unreadable> {
    let unreadable = |why: String| Unreadable::NoReview(why);
    let mut review: Value = serde_json::from_slice(body)
        .map_err(|error| unreadable(format!("couldn't get version/kind; json parse error: {error}")))?;
    let text = |field: &str| review[field].as_str().unwrap_or_default().to_owned();
    let got = GroupVersion::parse(&text("apiVersion")).unwrap_or_else(|| GroupVersion::new("", ""));
    let got = got.kind(text("kind"));
    let response = match review["response"].take() {
        Value::Null => return Err(Unreadable::Wrong("webhook response was absent".to_owned())),
        response => response,
    };
    let answer: Answer = serde_json::from_value(response).map_err(|error| unreadable(error.to_string()))?;
    // Reviews of v1beta1 are believed without a look at their kind and uid, as upstream.
    if version == "v1" {
        answer.check(uid, &got, mutating).map_err(Unreadable::Wrong)?;
    }
    Ok(answer)
}

/// Why an answer cannot be used.
pub(super) enum Unreadable {
    NoReview(String),
    Wrong(String),
}

impl Answer {
    fn check(&self, uid: &str, got: &GroupVersionKind, mutating: bool) -> Result<(), String> {
        let want = GroupVersionKind::new(GROUP, "v1", KIND);
        if self.uid != uid {
            return Err(format!("expected response.uid={}, got {}", quote(uid), quote(&self.uid)));
        }
        if *got != want {
            return Err(format!("expected webhook response of {want}, got {got}"));
        }
        let patch = self.patch.as_deref().is_some_and(|patch| !patch.is_empty());
        let said = |why: &str| Err(why.to_owned());
        match (mutating, patch, self.patch_type.as_deref()) {
            (false, true, _) => said("validating webhook may not return response.patch"),
            (false, _, Some(_)) => said("validating webhook may not return response.patchType"),
            (true, true, None) => said("webhook returned response.patch but not response.patchType"),
            (true, false, Some(_)) => said("webhook returned response.patchType but not response.patch"),
            (true, _, Some("")) => said("webhook returned invalid response.patchType of \"\""),
            _ => Ok(()),
        }
    }

    /// The patch's JSON; `None` if there is none.
    pub fn patch(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(patch) = self.patch.as_deref().filter(|patch| !patch.is_empty()) else { return Ok(None) };
        match self.patch_type.as_deref() {
            None | Some("JSONPatch") => {}
            Some(other) => return Err(format!("unsupported patch type {}", quote(other))),
        }
        let decoded = STANDARD.decode(patch);
        decoded
            .map(Some)
            .map_err(|_| "received undecodable patch in webhook response: illegal base64 data".to_owned())
    }
}

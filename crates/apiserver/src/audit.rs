//! The audit log: JSON lines of what was asked, by whom, and what came of it. How much is
//! written is a [`Policy`]; the one that is built in never writes bodies, so secrets cannot
//! leak into it. It does not go through tracing: no filter may drop a line.
//! Source: <https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>

mod account;
mod figures;
mod file;
mod policy;
mod sinks;
mod tap;
mod throttle;
pub mod webhook;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ironclad_api::status::{Details, Outcome, Status};
use ironclad_engine::User;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::impersonate::Impersonated;
use crate::request_info::RequestInfo;

pub use account::Account;
pub use figures::Figures;
pub use file::{Log, Settings};
pub use policy::{Level, Policy, Verdict};
pub use sinks::{Plan, Sinks};
pub use tap::{Tap, object_of};

/// Upstream's annotation of events that are not whole.
const TRUNCATED: &str = "audit.k8s.io/truncated";

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It is known who asks for what.
    RequestReceived,
    /// A long-running answer has begun.
    ResponseStarted,
    ResponseComplete,
    Panic,
}

/// What is known of a request, gathered on its way.
#[derive(Clone, Debug)]
pub struct Record {
    pub audit_id: String,
    pub uri: String,
    pub received: Timestamp,
    pub source_ips: Vec<IpAddr>,
    pub user_agent: String,
    pub user: Option<Arc<User>>,
    pub impersonated: Option<Impersonated>,
    pub annotations: BTreeMap<String, String>,
    /// The answer's code.
    pub code: u16,
    /// What the answer says of itself, where it is a Status of the pipeline's.
    pub status: Option<Status>,
    /// What was sent, and the answer, where the policy wants them.
    pub request_object: Option<Box<RawValue>>,
    pub response_object: Option<Box<RawValue>>,
}

/// `audit.k8s.io/v1` Event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    kind: &'static str,
    api_version: &'static str,
    level: Level,
    #[serde(rename = "auditID")]
    audit_id: &'a str,
    stage: Stage,
    #[serde(rename = "requestURI")]
    request_uri: &'a str,
    verb: &'a str,
    user: UserInfo<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonated_user: Option<UserInfo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_metadata: Option<AuthenticationMetadata<'a>>,
    #[serde(rename = "sourceIPs")]
    source_ips: &'a [IpAddr],
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_ref: Option<ObjectRef<'a>>,
    /// Before there is an answer, nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<ResponseStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_object: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_object: Option<&'a RawValue>,
    request_received_timestamp: String,
    stage_timestamp: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationMetadata<'a> {
    impersonation_constraint: &'a str,
}

#[derive(Default, Serialize)]
struct UserInfo<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a BTreeMap<String, Vec<String>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    resource: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subresource: &'a str,
}

#[derive(Serialize)]
struct ResponseStatus<'a> {
    metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Outcome>,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Details>,
    code: u16,
}

impl Record {
    /// How the sender was allowed to act as somebody else, where that was narrower than in general.
    fn authentication_metadata(&self) -> Option<AuthenticationMetadata<'_>> {
        let constraint = self.impersonated.as_ref()?.constraint.as_str();
        (!constraint.is_empty()).then_some(AuthenticationMetadata { impersonation_constraint: constraint })
    }

    fn response_status(&self, stage: Stage) -> Option<ResponseStatus<'_>> {
        let status = self.status.as_ref();
        (stage != Stage::RequestReceived).then(|| ResponseStatus {
            metadata: serde_json::Map::new(),
            status: status.map(|status| status.outcome),
            message: status.map_or("", |status| &status.message),
            reason: status.map_or("", |status| status.reason.as_str()),
            details: status.and_then(|status| status.details.as_deref()),
            code: self.code,
        })
    }

    /// As [`Self::line`], without what was sent and answered, which it says.
    pub fn short_line(&mut self, info: &RequestInfo, level: Level, stage: Stage, now: Timestamp) -> Vec<u8> {
        let objects = (self.request_object.take(), self.response_object.take());
        self.annotations.insert(TRUNCATED.to_owned(), "true".to_owned());
        let line = self.line(info, level, stage, now);
        self.annotations.remove(TRUNCATED);
        (self.request_object, self.response_object) = objects;
        line
    }

    /// The line of the log, newline included.
    pub fn line(&self, info: &RequestInfo, level: Level, stage: Stage, now: Timestamp) -> Vec<u8> {
        let event = Event {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level,
            audit_id: &self.audit_id,
            stage,
            request_uri: &self.uri,
            verb: &info.verb,
            user: self.user.as_deref().map(user_info).unwrap_or_default(),
            impersonated_user: self.impersonated.as_ref().map(|impersonated| user_info(&impersonated.user)),
            authentication_metadata: self.authentication_metadata(),
            source_ips: &self.source_ips,
            user_agent: &self.user_agent,
            object_ref: object_ref(info),
            response_status: self.response_status(stage),
            request_object: self.request_object.as_deref(),
            response_object: self.response_object.as_deref(),
            request_received_timestamp: micro_time(self.received),
            stage_timestamp: micro_time(now),
            annotations: &self.annotations,
        };
        let mut line = serde_json::to_vec(&event).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn user_info(user: &User) -> UserInfo<'_> {
    UserInfo {
        username: &user.name,
        uid: &user.uid,
        groups: &user.groups,
        extra: (!user.extra.is_empty()).then_some(&user.extra),
    }
}

fn object_ref(info: &RequestInfo) -> Option<ObjectRef<'_>> {
    let resource = info.resource.as_ref()?;
    Some(ObjectRef {
        resource: &resource.resource,
        namespace: &resource.namespace,
        name: &resource.name,
        api_group: &resource.group,
        api_version: &resource.version,
        subresource: &resource.subresource,
    })
}

/// A client's name for itself as events have it: at most 1024 bytes, then upstream's mark.
pub fn shortened(user_agent: &str) -> String {
    const MOST: usize = 1024;
    match user_agent.len() {
        ..=MOST => user_agent.to_owned(),
        _ => [&user_agent[..user_agent.floor_char_boundary(MOST)], "...TRUNCATED"].concat(),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use ironclad_api::params::Query;
    use serde_json::json;

    use super::*;

    #[test]
    fn long_names_of_clients_are_cut() {
        let check = |name: String, want: usize| assert_eq!(super::shortened(&name).len(), want);
        check("kubectl".into(), 7);
        check("a".repeat(1024), 1024);
        check("a".repeat(1025), 1024 + "...TRUNCATED".len());
        check("é".repeat(600), 1024 + "...TRUNCATED".len());
        check(format!("a{}", "é".repeat(600)), 1023 + "...TRUNCATED".len());
    }

    #[test]
    fn a_line_says_who_did_what_and_what_came_of_it() {
        let info = RequestInfo::new(&Method::GET, "/api/v1/namespaces/a/secrets/b", &Query::default());
        let user = User { name: "jane".into(), groups: vec!["dev".into()], ..User::default() };
        let record = Record {
            audit_id: "id".into(),
            uri: "/api/v1/namespaces/a/secrets/b".into(),
            received: Timestamp::UNIX_EPOCH,
            source_ips: vec![IpAddr::from([10, 0, 0, 1])],
            user_agent: "kubectl".into(),
            user: Some(Arc::new(user)),
            impersonated: None,
            annotations: BTreeMap::from([("authorization.k8s.io/decision".into(), "allow".into())]),
            code: 404,
            status: Some(Status::not_found(&ironclad_api::GroupResource::new("", "secrets"), "b")),
            request_object: None,
            response_object: None,
        };
        let (mut record, info) = (record, info.expect("readable"));
        let (stage, now) = (Stage::ResponseComplete, Timestamp::UNIX_EPOCH);
        let line = record.line(&info, Level::Metadata, stage, now);
        let got: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        let short = record.short_line(&info, Level::Metadata, stage, now);
        let short: serde_json::Value = serde_json::from_slice(&short).expect("JSON");
        assert_eq!(short["annotations"]["audit.k8s.io/truncated"], "true");
        assert_eq!(
            got,
            json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "id",
                "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/a/secrets/b", "verb": "get",
                "user": {"username": "jane", "groups": ["dev"]}, "sourceIPs": ["10.0.0.1"], "userAgent": "kubectl",
                "objectRef": {"resource": "secrets", "namespace": "a", "name": "b", "apiVersion": "v1"},
                "responseStatus": {"metadata": {}, "status": "Failure", "message": "secrets \"b\" not found",
                    "reason": "NotFound", "details": {"name": "b", "kind": "secrets"}, "code": 404},
                "requestReceivedTimestamp": "1970-01-01T00:00:00.000000Z",
                "stageTimestamp": "1970-01-01T00:00:00.000000Z",
                "annotations": {"authorization.k8s.io/decision": "allow"},
            })
        );
    }
}

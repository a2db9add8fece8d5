//! `v1 ServiceAccount`, with its `token` subresource (TokenRequest).

use std::sync::Arc;

use ironclad_api::{FieldError, GroupResource, GroupVersionKind, Object, ObjectKey, Path, Status, time};
use ironclad_client::request::Target;
use ironclad_engine::Context;
use ironclad_engine::strategy::{Action, Api, KindSpec, Preparation, Scope, Strategy, Subresource};
use ironclad_env::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::columns::{age, name};
use crate::spec::{default_to, names, objects_at, spec};

const TOKEN_GROUP: &str = "authentication.k8s.io";
const TOKEN_REQUEST: &str = "TokenRequest";
const MIN_SECONDS: i64 = 600;
const MAX_SECONDS: i64 = 1 << 32;
const DEFAULT_SECONDS: i64 = 3600;

/// Makes the tokens that a `token` subresource hands out.
pub trait TokenIssuer: Send + Sync + 'static {
    /// What a token is for when the request does not say.
    fn default_audiences(&self) -> Vec<String>;

    /// A signed token, valid from `now`. `Err` says what failed, for a 500.
    fn issue(&self, grant: &TokenGrant, now: Timestamp) -> Result<String, String>;
}

/// What a token is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenGrant {
    pub namespace: String,
    pub service_account: NamedUid,
    pub audiences: Vec<String>,
    pub expiration_seconds: i64,
    pub bound_to: Option<Bound>,
}

/// The object that a token lives and dies with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// With the node that the pod is on, as far as it is known.
    Pod(NamedUid, Option<NamedUid>),
    Secret(NamedUid),
    Node(NamedUid),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedUid {
    pub name: String,
    pub uid: String,
}

pub struct ServiceAccount {
    spec: KindSpec,
}

impl ServiceAccount {
    pub fn new(issuer: Arc<dyn TokenIssuer>) -> Self {
        let kind = GroupVersionKind::new(TOKEN_GROUP, "v1", TOKEN_REQUEST);
        Self {
            spec: KindSpec {
                short_names: names(["sa"]),
                columns: vec![name(), age()],
                subresources: vec![Subresource::action("token", kind, Arc::new(RequestToken { issuer }))],
                ..spec("", "v1", "ServiceAccount", "serviceaccounts", Scope::Namespaced)
            },
        }
    }
}

impl Strategy for ServiceAccount {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    /// Only the names of secrets are kept.
    fn prepare(&self, new: &mut Object, _: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        for secret in objects_at(&mut new.0, "secrets") {
            secret.retain(|field, _| field == "name");
        }
        Ok(())
    }

    fn returns_deleted(&self) -> bool {
        true
    }
}

/// `POST .../serviceaccounts/NAME/token` (KEP-1205).
struct RequestToken {
    issuer: Arc<dyn TokenIssuer>,
}

impl Action for RequestToken {
    fn run<'a>(
        &'a self,
        _context: &'a Context,
        api: &'a dyn Api,
        target: &'a Target,
        body: Object,
        _dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(std::future::ready(self.request(api, target, body)))
    }
}

impl RequestToken {
    fn request(&self, api: &dyn Api, target: &Target, mut request: Object) -> Result<Object, Status> {
        let key = target.key();
        check_names(&request, &key)?;
        let account = find(api, "serviceaccounts", &key)?;
        let uid = request.uid();
        if !uid.is_empty() && uid != account.uid {
            let why = format!(
                "the UID in the token request ({uid}) does not match the UID of the service account ({})",
                account.uid
            );
            return Err(Status::conflict(&GroupResource::new(TOKEN_GROUP, TOKEN_REQUEST), &key.name, &why));
        }
        self.complete(&mut request, &key, &account.uid);
        let seconds = expiration(&request)?;
        let grant = TokenGrant {
            namespace: key.namespace.clone(),
            bound_to: bound_to(api, &request, &key)?,
            audiences: audiences(&request),
            service_account: account,
            expiration_seconds: seconds,
        };
        let now = api.env().now();
        let token = self
            .issuer
            .issue(&grant, now)
            .map_err(|error| Status::internal_error(format!("failed to generate token: {error}")))?;
        let expires = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        request.set_meta("creationTimestamp", time::format(now));
        request
            .0
            .insert("status".into(), json!({ "token": token, "expirationTimestamp": time::format(expires) }));
        Ok(request)
    }

    /// Fills in what the client may leave out.
    fn complete(&self, request: &mut Object, key: &ObjectKey, uid: &str) {
        request.set_type(&GroupVersionKind::new(TOKEN_GROUP, "v1", TOKEN_REQUEST));
        for (field, value) in
            [("name", key.name.as_str()), ("namespace", key.namespace.as_str()), ("uid", uid)]
        {
            request.set_meta(field, value);
        }
        let no_audiences = audiences(request).is_empty();
        let spec = request.section_mut("spec");
        if no_audiences {
            spec.insert("audiences".into(), self.issuer.default_audiences().into());
        }
        default_to(spec, "expirationSeconds", DEFAULT_SECONDS);
        default_to(spec, "boundObjectRef", Value::Null);
    }
}

fn audiences(request: &Object) -> Vec<String> {
    let list = request.at(&["spec", "audiences"]).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn invalid(name: &str, error: FieldError) -> Status {
    Status::invalid(&ironclad_api::GroupKind::new(TOKEN_GROUP, TOKEN_REQUEST), name, &[error])
}

/// Name and namespace in the body, if given, are the URL's.
fn check_names(request: &Object, key: &ObjectKey) -> Result<(), Status> {
    let metadata = Path::new("metadata");
    for (field, given, wanted) in
        [("name", request.name(), &key.name), ("namespace", request.namespace(), &key.namespace)]
    {
        if !given.is_empty() && given != wanted.as_str() {
            let detail = format!("must match the service account {field} if specified");
            return Err(invalid(&key.name, FieldError::invalid(&metadata.child(field), given, detail)));
        }
    }
    Ok(())
}

fn expiration(request: &Object) -> Result<i64, Status> {
    let seconds =
        request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64).unwrap_or(DEFAULT_SECONDS);
    let detail = match seconds {
        ..MIN_SECONDS => "may not specify a duration less than 10 minutes",
        MIN_SECONDS..=MAX_SECONDS => return Ok(seconds),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let path = Path::new("spec").child("expirationSeconds");
    Err(invalid("", FieldError::invalid(&path, seconds, detail)))
}

fn find(api: &dyn Api, resource: &'static str, key: &ObjectKey) -> Result<NamedUid, Status> {
    let resource = GroupResource::new("", resource);
    let entry = api.cache().get(&resource, key).ok_or_else(|| Status::not_found(&resource, &key.name))?;
    Ok(NamedUid { name: key.name.clone(), uid: entry.uid.clone() })
}

/// The object that the token is to be bound to; it must exist, and a pod must run as this account.
fn bound_to(api: &dyn Api, request: &Object, account: &ObjectKey) -> Result<Option<Bound>, Status> {
    let text = |field: &str| request.str_at(&["spec", "boundObjectRef", field]);
    if !request.at(&["spec", "boundObjectRef"]).is_some_and(Value::is_object) {
        return Ok(None);
    }
    let local = ObjectKey::new(account.namespace.clone(), text("name"));
    let bound = match (text("apiVersion"), text("kind")) {
        ("v1", "Pod") => {
            let pod = find(api, "pods", &local)?;
            Bound::Pod(pod, pod_node(api, &local, account)?)
        }
        ("v1", "Secret") => Bound::Secret(find(api, "secrets", &local)?),
        ("v1", "Node") => Bound::Node(find(api, "nodes", &ObjectKey::cluster(local.name.clone()))?),
        (version, kind) => {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let gvk = GroupVersionKind::new(group.to_owned(), version.to_owned(), kind.to_owned());
            return Err(Status::bad_request(format!("cannot bind token to object of type {gvk}")));
        }
    };
    let (Bound::Pod(object, _) | Bound::Secret(object) | Bound::Node(object)) = &bound;
    let uid = text("uid");
    if !uid.is_empty() && uid != object.uid {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&GroupResource::new("", text("kind").to_owned()), &local.name, &why));
    }
    Ok(Some(bound))
}

fn pod_node(api: &dyn Api, pod: &ObjectKey, account: &ObjectKey) -> Result<Option<NamedUid>, Status> {
    let object =
        api.cache().get(&GroupResource::new("", "pods"), pod).map(|entry| entry.object()).unwrap_or_default();
    if object.str_at(&["spec", "serviceAccountName"]) != account.name {
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount \"{}\" to pod running with different serviceaccount name.",
            account.name
        )));
    }
    let node = object.str_at(&["spec", "nodeName"]);
    if node.is_empty() {
        return Ok(None);
    }
    // A node that is gone is still worth its name.
    let found = find(api, "nodes", &ObjectKey::cluster(node)).ok();
    Ok(Some(found.unwrap_or_else(|| NamedUid { name: node.to_owned(), uid: String::new() })))
}

//! Who writes an admission policy or a binding must be able to read the parameters that it
//! names: what the expressions say of them would tell.
//!
//! Upstream checks it after validation, outside of admission; here it is the first plugin that
//! looks at the finished object. Members of `system:masters` may name what they like.

use std::sync::Arc;

use ironclad_api::field::{FieldError, Path};
use ironclad_api::{GroupResource, Object, ObjectKey, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, Attributes, Authorizer, Decision, User};
use ironclad_env::BoxFuture;
use serde_json::Value;

use crate::{Cluster, WaitingPlugin};

const GROUP: &str = "admissionregistration.k8s.io";
const PRIVILEGED: &str = "system:masters";

pub(super) struct PolicyParameters {
    authorizer: Arc<dyn Authorizer>,
}

impl PolicyParameters {
    pub(super) fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }

    async fn check(&self, request: &AdmissionRequest<'_>, cache: &dyn Cache) -> Result<(), Status> {
        let target = request.target;
        let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
        if !writes || target.resource.group != GROUP || !target.subresource.is_empty() {
            return Ok(());
        }
        let user = &request.context.user;
        let Some(object) =
            request.object.as_deref().filter(|_| !user.groups.iter().any(|group| group == PRIVILEGED))
        else {
            return Ok(());
        };
        let (field, refused) = match &*target.resource.resource {
            "validatingadmissionpolicies" | "mutatingadmissionpolicies" => {
                ("paramKind", self.policy(user, object, request.old, cache).await)
            }
            "validatingadmissionpolicybindings" => {
                ("paramRef", self.binding(user, object, "validatingadmissionpolicies", cache).await)
            }
            "mutatingadmissionpolicybindings" => {
                ("paramRef", self.binding(user, object, "mutatingadmissionpolicies", cache).await)
            }
            _ => return Ok(()),
        };
        let Some(why) = refused else { return Ok(()) };
        let error = FieldError::forbidden(&Path::new("spec").child(field), why);
        Err(Status::invalid(&request.kind.group_kind(), object.name(), &[error]))
    }

    async fn policy(
        &self,
        user: &Arc<User>,
        policy: &Object,
        old: Option<&Object>,
        cache: &dyn Cache,
    ) -> Option<String> {
        let kind = given(policy, "paramKind")?;
        if old.and_then(|old| given(old, "paramKind")) == Some(kind) {
            return None;
        }
        let params = Params::of(Some(kind), cache);
        let attributes = params.attributes(user, "get", "*", "*");
        let text = |field: &str| kind.get(field).and_then(Value::as_str).unwrap_or_default();
        (!self.allows(&attributes).await).then(|| {
            format!(
                "user {} must have \"get\" permission on all objects of the referenced paramKind (kind={}, \
                 apiVersion={})",
                printed(user),
                text("kind"),
                text("apiVersion")
            )
        })
    }

    async fn binding(
        &self,
        user: &Arc<User>,
        binding: &Object,
        policies: &'static str,
        cache: &dyn Cache,
    ) -> Option<String> {
        let params = given(binding, "paramRef")?;
        let text = |field: &str| params.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = binding.str_at(&["spec", "policyName"]);
        let policy = cache.get(&GroupResource::new(GROUP, policies), &ObjectKey::cluster(name));
        let policy = policy.map(|entry| entry.object());
        let kind = policy.as_ref().and_then(|policy| given(policy, "paramKind"));
        let known = Params::of(kind, cache);
        let verb = if text("name").is_empty() { "list" } else { "get" };
        if self.allows(&known.attributes(user, verb, text("namespace"), text("name"))).await {
            return None;
        }
        let user = printed(user);
        let everywhere = format!(
            "to determine minimum required permissions and user {user} does not have \"{verb}\" permission for all \
             groups, versions and resources"
        );
        Some(match (policy.is_some(), kind.is_some() && known.resource == "*") {
            (false, _) => format!("unable to get policy {name} {everywhere}"),
            (true, true) => format!("unable to resolve paramKind {} {everywhere}", kind_text(kind)),
            (true, false) => {
                format!(
                    "user {user} does not have \"{verb}\" permission on the object referenced by paramRef"
                )
            }
        })
    }

    async fn allows(&self, attributes: &Attributes) -> bool {
        matches!(self.authorizer.authorize(attributes).await, Decision::Allow { .. })
    }
}

impl WaitingPlugin for PolicyParameters {
    fn name(&self) -> &'static str {
        "PolicyParameters"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(self.check(request, cluster.cache))
    }
}

fn given<'a>(object: &'a Object, field: &str) -> Option<&'a Value> {
    object.at(&["spec", field]).filter(|value| !value.is_null())
}

/// The resource of a kind of parameters; everything, as far as it is not known.
struct Params {
    group: String,
    version: String,
    resource: String,
}

impl Params {
    fn of(kind: Option<&Value>, cache: &dyn Cache) -> Self {
        let all = || "*".to_owned();
        let unknown = Self { group: all(), version: all(), resource: all() };
        let text = |field: &str| kind.and_then(|kind| kind.get(field)?.as_str());
        let (Some(api_version), Some(name)) = (text("apiVersion"), text("kind")) else { return unknown };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let found = cache
            .resources()
            .into_iter()
            .find(|cached| cached.kind.group == group && cached.kind.kind == name);
        let resource = found.map_or_else(all, |cached| cached.resource.resource.to_string());
        Self { group: group.to_owned(), version: version.to_owned(), resource }
    }

    fn attributes(&self, user: &Arc<User>, verb: &str, namespace: &str, name: &str) -> Attributes {
        Attributes {
            user: user.clone(),
            verb: verb.to_owned(),
            group: self.group.clone(),
            version: self.version.clone(),
            resource: self.resource.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        }
    }
}

/// As Go prints the pointer to a struct.
fn kind_text(kind: Option<&Value>) -> String {
    let text = |field: &str| kind.and_then(|kind| kind.get(field)?.as_str()).unwrap_or_default();
    format!("&{{{} {}}}", text("apiVersion"), text("kind"))
}

fn printed(user: &User) -> String {
    let extra: Vec<String> =
        user.extra.iter().map(|(key, values)| format!("{key}:[{}]", values.join(" "))).collect();
    format!("&{{{} {} [{}] map[{}]}}", user.name, user.uid, user.groups.join(" "), extra.join(" "))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::Context;
    use ironclad_env::SimEnv;
    use serde_json::json;

    use super::*;
    use crate::testing::{Ask, hold};

    /// Allows these verbs on everything.
    struct Verbs(&'static [&'static str]);

    impl Authorizer for Verbs {
        fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
            let reason = String::new();
            let allowed = self.0.contains(&attributes.verb.as_str());
            let decision = if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
            Box::pin(std::future::ready(decision))
        }
    }

    fn check(resource: &'static str, spec: Value, verbs: &'static [&'static str], want: Option<&str>) {
        let object = Object::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).expect("an object");
        let user = User { name: "alice".into(), groups: vec!["a".into(), "b".into()], ..User::default() };
        let context = Context::new(Arc::new(user), "");
        let world = Objects::default();
        let policy = json!({"metadata": {"name": "known"}, "spec": {}});
        world.put(GROUP, "validatingadmissionpolicies", policy);
        let ask = Ask::create("", (GROUP, resource), object);
        let result = hold(&world, &context, ask, |request, cache| {
            let env = SimEnv::new(1).shared();
            let plugin = PolicyParameters::new(Arc::new(Verbs(verbs)));
            let cluster = Cluster { cache, env: &env };
            plugin.validate(request, &cluster).now_or_never().expect("ready")
        });
        let message = result.err().map(|status| status.message);
        assert_eq!(
            message.as_deref().and_then(|text| text.split_once(": ")).map(|(_, why)| why),
            want,
            "{message:?}"
        );
    }

    #[test]
    fn parameters_are_named_by_those_who_may_read_them() {
        let policies = "validatingadmissionpolicies";
        let kind = || json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}});
        check(policies, json!({}), &[], None);
        check(policies, kind(), &["get"], None);
        check(
            policies,
            kind(),
            &[],
            Some(
                "spec.paramKind: Forbidden: user &{alice  [a b] map[]} must have \"get\" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)",
            ),
        );
        let bindings = "validatingadmissionpolicybindings";
        let named = |policy: &str| json!({"policyName": policy, "paramRef": {"name": "x"}});
        check(bindings, json!({"policyName": "known"}), &[], None);
        check(bindings, named("known"), &["get"], None);
        check(
            bindings,
            json!({"policyName": "known", "paramRef": {"selector": {}}}),
            &["get"],
            Some(
                "spec.paramRef: Forbidden: user &{alice  [a b] map[]} does not have \"list\" permission on the object referenced by paramRef",
            ),
        );
        check(
            bindings,
            named("unknown"),
            &[],
            Some(
                "spec.paramRef: Forbidden: unable to get policy unknown to determine minimum required permissions and user &{alice  [a b] map[]} does not have \"get\" permission for all groups, versions and resources",
            ),
        );
    }
}

//! Nobody grants what they do not hold themselves: roles and bindings are looked at when they are written.
//!
//! | write | allowed to |
//! |---|---|
//! | role | who may `escalate` it, or holds all of its rules in its scope |
//! | cluster role with an aggregation rule | who may `escalate` it, or holds everything: it may gather anything |
//! | binding | who may `bind` the role, or holds all of the role's rules in the binding's scope |
//!
//! Members of `system:masters` may do it all. Upstream checks it between mutation and validation, outside of
//! admission; here it is the last plugin that may mutate, and mutates nothing.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>.

mod cover;

use std::sync::Arc;

use ironclad_api::{GroupResource, Object, ObjectKey, Status};
use ironclad_client::Cache;
use ironclad_engine::gate::{
    AdmissionOperation, AdmissionRequest, Attributes, Authorizer, Decision, RuleResolver, Rules,
};
use ironclad_env::BoxFuture;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;
use serde_json::Value;

use self::cover::{list, missing};
use crate::{Cluster, Pass, WaitingPlugin};

const GROUP: &str = "rbac.authorization.k8s.io";
const PRIVILEGED: &str = "system:masters";

pub(crate) struct RbacEscalation {
    authorizer: Arc<dyn Authorizer>,
    /// What RBAC grants; other authorizers have no rules to compare with.
    rules: Arc<dyn RuleResolver>,
}

impl WaitingPlugin for RbacEscalation {
    fn name(&self) -> &'static str {
        "RBACEscalation"
    }

    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest<'_>,
        cluster: &'a Cluster<'_>,
        _pass: &'a mut Pass,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(self.check(request, cluster.cache))
    }
}

impl RbacEscalation {
    pub(crate) fn new(authorizer: Arc<dyn Authorizer>, rules: Arc<dyn RuleResolver>) -> Self {
        Self { authorizer, rules }
    }

    async fn check(&self, request: &AdmissionRequest<'_>, cache: &dyn Cache) -> Result<(), Status> {
        let resource = &request.target.resource;
        let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
        if !writes || resource.group != GROUP || !request.target.subresource.is_empty() {
            return Ok(());
        }
        if request.context.user.groups.iter().any(|group| group == PRIVILEGED) {
            return Ok(());
        }
        let Some(object) = request.object.as_deref() else { return Ok(()) };
        if request.old.is_some_and(|old| only_garbage_collection(object, old)) {
            return Ok(());
        }
        match &*resource.resource {
            "roles" | "clusterroles" => self.role(request, object).await,
            "rolebindings" | "clusterrolebindings" => self.binding(request, object, cache).await,
            _ => Ok(()),
        }
    }

    async fn role(&self, request: &AdmissionRequest<'_>, role: &Object) -> Result<(), Status> {
        let target = request.target;
        // The name of the request: of a creation it has none, so `escalate` on names does not help there.
        let creates = request.operation == AdmissionOperation::Create;
        let name = if creates { "" } else { target.name.as_str() };
        if self.allows(request, "escalate", &target.resource.resource, name).await {
            return Ok(());
        }
        self.holds(request, role, &rules_of(role))?;
        if aggregates(role) || request.old.is_some_and(aggregates) {
            let why = "must have cluster-admin privileges to use the aggregationRule";
            self.holds(request, role, &full_authority()).map_err(|_| forbidden(request, role, why))?;
        }
        Ok(())
    }

    async fn binding(
        &self,
        request: &AdmissionRequest<'_>,
        binding: &Object,
        cache: &dyn Cache,
    ) -> Result<(), Status> {
        let [kind, name] = ["kind", "name"].map(|field| binding.str_at(&["roleRef", field]));
        let (resource, key) = match kind {
            "ClusterRole" => ("clusterroles", ObjectKey::cluster(name)),
            "Role" => ("roles", ObjectKey::new(request.target.namespace.clone(), name)),
            kind => return Err(Status::unclassified(format!("unsupported role reference kind: \"{kind}\""))),
        };
        if self.allows(request, "bind", resource, name).await {
            return Ok(());
        }
        let resource = GroupResource::new(GROUP, resource);
        let role = cache.get(&resource, &key).ok_or_else(|| Status::not_found(&resource, name))?;
        self.holds(request, binding, &rules_of(&role.object()))
    }

    async fn allows(&self, request: &AdmissionRequest<'_>, verb: &str, resource: &str, name: &str) -> bool {
        let attributes = Attributes {
            user: request.context.user.clone(),
            verb: verb.into(),
            group: GROUP.into(),
            version: "*".into(),
            resource: resource.into(),
            namespace: request.target.namespace.clone(),
            name: name.into(),
            ..Attributes::default()
        };
        matches!(self.authorizer.authorize(&attributes).await, Decision::Allow { .. })
    }

    fn holds(
        &self,
        request: &AdmissionRequest<'_>,
        object: &Object,
        wanted: &[PolicyRule],
    ) -> Result<(), Status> {
        let user = &request.context.user;
        let held = policy_rules(self.rules.rules(user, &request.target.namespace));
        let missing = missing(&held, wanted);
        if missing.is_empty() {
            return Ok(());
        }
        let why = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            ironclad_api::goprint::quote(&user.name),
            list(&user.groups),
            missing.join("\n")
        );
        Err(forbidden(request, object, &why))
    }
}

fn forbidden(request: &AdmissionRequest<'_>, object: &Object, why: &str) -> Status {
    Status::forbidden(&request.target.resource.group_resource(), object.name(), why)
}

/// Rules that cannot be read might grant anything.
fn rules_of(role: &Object) -> Vec<PolicyRule> {
    match role.0.get("rules").filter(|rules| !rules.is_null()) {
        Some(rules) => Vec::deserialize(rules).unwrap_or_else(|_| full_authority().into()),
        None => Vec::new(),
    }
}

fn aggregates(role: &Object) -> bool {
    let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]).and_then(Value::as_array);
    selectors.is_some_and(|selectors| !selectors.is_empty())
}

/// Every verb on every resource and every path.
fn full_authority() -> [PolicyRule; 2] {
    let all = || vec!["*".to_owned()];
    let resources =
        PolicyRule { api_groups: Some(all()), resources: Some(all()), verbs: all(), ..PolicyRule::default() };
    let paths = PolicyRule { non_resource_urls: Some(all()), verbs: all(), ..PolicyRule::default() };
    [resources, paths]
}

fn policy_rules(rules: Rules) -> Vec<PolicyRule> {
    let resources = rules.resource_rules.into_iter().map(|rule| PolicyRule {
        verbs: rule.verbs,
        api_groups: Some(rule.api_groups),
        resources: Some(rule.resources),
        resource_names: Some(rule.resource_names),
        non_resource_urls: None,
    });
    let paths = rules.non_resource_rules.into_iter().map(|rule| PolicyRule {
        verbs: rule.verbs,
        non_resource_urls: Some(rule.paths),
        ..PolicyRule::default()
    });
    resources.chain(paths).collect()
}

/// Whether only owners and finalizers change: the garbage collector must be able to end an object whose
/// grants it does not hold.
fn only_garbage_collection(new: &Object, old: &Object) -> bool {
    let strip = |object: &Object| {
        let mut object = object.clone();
        for field in ["ownerReferences", "finalizers", "managedFields"] {
            object.remove_meta(field);
        }
        object
    };
    strip(new) == strip(old)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::{Context, ResourceRule, User};
    use serde_json::json;

    use super::*;
    use crate::testing::{Ask, hold};

    /// What the asking user holds, and the one verb and name that they may besides.
    struct Holder {
        rule: ResourceRule,
        may: (&'static str, &'static str),
    }

    impl Authorizer for Holder {
        fn authorize<'a>(&'a self, asked: &'a Attributes) -> BoxFuture<'a, Decision> {
            let may = (asked.verb.as_str(), asked.name.as_str()) == self.may;
            let reason = String::new();
            let decision = if may { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
            Box::pin(std::future::ready(decision))
        }
    }

    impl RuleResolver for Holder {
        fn rules(&self, _user: &User, _namespace: &str) -> Rules {
            Rules { resource_rules: vec![self.rule.clone()], ..Rules::default() }
        }
    }

    fn pods(verbs: &[&str]) -> Value {
        json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": verbs }])
    }

    /// A user who holds get on pods writes an object; `expected` is the refusal.
    fn check(may: (&'static str, &'static str), group: &str, ask: Ask<'_>, expected: &str) {
        let rule = ResourceRule {
            verbs: vec!["get".into()],
            api_groups: vec!["".into()],
            resources: vec!["pods".into()],
            resource_names: Vec::new(),
        };
        let holder = Arc::new(Holder { rule, may });
        let plugin = RbacEscalation::new(holder.clone(), holder);
        let world = Objects::default();
        let role = |name: &str, verbs: &[&str]| json!({ "metadata": { "name": name }, "rules": pods(verbs) });
        world.put(GROUP, "clusterroles", role("reader", &["get"]));
        world.put(GROUP, "clusterroles", role("writer", &["get", "update"]));
        let user = User { name: "jane".into(), groups: vec![group.into()], ..User::default() };
        let context = Context::new(Arc::new(user), "");
        let result = hold(&world, &context, ask, |request, world| {
            plugin.check(request, world).now_or_never().expect("nobody waits")
        });
        let got = result.err().map(|status| status.message).unwrap_or_default();
        assert_eq!(got, expected);
    }

    fn write(resource: &'static str, mut object: Value, old: Option<Value>) -> Ask<'static> {
        object["metadata"]["name"] = "x".into();
        let operation = if old.is_some() { AdmissionOperation::Update } else { AdmissionOperation::Create };
        let old = old.map(|mut old| {
            old["metadata"]["name"] = "x".into();
            Object::from_value(old).expect("an object")
        });
        let namespace = if resource.starts_with("cluster") { "" } else { "web" };
        let object = Object::from_value(object);
        Ask { namespace, resource: (GROUP, resource), subresource: "", object, old, operation }
    }

    const MISSING: &str = "user \"jane\" (groups=[\"dev\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"update\"]}";

    #[test]
    fn a_role_holds_no_more_than_who_writes_it() {
        let role = |verbs: &[&str]| json!({ "rules": pods(verbs) });
        let refused = |resource: &str| format!("{resource}.{GROUP} \"x\" is forbidden: {MISSING}");
        let write = |resource, old| write(resource, role(&["get", "update"]), old);
        check(("", ""), "dev", self::write("roles", role(&["get"]), None), "");
        check(("", ""), "dev", write("roles", None), &refused("roles"));
        check(("", ""), "dev", write("clusterroles", None), &refused("clusterroles"));
        check(("", ""), "system:masters", write("roles", None), "");
        check(("escalate", ""), "dev", write("roles", None), "");
        check(("escalate", "x"), "dev", write("roles", None), &refused("roles"));
        check(("escalate", "x"), "dev", write("roles", Some(role(&[]))), "");
        check(("", ""), "dev", write("roles", Some(role(&[]))), &refused("roles"));
        let mut old = role(&["get", "update"]);
        old["metadata"]["finalizers"] = json!(["a"]);
        check(("", ""), "dev", write("roles", Some(old)), "");
    }

    #[test]
    fn only_an_administrator_aggregates() {
        let role = json!({ "aggregationRule": { "clusterRoleSelectors": [{}] } });
        let refused = "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: must have cluster-admin privileges to use the aggregationRule";
        check(("", ""), "dev", write("clusterroles", role.clone(), None), refused);
        check(("", ""), "dev", write("clusterroles", json!({}), Some(role.clone())), refused);
        check(("escalate", ""), "dev", write("clusterroles", role, None), "");
    }

    #[test]
    fn a_binding_gives_no_more_than_who_writes_it_holds() {
        let bind = |kind: &str, name: &str| json!({ "roleRef": { "kind": kind, "name": name } });
        let write = |resource, name| write(resource, bind("ClusterRole", name), None);
        let refused = |resource: &str| format!("{resource}.{GROUP} \"x\" is forbidden: {MISSING}");
        check(("", ""), "dev", write("rolebindings", "reader"), "");
        check(("", ""), "dev", write("rolebindings", "writer"), &refused("rolebindings"));
        check(("", ""), "dev", write("clusterrolebindings", "writer"), &refused("clusterrolebindings"));
        check(("bind", "writer"), "dev", write("clusterrolebindings", "writer"), "");
        check(("bind", "nobody"), "dev", write("clusterrolebindings", "nobody"), "");
        check(
            ("", ""),
            "dev",
            write("clusterrolebindings", "nobody"),
            "clusterroles.rbac.authorization.k8s.io \"nobody\" not found",
        );
        check(
            ("", ""),
            "dev",
            self::write("rolebindings", bind("Thing", "x"), None),
            "unsupported role reference kind: \"Thing\"",
        );
    }
}

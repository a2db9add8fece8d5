//! `POST .../pods/NAME/eviction`: a delete that respects disruption budgets.
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/>

use std::time::Duration;

use ironclad_api::object::string_map;
use ironclad_api::params::DeleteOptions;
use ironclad_api::{
    FieldError, GroupKind, GroupResource, GroupVersionKind, GroupVersionResource, Object, ObjectKey, Path,
    Status,
};
use ironclad_client::request::Target;
use ironclad_engine::Context;
use ironclad_engine::strategy::{Action, Api};
use ironclad_env::BoxFuture;
use serde_json::Value;

use super::binding::created;
use super::conditions::{self, Condition};
use super::disruption;

/// A lost race is run again this often, with a pause between.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);
const TWO_BUDGETS: &str =
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";

/// The action of the subresource.
pub(super) struct Evict;

impl Action for Evict {
    /// Clients of before Kubernetes 1.22 know no other.
    fn takes(&self, kind: &GroupVersionKind) -> bool {
        *kind == GroupVersionKind::new("policy", "v1beta1", "Eviction")
    }

    fn run<'a>(
        &'a self,
        context: &'a Context,
        api: &'a dyn Api,
        target: &'a Target,
        eviction: Object,
        dry_run: bool,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            if eviction.name() != target.name {
                return Err(Status::bad_request("name in URL does not match name in Eviction object"));
            }
            let options = delete_options(&eviction, dry_run)?;
            let target = Target { subresource: String::new(), ..target.clone() };
            let eviction = Eviction { context, api, target: &target, options };
            eviction.run().await?;
            Ok(created())
        })
    }
}

/// The options within the eviction, or else those of the request.
fn delete_options(eviction: &Object, dry_run: bool) -> Result<DeleteOptions, Status> {
    let Some(body) = eviction.0.get("deleteOptions").filter(|options| !options.is_null()) else {
        return Ok(DeleteOptions { dry_run, ..DeleteOptions::default() });
    };
    let unsafe_option = "ignoreStoreReadErrorWithClusterBreakingPotential";
    if body.get(unsafe_option) == Some(&Value::Bool(true)) {
        let detail = "can not be set for pod eviction, try after removing the option";
        let error = FieldError::invalid(&Path::new("deleteOptions").child(unsafe_option), true, detail);
        return Err(Status::invalid(&GroupKind::new("policy", "Eviction"), eviction.name(), &[error]));
    }
    let options = DeleteOptions::from_body(body)?;
    Ok(DeleteOptions { dry_run: options.dry_run || dry_run, ..options })
}

struct Eviction<'a> {
    context: &'a Context,
    api: &'a dyn Api,
    target: &'a Target,
    options: DeleteOptions,
}

impl Eviction<'_> {
    /// Deletes the pod if nothing protects it; what it is may change between looking and deleting.
    async fn run(&self) -> Result<(), Status> {
        let own_precondition = self.options.preconditions.resource_version.is_some();
        let mut lost = None;
        for _ in 0..ATTEMPTS {
            let pod = self.pod()?;
            if !ends_anyway(&pod) {
                return self.evict(&pod).await;
            }
            match self.delete_unprotected(&pod).await {
                Err(status) if status.is_conflict() && !own_precondition => lost = Some(status),
                done => return done,
            }
            self.api.env().sleep(PAUSE).await;
        }
        lost.map_or(Ok(()), Err)
    }

    /// A pod that runs: its budget decides.
    async fn evict(&self, pod: &Object) -> Result<(), Status> {
        let budgets = self.budgets(pod);
        let [budget] = budgets.as_slice() else {
            return match budgets.is_empty() {
                true => self.delete(&self.options).await,
                false => Err(Status::unclassified(TWO_BUDGETS)),
            };
        };
        if !conditions::is_true(pod, "Ready") && disruption::frees_unready(budget) {
            return self.delete_unready(pod, budget).await;
        }
        self.take(budget, pod.name()).await?;
        self.delete(&self.options).await
    }

    /// A pod that is of no use now goes, as long as it has not become ready.
    async fn delete_unready(&self, pod: &Object, budget: &Object) -> Result<(), Status> {
        let own_precondition = self.options.preconditions.resource_version.is_some();
        let deleted = self.delete(&self.at_version(pod)).await;
        deleted.map_err(|status| match status.is_conflict() && !own_precondition {
            true => disruption::busy(budget.name()),
            false => status,
        })
    }

    fn pod(&self) -> Result<Object, Status> {
        let pods = GroupResource::new("", "pods");
        let entry = self.api.cache().get(&pods, &self.target.key());
        entry.map(|entry| entry.object()).ok_or_else(|| Status::not_found(&pods, &self.target.name))
    }

    fn budgets(&self, pod: &Object) -> Vec<Object> {
        let resource = GroupResource::new("policy", "poddisruptionbudgets");
        let all = self.api.cache().list(&resource, Some(&self.target.namespace));
        let labels = string_map(pod.metadata().and_then(|metadata| metadata.get("labels")));
        disruption::selecting(all.iter().map(|entry| entry.object()), &labels)
    }

    /// Takes a disruption out of the newest version of the budget.
    async fn take(&self, budget: &Object, pod: &str) -> Result<(), Status> {
        let resource = GroupVersionResource::new("policy", "v1", "poddisruptionbudgets");
        let key = ObjectKey::new(budget.namespace(), budget.name());
        let target = Target::object(resource, &key).subresource("status");
        let now = self.api.env().now();
        let take = |budget: &mut Object| disruption::take(budget, pod, now);
        self.api.update(self.context, &target, &take, self.options.dry_run).await.map(drop)
    }

    /// A pod that no budget protects. Where it could still start, it must not have meanwhile.
    async fn delete_unprotected(&self, pod: &Object) -> Result<(), Status> {
        let may_start = pod.str_at(&["status", "phase"]) == "Pending" && pod.deletion_timestamp().is_none();
        match may_start {
            true => self.delete(&self.at_version(pod)).await,
            false => self.delete(&self.options).await,
        }
    }

    /// The options with this version of the pod as a precondition, unless they have one.
    fn at_version(&self, pod: &Object) -> DeleteOptions {
        let mut options = self.options.clone();
        options.preconditions.resource_version.get_or_insert_with(|| pod.resource_version().to_owned());
        options
    }

    /// Says in the pod's status why it ends, and deletes it.
    async fn delete(&self, options: &DeleteOptions) -> Result<(), Status> {
        let mut options = options.clone();
        if !options.dry_run {
            let marked = self.mark(&options).await?;
            if options.preconditions.resource_version.is_some() {
                options.preconditions.resource_version = Some(marked.resource_version().to_owned());
            }
        }
        self.api.delete(self.context, self.target, options).await.map(drop)
    }

    async fn mark(&self, options: &DeleteOptions) -> Result<Object, Status> {
        let target = self.target.clone().subresource("status");
        let now = self.api.env().now();
        let evicted = Condition {
            kind: "DisruptionTarget",
            status: "True",
            reason: "EvictionByEvictionAPI",
            message: "Eviction API: evicting",
        };
        let mark = |pod: &mut Object| {
            check_preconditions(pod, options)?;
            conditions::set(pod, &evicted, now);
            Ok(())
        };
        self.api.update(self.context, &target, &mark, false).await
    }
}

/// Whether the pod has ended, has not begun, or is ending: its eviction disrupts nothing.
fn ends_anyway(pod: &Object) -> bool {
    let phase = pod.str_at(&["status", "phase"]);
    matches!(phase, "Succeeded" | "Failed" | "Pending") || pod.deletion_timestamp().is_some()
}

fn check_preconditions(pod: &Object, options: &DeleteOptions) -> Result<(), Status> {
    let wanted = &options.preconditions;
    for (what, wanted, standing, guess) in [
        ("UID", &wanted.uid, pod.uid(), "deleted and then recreated"),
        ("ResourceVersion", &wanted.resource_version, pod.resource_version(), "modified"),
    ] {
        if let Some(wanted) = wanted.as_ref().filter(|wanted| !wanted.is_empty() && *wanted != standing) {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({standing}). The \
                 object might have been {guess}"
            );
            // As upstream: the kind stands where the resource belongs.
            return Err(Status::conflict(&GroupResource::new("", "Pod"), pod.name(), why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_that_run_are_protected() {
        let check = |pod: Value, want: bool| {
            assert_eq!(ends_anyway(&Object::from_value(pod).expect("an object")), want);
        };
        check(json!({"status": {"phase": "Running"}}), false);
        check(json!({"status": {"phase": "Pending"}}), true);
        check(json!({"status": {"phase": "Failed"}}), true);
        check(json!({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": "Running"}}), true);
    }

    #[test]
    fn options_stand_in_the_eviction_or_in_the_request() {
        let check = |options: Value, dry_run: bool, want: Result<DeleteOptions, u16>| {
            let eviction = Object::from_value(json!({ "deleteOptions": options })).expect("an object");
            assert_eq!(delete_options(&eviction, dry_run).map_err(|status| status.code), want);
        };
        let options = |grace: Option<i64>, dry_run: bool| DeleteOptions {
            grace_period_seconds: grace,
            dry_run,
            ..DeleteOptions::default()
        };
        check(json!(null), false, Ok(options(None, false)));
        check(json!({"gracePeriodSeconds": 0}), false, Ok(options(Some(0), false)));
        check(json!({"gracePeriodSeconds": 0}), true, Ok(options(Some(0), true)));
        check(json!({"dryRun": ["All"]}), false, Ok(options(None, true)));
        check(json!({"ignoreStoreReadErrorWithClusterBreakingPotential": true}), false, Err(422));
    }
}

//! Deletes: at once, or with grace and finalizers.

use ironclad_api::Object;
use ironclad_api::params::{DeleteOptions, PropagationPolicy};
use ironclad_api::status::Status;
use ironclad_api::{Entry, GroupResource, ObjectKey, time};
use ironclad_client::Target;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::sync::Arc;

use super::commit::{Change, Committed};
use super::{Current, MAX_ATTEMPTS};
use crate::engine::Engine;
use crate::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use crate::read;
use crate::registry::Served;
use crate::response::Response;
use crate::strategy::{FirstDelete, Strategy};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// What a delete comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Removal {
    /// It is gone with this write.
    Now,
    /// It is marked and stays until its finalizers or its grace are over.
    Linger(Object),
    /// It is being deleted already, and this request does not hasten it.
    Pending,
}

impl Engine {
    pub(crate) async fn delete(
        &self,
        context: &Context,
        served: &Served,
        target: &Target,
        options: DeleteOptions,
    ) -> Result<Response, Status> {
        let resource = target.resource.group_resource();
        let key = read::key_of(served, target);
        if let Some(text) = served.strategy().warning_of_delete(&options) {
            context.warn(text);
        }
        for _ in 0..MAX_ATTEMPTS {
            let entry = served.kind.objects.get(&key);
            let entry = entry.ok_or_else(|| Status::not_found(&resource, &target.name))?;
            let current = self.current_of(served, entry).await?;
            if let Some(response) =
                self.delete_version(context, served, target, &key, current, &options).await?
            {
                return Ok(response);
            }
            self.after_lost_race().await?;
        }
        Err(Status::server_timeout(&resource, "delete", 2))
    }

    /// Deletes this version of an object. `None`: it has changed meanwhile.
    async fn delete_version(
        &self,
        context: &Context,
        served: &Served,
        target: &Target,
        key: &ObjectKey,
        current: Current,
        options: &DeleteOptions,
    ) -> Result<Option<Response>, Status> {
        check_preconditions(served, &current, options)?;
        let removal = decide(served.strategy().as_ref(), &current.object, options, self.env.now());
        if removal != Removal::Pending {
            self.admit_delete(context, served, target, &current.object, options).await?;
        }
        let change = match &removal {
            Removal::Pending => return self.deleted(served, target, &current.entry).await.map(Some),
            Removal::Now => Change::Delete,
            Removal::Linger(object) => Change::Put(object),
        };
        if options.dry_run {
            return self.dry_delete(served, target, &current.entry, removal).await.map(Some);
        }
        match self.commit(served, key, Some(&current), change).await? {
            Committed::Lost | Committed::LostClaim => Ok(None),
            Committed::Done(entry) | Committed::Unchanged(entry) => match removal {
                Removal::Linger(_) => self.answer(served, entry).await.map(Some),
                _ => self.deleted(served, target, &entry).await.map(Some),
            },
        }
    }

    async fn admit_delete(
        &self,
        context: &Context,
        served: &Served,
        target: &Target,
        old: &Object,
        options: &DeleteOptions,
    ) -> Result<(), Status> {
        let mut request = AdmissionRequest {
            context,
            operation: AdmissionOperation::Delete,
            target,
            kind: &served.gvk,
            object: None,
            old: Some(old),
            dry_run: options.dry_run,
            served: Some(served),
            options: RequestOptions::Delete(options),
        };
        self.admission.mutate(&mut request).await?;
        self.admission.validate(&request).await
    }

    async fn dry_delete(
        &self,
        served: &Served,
        target: &Target,
        entry: &Arc<Entry>,
        removal: Removal,
    ) -> Result<Response, Status> {
        match removal {
            Removal::Linger(object) => {
                let object = self.convert_one(served, object, &served.gvk.group_version()).await?;
                Ok(Response::Object { object, created: false })
            }
            _ => self.deleted(served, target, entry).await,
        }
    }

    /// The answer of a finished delete: a Status, or the last version where the kind has it so.
    async fn deleted(&self, served: &Served, target: &Target, last: &Arc<Entry>) -> Result<Response, Status> {
        if served.strategy().returns_deleted() {
            return self.answer(served, last.clone()).await;
        }
        let status = Status::deleted(&target.resource.group_resource(), &last.key.name, &last.uid);
        Ok(Response::Status(status))
    }

    pub(crate) async fn answer(&self, served: &Served, entry: Arc<Entry>) -> Result<Response, Status> {
        let entry = self.in_version(served, vec![entry]).await?.pop();
        let entry = entry.ok_or_else(|| Status::internal_error("a conversion lost an object"))?;
        Ok(Response::Entry { entry, created: false })
    }
}

fn check_preconditions(served: &Served, current: &Current, options: &DeleteOptions) -> Result<(), Status> {
    let conflict = |why: String| {
        // As upstream: the kind stands where the resource belongs.
        let resource = GroupResource::new(served.gvk.group.clone(), served.gvk.kind.clone());
        Err(Status::conflict(&resource, &current.entry.key.name, why))
    };
    let (uid, revision) = (current.object.uid(), current.entry.revision.to_string());
    if let Some(wanted) = options.preconditions.uid.as_ref().filter(|wanted| *wanted != uid) {
        return conflict(format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might \
             have been deleted and then recreated"
        ));
    }
    if let Some(wanted) =
        options.preconditions.resource_version.as_ref().filter(|wanted| **wanted != revision)
    {
        return conflict(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({revision}). The object might have been modified"
        ));
    }
    Ok(())
}

/// What a delete of this object comes to. Source: upstream's `BeforeDelete` and
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/>.
pub(crate) fn decide(
    strategy: &dyn Strategy,
    object: &Object,
    options: &DeleteOptions,
    now: Timestamp,
) -> Removal {
    // A negative period counts as the shortest one.
    let requested = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let was_deleting = object.deletion_timestamp().is_some();
    let first = strategy.first_delete();
    if first != FirstDelete::Usual && !was_deleting {
        return Removal::Linger(begun(strategy, object, options, now));
    }
    if first == FirstDelete::TimeAndFinalizers && strategy.held_back(object) {
        return Removal::Pending;
    }
    let end = match strategy.grace_period(object, requested) {
        None => End::Ungraceful,
        Some(period) if !was_deleting => End::In { at: after(now, period), period },
        Some(_) => match (grace(object), requested) {
            (0, _) => End::Ungraceful,
            (current, Some(period)) if period < current => shortened(object, current, period, now),
            _ => return Removal::Pending,
        },
    };
    let finalizers = collection_finalizers(strategy, object, options);
    let held = match &finalizers {
        Some(finalizers) => !finalizers.is_empty(),
        None => object.finalizers().next().is_some(),
    } || strategy.held_back(object);
    let graceful = matches!(end, End::In { period, .. } if period > 0);
    if !held && !graceful {
        return Removal::Now;
    }
    let mut object = object.clone();
    set_finalizers(&mut object, finalizers);
    mark(&mut object, end, now);
    if !was_deleting {
        strategy.deleting(&mut object);
    }
    Removal::Linger(object)
}

/// An object whose kind writes little of a first delete.
fn begun(strategy: &dyn Strategy, object: &Object, options: &DeleteOptions, now: Timestamp) -> Object {
    let mut object = object.clone();
    if strategy.first_delete() == FirstDelete::TimeAndFinalizers {
        let finalizers = collection_finalizers(strategy, &object, options);
        set_finalizers(&mut object, finalizers);
    }
    object.set_meta("deletionTimestamp", time::format(now));
    strategy.deleting(&mut object);
    object
}

fn set_finalizers(object: &mut Object, finalizers: Option<Vec<String>>) {
    match finalizers {
        Some(finalizers) if finalizers.is_empty() => drop(object.remove_meta("finalizers")),
        Some(finalizers) => object.set_meta("finalizers", finalizers),
        None => {}
    }
}

/// When a lingering object is to end.
enum End {
    /// After its grace, in seconds.
    In { at: Timestamp, period: i64 },
    /// As soon as nothing holds it back.
    Ungraceful,
}

/// Whether an update is the end of an object that was only waiting for its finalizers.
pub(crate) fn ends_with(strategy: &dyn Strategy, new: &Object, old: &Object) -> bool {
    old.deletion_timestamp().is_some()
        && grace(old) == 0
        && new.finalizers().next().is_none()
        && !strategy.held_back(new)
}

fn grace(object: &Object) -> i64 {
    let seconds = object.metadata().and_then(|metadata| metadata.get("deletionGracePeriodSeconds"));
    let seconds = seconds.and_then(Value::as_i64).unwrap_or(0);
    if seconds < 0 { 1 } else { seconds }
}

fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Marks an object as being deleted. The first time, that is a new generation.
fn mark(object: &mut Object, end: End, now: Timestamp) {
    let standing = object.deletion_timestamp().and_then(|text| text.parse::<Timestamp>().ok());
    let generation = object.generation();
    if standing.is_none() && generation > 0 {
        object.set_meta("generation", generation + 1);
    }
    let (at, period) = match end {
        End::In { at, period } => (at, period),
        // One that was to end later ends now.
        End::Ungraceful => (standing.map_or(now, |standing| standing.min(now)), 0),
    };
    object.set_meta("deletionTimestamp", time::format(at));
    object.set_meta("deletionGracePeriodSeconds", period);
}

/// The end brought forward, though not into the past.
fn shortened(object: &Object, current: i64, period: i64, now: Timestamp) -> End {
    let standing = object.deletion_timestamp().and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(now);
    let at = after(standing, period.saturating_sub(current));
    if at < now { End::In { at: now, period: period.min(1) } } else { End::In { at, period } }
}

/// The finalizers with those that ask the garbage collector to deal with dependents first;
/// `None` if they stay as they are.
fn collection_finalizers(
    strategy: &dyn Strategy,
    object: &Object,
    options: &DeleteOptions,
) -> Option<Vec<String>> {
    let default = strategy.default_propagation()?;
    let has = |name: &str| object.finalizers().any(|finalizer| finalizer == name);
    let policy = options.propagation_policy.unwrap_or_else(|| match (has(ORPHAN), has(FOREGROUND)) {
        (true, _) => PropagationPolicy::Orphan,
        (false, true) => PropagationPolicy::Foreground,
        (false, false) => default,
    });
    let others = object.finalizers().filter(|name| !matches!(*name, ORPHAN | FOREGROUND));
    let mut wanted: Vec<String> = others.map(str::to_owned).collect();
    match policy {
        PropagationPolicy::Orphan => wanted.push(ORPHAN.to_owned()),
        PropagationPolicy::Foreground => wanted.push(FOREGROUND.to_owned()),
        PropagationPolicy::Background => {}
    }
    let same = wanted.len() == object.finalizers().count() && wanted.iter().all(|name| has(name));
    (!same).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::strategy::{ALL_VERBS, KindSpec, Scope};

    /// A kind that is held back as long as it has a spec.
    struct Held(KindSpec, FirstDelete);

    impl Strategy for Held {
        fn spec(&self) -> &KindSpec {
            &self.0
        }

        fn first_delete(&self) -> FirstDelete {
            self.1
        }

        fn held_back(&self, object: &Object) -> bool {
            object.0.contains_key("spec")
        }
    }

    fn held(first: FirstDelete) -> Held {
        let spec = KindSpec {
            group: "".into(),
            kind: "Realm".into(),
            resource: "realms".into(),
            singular: "realm".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Cluster,
            versions: Vec::new(),
            subresources: Vec::new(),
            verbs: ALL_VERBS,
            columns: Vec::new(),
            selectable: Vec::new(),
            generation: true,
            storage_prefix: None,
        };
        Held(spec, first)
    }

    #[test]
    fn a_first_delete_writes_what_the_kind_says() {
        let check = |first: FirstDelete, metadata: Value, want: Option<Value>| {
            let object = Object::from_value(json!({"metadata": metadata, "spec": {}})).expect("an object");
            let options = DeleteOptions {
                propagation_policy: Some(PropagationPolicy::Foreground),
                ..DeleteOptions::default()
            };
            let now = Timestamp::UNIX_EPOCH;
            let want = want.map_or(Removal::Pending, |metadata| {
                let object = json!({"metadata": metadata, "spec": {}});
                Removal::Linger(Object::from_value(object).expect("an object"))
            });
            assert_eq!(decide(&held(first), &object, &options, now), want, "{first:?}");
        };
        let (new, at) = (json!({"generation": 1}), "1970-01-01T00:00:00Z");
        let finalizers = ["foregroundDeletion"];
        check(
            FirstDelete::Usual,
            new.clone(),
            Some(
                json!({"generation": 2, "deletionTimestamp": at, "deletionGracePeriodSeconds": 0, "finalizers": finalizers}),
            ),
        );
        let timed = json!({"generation": 1, "deletionTimestamp": at, "finalizers": finalizers});
        check(FirstDelete::TimeAndFinalizers, new.clone(), Some(timed.clone()));
        check(FirstDelete::TimeAndFinalizers, timed, None);
        check(FirstDelete::Time, new, Some(json!({"generation": 1, "deletionTimestamp": at})));
    }
}

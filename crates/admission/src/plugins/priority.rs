//! Priority: turns a pod's priority class into its priority.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>.

use ironclad_api::{GroupResource, Object, ObjectKey, Status};
use ironclad_client::typed::CacheExt;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use serde_json::Value;

use super::{creates_pod, forbidden, is_about};
use crate::{Cluster, Plugin};

const GROUP: &str = "scheduling.k8s.io";
const LOWER_PRIORITY: &str = "PreemptLowerPriority";

pub(super) struct Priority;

/// What a class gives to its pods.
struct Given {
    class: String,
    priority: i64,
    preemption_policy: String,
}

impl Plugin for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn mutate(&self, request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        if creates_pod(request) {
            return set(request, cluster);
        }
        if request.operation == AdmissionOperation::Update && is_about(request, "", "pods", "") {
            keep(request);
        }
        Ok(())
    }

    /// There is one global default at most.
    fn validate(&self, request: &AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
        let writes = matches!(request.operation, AdmissionOperation::Create | AdmissionOperation::Update);
        let Some(class) =
            request.object.as_ref().filter(|_| writes && is_about(request, GROUP, "priorityclasses", ""))
        else {
            return Ok(());
        };
        let wants = class.at(&["globalDefault"]) == Some(&Value::Bool(true));
        let other = global_default(cluster).filter(|other| wants && other.class != class.name());
        match other {
            Some(other) => Err(forbidden(
                request,
                format!(
                    "PriorityClass {} is already marked as default. Only one default can exist",
                    other.class
                ),
            )),
            None => Ok(()),
        }
    }
}

fn classes() -> GroupResource {
    GroupResource::new(GROUP, "priorityclasses")
}

fn given(class: &PriorityClass) -> Given {
    Given {
        class: class.metadata.name.clone().unwrap_or_default(),
        priority: class.value.unwrap_or(0).into(),
        preemption_policy: class.preemption_policy.clone().unwrap_or_else(|| LOWER_PRIORITY.to_owned()),
    }
}

/// Should there be several, the lowest.
fn global_default(cluster: &Cluster<'_>) -> Option<Given> {
    let all = cluster.cache.list_as::<PriorityClass>(&classes(), None);
    let defaults = all.iter().filter(|class| class.global_default == Some(true));
    defaults.min_by_key(|class| class.value).map(|class| given(class))
}

fn set(request: &mut AdmissionRequest<'_>, cluster: &Cluster<'_>) -> Result<(), Status> {
    let text = |object: &Option<&mut Object>, field: &str| {
        object.as_ref().map(|pod| pod.str_at(&["spec", field]).to_owned()).unwrap_or_default()
    };
    let given = match text(&request.object, "priorityClassName").as_str() {
        "" => global_default(cluster).unwrap_or(Given {
            class: String::new(),
            priority: 0,
            preemption_policy: LOWER_PRIORITY.to_owned(),
        }),
        name => match cluster.cache.get_as::<PriorityClass>(&classes(), &ObjectKey::cluster(name)) {
            Some(class) => given(&class),
            None => return Err(forbidden(request, format!("no PriorityClass with name {name} was found"))),
        },
    };
    let asked = request.object.as_ref().and_then(|pod| pod.at(&["spec", "priority"])?.as_i64());
    if let Some(asked) = asked.filter(|asked| *asked != given.priority) {
        return Err(forbidden(
            request,
            format!(
                "the integer value of priority ({asked}) must not be provided in pod spec; priority admission controller computed {} from the given PriorityClass name",
                given.priority
            ),
        ));
    }
    let asked = text(&request.object, "preemptionPolicy");
    if !asked.is_empty() && asked != given.preemption_policy {
        return Err(forbidden(
            request,
            format!(
                "the string value of PreemptionPolicy ({asked}) must not be provided in pod spec; priority admission controller computed {} from the given PriorityClass name",
                given.preemption_policy
            ),
        ));
    }
    let Some(pod) = request.object.as_mut() else { return Ok(()) };
    let spec = pod.section_mut("spec");
    if !given.class.is_empty() {
        spec.insert("priorityClassName".into(), given.class.into());
    }
    spec.insert("priority".into(), given.priority.into());
    spec.insert("preemptionPolicy".into(), given.preemption_policy.into());
    Ok(())
}

/// A client that leaves them out on an update does not clear them.
fn keep(request: &mut AdmissionRequest<'_>) {
    let Some(old) = request.old else { return };
    for field in ["priority", "preemptionPolicy"] {
        let Some(value) = old.at(&["spec", field]).filter(|value| !value.is_null()).cloned() else {
            continue;
        };
        let Some(pod) = request.object.as_mut() else { return };
        pod.section_mut("spec").entry(field).or_insert(value);
    }
}

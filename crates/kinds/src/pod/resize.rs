//! The `resize` subresource: cpu and memory of a pod that exists (KEP-1287).

use ironclad_api::{FieldError, Object, Path};
use serde_json::{Map, Value};

use super::qos;
use crate::pod_template::rules;
use crate::spec::{object_at, objects_at, typed};

const MIRROR: &str = "kubernetes.io/config.mirror";
const RESIZABLE: [&str; 2] = ["cpu", "memory"];
const LISTS: [&str; 2] = ["requests", "limits"];

pub(super) fn resized(new: &Object, old: &Object) -> Vec<FieldError> {
    if old.annotation(MIRROR).is_some() {
        return vec![FieldError::forbidden(&Path::root(), "static pods cannot be resized")];
    }
    if old.str_at(&["spec", "os", "name"]) == "windows" {
        return vec![FieldError::forbidden(&Path::root(), "windows pods cannot be resized")];
    }
    let path = Path::new("spec");
    let mut errors = rules::changed_pod(&typed(new), || typed(old));
    let class = match old.str_at(&["status", "qosClass"]) {
        "" => qos::class(old),
        class => class,
    };
    if class != qos::class(new) {
        let shown = new.str_at(&["status", "qosClass"]);
        errors.push(FieldError::invalid(
            &path,
            shown,
            "Pod QOS Class may not change as a result of resizing",
        ));
    }
    if !node_resizes(old) {
        errors.push(FieldError::forbidden(&path, "Pod running on node without support for resize"));
    }
    let mut kept = spec(new);
    let old = spec(old);
    errors.extend(pod_level(&mut kept, &old));
    if let Some(more) = same_containers(&kept, &old) {
        errors.extend(more);
        return errors;
    }
    for containers in ["initContainers", "containers"] {
        errors.extend(removed(&kept, &old, containers));
    }
    for containers in ["containers", "initContainers"] {
        errors.extend(others_changed(&mut kept, &old, containers));
    }
    if errors.is_empty() && kept != old {
        errors.push(FieldError::forbidden(&path, "only cpu and memory resources are mutable"));
    }
    errors
}

fn spec(pod: &Object) -> Map<String, Value> {
    pod.0.get("spec").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn list<'a>(spec: &'a Map<String, Value>, field: &str) -> &'a [Value] {
    spec.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Nodes that resize say what their containers have; a pod that does not run yet may be resized.
fn node_resizes(pod: &Object) -> bool {
    let statuses = pod.at(&["status", "containerStatuses"]).and_then(Value::as_array).into_iter().flatten();
    let mut running = statuses.filter(|status| status.pointer("/state/running").is_some());
    running.next().is_none_or(|status| status.get("resources").is_some())
}

/// Containers are not added, removed, renamed or moved.
fn same_containers(new: &Map<String, Value>, old: &Map<String, Value>) -> Option<Vec<FieldError>> {
    let mut errors = Vec::new();
    for containers in ["containers", "initContainers"] {
        let path = Path::new("spec").child(containers);
        let (new, old) = (list(new, containers), list(old, containers));
        if new.len() != old.len() {
            let detail = format!("{containers} may not be added or removed on resize");
            errors.push(FieldError::forbidden(&path, detail));
            continue;
        }
        let each = new.iter().zip(old).enumerate().filter(|(_, (new, old))| new["name"] != old["name"]);
        errors.extend(each.map(|(index, _)| {
            let detail = format!("{containers} may not be renamed or reordered on resize");
            FieldError::forbidden(&path.index(index).child("name"), detail)
        }));
    }
    (!errors.is_empty()).then_some(errors)
}

fn removed(new: &Map<String, Value>, old: &Map<String, Value>, containers: &str) -> Vec<FieldError> {
    let path = Path::new("spec").child(containers);
    let mut errors = Vec::new();
    for (index, (new, old)) in list(new, containers).iter().zip(list(old, containers)).enumerate() {
        for field in LISTS {
            if lacks(&new["resources"][field], &old["resources"][field]) {
                let path = path.index(index).child("resources").child(field);
                let word = field.trim_end_matches('s');
                errors.push(FieldError::forbidden(&path, format!("resource {word}s cannot be removed")));
            }
        }
    }
    errors
}

fn lacks(new: &Value, old: &Value) -> bool {
    old.as_object().into_iter().flatten().any(|(name, _)| new.get(name).is_none())
}

/// Puts cpu and memory back and tells of what else has changed.
fn others_changed(
    new: &mut Map<String, Value>,
    old: &Map<String, Value>,
    containers: &str,
) -> Vec<FieldError> {
    let path = Path::new("spec");
    let mut errors = Vec::new();
    let old = list(old, containers).iter().filter_map(Value::as_object);
    for (index, (new, old)) in objects_at(new, containers).zip(old).enumerate() {
        let changed = *new != *old;
        put_back(new, old);
        let sidecar = new.get("restartPolicy").and_then(Value::as_str) == Some("Always");
        if containers == "containers" {
            if *new != *old {
                errors.push(FieldError::forbidden(&path, "only cpu and memory resources are mutable"));
            }
            continue;
        }
        let path = path.child(containers).index(index);
        if *new != *old {
            let detail = "only cpu and memory resources for init or sidecar containers are mutable";
            errors.push(FieldError::forbidden(&path, detail));
        }
        let policies = new.get("resizePolicy").and_then(Value::as_array).into_iter().flatten();
        for _ in
            policies.filter(|policy| changed && !sidecar && policy["restartPolicy"] == "RestartContainer")
        {
            let detail =
                "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
            errors.push(FieldError::forbidden(&path, detail));
        }
    }
    errors
}

/// Makes `new`'s cpu and memory those of `old`; `new` and `old` have `resources`.
fn put_back(new: &mut Map<String, Value>, old: &Map<String, Value>) {
    let Some(resources) = object_at(new, "resources") else { return };
    for field in LISTS {
        let before = old.get("resources").and_then(|resources| resources.get(field));
        let amounts = ironclad_api::object::object_in(resources, field);
        for name in RESIZABLE {
            match before.and_then(|before| before.get(name)) {
                Some(amount) => drop(amounts.insert(name.to_owned(), amount.clone())),
                None => drop(amounts.remove(name)),
            }
        }
        if amounts.is_empty() {
            resources.remove(field);
        }
    }
}

/// What the pod as a whole asks for (KEP-5419).
fn pod_level(new: &mut Map<String, Value>, old: &Map<String, Value>) -> Vec<FieldError> {
    let path = Path::new("spec").child("resources");
    let before = old.get("resources");
    let set = |resources: Option<&Value>| {
        let given = resources.and_then(Value::as_object).into_iter().flatten();
        given
            .filter(|(field, _)| LISTS.contains(&field.as_str()))
            .any(|(_, list)| list.as_object().is_some_and(|l| !l.is_empty()))
    };
    if !set(before) && !set(new.get("resources")) {
        return Vec::new();
    }
    let mut errors = Vec::new();
    match (new.get("resources"), before) {
        (None, Some(_)) => {
            return vec![FieldError::forbidden(&path, "pod-level resources cannot be removed")];
        }
        (Some(after), Some(before)) => {
            for field in LISTS.iter().filter(|field| lacks(&after[**field], &before[**field])) {
                let detail = format!("pod-level resource {field} cannot be removed");
                errors.push(FieldError::forbidden(&path.child(field), detail));
            }
        }
        (_, None) => {}
    }
    put_back(new, old);
    if before.is_none() && new.get("resources").and_then(Value::as_object).is_some_and(Map::is_empty) {
        new.remove("resources");
    }
    if new.get("resources") != before {
        let detail = "only cpu and memory resources are mutable at pod-level";
        errors.push(FieldError::forbidden(&Path::new("spec"), detail));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(containers: Value) -> Object {
        let mut pod = Object::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"containers": containers},
            "status": {},
        }))
        .expect("an object");
        super::super::defaults::pod(&mut pod);
        pod
    }

    fn container(resources: Value) -> Value {
        json!([{"name": "c", "image": "i", "resources": resources}])
    }

    fn check(old: Value, new: Value, want: &[&str]) {
        let errors: Vec<String> = resized(&pod(new), &pod(old)).iter().map(FieldError::to_string).collect();
        assert_eq!(errors, want);
    }

    #[test]
    fn cpu_and_memory_may_change() {
        let old = container(json!({"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}}));
        let new = container(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "3", "memory": "2Gi"}}));
        check(old, new, &[]);
    }

    #[test]
    fn nothing_else_may() {
        let old = container(json!({"requests": {"cpu": "1"}}));
        check(
            old.clone(),
            container(json!({"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}})),
            &["spec: Forbidden: only cpu and memory resources are mutable"],
        );
        check(
            old.clone(),
            container(json!({"requests": {"memory": "1Gi"}})),
            &["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
        );
        check(
            old.clone(),
            container(
                json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}),
            ),
            &["spec: Invalid value: \"\": Pod QOS Class may not change as a result of resizing"],
        );
        check(
            old,
            json!([{"name": "d", "image": "i", "resources": {"requests": {"cpu": "1"}}}]),
            &["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"],
        );
    }
}
